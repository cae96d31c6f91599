package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"syscall"

	"github.com/go-json-experiment/json"

	"github.com/audit-archiver/archiver/internal/athena"
)

// problem is the body of every answer that is not a success (RFC 9457). Type is
// urn:archiver:problem: and the kind; clients branch on it.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`

	// Where in the query, from 1, and what was met there; for kinds of 400.
	Line      int    `json:"line,omitzero"`
	Column    int    `json:"column,omitzero"`
	Construct string `json:"construct,omitempty"`

	Kind string `json:"-"`
}

const (
	retrySeconds = 1 // after 503: a place among the running queries may be free soon
	kindAway     = "bucket-away"
	kindNoSpace  = "no-space"
	problemType  = "urn:archiver:problem:"
)

// private: the error names hosts, or files of this machine, and is for the log.
func (p *problem) private() bool {
	return p.Kind == kindAway || p.Kind == kindNoSpace
}

// problemOf says what an error of the engine means to a client.
func problemOf(err error) problem {
	p := problem{Status: http.StatusInternalServerError, Kind: "internal", Title: "The query could not be run", Detail: "the reason is in the server's log"}
	for _, c := range []struct {
		err    error
		status int
		kind   string
		title  string
	}{
		{athena.ErrSyntax, http.StatusBadRequest, "syntax-error", "The query is no SQL"},
		{athena.ErrRefused, http.StatusBadRequest, "not-supported", "The query uses something that is not supported"},
		{athena.ErrInvalid, http.StatusBadRequest, "invalid-query", "The query does not fit the table"},
		{athena.ErrExecution, http.StatusBadRequest, "query-failed", "The query failed on the data"},
		{athena.ErrTooManyRows, http.StatusUnprocessableEntity, "too-many-rows", "The answer has too many rows"},
		{athena.ErrTooBig, http.StatusUnprocessableEntity, "too-big", "The query passes a limit"},
		{athena.ErrTimeout, http.StatusGatewayTimeout, "query-timeout", "The query took too long"},
		{athena.ErrBusy, http.StatusServiceUnavailable, "busy", "Too many queries are running"},
		{athena.ErrAway, http.StatusServiceUnavailable, kindAway, "The bucket cannot be read now"},
		{athena.ErrNoEngine, http.StatusNotImplemented, "no-engine", "This build answers no SQL"},
		{athena.ErrNotIsolated, http.StatusNotImplemented, "not-isolated", "This server cannot isolate SQL"},
		{athena.ErrCrashed, http.StatusInternalServerError, "engine-crashed", "The query crashed its own process"},
		{syscall.ENOSPC, http.StatusServiceUnavailable, kindNoSpace, "There is no disk space for the query"},
		{athena.ErrForged, http.StatusInternalServerError, "forged", "Content of the archive differs from its signed manifest"},
		{athena.ErrMissing, http.StatusInternalServerError, "missing", "A file that the archive has locked is gone"},
	} {
		if errors.Is(err, c.err) {
			p.Status, p.Kind, p.Title = c.status, c.kind, c.title
			if !p.private() {
				p.Detail = err.Error()
			}
			break
		}
	}
	var e *athena.Error
	if errors.As(err, &e) {
		p.Line, p.Column, p.Construct = e.Line, e.Column, e.Construct
	}
	return p
}

func write(w http.ResponseWriter, p problem) {
	p.Type = problemType + p.Kind
	body, err := json.Marshal(p)
	if err != nil {
		panic("bug: a problem does not encode: " + err.Error())
	}
	body = append(body, '\n')
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(retrySeconds))
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // an error means that the client is gone
}
