package wire

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

// errStopped ends a query that somebody stopped.
var errStopped = errors.New("Query cancelled by user") // Athena's words

// busyWait is how long a query waits before it asks again an engine that is busy
// with others' queries.
const busyWait = 200 * time.Millisecond

// run is the life of an execution after its start. It owns id until it returns.
func (s *Server) run(ctx context.Context, id string, st statement) {
	log := s.o.Log.With("execution", id)
	done, err := s.answer(ctx, id, st)
	s.history.finish(id, func(x *execution) {
		x.Completed = s.o.Now()
		switch {
		case err == nil:
			x.State, x.Reason = stateSucceeded, done.reason
			x.Columns, x.Rows, x.Bytes, x.Scanned = done.columns, done.rows, done.bytes, done.scanned
			log.Info("query succeeded", "principal", x.Principal, "sql", x.SQL, "rows", x.Rows, "scanned", x.Scanned, "took", x.Completed.Sub(x.Submitted))
		case errors.Is(context.Cause(ctx), errStopped):
			x.State, x.Reason = stateCancelled, errStopped.Error()
			log.Info("query was stopped", "principal", x.Principal, "sql", x.SQL)
		default:
			f := failureOf(ctx, err)
			x.fail(f)
			if f.Category == categoryUser {
				log.Info("query failed", "principal", x.Principal, "sql", x.SQL, "error", err)
			} else {
				log.Error("query failed", "principal", x.Principal, "sql", x.SQL, "error", err)
			}
		}
	})
}

// answered is what became of a query that succeeded.
type answered struct {
	columns     []athena.Column
	rows, bytes int64
	scanned     int64 // bytes
	reason      string
}

// answer runs a statement when its turn comes, and stores the rows. A panic in it is its
// failure alone: nothing else would stop it here, where no request is served, before it
// ended the process.
func (s *Server) answer(ctx context.Context, id string, st statement) (a answered, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			s.o.Log.ErrorContext(ctx, "query panicked", "execution", id, "sql", st.query.SQL, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			a, err = answered{}, fmt.Errorf("bug: the query panicked: %v", cause)
		}
	}()
	select {
	case s.running <- struct{}{}:
		defer func() { <-s.running }()
	case <-ctx.Done():
		return a, context.Cause(ctx)
	}
	if st.act != nil {
		s.history.change(id, func(x *execution) { x.State, x.Started = stateRunning, s.o.Now() })
		if err := st.act(); err != nil {
			return a, err
		}
		out, err := s.newOutput(id, st, nil)
		if err != nil {
			return a, err
		}
		return a, errors.Join(out.put(ctx), out.close())
	}
	result, err := s.ask(ctx, id, st.query)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, result.Close()) }()
	a.columns = result.Columns()
	out, err := s.newOutput(id, st, a.columns)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, out.close()) }()
	if a.rows, a.bytes, err = writeRows(ctx, s.history.file(id, rowsSuffix), s.o.HistoryBytes/4, st, result, out); err != nil {
		return a, err
	}
	if err := out.put(ctx); err != nil {
		return a, err
	}
	meta := result.Meta()
	// An engine that does not count what it reads says which files it took.
	if a.scanned = meta.Stats.BytesRead; a.scanned == 0 {
		a.scanned = meta.Stats.BytesPicked
	}
	if t := meta.CompleteThrough; !t.IsZero() {
		a.reason = "complete through " + t.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	if meta.Expired.Files > 0 {
		a.reason = strings.TrimPrefix(a.reason+"; "+meta.Expired.String(), "; ")
	}
	return a, nil
}

// ask starts a query. The engine may be full of queries that came another way;
// then this one waits as a queued one does.
func (s *Server) ask(ctx context.Context, id string, q athena.Query) (athena.Result, error) {
	for {
		s.history.change(id, func(x *execution) { x.State, x.Started = stateRunning, s.o.Now() })
		result, err := s.o.Engine.Query(ctx, q)
		if !errors.Is(err, athena.ErrBusy) {
			return result, err
		}
		s.history.change(id, func(x *execution) { x.State, x.Started = stateQueued, time.Time{} })
		again := time.NewTimer(busyWait)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return nil, context.Cause(ctx)
		}
	}
}
