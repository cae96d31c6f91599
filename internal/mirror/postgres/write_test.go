package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/mirror"
	"github.com/audit-archiver/archiver/internal/mirror/mirrortest"
)

// TestTwoMirrors at once share the work and double nothing.
func TestTwoMirrors(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		s := w.Stream()
		for range 5 {
			s.Commit(mirrortest.Events(200, w.now())...)
		}
	}
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for range 2 {
		registry := prometheus.NewRegistry()
		to := w.target("", registry)
		to.rows = 9
		feed := w.feed(to, registry)
		wg.Go(func() {
			<-begin
			if err := feed.Once(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	wg.Wait()
	w.equal()
	if n := w.number("SELECT sum(rows) FROM audit_mirror_position"); n != 3000 {
		t.Errorf("%d rows are counted, want 3000", n)
	}
}

// commitOf is a commit without a bucket.
func commitOf(stream uuid.UUID, events []event.Event) *mirror.Commit {
	c := &mirror.Commit{Stream: stream, Last: int64(len(events)) - 1, Count: int64(len(events))}
	c.Rows = func(context.Context) iter.Seq2[event.Row, error] {
		return func(yield func(event.Row, error) bool) {
			for i, e := range events {
				if !yield(event.Row{Event: e, Stream: stream, Seq: int64(i)}, nil) {
					return
				}
			}
		}
	}
	return c
}

// TestOvertaken: another mirror writes while this one reads, part of the commit at
// first and then the rest.
func TestOvertaken(t *testing.T) {
	w := newWorld(t)
	slow, quick := w.target("", prometheus.NewRegistry()), w.target("", prometheus.NewRegistry())
	slow.rows, quick.rows = 5, 3
	c := commitOf(uuid.New(), mirrortest.Events(40, w.now()))
	broken := errors.New("broken off")
	quickly := func(rows int) error {
		part := *c
		part.Rows = func(ctx context.Context) iter.Seq2[event.Row, error] {
			return func(yield func(event.Row, error) bool) {
				n := 0
				for r, err := range c.Rows(ctx) {
					if n++; n > rows {
						err = broken
					}
					if !yield(r, err) || err != nil {
						return
					}
				}
			}
		}
		return quick.Write(t.Context(), &part)
	}
	overtaken := *c
	overtaken.Rows = func(ctx context.Context) iter.Seq2[event.Row, error] {
		return func(yield func(event.Row, error) bool) {
			n := 0
			for r, err := range c.Rows(ctx) {
				switch n++; n {
				case 8, 13: // a part of a chunk, and more than one
					if err := quickly(2 * n); !errors.Is(err, broken) {
						t.Errorf("the quick one: %v", err)
					}
				case 32:
					if err := quickly(40); err != nil {
						t.Errorf("the quick one: %v", err)
					}
				}
				if !yield(r, err) {
					return
				}
			}
		}
	}
	if err := slow.Write(t.Context(), &overtaken); err != nil {
		t.Fatal(err)
	}
	if n := w.number("SELECT count(DISTINCT seq) * 1000 + count(*) FROM audit_logs"); n != 40040 {
		t.Errorf("%d", n)
	}
	for _, to := range []*Target{slow, quick} {
		if at, err := to.Position(t.Context(), c.Stream); err != nil || at != (mirror.Position{Index: 1}) {
			t.Errorf("position %+v, %v", at, err)
		}
	}
}

// TestPositionWentBack: a database that was restored from a backup has rows and
// position of the same instant. What is missing is written again, not skipped.
func TestPositionWentBack(t *testing.T) {
	w := newWorld(t)
	s := w.Stream()
	registry := prometheus.NewRegistry()
	feed := w.feed(w.target("", registry), registry)
	s.Commit(mirrortest.Events(20, w.now())...)
	if err := feed.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.forge("DELETE FROM audit_logs; DELETE FROM audit_mirror_position")
	s.Commit(mirrortest.Events(20, w.now())...)
	if err := feed.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.equal()
}

// TestRefusedRows: what PostgreSQL does not take is found, remembered and counted, and
// everything around it comes through.
func TestRefusedRows(t *testing.T) {
	w := newWorld(t)
	events := mirrortest.Events(50, w.now())
	events[0].Reason = event.Str("a\x00b")
	events[17].Details = event.Str(`{"a":`)
	events[18].ActorID = strings.Repeat("ä", 256)
	events[49].Action, events[49].ID = "\xff", "\xff\x00"
	registry := prometheus.NewRegistry()
	to := w.target("", registry)
	to.rows = 20
	c := commitOf(uuid.New(), events)
	if err := to.Write(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if n := w.count("audit_logs"); n != 46 {
		t.Errorf("%d rows, want 46", n)
	}
	for seq, state := range map[int]string{0: "22021", 17: "22P02", 18: "22001", 49: "22021"} {
		if n := w.number(fmt.Sprintf("SELECT count(*) FROM audit_mirror_refused WHERE seq = %d AND sqlstate = '%s'", seq, state)); n != 1 {
			t.Errorf("seq %d is not refused with %s", seq, state)
		}
	}
	if n := w.number("SELECT refused * 1000 + rows FROM audit_mirror_position"); n != 4046 {
		t.Errorf("refused and added: %d", n)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families[0].GetMetric() {
		if want := map[string]float64{"encoding": 2, "value": 2}[m.GetLabel()[0].GetValue()]; m.GetCounter().GetValue() != want {
			t.Errorf("%v", m)
		}
	}
}

// TestBrokenTableRefusesNothing: when the table is at fault and not the row, the
// mirror stops and says so, and goes on when it is mended.
func TestBrokenTableRefusesNothing(t *testing.T) {
	for breaks, mends := range map[string]string{
		"ALTER TABLE audit_logs RENAME COLUMN ip_text TO ip_txt": "ALTER TABLE audit_logs RENAME COLUMN ip_txt TO ip_text",
		"ALTER TABLE audit_logs ALTER received_at TYPE text":     "ALTER TABLE audit_logs ALTER received_at TYPE timestamptz USING received_at::timestamptz",
		"REVOKE INSERT ON audit_logs FROM audit_mirror":          "GRANT INSERT ON audit_logs TO audit_mirror",
		"ALTER TABLE audit_logs ALTER seq TYPE text":             "ALTER TABLE audit_logs ALTER seq TYPE bigint USING seq::bigint",
	} {
		w := newWorld(t)
		w.Stream().Commit(mirrortest.Events(20, w.now())...)
		w.pg.Exec(t, w.db, breaks)
		registry := prometheus.NewRegistry()
		feed := w.feed(w.target("", registry), registry)
		if err := feed.Once(t.Context()); err == nil {
			t.Errorf("%s: no error", breaks)
		}
		if n := w.count("audit_mirror_refused"); n != 0 {
			t.Errorf("%s: %d rows are refused", breaks, n)
		}
		w.pg.Exec(t, w.db, mends)
		if err := feed.Once(t.Context()); err != nil {
			t.Errorf("%s: %v", breaks, err)
		}
		w.equal()
	}
	// A month that somebody has dropped by hand is made again.
	w := newWorld(t)
	s := w.Stream()
	events := mirrortest.Events(1, w.now())
	s.Commit(events...)
	registry := prometheus.NewRegistry()
	feed := w.feed(w.target("", registry), registry)
	if err := feed.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.pg.Exec(t, w.db, "DROP TABLE "+w.tables()[1])
	s.Commit(events...)
	if err := feed.Once(t.Context()); err == nil {
		t.Error("the month is gone, and it works")
	}
	if err := feed.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if report, _ := w.diff(0); report != (Report{Equal: 1, Missing: 1}) {
		t.Errorf("%+v", report)
	}
}
