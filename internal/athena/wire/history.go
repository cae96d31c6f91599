package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/durable"
)

// States of an execution.
const (
	stateQueued    = "QUEUED"
	stateRunning   = "RUNNING"
	stateSucceeded = "SUCCEEDED"
	stateFailed    = "FAILED"
	stateCancelled = "CANCELLED"
)

// execution is all that is known of one query; it is a file of the history.
type execution struct {
	ID        string   `json:"id"`
	Principal string   `json:"principal"`
	Token     string   `json:"token,omitzero"`   // the client's, for starting it once
	Request   string   `json:"request"`          // hash of what was asked for with it
	SQL       string   `json:"sql"`              // as it was sent
	Params    []string `json:"params,omitempty"` // as they were sent
	Database  string   `json:"database"`
	Output    string   `json:"output,omitzero"` // where clients find the answer in S3; "" for managed results

	Kind string `json:"kind"` // DML, DDL, UTILITY
	Sub  string `json:"sub"`  // SELECT, SHOW_TABLES, …

	State     string    `json:"state"`
	Reason    string    `json:"reason,omitzero"`
	Failure   *failure  `json:"failure,omitzero"`
	Submitted time.Time `json:"submitted"`
	Started   time.Time `json:"started,omitzero"`
	Completed time.Time `json:"completed,omitzero"`

	Columns []athena.Column `json:"columns,omitempty"`
	Rows    int64           `json:"rows"`
	Bytes   int64           `json:"bytes"`   // of the file with the rows
	Scanned int64           `json:"scanned"` // bytes that the engine read for it
}

func (x *execution) over() bool { return x.State != stateQueued && x.State != stateRunning }

// entry is what is kept in memory of an execution. history.mu guards it.
type entry struct {
	id, principal, token, request string
	submitted                     time.Time
	bytes                         int64 // on disk
	live                          *execution
	cancel                        context.CancelCauseFunc // nil once it is over
}

// history is the executions of the last 45 days, on disk: ID.json says what
// happened, ID.rows holds the answer, a row a line. An answer is durable before
// the ID.json that says so; one without it is of a process that was killed.
type history struct {
	dir  string
	most int64 // bytes
	now  func() time.Time
	log  *slog.Logger

	mu     sync.Mutex
	bytes  int64
	byID   map[string]*entry
	order  []*entry          // oldest first; of one instant, by id
	tokens map[string]*entry // by principal and client token
}

const (
	jsonSuffix = ".json"
	rowsSuffix = ".rows"
	block      = 4096 // what a file takes on disk at least
)

func openHistory(dir string, most int64, now func() time.Time, log *slog.Logger) (*history, error) {
	h := &history{dir: filepath.Join(dir, "history"), most: most, now: now, log: log, byID: map[string]*entry{}, tokens: map[string]*entry{}}
	if err := durable.MkdirAll(durable.OS(), h.dir, 0o700); err != nil {
		return nil, fmt.Errorf("open query history: %w", err)
	}
	files, err := os.ReadDir(h.dir)
	if err != nil {
		return nil, fmt.Errorf("open query history: %w", err)
	}
	for _, f := range files {
		if id, ok := strings.CutSuffix(f.Name(), jsonSuffix); ok {
			if err := h.load(id); err != nil {
				return nil, fmt.Errorf("open query history: %w", err)
			}
		}
	}
	for _, f := range files { // what a killed process left
		id, isRows := strings.CutSuffix(f.Name(), rowsSuffix)
		if e := h.byID[id]; strings.HasSuffix(f.Name(), jsonSuffix) || isRows && e != nil {
			continue
		}
		if err := os.Remove(filepath.Join(h.dir, f.Name())); err != nil {
			return nil, fmt.Errorf("open query history: %w", err)
		}
	}
	h.evict()
	return h, nil
}

