package wire

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

const contentType = "application/x-amz-json-1.1"

// object is a document that is sent; members that are nil are left out by those who fill it.
type object map[string]any

func cutTarget(target string) (name string, ours bool) {
	return strings.CutPrefix(target, targetPrefix)
}

// ServeHTTP answers POST / as AWS's JSON 1.1 protocol has it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := uuid.NewString()
	w.Header().Set("X-Amzn-Requestid", id)
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	log := s.o.Log.With("request_id", id)
	answer, err := s.receive(w, r)
	status := http.StatusOK
	if err != nil {
		f := new(fault)
		switch {
		case errors.As(err, &f):
			log.InfoContext(r.Context(), "refused", "operation", r.Header.Get("X-Amz-Target"), "error", f)
		case r.Context().Err() != nil:
			return // nobody reads the answer
		default:
			log.ErrorContext(r.Context(), "failed", "operation", r.Header.Get("X-Amz-Target"), "error", err)
			f = &fault{kind: "InternalServerException", status: http.StatusInternalServerError, message: "The server failed; its log says why, beside the request id " + id}
		}
		status, answer = f.httpStatus(), f.document()
	}
	raw, ready := answer.(rawDocument)
	if !ready {
		if raw, err = json.Marshal(answer, json.Deterministic(true)); err != nil {
			log.ErrorContext(r.Context(), "answer cannot be written", "error", err)
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	w.WriteHeader(status)
	if _, err := w.Write(raw); err != nil && r.Context().Err() == nil {
		log.WarnContext(r.Context(), "answer was not sent whole", "error", err)
	}
}

// rawDocument is JSON already.
type rawDocument []byte

func (s *Server) receive(w http.ResponseWriter, r *http.Request) (any, error) {
	switch {
	case r.URL.Path != "/" || r.URL.RawQuery != "":
		return nil, &fault{kind: "UnknownOperationException", status: http.StatusNotFound, message: "Athena's API is at POST / of this address"}
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		return nil, &fault{kind: "UnknownOperationException", status: http.StatusMethodNotAllowed, message: "Athena's API is at POST / of this address"}
	}
	claimed, err := s.claim(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return nil, &fault{kind: "InvalidRequestException", status: http.StatusRequestEntityTooLarge, code: codeInput, message: "The request is too large"}
	case err != nil:
		return nil, &fault{kind: "SerializationException", message: "The request was cut off"}
	}
	if err := claimed.check(r, body); err != nil {
		return nil, err
	}
	return s.serve(r, claimed.key, body)
}

// read decodes the call's document. Members that are not known are passed over, as
// AWS does: clients are newer than servers.
func (c *call) read(v any) error {
	if err := json.Unmarshal(c.body, v); err != nil {
		return &fault{kind: "SerializationException", message: "The request is no JSON document of this operation: " + err.Error()}
	}
	return nil
}
