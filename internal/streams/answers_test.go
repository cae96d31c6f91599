package streams

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/source"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// table is what an SQL engine reads of a node, and the reading: every row of every file.
type table struct {
	*source.Live
	store object.Store

	mu   sync.Mutex
	read map[string][]event.Row // by version of a committed file: it never changes
}

// table opens the table of a process before it runs. It reads the bucket through store.
func (w *world) table(line *Line, store object.Store) *table {
	w.t.Helper()
	reader := must(ledger.NewReader(store, prefix, w.root.VKey()))
	now := line.Current()
	t := &table{store: store, read: make(map[string][]event.Row), Live: source.NewLive(source.Options{
		Reader: reader, Prefix: prefix, Dir: w.t.TempDir(), Log: w.log,
		Stream: now.Open.Stream, Buffer: now.Buffer, Theirs: now.Theirs})}
	line.OnSwitch(func(_, now *Stream) { t.Follow(now.Open.Stream, now.Buffer, now.Theirs) })
	return t
}

// startAsked starts a process and opens its table.
func (w *world) startAsked(store object.Store) (p *process, live *table) {
	w.t.Helper()
	w.opened = func(line *Line) { live = w.table(line, store) }
	p = must(w.start())
	return p, live
}

// reply is the whole table at one instant.
type reply struct {
	rows     []event.Row
	through  time.Time
	laggards []string
}

func (t *table) ask(ctx context.Context) (r reply, err error) {
	set, err := t.Files(ctx, athena.Everything())
	if err != nil {
		return r, err
	}
	defer set.Release()
	r.through, r.laggards = set.CompleteThrough, set.Laggards
	for i := range set.Files {
		rows, err := t.rows(ctx, &set.Files[i])
		if err != nil {
			return r, err
		}
		if int64(len(rows)) != set.Files[i].Rows {
			return r, fmt.Errorf("%s%s has %d rows, and not %d", set.Files[i].Key, set.Files[i].Path, len(rows), set.Files[i].Rows)
		}
		r.rows = append(r.rows, rows...)
	}
	return r, nil
}

func (t *table) rows(ctx context.Context, f *athena.File) ([]event.Row, error) {
	if f.Path != "" {
		raw, err := os.ReadFile(f.Path)
		if err != nil {
			return nil, err
		}
		return rowsOf(raw, f.Class)
	}
	name := f.Key + "@" + f.VersionID
	t.mu.Lock()
	rows, ok := t.read[name]
	t.mu.Unlock()
	if ok {
		return rows, nil
	}
	body, err := t.store.Get(ctx, f.Key, f.VersionID)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(body)
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, err
	}
	if rows, err = rowsOf(raw, f.Class); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.read[name] = rows
	return rows, nil
}