// load takes one execution from disk. A file that cannot be read is no execution;
// it is told and removed, because history is no evidence.
func (h *history) load(id string) error {
	x, err := h.read(id)
	if err != nil || x.ID != id {
		h.log.Warn("unreadable execution is removed from the query history", "execution", id, "error", err)
		return os.Remove(h.file(id, jsonSuffix))
	}
	if info, err := os.Stat(h.file(id, rowsSuffix)); x.State == stateSucceeded && x.Bytes > 0 && (err != nil || info.Size() != x.Bytes) {
		x.fail(failure{Category: categorySystem, Type: typeInternal, Retryable: true, Message: "the answer was lost; run the query again"})
	}
	if !x.over() {
		x.Completed = h.now()
		x.fail(failureOf(stopped(), errStopping))
	}
	e := &entry{id: id, principal: x.Principal, token: x.Token, request: x.Request, submitted: x.Submitted}
	h.insert(e)
	if err := h.store(e, x); err != nil {
		return err
	}
	if x.State != stateSucceeded {
		return ignoreMissing(os.Remove(h.file(id, rowsSuffix)))
	}
	return nil
}

// stopped is a context that ended as that of a query does when the server stops.
func stopped() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errStopping)
	return ctx
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (h *history) file(id, suffix string) string { return filepath.Join(h.dir, id+suffix) }

func (h *history) read(id string) (*execution, error) {
	raw, err := os.ReadFile(h.file(id, jsonSuffix))
	if err != nil {
		return nil, err
	}
	x := new(execution)
	return x, json.Unmarshal(raw, x)
}

// store makes x durable and counts what it takes, unless the file says so already.
func (h *history) store(e *entry, x *execution) error {
	raw, err := json.Marshal(x, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("query history: %w", err)
	}
	name := h.file(x.ID, jsonSuffix)
	if old, err := os.ReadFile(name); err != nil || string(old) != string(raw) {
		if err := durable.WriteFile(durable.OS(), name, raw, 0o600); err != nil {
			return fmt.Errorf("query history: %w", err)
		}
	}
	takes := onDisk(int64(len(raw))) + onDisk(x.Bytes)
	h.bytes += takes - e.bytes
	e.bytes = takes
	return nil
}

func onDisk(n int64) int64 { return (n + block - 1) / block * block }

func (h *history) insert(e *entry) {
	h.byID[e.id] = e
	// Nearly always the end: a clock may step back, and two may be of one instant.
	i, _ := slices.BinarySearchFunc(h.order, e, func(a, b *entry) int {
		return cmp.Or(a.submitted.Compare(b.submitted), strings.Compare(a.id, b.id))
	})
	h.order = slices.Insert(h.order, i, e)
	if e.token != "" {
		h.tokens[tokenKey(e.principal, e.token)] = e
	}
}

func tokenKey(principal, token string) string { return principal + "\x00" + token }

// start takes in a new execution, unless its token says that it is one already:
// then that one's id is returned. It is durable when start returns.
func (h *history) start(x *execution, active int, cancel context.CancelCauseFunc) (id string, isNew bool, _ error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.evict()
	if old := h.tokens[tokenKey(x.Principal, x.Token)]; x.Token != "" && old != nil {
		if old.request != x.Request {
			return "", false, invalid("Idempotent parameters do not match: ClientRequestToken was used for another query")
		}
		return old.id, false, nil
	}
	n := 0
	for _, e := range h.order {
		if e.cancel != nil && e.principal == x.Principal {
			n++
		}
	}
	if n >= active {
		return "", false, &fault{kind: "TooManyRequestsException", reason: "CONCURRENT_QUERY_LIMIT_EXCEEDED",
			message: fmt.Sprintf("You have exceeded the limit for the number of queries you can run concurrently: %d run or wait", n)}
	}
	e := &entry{id: x.ID, principal: x.Principal, token: x.Token, request: x.Request, submitted: x.Submitted, live: x, cancel: cancel}
	if err := h.store(e, x); err != nil {
		return "", false, err
	}
	h.insert(e)
	return x.ID, true, nil
}

