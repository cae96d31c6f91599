package ingest

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// The kinds of problems. Their names are an interface: clients branch on the
// type, which is urn:archiver:problem: and the kind, and dashboards on the
// metrics label.
const (
	kindInvalidEvent   = "invalid-event"
	kindInvalidRequest = "invalid-request"
	kindUnauthorized   = "unauthorized"
	kindForbidden      = "forbidden"
	kindNotFound       = "not-found"
	kindMethod         = "method-not-allowed"
	kindTimeout        = "timeout"
	kindConflict       = "conflict"
	kindTooLarge       = "too-large"
	kindUnsupported    = "unsupported-media-type"
	kindInternal       = "internal"
	kindBusy           = "busy"
	kindFull           = "full"
	kindNotReady       = "not-ready"
	kindNotWritable    = "not-writable"
	kindOutcomeUnknown = "outcome-unknown"
	kindNotArchivedYet = "not-archived-yet"
	kindAmbiguous      = "ambiguous"
	kindExpired        = "expired"
)

const problemType = "urn:archiver:problem:"

// maxListed bounds the errors in one problem document.
const maxListed = 100

// problem is the body of every answer that is not a success (RFC 9457).
type problem struct {
	Type   string      `json:"type"`
	Title  string      `json:"title"`
	Status int         `json:"status"`
	Detail string      `json:"detail,omitempty"`
	Errors []itemError `json:"errors,omitempty"`
	// Stored is what 200 would have said, of a request that is on disk.
	Stored json.RawMessage `json:"stored,omitempty"`

	kind       string
	retryAfter int // seconds; 0: no header
}

// itemError is one thing that is wrong with one event of a request.
type itemError struct {
	Index  int    `json:"index"` // of the event in the request, from 0
	Field  string `json:"field"` // path such as "actor.id"; empty: the event as a whole
	Reason string `json:"reason"`
}

func newProblem(status int, kind, title, detail string) *problem {
	return &problem{Type: problemType + kind, Title: title, Status: status, Detail: detail, kind: kind}
}

func badRequest(detail string) *problem {
	return newProblem(http.StatusBadRequest, kindInvalidRequest, "The request cannot be understood", detail)
}

func tooLarge(detail string) *problem {
	return newProblem(http.StatusRequestEntityTooLarge, kindTooLarge, "The request is too large", detail)
}

func unsupported(detail string) *problem {
	return newProblem(http.StatusUnsupportedMediaType, kindUnsupported, "The body's type or coding is not supported", detail)
}

func unavailable(kind, title, detail string, retryAfter int) *problem {
	p := newProblem(http.StatusServiceUnavailable, kind, title, detail)
	p.retryAfter = retryAfter
	return p
}

// write answers with p. A client that is gone is no concern of ours.
func (p *problem) write(w http.ResponseWriter) {
	h := w.Header()
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	writeJSON(w, p.Status, "application/problem+json", p)
}

// writeJSON answers with v, which is one of our own types and always encodes.
func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("bug: an answer does not encode: " + err.Error())
	}
	writeBody(w, status, contentType, append(body, '\n'))
}

// Values of headers that every answer has, or nearly every one. Nobody changes a value
// in place.
var (
	noStore   = []string{"no-store"}
	noSniff   = []string{"nosniff"}
	plainJSON = []string{typeJSON}
)

// countedBytes is the longest answer whose length net/http finds by itself.
const countedBytes = 2048

// writeStored is writeBody for the answer that there is one of for each request: it leaves
// to net/http what that does with less work.
func writeStored(w http.ResponseWriter, body []byte) {
	if len(body) > countedBytes {
		writeBody(w, http.StatusOK, typeJSON, body)
		return
	}
	h := w.Header()
	h["Content-Type"] = plainJSON
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	_, _ = w.Write(body) // as there
}

func writeBody(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	// Set would allocate each, and look at the spelling of each name.
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the client is gone
}
