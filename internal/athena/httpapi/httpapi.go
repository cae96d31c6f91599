// Package httpapi answers SQL over HTTP: POST /v1/query.
//
// An answer is complete before its first byte is sent, so an error is always an
// error status and never a broken success. The price is that an answer is held
// back: in memory while it is small, then in a temporary file, up to a bound.
// The engine is free again before a slow client has read its answer.
package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"

	"github.com/go-json-experiment/json"

	"github.com/audit-archiver/archiver/internal/athena"
)

// Options are the handler's parts and bounds.
type Options struct {
	Engine athena.Engine // required
	Log    *slog.Logger  // required
	Dir    string        // for answers that do not fit in memory; "" is the system's

	MaxRows     int64 // default athena.DefaultMaxRows
	MemoryBytes int64 // of an answer in memory; default 1 MiB
	MaxBytes    int64 // of an answer; default 1 GiB; more is 422
}

// maxBody bounds a request: every character of the longest query may be written as \uXXXX.
const maxBody = 6*athena.MaxSQLBytes + 1024

// Handler serves POST /v1/query with the body {"sql":"…"}, and
// if need be "params":["'abc'","5"] for its ? and "explain":true.
//
//	200  {"columns":[{"name","type"}],"rows":[[…]],"complete_through":"…","laggards":[…]}
//	     and "expired":{"files","rows","from","to"} if files are left out because they have expired and are gone
//	400  the request is no such JSON, or the query is not answered; line, column and construct say where
//	405  another method
//	413  the request is too large
//	422  the answer passes a limit: rows, bytes, memory
//	500  this process or the archive failed; content that differs from its manifest is type forged,
//	     and a file that is gone before its lock ends is type missing
//	503  too many queries, the disk is full, or the bucket is away; Retry-After says when to come back
//	504  the query took too long
func Handler(o Options) (http.Handler, error) {
	if o.Engine == nil || o.Log == nil {
		return nil, errors.New("query handler: engine and log must be set")
	}
	if o.MaxRows <= 0 {
		o.MaxRows = athena.DefaultMaxRows
	}
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = 1 << 20
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 1 << 30
	}
	return &handler{o}, nil
}

type handler struct{ o Options }

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		write(w, problem{Status: http.StatusMethodNotAllowed, Kind: "method-not-allowed", Title: "The method is not allowed", Detail: "use POST"})
		return
	}
	query, p := request(w, r)
	if p != nil {
		write(w, *p)
		return
	}
	answer := &spool{dir: h.o.Dir, memory: h.o.MemoryBytes, most: h.o.MaxBytes}
	defer func() {
		if err := answer.close(); err != nil {
			h.o.Log.WarnContext(r.Context(), "temporary file of an answer is not removed", "error", err)
		}
	}()
	if err := h.query(r.Context(), query, answer); err != nil {
		if r.Context().Err() != nil { // nobody is there to read a problem
			return
		}
		p := problemOf(err)
		if p.Status == http.StatusInternalServerError || p.private() {
			h.o.Log.ErrorContext(r.Context(), "query failed", "error", err)
		}
		write(w, p)
		return
	}
	head := w.Header()
	head.Set("Content-Type", "application/json")
	head.Set("Content-Length", strconv.FormatInt(answer.size, 10))
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	if err := answer.sendTo(w); err != nil && r.Context().Err() == nil {
		// The length was promised, so the client sees that something is missing.
		h.o.Log.WarnContext(r.Context(), "answer was not sent whole", "error", err)
	}
}

func (h *handler) query(ctx context.Context, q athena.Query, to io.Writer) (err error) {
	q.MaxRows = h.o.MaxRows
	result, err := h.o.Engine.Query(ctx, q)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, result.Close()) }()
	_, err = athena.Write(ctx, to, result, athena.FormatJSON, athena.WriteOptions{})
	return err
}

// request reads the body and takes no member that it does not know.
func request(w http.ResponseWriter, r *http.Request) (q athena.Query, p *problem) {
	var body struct {
		SQL     *string  `json:"sql"`
		Params  []string `json:"params"`
		Explain bool     `json:"explain"`
	}
	err := json.UnmarshalRead(http.MaxBytesReader(w, r.Body, maxBody), &body, json.RejectUnknownMembers(true))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return q, &problem{Status: http.StatusRequestEntityTooLarge, Kind: "too-large", Title: "The request is too large", Detail: fmt.Sprintf("a query has at most %d bytes", athena.MaxSQLBytes)}
	case err != nil:
		return q, &problem{Status: http.StatusBadRequest, Kind: "invalid-request", Title: "The request cannot be understood", Detail: reason(err) + `: send {"sql":"SELECT …"}`}
	case body.SQL == nil:
		return q, &problem{Status: http.StatusBadRequest, Kind: "invalid-request", Title: "The request cannot be understood", Detail: `sql is missing: send {"sql":"SELECT …"}`}
	}
	return athena.Query{SQL: *body.SQL, Params: body.Params, Explain: body.Explain}, nil
}

// reason leaves out which Go types a document did not fit.
func reason(err error) string {
	var misfit *json.SemanticError
	switch {
	case !errors.As(err, &misfit):
		return err.Error()
	case errors.Is(misfit.Err, json.ErrUnknownName):
		return fmt.Sprintf("member %s is not known", misfit.JSONPointer.LastToken())
	case misfit.JSONPointer == "":
		return fmt.Sprintf("found %s where an object should be", misfit.JSONKind)
	default:
		return fmt.Sprintf("found %s where %s should be a %s", misfit.JSONKind, misfit.JSONPointer.LastToken(), misfit.GoType.Kind())
	}
}

// spool holds an answer back.
type spool struct {
	dir          string
	memory, most int64 // bytes

	buf  bytes.Buffer
	file *os.File // once memory is full; holds what came after buf
	size int64
}

func (s *spool) Write(p []byte) (int, error) {
	if s.size+int64(len(p)) > s.most {
		return 0, &athena.Error{Kind: athena.ErrTooBig, Detail: fmt.Sprintf("the answer has more than %d bytes; select fewer columns or rows", s.most)}
	}
	s.size += int64(len(p))
	if s.file == nil && s.size <= s.memory {
		return s.buf.Write(p)
	}
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "answer-")
		if err != nil {
			return 0, fmt.Errorf("hold answer back: %w", err)
		}
		s.file = f
	}
	return s.file.Write(p)
}

func (s *spool) sendTo(w io.Writer) error {
	if _, err := s.buf.WriteTo(w); err != nil || s.file == nil {
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(w, s.file)
	return err
}

func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}
