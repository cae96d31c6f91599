package wire

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// startRequest is what decides what a query is. Where a client wants its answer is
// not here: answers are managed.
type startRequest struct {
	QueryString           string
	ExecutionParameters   []string
	QueryExecutionContext struct{ Database, Catalog string }
	WorkGroup             string
}

func (s *Server) startQuery(c *call) (any, error) {
	var in startRequest
	var extra struct{ ClientRequestToken string }
	if err := errors.Join(c.read(&in), c.read(&extra)); err != nil {
		return nil, err
	}
	if err := s.checkStart(&in, extra.ClientRequestToken); err != nil {
		return nil, err
	}
	st, err := s.statement(c, &in)
	if err != nil {
		return nil, err
	}
	what, err := json.Marshal(in, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(what)
	x := &execution{ID: uuid.NewString(), Principal: c.who.Principal, Token: extra.ClientRequestToken, Request: hex.EncodeToString(hash[:]),
		SQL: in.QueryString, Params: in.ExecutionParameters, Database: s.o.Database, Kind: st.kind, Sub: st.sub,
		State: stateQueued, Submitted: s.o.Now()}
	if s.o.Results != nil {
		x.Output = s.o.Results.Location(outputName(x.ID, x.Kind, x.Sub))
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(s.ctx)
	id, isNew, err := s.history.start(x, s.o.Active, cancel)
	if err != nil || !isNew {
		s.work.Done()
		cancel(nil)
		return object{"QueryExecutionId": id}, err
	}
	s.o.Log.InfoContext(c.ctx, "query started", "execution", id, "principal", c.who.Principal, "sql", in.QueryString)
	go func() {
		defer s.work.Done()
		defer cancel(nil)
		s.run(ctx, id, st)
	}()
	return object{"QueryExecutionId": id}, nil
}

func (s *Server) checkStart(in *startRequest, token string) error {
	switch n := len(token); {
	case strings.TrimSpace(in.QueryString) == "":
		return invalid("QueryString must not be empty")
	case len(in.QueryString) > athena.MaxSQLBytes:
		return invalid("QueryString has %d bytes; at most %d are taken", len(in.QueryString), athena.MaxSQLBytes)
	case n != 0 && (n < 32 || n > 128):
		return invalid("ClientRequestToken must have 32 to 128 characters, not %d", n)
	}
	for i, p := range in.ExecutionParameters {
		if n := utf8.RuneCountInString(p); n < 1 || n > 1024 {
			return invalid("ExecutionParameters[%d] must have 1 to 1024 characters, not %d", i, n)
		}
	}
	if err := checkWorkGroup(in.WorkGroup); err != nil {
		return err
	}
	if catalog := in.QueryExecutionContext.Catalog; catalog != "" && !strings.EqualFold(catalog, catalogName) {
		return invalid("Catalog %s does not exist; the catalog is %s", catalog, catalogName)
	}
	// Clients that are told nothing say default.
	if db := in.QueryExecutionContext.Database; db != "" && !strings.EqualFold(db, s.o.Database) && !strings.EqualFold(db, "default") {
		return invalid("Database %s does not exist; the database is %s", db, s.o.Database)
	}
	return nil
}

func checkWorkGroup(name string) error {
	if name != "" && name != workGroup {
		return invalid("WorkGroup %s is not found; the work group is %s", name, workGroup)
	}
	return nil
}

type executionRequest struct{ QueryExecutionId string } //nolint:revive // Athena's spelling

func (s *Server) execution(c *call) (*execution, error) {
	var in executionRequest
	if err := c.read(&in); err != nil {
		return nil, err
	}
	return s.history.get(c.who, in.QueryExecutionId)
}

func (s *Server) stopQuery(c *call) (any, error) {
	var in executionRequest
	if err := c.read(&in); err != nil {
		return nil, err
	}
	return object{}, s.history.cancel(c.who, in.QueryExecutionId, errStopped)
}

func (s *Server) getQuery(c *call) (any, error) {
	x, err := s.execution(c)
	if err != nil {
		return nil, err
	}
	return object{"QueryExecution": s.describe(x)}, nil
}

// batchMax is Athena's limit for ids in one call.
const batchMax = 50

func (s *Server) batchGetQuery(c *call) (any, error) {
	var in struct{ QueryExecutionIds []string } //nolint:revive // Athena's spelling
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if n := len(in.QueryExecutionIds); n < 1 || n > batchMax {
		return nil, invalid("QueryExecutionIds must have 1 to %d ids, not %d", batchMax, n)
	}
	found, missing := []any{}, []any{}
	for _, id := range in.QueryExecutionIds {
		x, err := s.history.get(c.who, id)
		if f := new(fault); errors.As(err, &f) {
			missing = append(missing, object{"QueryExecutionId": id, "ErrorCode": codeInput, "ErrorMessage": f.message})
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, s.describe(x))
	}
	return object{"QueryExecutions": found, "UnprocessedQueryExecutionIds": missing}, nil
}

// listRequest is what every operation that lists takes.
type listRequest struct {
	WorkGroup  string
	NextToken  string
	MaxResults *int
}

// pageSize checks MaxResults, of which the most is the default.
func (r *listRequest) pageSize(most int) (int, error) {
	switch {
	case r.MaxResults == nil:
		return most, nil
	case *r.MaxResults < 1 || *r.MaxResults > most:
		return 0, invalid("MaxResults must be between 1 and %d, not %d", most, *r.MaxResults)
	}
	return *r.MaxResults, nil
}

func (s *Server) listQueries(c *call) (any, error) {
	var in listRequest
	if err := c.read(&in); err != nil {
		return nil, err
	}
	n, err := in.pageSize(batchMax)
	if err := errors.Join(err, checkWorkGroup(in.WorkGroup)); err != nil {
		return nil, err
	}
	ids, next := s.history.list(c.who, n, in.NextToken)
	if ids == nil {
		ids = []string{}
	}
	return withToken(object{"QueryExecutionIds": ids}, next), nil
}

func withToken(o object, next string) object {
	if next != "" {
		o["NextToken"] = next
	}
	return o
}

// resultsMax is Athena's limit for rows in one page, the header among them.
const resultsMax = 1000

func (s *Server) getResults(c *call) (any, error) {
	var in struct {
		listRequest
		QueryExecutionId string //nolint:revive // Athena's spelling
		QueryResultType  string
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	n, err := in.pageSize(resultsMax)
	if err != nil {
		return nil, err
	}
	if t := in.QueryResultType; t != "" && t != "DATA_ROWS" {
		return nil, invalid("QueryResultType %s is not supported; ask for DATA_ROWS", t)
	}
	x, err := s.history.get(c.who, in.QueryExecutionId)
	switch {
	case err != nil:
		return nil, err
	case !x.over():
		return nil, invalid("Query has not yet finished. Current state: %s", x.State)
	case x.State != stateSucceeded:
		return nil, invalid("Query did not finish successfully. Final query state: %s", x.State)
	}
	return s.page(x, n, in.NextToken)
}

// page writes one page. Its rows are JSON already and are passed on as they are.
func (s *Server) page(x *execution, n int, token string) (any, error) {
	var offset int64
	var rows []byte
	if token != "" {
		var err error
		if offset, err = parsePageToken(x.ID, token); err != nil {
			return nil, err
		}
		if offset > x.Bytes {
			return nil, badToken()
		}
	} else if x.Kind == dialect.TypeDML {
		// The names are the first row of the first page, and of that one only.
		names := make([]any, len(x.Columns))
		header := make([]athena.Column, len(x.Columns))
		for i, col := range x.Columns {
			names[i], header[i].Type = col.Name, "varchar"
		}
		line, err := appendRow(nil, header, names)
		if err != nil {
			return nil, err
		}
		rows, n = line[:len(line)-1], n-1
	}
	next := offset
	if x.Bytes > 0 {
		list, end, err := readPage(s.history.file(x.ID, rowsSuffix), offset, n)
		if err != nil {
			return nil, err
		}
		if len(rows) > 0 && len(list) > 0 {
			rows = append(rows, ',')
		}
		rows, next = append(rows, list...), end
	}
	info := make([]any, len(x.Columns))
	for i, col := range x.Columns {
		info[i] = columnInfo(col)
	}
	head, err := json.Marshal(info, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	doc := append([]byte(`{"UpdateCount":0,"ResultSet":{"ResultSetMetadata":{"ColumnInfo":`), head...)
	doc = append(append(append(doc, `},"Rows":[`...), rows...), "]}"...)
	if next < x.Bytes {
		doc = append(append(append(doc, `,"NextToken":"`...), pageToken(x.ID, next)...), '"')
	}
	return rawDocument(append(doc, '}')), nil
}

func (s *Server) getStatistics(c *call) (any, error) {
	x, err := s.execution(c)
	if err != nil {
		return nil, err
	}
	stats := object{"Timeline": s.timings(x)}
	if x.State == stateSucceeded {
		stats["Rows"] = object{"InputBytes": x.Scanned, "OutputRows": x.Rows, "OutputBytes": x.Bytes}
	}
	return object{"QueryRuntimeStatistics": stats}, nil
}

// timings are milliseconds. Planning is a part of the engine's time.
func (s *Server) timings(x *execution) object {
	end := x.Completed
	if end.IsZero() {
		end = s.o.Now()
	}
	var queued, engine time.Duration
	if x.Started.IsZero() {
		queued = end.Sub(x.Submitted)
	} else {
		queued, engine = x.Started.Sub(x.Submitted), end.Sub(x.Started)
	}
	return object{"QueryQueueTimeInMillis": millis(queued), "EngineExecutionTimeInMillis": millis(engine),
		"TotalExecutionTimeInMillis": millis(queued + engine), "ServicePreProcessingTimeInMillis": 0,
		"QueryPlanningTimeInMillis": 0, "ServiceProcessingTimeInMillis": 0}
}

func millis(d time.Duration) int64 { return max(0, d.Milliseconds()) }

// epoch is a time as the protocol has it.
func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// describe is QueryExecution.
func (s *Server) describe(x *execution) object {
	status := object{"State": x.State, "SubmissionDateTime": epoch(x.Submitted)}
	if x.over() {
		status["CompletionDateTime"] = epoch(x.Completed)
	}
	if x.Reason != "" {
		status["StateChangeReason"] = x.Reason
	}
	if f := x.Failure; f != nil {
		status["AthenaError"] = object{"ErrorCategory": f.Category, "ErrorType": f.Type, "Retryable": f.Retryable, "ErrorMessage": f.Message}
	}
	statistics := s.timings(x)
	statistics["DataScannedInBytes"] = x.Scanned
	statistics["ResultReuseInformation"] = object{"ReusedPreviousResult": false}
	d := object{
		"QueryExecutionId": x.ID, "Query": x.SQL, "StatementType": x.Kind, "SubstatementType": x.Sub, "WorkGroup": workGroup,
		"QueryExecutionContext":    object{"Database": x.Database, "Catalog": catalogName},
		"EngineVersion":            engineVersions(),
		"ResultReuseConfiguration": object{"ResultReuseByAgeConfiguration": object{"Enabled": false}},
		"Status":                   status,
		"Statistics":               statistics,
	}
	if x.Output != "" {
		d["ResultConfiguration"] = object{"OutputLocation": x.Output}
	} else {
		d["ManagedQueryResultsConfiguration"] = object{"Enabled": true}
	}
	if len(x.Params) > 0 {
		d["ExecutionParameters"] = x.Params
	}
	return d
}

func engineVersions() object {
	return object{"SelectedEngineVersion": engineVersion, "EffectiveEngineVersion": engineVersion}
}
