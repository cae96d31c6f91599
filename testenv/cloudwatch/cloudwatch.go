// Package cloudwatch is a CloudWatch Logs in memory that polices its callers, and a
// starter for moto's, which shares no code with it.
//
// The server speaks AWS JSON 1.1 over HTTP, as far as log groups, log streams and
// PutLogEvents go, and enforces each limit as the API Reference has it. A request
// that Amazon would refuse as a whole fails the test at once, even if the caller
// ignores the error. Faults are scripted.
package cloudwatch

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Event is one stored log event.
type Event struct {
	Timestamp int64 // Unix milliseconds
	Message   string
	Put       int // number of the request that brought it, from 1
}

// Fault is what goes wrong with a PutLogEvents.
type Fault int

// The faults. Those whose names begin with After have stored the events.
const (
	None        Fault = iota
	Throttle          // 400 ThrottlingException
	Unavailable       // 503 ServiceUnavailableException
	Denied            // 400 AccessDeniedException
	Already           // 400 DataAlreadyAcceptedException
	CutBefore         // the connection is cut before anything is stored
	AfterCut          // the connection is cut in place of the answer
	AfterError        // 500 InternalFailure although the events are stored
)

// Put is one PutLogEvents as it arrived.
type Put struct {
	N      int // counts all of them, from 1
	Group  string
	Stream string
	Events []InputEvent
}

// Server is the service. Its fields are set before the first request.
type Server struct {
	URL string

	// Now decides what is too old and too new.
	Now func() time.Time

	// OnPut is asked about each PutLogEvents that is within the limits. Nil: no faults.
	OnPut func(Put) Fault

	// MaxEvent is the most that one event may count, in bytes with its overhead. Default: MaxBytes.
	MaxEvent int

	// Poison makes a request that contains the event be refused as a whole, for no documented reason. Nil: none.
	Poison func(InputEvent) bool

	// Tolerant: a request over a limit is refused, and does not fail the test.
	Tolerant bool

	t      testing.TB
	mu     sync.Mutex
	groups map[string]*group
	puts   int
	calls  []string
}

type group struct {
	retention time.Duration // 0: for ever
	streams   map[string][]Event
}

// New starts a server on a loopback port, without log groups. It ends with the test.
func New(t testing.TB, now func() time.Time) *Server {
	s := &Server{t: t, Now: now, MaxEvent: MaxBytes, groups: make(map[string]*group)}
	srv := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(srv.Close)
	s.URL = srv.URL
	return s
}

// CreateGroup makes a log group whose events expire after so many days; 0: never.
func (s *Server) CreateGroup(name string, retentionDays int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups[name] = &group{retention: time.Duration(retentionDays) * 24 * time.Hour, streams: make(map[string][]Event)}
}

// Events returns what a log stream has, in the order in which it came.
func (s *Server) Events(group, stream string) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[group]
	if g == nil {
		return nil
	}
	return slices.Clone(g.streams[stream])
}

// Calls returns the names of the operations that were called, in order.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// failure is an answer that is an error.
type failure struct {
	status  int
	code    string
	message string
}

func invalid(format string, args ...any) *failure {
	return &failure{http.StatusBadRequest, "InvalidParameterException", fmt.Sprintf(format, args...)}
}

func notFound(what string) *failure {
	return &failure{http.StatusBadRequest, "ResourceNotFoundException", "The specified log " + what + " does not exist."}
}