// change alters an execution that is not over.
func (h *history) change(id string, f func(*execution)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e := h.byID[id]; e != nil && e.live != nil {
		f(e.live)
	}
}

// finish ends an execution. One whose end cannot be stored is a failed one, in
// memory and after a restart.
func (h *history) finish(id string, f func(*execution)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.byID[id]
	x := *e.live
	f(&x)
	err := h.store(e, &x)
	if err != nil {
		h.log.Error("end of an execution cannot be stored", "execution", id, "error", err)
		x.fail(failure{Category: categorySystem, Type: typeInternal, Retryable: true, Message: "the answer could not be stored"})
	}
	if x.State != stateSucceeded {
		if err := ignoreMissing(os.Remove(h.file(id, rowsSuffix))); err != nil {
			h.log.Warn("rows of an execution without an answer are not removed", "execution", id, "error", err)
		}
	}
	e.cancel, e.live = nil, nil
	if err != nil {
		e.live = &x
	}
	h.evict()
}

// evict removes what is too old, and the oldest until the rest fits. The caller
// holds mu. What still runs stays.
func (h *history) evict() {
	if len(h.order) == 0 || h.bytes <= h.most && !h.tooOld(h.order[0]) {
		return
	}
	h.order = slices.DeleteFunc(h.order, func(e *entry) bool {
		if e.cancel != nil || h.bytes <= h.most && !h.tooOld(e) {
			return false
		}
		for _, suffix := range []string{rowsSuffix, jsonSuffix} {
			if err := ignoreMissing(os.Remove(h.file(e.id, suffix))); err != nil {
				h.log.Warn("old execution is not removed", "execution", e.id, "error", err)
				return false
			}
		}
		h.bytes -= e.bytes
		delete(h.byID, e.id)
		delete(h.tokens, tokenKey(e.principal, e.token))
		return true
	})
}

func (h *history) tooOld(e *entry) bool {
	return h.now().Sub(e.submitted) > HistoryDays*24*time.Hour
}

// find returns an entry that who may see. To others it is as if there were none.
func (h *history) find(who Key, id string) (*entry, error) {
	e := h.byID[id]
	if e == nil || h.tooOld(e) || e.principal != who.Principal && who.Role != Admin {
		return nil, invalid("QueryExecution %s was not found", id)
	}
	return e, nil
}

// get returns a copy of an execution.
func (h *history) get(who Key, id string) (*execution, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, err := h.find(who, id)
	if err != nil {
		return nil, err
	}
	if e.live != nil {
		x := *e.live
		return &x, nil
	}
	x, err := h.read(id)
	if err != nil {
		return nil, fmt.Errorf("query history: %w", err)
	}
	return x, nil
}

// cancel ends a running execution; one that is over stays as it is.
func (h *history) cancel(who Key, id string, why error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, err := h.find(who, id)
	if err != nil {
		return err
	}
	if e.cancel != nil {
		e.cancel(why)
	}
	return nil
}

// list returns up to n ids, newest first, of those older than the one that token
// names, and a token when there are more.
func (h *history) list(who Key, n int, token string) (ids []string, next string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := func(e *entry) string { return e.submitted.UTC().Format(sortableTime) + "/" + e.id }
	last := ""
	for _, e := range slices.Backward(h.order) {
		if token != "" && at(e) >= token {
			continue
		}
		if _, err := h.find(who, e.id); err != nil {
			continue
		}
		if len(ids) == n {
			return ids, last
		}
		ids, last = append(ids, e.id), at(e)
	}
	return ids, ""
}

const sortableTime = "20060102T150405.000000000"

func (x *execution) fail(f failure) {
	x.State, x.Reason, x.Failure = stateFailed, f.Message, &f
	x.Columns, x.Rows, x.Bytes = nil, 0, 0
}
