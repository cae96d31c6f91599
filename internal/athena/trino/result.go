package trino

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/audit-archiver/archiver/internal/athena"
)

// page is one answer of the protocol (https://trino.io/docs/current/develop/client-protocol.html).
type page struct {
	ID      string             `json:"id"`
	NextURI string             `json:"nextUri"`
	Columns []athena.Column    `json:"columns"`
	Data    [][]jsontext.Value `json:"data"`
	Stats   struct {
		State              string `json:"state"`
		ProcessedBytes     int64  `json:"processedBytes"`
		PhysicalInputBytes int64  `json:"physicalInputBytes"`
	} `json:"stats"`
	Error *failure `json:"error"`
}

type failure struct {
	Message   string `json:"message"`
	ErrorName string `json:"errorName"`
	ErrorType string `json:"errorType"`
	Location  struct {
		Line   int `json:"lineNumber"`
		Column int `json:"columnNumber"`
	} `json:"errorLocation"`
}

// result reads an answer page by page.
type result struct {
	e      *Engine
	ctx    context.Context // bounds the whole query; see Engine.Query
	cancel context.CancelFunc
	auth   string
	limit  int64
	begin  time.Time

	id    string
	next  string // URI of the next page; "" at the end
	cols  []athena.Column
	stats athena.Stats
	rows  [][]jsontext.Value
	count int64
	row   []any
	err   error // the first error, or io.EOF
}

// open starts the query and reads until the columns are known.
func (r *result) open(text string) error {
	err := r.turn(http.MethodPost, r.e.server.String()+"/v1/statement", text)
	for err == nil && r.cols == nil {
		if r.next == "" {
			return fmt.Errorf("query %s: the answer does not describe its columns", r.id)
		}
		err = r.turn(http.MethodGet, r.next, "")
	}
	r.row = make([]any, len(r.cols))
	return err
}

// turn reads one page.
func (r *result) turn(method, uri, body string) error {
	p, err := r.call(method, uri, body)
	if err != nil {
		return err
	}
	r.id, r.next = p.ID, ""
	r.stats.BytesRead = max(p.Stats.PhysicalInputBytes, p.Stats.ProcessedBytes)
	r.e.o.Progress(athena.Progress{ID: p.ID, State: p.Stats.State, Elapsed: time.Since(r.begin), BytesRead: r.stats.BytesRead})
	switch {
	case p.Error != nil:
		return p.Error.as(p.ID)
	case p.NextURI == "" && p.Stats.State != "FINISHED":
		return fmt.Errorf("query %q: the answer ends in state %q: it is not whole", p.ID, p.Stats.State)
	}
	if r.next, err = r.here(p.NextURI); err != nil {
		return err
	}
	if r.cols == nil && p.Columns != nil {
		if r.cols, err = columns(p.Columns); err != nil {
			return err
		}
	}
	r.rows = p.Data
	return nil
}