func exists(what string) *failure {
	return &failure{http.StatusBadRequest, "ResourceAlreadyExistsException", "The specified log " + what + " already exists"}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	operation, ours := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "Logs_20140328.")
	switch {
	case !ours || r.Method != http.MethodPost || r.URL.Path != "/":
		s.t.Errorf("cloudwatch: %s %s with target %q", r.Method, r.URL.Path, r.Header.Get("X-Amz-Target"))
	case r.Header.Get("Content-Type") != "application/x-amz-json-1.1":
		s.t.Errorf("cloudwatch: content type %q", r.Header.Get("Content-Type"))
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="),
		!strings.Contains(r.Header.Get("Authorization"), "/logs/aws4_request,"):
		s.t.Errorf("cloudwatch: not signed for this service: %q", r.Header.Get("Authorization"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, operation)
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	switch operation {
	case "CreateLogGroup":
		s.createGroup(w, dec)
	case "CreateLogStream":
		s.createStream(w, dec)
	case "PutLogEvents":
		s.put(w, dec)
	default:
		s.t.Errorf("cloudwatch: operation %q", operation)
		answer(w, &failure{http.StatusBadRequest, "UnknownOperationException", operation})
	}
}

func (s *Server) createGroup(w http.ResponseWriter, dec *json.Decoder) {
	var in struct{ LogGroupName string }
	switch err := dec.Decode(&in); {
	case err != nil:
		s.refuse(w, invalid("%v", err))
	case !validGroup(in.LogGroupName):
		s.refuse(w, invalid("logGroupName %q", in.LogGroupName))
	case s.groups[in.LogGroupName] != nil:
		answer(w, exists("group"))
	default:
		s.groups[in.LogGroupName] = &group{streams: make(map[string][]Event)}
		answer(w, nil)
	}
}

func (s *Server) createStream(w http.ResponseWriter, dec *json.Decoder) {
	var in struct{ LogGroupName, LogStreamName string }
	err := dec.Decode(&in)
	g := s.groups[in.LogGroupName]
	switch {
	case err != nil:
		s.refuse(w, invalid("%v", err))
	case !validStream(in.LogStreamName):
		s.refuse(w, invalid("logStreamName %q", in.LogStreamName))
	case g == nil:
		answer(w, notFound("group"))
	case g.streams[in.LogStreamName] != nil:
		answer(w, exists("stream"))
	default:
		g.streams[in.LogStreamName] = []Event{}
		answer(w, nil)
	}
}

// put stores what is within the window of time and answers with what is not.
func (s *Server) put(w http.ResponseWriter, dec *json.Decoder) {
	var in struct {
		LogGroupName, LogStreamName string
		LogEvents                   []InputEvent
	}
	if err := dec.Decode(&in); err != nil {
		s.refuse(w, invalid("%v", err))
		return
	}
	s.puts++
	g := s.groups[in.LogGroupName]
	if g == nil {
		answer(w, notFound("group"))
		return
	}
	if g.streams[in.LogStreamName] == nil {
		answer(w, notFound("stream"))
		return
	}
	now := s.Now()
	if problem := check(in.LogEvents, now, s.MaxEvent); problem != nil {
		s.refuse(w, problem)
		return
	}
	if s.Poison != nil && slices.ContainsFunc(in.LogEvents, s.Poison) {
		answer(w, invalid("1 validation error detected"))
		return
	}
	fault := None
	if s.OnPut != nil {
		fault = s.OnPut(Put{N: s.puts, Group: in.LogGroupName, Stream: in.LogStreamName, Events: in.LogEvents})
	}
	if fault != None && fault < AfterCut {
		spoil(w, fault)
		return
	}
	first, last, rejected := window(in.LogEvents, now, g.retention)
	for _, e := range in.LogEvents[first:last] {
		g.streams[in.LogStreamName] = append(g.streams[in.LogStreamName], Event{e.Timestamp, e.Message, s.puts})
	}
	if fault != None {
		spoil(w, fault)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"nextSequenceToken": fmt.Sprintf("%056d", s.puts), "rejectedLogEventsInfo": rejected,
	})
}

// refuse answers to what no client should send.
func (s *Server) refuse(w http.ResponseWriter, f *failure) {
	if !s.Tolerant {
		s.t.Errorf("cloudwatch: %s: %s", f.code, f.message)
	}
	answer(w, f)
}

func answer(w http.ResponseWriter, f *failure) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if f == nil {
		return
	}
	w.Header().Set("X-Amzn-Errortype", f.code)
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": f.code, "message": f.message})
}

func spoil(w http.ResponseWriter, fault Fault) {
	switch fault {
	case Throttle:
		w.Header().Set("X-Amz-Retry-After", "1") // milliseconds
		answer(w, &failure{http.StatusBadRequest, "ThrottlingException", "Rate exceeded"})
	case Unavailable:
		answer(w, &failure{http.StatusServiceUnavailable, "ServiceUnavailableException", "The service cannot complete the request."})
	case Denied:
		answer(w, &failure{http.StatusBadRequest, "AccessDeniedException", "User is not authorized to perform: logs:PutLogEvents"})
	case Already:
		answer(w, &failure{http.StatusBadRequest, "DataAlreadyAcceptedException", "The given batch of log events has already been accepted."})
	case AfterError:
		answer(w, &failure{http.StatusInternalServerError, "InternalFailure", ""})
	case CutBefore, AfterCut:
		panic(http.ErrAbortHandler) // net/http closes the connection, and logs nothing
	default:
		panic(fmt.Sprintf("no such fault: %d", fault))
	}
}