func rowsOf(raw []byte, class string) (rows []event.Row, _ error) {
	file, err := parquet.Open(bytes.NewReader(raw), int64(len(raw)), class)
	if err != nil {
		return nil, err
	}
	for row, err := range file.Rows() {
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// whole says what is wrong with a reply: each id once, each stream from its first seq
// on without a gap, and everything of want.
func (r reply) whole(want []string) error {
	ids := make(map[string]bool, len(r.rows))
	seqs := make(map[uuid.UUID]map[int64]bool)
	for _, row := range r.rows {
		if ids[row.ID] {
			return fmt.Errorf("event %s is there twice, the second time as seq %d of stream %s", row.ID, row.Seq, row.Stream)
		}
		ids[row.ID] = true
		if seqs[row.Stream] == nil {
			seqs[row.Stream] = make(map[int64]bool)
		}
		seqs[row.Stream][row.Seq] = true
	}
	for _, id := range want {
		if !ids[id] {
			return fmt.Errorf("event %s was acknowledged before, and is not among the %d", id, len(ids))
		}
	}
	for stream, has := range seqs {
		for seq := range int64(len(has)) {
			if !has[seq] {
				return fmt.Errorf("stream %s has %d events, but not seq %d", stream, len(has), seq)
			}
		}
	}
	return nil
}

// receivedBy counts the rows that were received at or before an instant.
func (r reply) receivedBy(at time.Time) (n int) {
	for i := range r.rows {
		if r.rows[i].ReceivedAtMS <= at.UnixMilli() {
			n++
		}
	}
	return n
}

// acknowledged are the ids of all that was.
func (w *world) acknowledged() (all []string) {
	for id := range w.sent {
		all = append(all, id)
	}
	return all
}

// gated is a bucket whose next listing waits until its gate is open.
type gated struct {
	object.Store
	armed atomic.Bool
	came  chan struct{} // closed when that listing has come
	gate  chan struct{} // closed: open
}

func newGated(store object.Store) *gated {
	return &gated{Store: store, came: make(chan struct{}), gate: make(chan struct{})}
}

func (g *gated) Versions(ctx context.Context, prefix string) iter.Seq2[object.Info, error] {
	if g.armed.CompareAndSwap(true, false) {
		close(g.came)
		<-g.gate
	}
	return g.Store.Versions(ctx, prefix)
}

// later asks, and returns when the log has been looked at and the bucket not yet. What
// it returns lets the question go on, and gives the answer.
func (g *gated) later(live *table) (answer func() (reply, error)) {
	g.armed.Store(true)
	type answered struct {
		reply
		err error
	}
	done := make(chan answered)
	go func() {
		r, err := live.ask(context.Background())
		done <- answered{r, err}
	}()
	<-g.came
	return func() (reply, error) {
		close(g.gate)
		a := <-done
		return a.reply, a.err
	}
}

// TestAnswerAcrossARotation: a query that has looked at a log, and at the bucket only
// after another stream has taken over and archived, has what it would have had at once.
func TestAnswerAcrossARotation(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	next := w.successor(w.first)
	store := newGated(w.store)
	p, live := w.startAsked(store)
	if err := errors.Join(p.ready(uuid.Nil), p.send(w.events(5)...), p.drain(), p.send(w.events(4)...)); err != nil {
		t.Fatal(err)
	}
	before := must(live.ask(t.Context()))
	answer := store.later(live)
	p.line.Rotate()
	if err := errors.Join(p.ready(next), p.send(w.events(3)...), p.drain()); err != nil {
		t.Fatal(err)
	}
	got, err := answer()
	if err != nil || len(got.rows) != 9 {
		t.Errorf("%d rows, %v; want the 9 that were there when it was asked", len(got.rows), err)
	}
	if got.through.Before(before.through) || len(got.laggards) > 0 {
		t.Errorf("complete through %s, held back by %v; an earlier answer was through %s", got.through, got.laggards, before.through)
	}
	after := must(live.ask(t.Context()))
	if len(after.rows) != 12 || after.through.Before(got.through) {
		t.Errorf("afterwards %d rows through %s", len(after.rows), after.through)
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	w.check()
}

// TestAnswerAcrossAMove: the same when the stream cannot go on, and what it has not
// archived is moved to its successor: no event is there twice.
func TestAnswerAcrossAMove(t *testing.T) {
	x := newTwins(t, crashfs.New(), true)
	w := x.world
	next := w.successor(w.first)
	store := newGated(w.store)
	var answer func() (reply, error)
	w.opened = func(line *Line) {
		live := w.table(line, store)
		answer = store.later(live)
	}
	p := must(w.start())
	if err := errors.Join(p.ready(next), p.drain()); err != nil {
		t.Fatal(err)
	}
	r, err := answer()
	if err == nil {
		err = r.whole(w.acknowledged())
	}
	if err != nil {
		t.Error(err)
	}
	if !slices.Equal(r.laggards, []string{w.first.String()}) {
		t.Errorf("complete through %s, held back by %v, without what the copy has archived", r.through, r.laggards)
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	x.checkBoth()
	p, live := w.startAsked(store)
	if err := p.ready(next); err != nil {
		t.Fatal(err)
	}
	r = must(live.ask(t.Context()))
	if err := r.whole(append(w.acknowledged(), x.copy.acknowledged()...)); err != nil {
		t.Error(err)
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
}

// TestAnswerWithoutTheBucket: what is known of the bucket serves while it is away, as
// long as it reaches to where the logs begin; otherwise there is no answer.
func TestAnswerWithoutTheBucket(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	next := w.successor(w.first)
	p, live := w.startAsked(w.store)
	if err := errors.Join(p.ready(uuid.Nil), p.send(w.events(5)...), p.drain()); err != nil {
		t.Fatal(err)
	}
	away := func(is bool) {
		w.store.Intercept(func(memstore.Call) *memstore.Fault {
			if is {
				return &memstore.Fault{Err: memstore.ErrLost}
			}
			return nil
		})
	}
	away(true)
	if _, err := live.ask(t.Context()); err == nil {
		t.Error("an answer of somebody who has never seen the bucket")
	}
	away(false)
	must(live.ask(t.Context()))
	away(true)
	if err := p.send(w.events(4)...); err != nil {
		t.Fatal(err)
	}
	if r := must(live.ask(t.Context())); len(r.rows) != 9 || !r.through.IsZero() {
		t.Errorf("while the bucket is away: %d rows, complete through %s", len(r.rows), r.through)
	}
	away(false)
	if err := p.drain(); err != nil {
		t.Fatal(err)
	}
	p.line.Rotate()
	if err := p.ready(next); err != nil {
		t.Fatal(err)
	}
	away(true) // nobody has asked since, so nobody has seen what was archived last
	if r, err := live.ask(t.Context()); err == nil {
		t.Errorf("an answer of %d rows, and 9 are acknowledged", len(r.rows))
	}
	away(false)
	if r := must(live.ask(t.Context())); len(r.rows) != 9 {
		t.Errorf("%d rows, want 9", len(r.rows))
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	w.check()
}