// here makes sure that the next page is where the first one was: credentials go nowhere else.
func (r *result) here(next string) (string, error) {
	if next == "" {
		return "", nil
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != r.e.server.Scheme || u.Host != r.e.server.Host {
		return "", fmt.Errorf("query %s: Trino says that its answer goes on at %s, which is not %s; behind a proxy set http-server.process-forwarded=true", r.id, next, r.e.server)
	}
	return next, nil
}

// call asks until the server is available: it promises that pages wait for us.
func (r *result) call(method, uri, body string) (*page, error) {
	since := time.Now()
	for pause := retryPause; ; pause = min(2*pause, time.Second) {
		p, again, err := r.once(r.ctx, method, uri, body)
		if !again || time.Since(since) > retryTime {
			return p, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-r.ctx.Done():
			timer.Stop()
			return nil, r.ended(r.ctx.Err())
		}
	}
}

func (r *result) once(ctx context.Context, method, uri, body string) (_ *page, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, method, uri, strings.NewReader(body))
	if err != nil {
		return nil, false, fmt.Errorf("trino: %w", err)
	}
	for name, value := range map[string]string{
		"User": r.e.o.User, "Source": "archiver", "Catalog": r.e.o.Catalog, "Schema": r.e.o.Schema,
		"Time-Zone": "UTC", "Client-Capabilities": "PARAMETRIC_DATETIME",
	} {
		req.Header.Set("X-Trino-"+name, value)
	}
	if r.auth != "" {
		req.Header.Set("Authorization", r.auth)
	}
	resp, err := r.e.client.Do(req)
	if err != nil {
		return nil, false, r.ended(err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests:
		return nil, true, fmt.Errorf("%w: trino answers %s", athena.ErrBusy, resp.Status)
	default:
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // what can be read of it
		return nil, false, fmt.Errorf("trino answers %s: %s", resp.Status, strings.TrimSpace(string(text)))
	}
	var p page
	if err := json.UnmarshalRead(http.MaxBytesReader(nil, resp.Body, pageMost), &p, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, false, r.ended(fmt.Errorf("trino: read page: %w", err))
	}
	return &p, false, nil
}

// ended says why a request failed.
func (r *result) ended(err error) error {
	if cause := context.Cause(r.ctx); cause != nil {
		if errors.Is(cause, athena.ErrTimeout) {
			return &athena.Error{Kind: athena.ErrTimeout, Detail: "narrow it by timestamp and dt, or raise query.trino.timeout"}
		}
		return fmt.Errorf("query %s: %w", r.id, cause)
	}
	return fmt.Errorf("query %s: %w", r.id, err)
}

// as is the failure in the engines' contract.
func (f *failure) as(id string) error {
	switch {
	case f.ErrorName == "USER_CANCELED" || f.ErrorName == "ADMINISTRATIVELY_KILLED":
		return fmt.Errorf("query %s: somebody ended it in Trino: %s", id, f.Message)
	case f.ErrorType == "INTERNAL_ERROR" || f.ErrorType == "EXTERNAL":
		return fmt.Errorf("query %s failed in Trino: %s: %s", id, f.ErrorName, f.Message)
	}
	e := athena.RemoteError(f.ErrorName, f.Message)
	if f.ErrorName == "SYNTAX_ERROR" {
		e.Kind = athena.ErrSyntax
	}
	if e.Line == 0 {
		e.Line, e.Column = f.Location.Line, f.Location.Column
	}
	return e
}

func (r *result) Columns() []athena.Column { return r.cols }

func (r *result) Next(ctx context.Context) ([]any, error) {
	if r.err == nil {
		if r.err = r.advance(ctx); r.err != nil {
			r.stats.Elapsed = time.Since(r.begin)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return r.row, nil
}

func (r *result) advance(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("query %s: %w", r.id, err)
	}
	defer context.AfterFunc(ctx, r.cancel)()
	for len(r.rows) == 0 {
		if r.next == "" {
			return io.EOF
		}
		if err := r.turn(http.MethodGet, r.next, ""); err != nil {
			return err
		}
	}
	if r.count++; r.count > r.limit {
		return &athena.Error{Kind: athena.ErrTooManyRows, Detail: fmt.Sprintf("the answer has more than %d rows; add a LIMIT or narrow the query", r.limit)}
	}
	raw := r.rows[0]
	r.rows = r.rows[1:]
	if len(raw) != len(r.cols) {
		return fmt.Errorf("query %s: row %d has %d values for %d columns", r.id, r.count, len(raw), len(r.cols))
	}
	for i, v := range raw {
		value, err := athena.ParseJSON(r.cols[i].Type, v)
		if err != nil {
			return fmt.Errorf("query %s: row %d, column %s of type %s: %w", r.id, r.count, r.cols[i].Name, r.cols[i].Type, err)
		}
		r.row[i] = value
	}
	return nil
}

func (r *result) Meta() athena.Meta {
	m := athena.Meta{Stats: r.stats}
	if m.Stats.Elapsed == 0 {
		m.Stats.Elapsed = time.Since(r.begin)
	}
	m.Notes = []string{
		fmt.Sprintf("query %s: %d bytes read", r.id, r.stats.BytesRead),
		"Trino read the objects that are current in the bucket: archiver verify says whether they are what was committed",
	}
	return m
}

// Close cancels the query if it is still running.
func (r *result) Close() error {
	if r.err == nil {
		r.err = errors.New("result is closed")
	}
	defer r.cancel()
	if r.next == "" {
		return nil
	}
	uri := r.next
	r.next = ""
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), stopTimeout)
	defer cancel()
	if err := r.stop(ctx, uri); err != nil {
		return fmt.Errorf("query %s may still be running: cancel it: %w", r.id, err)
	}
	return nil
}

func (r *result) stop(ctx context.Context, uri string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, uri, http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("X-Trino-User", r.e.o.User)
	if r.auth != "" {
		req.Header.Set("Authorization", r.auth)
	}
	resp, err := r.e.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("trino answers %s", resp.Status)
	}
	return nil
}
