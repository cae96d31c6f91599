// Package wire serves the API of Amazon Athena over an engine of ours, so that Athena's clients need nothing but another endpoint.
//
// The promise: what a client reads is one whole answer or an error; an execution
// is seen by the principal that started it, and by administrators; its answer
// stays readable, over restarts too, until it is 45 days old or the bound on disk
// needs its place. The price: every answer is written to the local disk before its
// first page is read.
//
// Results are what Athena calls managed: they are read over the API, and no
// client is told a place in S3. With a bucket for results, older clients find them
// there as well.
package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"sync"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

// Role says what a key may do.
type Role string

const (
	// Viewer runs queries and sees what it ran itself.
	Viewer Role = "viewer"
	// Admin sees and stops everybody's queries too, and keeps named queries and
	// prepared statements.
	Admin Role = "admin"
)

// Key is an access key that was issued here.
type Key struct {
	// Principal owns what is run with the key. Two keys may have one principal, as
	// while they are rotated; they then have one role as well.
	Principal         string
	AccessKey, Secret string
	Role              Role
}

// NamedQuery is a query that is kept for everybody.
type NamedQuery struct {
	ID          string // UUID
	Name        string
	Description string
	SQL         string
}

const (
	// HistoryDays is how long an execution is remembered, as in Athena.
	HistoryDays = 45

	catalogName   = "AwsDataCatalog"
	workGroup     = "primary"
	engineVersion = "Athena engine version 3"
)

// Options are the parts and bounds of a server.
type Options struct {
	Engine athena.Engine // required; the caller closes it after the server
	Keys   []Key         // required: nobody is let in without
	Dir    string        // required: history and answers, nobody else's; made when missing
	Log    *slog.Logger  // required

	Database string            // default audit
	Table    map[string]string // Glue's parameters of the table: classification, location, …
	Named    []NamedQuery      // that come with the program; they cannot be changed
	Results  Results           // nil: results are managed

	MaxRows      int64 // of an answer; default athena.DefaultMaxRows
	HistoryBytes int64 // of Dir, approximately; default 1 GiB. One answer has at most a quarter of it
	Running      int   // queries at a time; default 2
	Active       int   // queries of one principal that run or wait; default 20

	Rate, Burst float64 // requests of one principal a second, and at once; default 100 and 200

	Now func() time.Time // default time.Now
}

func (o *Options) complete() error {
	if o.Engine == nil || o.Log == nil || o.Dir == "" || len(o.Keys) == 0 {
		return errors.New("athena api: engine, log, folder and keys must be set")
	}
	roles := map[string]Role{}
	seen := map[string]bool{}
	for i, k := range o.Keys {
		switch {
		case k.Principal == "" || k.AccessKey == "" || k.Secret == "":
			return fmt.Errorf("athena api: key %d: principal, access key and secret must be set", i)
		case k.Role != Viewer && k.Role != Admin:
			return fmt.Errorf("athena api: key of %s: role %q is neither viewer nor admin", k.Principal, k.Role)
		case seen[k.AccessKey]:
			return fmt.Errorf("athena api: key of %s: access key %s is used twice", k.Principal, k.AccessKey)
		case roles[k.Principal] != "" && roles[k.Principal] != k.Role:
			return fmt.Errorf("athena api: keys of %s differ in role", k.Principal)
		}
		seen[k.AccessKey], roles[k.Principal] = true, k.Role
	}
	if o.Database == "" {
		o.Database = "audit"
	}
	orDefault(&o.MaxRows, athena.DefaultMaxRows)
	orDefault(&o.HistoryBytes, 1<<30)
	orDefault(&o.Running, 2)
	orDefault(&o.Active, 20)
	orDefault(&o.Rate, 100)
	orDefault(&o.Burst, 200)
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

func orDefault[T int | int64 | float64](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// Server is the API. It is an [http.Handler] for the root path.
type Server struct {
	o        Options
	keys     map[string]Key // by access key
	history  *history
	saved    *saved
	throttle *throttle
	running  chan struct{} // a place each

	ctx  context.Context // of queries: they outlive the request that starts them
	stop context.CancelCauseFunc

	mu     sync.Mutex // for work to be added to until closed
	closed bool
	work   sync.WaitGroup // queries
}

var errStopping = errors.New("the server was stopped while the query ran; run it again")

// New opens the history in o.Dir and returns a server. Queries that a killed
// process left unfinished are failed ones from then on.
func New(o Options) (*Server, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s := &Server{o: o, keys: map[string]Key{}, running: make(chan struct{}, o.Running),
		throttle: newThrottle(o.Rate, o.Burst, o.Now)}
	for _, k := range o.Keys {
		s.keys[k.AccessKey] = k
	}
	var err error
	if s.history, err = openHistory(o.Dir, o.HistoryBytes, o.Now, o.Log); err != nil {
		return nil, err
	}
	if s.saved, err = openSaved(o.Dir, o.Named); err != nil {
		return nil, err
	}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	return s, nil
}

// begin counts a query that Close shall wait for, unless it is too late for one.
func (s *Server) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return &fault{kind: "InternalServerException", status: http.StatusServiceUnavailable, message: "The server is being stopped"}
	}
	s.work.Add(1)
	return nil
}

