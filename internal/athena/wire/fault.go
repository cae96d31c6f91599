package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/audit-archiver/archiver/internal/athena"
)

// codeInput is Athena's own code for whatever is wrong with a request.
const codeInput = "INVALID_INPUT"

// fault is an error as Athena writes it.
type fault struct {
	kind     string // __type
	status   int    // default 400
	code     string // AthenaErrorCode
	message  string
	reason   string // of TooManyRequestsException
	resource string // ResourceName of ResourceNotFoundException
}

func (f *fault) Error() string { return f.kind + ": " + f.message }

func (f *fault) httpStatus() int {
	if f.status == 0 {
		return http.StatusBadRequest
	}
	return f.status
}

func (f *fault) document() object {
	// Clients differ in which spelling they read.
	d := object{"__type": f.kind, "Message": f.message, "message": f.message}
	for name, v := range map[string]string{"AthenaErrorCode": f.code, "Reason": f.reason, "ResourceName": f.resource} {
		if v != "" {
			d[name] = v
		}
	}
	return d
}

func invalid(format string, args ...any) *fault {
	return &fault{kind: "InvalidRequestException", code: codeInput, message: fmt.Sprintf(format, args...)}
}

func notFound(resource, format string, args ...any) *fault {
	return &fault{kind: "ResourceNotFoundException", message: fmt.Sprintf(format, args...), resource: resource}
}

// metadata says that the catalogue lacks something. Clients take the code from the
// words with which Athena passes on what the catalogue's own service said.
func metadata(format string, args ...any) *fault {
	return &fault{kind: "MetadataException", message: fmt.Sprintf(format, args...) +
		" (Service: AmazonDataCatalog; Status Code: 400; Error Code: EntityNotFoundException; Request ID: none; Proxy: null)"}
}

func denied(c *call, what string) *fault {
	return &fault{kind: "AccessDeniedException", message: fmt.Sprintf("%s has role %s and may not %s", c.who.Principal, c.who.Role, what)}
}

// Categories and types of Athena's catalogue of errors.
const (
	categorySystem, categoryUser             = 1, 2
	typeExhausted, typeInternal, typeTimeout = 0, 100, 206
	typeUser, typeData                       = 1000, 1001
)

// failure is why an execution failed, as GetQueryExecution tells it.
type failure struct {
	Category  int    `json:"category"`
	Type      int    `json:"type"`
	Retryable bool   `json:"retryable,omitzero"`
	Message   string `json:"message"`
}

// failureOf turns an engine's error into Athena's words. What is not the query's own
// fault is told in the log only: it may name files and hosts.
func failureOf(ctx context.Context, err error) failure {
	if cause := context.Cause(ctx); errors.Is(cause, errStopping) {
		return failure{Category: categorySystem, Type: typeInternal, Retryable: true, Message: errStopping.Error()}
	}
	for _, k := range []struct {
		kind  error
		word  string
		class failure
	}{
		{athena.ErrSyntax, "SYNTAX_ERROR", failure{Category: categoryUser, Type: typeUser}},
		{athena.ErrRefused, "NOT_SUPPORTED", failure{Category: categoryUser, Type: typeUser}},
		{athena.ErrInvalid, "INVALID_QUERY", failure{Category: categoryUser, Type: typeUser}},
		{athena.ErrExecution, "QUERY_FAILED", failure{Category: categoryUser, Type: typeData}},
		{athena.ErrTooManyRows, "TOO_MANY_ROWS", failure{Category: categoryUser, Type: typeExhausted}},
		{athena.ErrTooBig, "EXCEEDED_LIMIT", failure{Category: categoryUser, Type: typeExhausted}},
		{athena.ErrTimeout, "QUERY_TIMEOUT", failure{Category: categorySystem, Type: typeTimeout}},
		{athena.ErrBusy, "TOO_MANY_QUERIES", failure{Category: categorySystem, Type: typeExhausted, Retryable: true}},
		{athena.ErrNoEngine, "NOT_SUPPORTED", failure{Category: categorySystem, Type: typeInternal}},
		{athena.ErrNotIsolated, "NOT_ISOLATED", failure{Category: categorySystem, Type: typeInternal}},
		{athena.ErrCrashed, "ENGINE_CRASHED", failure{Category: categorySystem, Type: typeInternal}},
	} {
		if errors.Is(err, k.kind) {
			k.class.Message = k.word + ": " + err.Error()
			return k.class
		}
	}
	if f := new(fault); errors.As(err, &f) {
		return failure{Category: categoryUser, Type: typeUser, Message: f.message}
	}
	if known := new(athena.Error); errors.As(err, &known) && errors.Is(known, athena.ErrResults) {
		return failure{Category: categorySystem, Type: typeInternal, Retryable: true, Message: "RESULTS_NOT_STORED: " + known.Error()}
	}
	if errors.Is(err, athena.ErrAway) {
		return failure{Category: categorySystem, Type: typeInternal, Retryable: true, Message: "BUCKET_AWAY: " + athena.ErrAway.Error() + " now"}
	}
	if errors.Is(err, athena.ErrMissing) {
		return failure{Category: categorySystem, Type: typeInternal, Message: "MISSING_FILE: " + athena.ErrMissing.Error() + "; tell the archive's operator"}
	}
	if errors.Is(err, athena.ErrForged) {
		return failure{Category: categorySystem, Type: typeInternal, Message: "FORGED_CONTENT: " + athena.ErrForged.Error() + "; tell the archive's operator"}
	}
	return failure{Category: categorySystem, Type: typeInternal, Retryable: true, Message: "INTERNAL_ERROR: the server failed; its log says why, beside the id of this execution"}
}
