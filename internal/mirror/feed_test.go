package mirror_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/mirror"
	"github.com/audit-archiver/archiver/internal/mirror/mirrortest"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// target keeps rows as a real one would: rows and position change together, a few
// rows at a time, and it fails the test when a row comes twice.
type target struct {
	t     *testing.T
	at    map[uuid.UUID]mirror.Position
	rows  map[string]event.Row
	fail  func() error // asked before each step
	keeps int          // rows per step
	tidy  int
}

func newTarget(t *testing.T) *target {
	return &target{t: t, at: map[uuid.UUID]mirror.Position{}, rows: map[string]event.Row{}, fail: func() error { return nil }, keeps: 3}
}

func (g *target) Position(_ context.Context, stream uuid.UUID) (mirror.Position, error) {
	return g.at[stream], g.fail()
}

func (g *target) Tidy(context.Context) error {
	g.tidy++
	return nil
}

func (g *target) Write(ctx context.Context, c *mirror.Commit) error {
	at := g.at[c.Stream]
	if at.Index != c.Index {
		return fmt.Errorf("commit %d comes, the position is %d", c.Index, at.Index)
	}
	var held []mirror.Numbered
	keep := func() error {
		if err := g.fail(); err != nil {
			return err
		}
		for _, r := range held {
			key := fmt.Sprint(c.Stream, r.Seq)
			if _, twice := g.rows[key]; twice {
				g.t.Errorf("seq %d comes twice", r.Seq)
			}
			g.rows[key] = r.Row
			at.Row = r.Number + 1
		}
		held = nil
		g.at[c.Stream] = at
		return nil
	}
	for r, err := range c.From(ctx, at.Row) {
		if err != nil {
			return err
		}
		if held = append(held, r); len(held) == g.keeps {
			if err := keep(); err != nil {
				return err
			}
		}
	}
	if err := keep(); err != nil {
		return err
	}
	g.at[c.Stream] = mirror.Position{Index: c.Index + 1}
	return nil
}

// world is an archive, its bucket, and a feed of it.
type world struct {
	*mirrortest.Archive
	t     *testing.T
	now   atomic.Int64
	store *memstore.Store
	to    *target
	log   bytes.Buffer
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, to: newTarget(t)}
	w.now.Store(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC).UnixNano())
	w.store = memstore.New(t, w.clock)
	w.Archive = mirrortest.New(t, w.store, w.clock)
	return w
}

func (w *world) clock() time.Time        { return time.Unix(0, w.now.Load()).UTC() }
func (w *world) advance(d time.Duration) { w.now.Add(int64(d)) }