// Close ends all queries and waits for them. Later requests start none.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop(errStopping)
	s.work.Wait()
	return nil
}

// call is one request that was let in.
type call struct {
	ctx  context.Context
	who  Key
	body []byte
}

// operation answers a call with a document, or with an error that is a *fault
// unless it is this server's own.
type operation func(*Server, *call) (any, error)

// operations are all that is served. Everything else is refused by name.
var operations = map[string]operation{
	"StartQueryExecution":       (*Server).startQuery,
	"StopQueryExecution":        (*Server).stopQuery,
	"GetQueryExecution":         (*Server).getQuery,
	"BatchGetQueryExecution":    (*Server).batchGetQuery,
	"ListQueryExecutions":       (*Server).listQueries,
	"GetQueryResults":           (*Server).getResults,
	"GetQueryRuntimeStatistics": (*Server).getStatistics,
	"GetWorkGroup":              (*Server).getWorkGroup,
	"ListWorkGroups":            (*Server).listWorkGroups,
	"ListEngineVersions":        (*Server).listEngineVersions,
	"GetDataCatalog":            (*Server).getDataCatalog,
	"ListDataCatalogs":          (*Server).listDataCatalogs,
	"GetDatabase":               (*Server).getDatabase,
	"ListDatabases":             (*Server).listDatabases,
	"GetTableMetadata":          (*Server).getTable,
	"ListTableMetadata":         (*Server).listTables,
	"CreateNamedQuery":          (*Server).createNamed,
	"UpdateNamedQuery":          (*Server).updateNamed,
	"DeleteNamedQuery":          (*Server).deleteNamed,
	"GetNamedQuery":             (*Server).getNamed,
	"BatchGetNamedQuery":        (*Server).batchGetNamed,
	"ListNamedQueries":          (*Server).listNamed,
	"CreatePreparedStatement":   (*Server).createPrepared,
	"UpdatePreparedStatement":   (*Server).updatePrepared,
	"DeletePreparedStatement":   (*Server).deletePrepared,
	"GetPreparedStatement":      (*Server).getPrepared,
	"BatchGetPreparedStatement": (*Server).batchGetPrepared,
	"ListPreparedStatements":    (*Server).listPrepared,
}

const targetPrefix = "AmazonAthena."

// maxBody bounds a request: the longest query, every character of it escaped, and
// a prepared statement's parameters.
const maxBody = 6*athena.MaxSQLBytes + 1<<20

var operationName = regexp.MustCompile(`^[A-Za-z]{1,64}$`)

// serve answers a request of who; what it returns is sent.
func (s *Server) serve(r *http.Request, who Key, body []byte) (answer any, err error) {
	defer func() {
		if cause := recover(); cause != nil { // statements are taken apart here; the client gets an answer, and the log the statement
			s.o.Log.ErrorContext(r.Context(), "request panicked", "body", string(body), "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			answer, err = nil, fmt.Errorf("bug: the request panicked: %v", cause)
		}
	}()
	if !s.throttle.allow(who.Principal) {
		return nil, &fault{kind: "ThrottlingException", message: "Rate exceeded"}
	}
	name, ours := cutTarget(r.Header.Get("X-Amz-Target"))
	op := operations[name]
	switch {
	case !ours || !operationName.MatchString(name):
		return nil, &fault{kind: "UnknownOperationException", message: "X-Amz-Target names no operation of AmazonAthena"}
	case op == nil:
		return nil, invalid("%s is not supported: this endpoint reads an audit archive", name)
	}
	return op(s, &call{ctx: r.Context(), who: who, body: body})
}