func (w *world) feed(registry prometheus.Registerer) *mirror.Feed {
	w.t.Helper()
	f, err := mirror.New(mirror.Options{Name: "test", Reader: w.Reader(), Store: w.store, Prefix: mirrortest.Prefix, Target: w.to,
		Interval: time.Minute, Dir: w.t.TempDir(), Log: slog.New(slog.NewTextHandler(&w.log, nil)), Now: w.clock, Metrics: registry})
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// check compares the target with the rows that it should have.
func (w *world) check(want []event.Row) {
	w.t.Helper()
	if len(w.to.rows) != len(want) {
		w.t.Errorf("%d rows, want %d", len(w.to.rows), len(want))
	}
	for _, row := range want {
		if got := w.to.rows[fmt.Sprint(row.Stream, row.Seq)]; got != row {
			w.t.Fatalf("seq %d is\n%+v, want\n%+v", row.Seq, got, row)
		}
	}
}

// TestFeedWhateverFails lets each step of the target fail once, one after another.
func TestFeedWhateverFails(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		s := w.Stream()
		s.Commit(mirrortest.Events(20, w.clock())...)
		s.Commit()
		s.Commit(mirrortest.Events(7, w.clock())...)
	}
	for n := 0; ; n++ {
		steps, failed := 0, false
		w.to = newTarget(t)
		w.to.fail = func() error {
			if steps++; steps == n+1 {
				failed = true
				return errors.New("away")
			}
			return nil
		}
		f := w.feed(prometheus.NewRegistry())
		err := f.Once(t.Context())
		if failed != (err != nil) {
			t.Fatalf("step %d failed: %t, the round says %v", n, failed, err)
		}
		if err != nil {
			if s := f.Status(); s.Err == nil || s.Failing != w.clock() || s.BehindCommits == 0 {
				t.Errorf("status %+v", s)
			}
			if err := f.Once(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if s := f.Status(); s.Err != nil || !s.Failing.IsZero() || s.BehindRows != 0 || s.BehindCommits != 0 || s.InStep != w.clock() {
			t.Errorf("status %+v", s)
		}
		w.check(w.Rows())
		if w.to.tidy == 0 {
			t.Error("Tidy was not called")
		}
		if !failed {
			if n < 10 {
				t.Errorf("only %d steps", n)
			}
			return
		}
	}
}

// TestFeedFollows: a round does nothing but what is new, and does not ask a target
// that is in step.
func TestFeedFollows(t *testing.T) {
	w := newWorld(t)
	s := w.Stream()
	s.Commit(mirrortest.Events(5, w.clock())...)
	f := w.feed(prometheus.NewRegistry())
	if err := f.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	gets := w.store.Calls("get")
	w.to.fail = func() error { return errors.New("nobody should ask") }
	if err := f.Once(t.Context()); err != nil || w.store.Calls("get") != gets {
		t.Errorf("%v; %d objects fetched", err, w.store.Calls("get")-gets)
	}
	w.to.fail = func() error { return nil }
	s.Commit(mirrortest.Events(5, w.clock())...)
	w.Stream().Commit(mirrortest.Events(5, w.clock())...)
	if err := f.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.check(w.Rows())
}

// TestFeedSkipsWhatExpired: a file that is gone is information once its lock has
// expired, also when it vanishes in the middle of a commit.
func TestFeedSkipsWhatExpired(t *testing.T) {
	for _, row := range []int64{0, 2, 4, 6, 8, 9, 11} { // where the target was when the file vanished
		w := newWorld(t)
		s := w.Stream()
		m := s.Commit(mirrortest.Events(12, w.clock())...)
		s.Commit(mirrortest.Events(3, w.clock())...)
		w.to.keeps = 1
		steps := int64(0)
		w.to.fail = func() error {
			if steps++; steps > row+1 { // the first one is for the position
				return errors.New("away")
			}
			return nil
		}
		f := w.feed(prometheus.NewRegistry())
		if err := f.Once(t.Context()); err == nil {
			t.Fatal("no error")
		}
		had := len(w.to.rows)
		if int64(had) != row {
			t.Fatalf("%d rows, want %d", had, row)
		}
		w.to.fail = func() error { return nil }
		w.advance(25 * time.Hour) // class standard expires, class long does not
		file := m.Files[1]        // rows 4 to 7 of the commit: others come before and behind
		if m.Files[0].Rows != 4 || file.Rows != 4 || len(m.Files) != 3 || file.Class != "standard" {
			t.Fatalf("files %+v", m.Files)
		}
		w.store.DeleteVersion(ledger.Join(mirrortest.Prefix, file.Key), file.VersionID)
		gone := map[int64]bool{}
		for _, r := range s.Rows[:12] {
			_, have := w.to.rows[fmt.Sprint(s.ID, r.Seq)]
			gone[r.Seq] = r.Day() == file.Day && !have
		}
		registry := prometheus.NewRegistry()
		f = w.feed(registry)
		if err := f.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		var want []event.Row
		for _, r := range s.Rows {
			if !gone[r.Seq] {
				want = append(want, r)
			}
		}
		w.check(want)
		if n := count(t, registry, "archiver_mirror_expired_rows_total"); n != 4 {
			t.Errorf("%v expired rows are counted, want 4", n)
		}
	}
}

func count(t *testing.T, r *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// TestFeedRefusesWhatTheManifestDoesNotSay: a stream with a broken file waits, and
// the others go on.
func TestFeedRefusesWhatTheManifestDoesNotSay(t *testing.T) {
	for name, tt := range map[string]struct {
		attack func(*world, string, string)
		want   string
	}{
		"missing within its lock": {func(w *world, key, version string) { w.store.DeleteVersion(key, version) }, "not found"},
		"lost for a while": {func(w *world, key, _ string) {
			w.store.Intercept(func(c memstore.Call) *memstore.Fault {
				if c.Op == "get" && c.Key == key {
					return &memstore.Fault{Err: memstore.ErrLost}
				}
				return nil
			})
		}, "connection lost"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			broken := w.Stream()
			m := broken.Commit(mirrortest.Events(4, w.clock())...)
			broken.Commit(mirrortest.Events(4, w.clock())...)
			w.advance(time.Second) // streams are fed in the order of their opening
			good := w.Stream()
			good.Commit(mirrortest.Events(4, w.clock())...)
			tt.attack(w, ledger.Join(mirrortest.Prefix, m.Files[1].Key), m.Files[1].VersionID)
			f := w.feed(prometheus.NewRegistry())
			for range 3 {
				if err := f.Once(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), m.Files[1].Key) {
					t.Fatalf("error %v, want %q and the key", err, tt.want)
				}
			}
			if w.to.at[broken.ID].Index != 0 || w.to.at[good.ID].Index != 1 {
				t.Errorf("positions %v", w.to.at)
			}
			if n := strings.Count(w.log.String(), "mirror fails"); n != 1 {
				t.Errorf("the log says it %d times:\n%s", n, &w.log)
			}
		})
	}
}

// TestForgedVersionChangesNothing: what is read is the version that the manifest names.
func TestForgedVersionChangesNothing(t *testing.T) {
	w := newWorld(t)
	s := w.Stream()
	m := s.Commit(mirrortest.Events(4, w.clock())...)
	w.store.PutForged(ledger.Join(mirrortest.Prefix, m.Files[0].Key), []byte("PAR1 forged PAR1"))
	w.store.Hide(ledger.Join(mirrortest.Prefix, m.Files[1].Key))
	if err := w.feed(prometheus.NewRegistry()).Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.check(w.Rows())
}

// TestTargetAheadOfTheLedger: a truncated ledger is told, not repaired.
func TestTargetAheadOfTheLedger(t *testing.T) {
	w := newWorld(t)
	s := w.Stream()
	s.Commit(mirrortest.Events(4, w.clock())...)
	w.to.at[s.ID] = mirror.Position{Index: 5}
	if err := w.feed(prometheus.NewRegistry()).Once(t.Context()); err == nil || !strings.Contains(err.Error(), "the target has commits up to 4") {
		t.Errorf("error %v", err)
	}
	if len(w.to.rows) != 0 {
		t.Errorf("%d rows", len(w.to.rows))
	}
}
