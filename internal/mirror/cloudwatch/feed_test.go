package cloudwatch

import (
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/mirror"
	"github.com/audit-archiver/archiver/internal/mirror/mirrortest"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	double "github.com/audit-archiver/archiver/testenv/cloudwatch"
)

// TestFollowsAnArchive feeds the mirror from real files and signed commits of two streams,
// while every third request goes wrong in some way and the process is killed again and
// again. In the end each event is in the log stream of its stream, as it is in the archive;
// what is there more than once was sent without an answer.
func TestFollowsAnArchive(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 7))
		store := memstore.New(t, noon)
		archive := mirrortest.New(t, store, noon)
		for range 2 {
			s := archive.Stream()
			for range 3 {
				s.Commit(mirrortest.Events(1+rng.IntN(40), noon())...)
				s.Commit()
			}
		}
		w := newWorld(t)
		w.client = w.target.client
		dice := rand.New(rand.NewPCG(seed, 8)) // the server's own: it throws them in its goroutines
		var unanswered atomic.Int64            // events of requests whose answer was lost
		w.srv.OnPut = func(p double.Put) double.Fault {
			fault := []double.Fault{double.Denied, double.CutBefore, double.AfterCut, double.AfterError}[dice.IntN(4)]
			if dice.IntN(3) > 0 {
				return double.None
			}
			if fault >= double.AfterCut {
				unanswered.Add(int64(len(p.Events)))
			}
			return fault
		}
		for round := 0; ; round++ {
			feed, err := mirror.New(mirror.Options{
				Name: "cloudwatch", Reader: archive.Reader(), Store: store, Prefix: mirrortest.Prefix, Target: w.target,
				Interval: time.Minute, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: noon, Metrics: prometheus.NewRegistry(),
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := feed.Once(t.Context()); err == nil {
				break
			}
			if round > 1000 {
				t.Fatal("it does not get there")
			}
			if rng.IntN(2) == 0 {
				w.fs = w.fs.Crash(rng, rng.IntN(101))
				w.start()
			}
		}
		repeated := 0
		for _, s := range archive.Streams {
			repeated += sameStream(t, s.Rows, w.srv.Events(logGroup, "archive/"+s.ID.String()))
		}
		if repeated > int(unanswered.Load()) {
			t.Errorf("seed %d: %d events are there once more, %d were sent without an answer", seed, repeated, unanswered.Load())
		}
	}
}

// sameStream demands every row, unchanged, and returns how many events are repeats.
func sameStream(t *testing.T, rows []event.Row, events []double.Event) (repeated int) {
	t.Helper()
	seen := make(map[int64]bool)
	for _, e := range events {
		var about struct{ Seq int64 }
		if err := json.Unmarshal([]byte(e.Message), &about); err != nil || about.Seq < 0 || about.Seq >= int64(len(rows)) {
			t.Fatalf("message %s: %v", e.Message, err)
		}
		r := &rows[about.Seq]
		if e.Message != message(r) || e.Timestamp != r.TimestampMS() {
			t.Fatalf("seq %d is %d %s, want %d %s", about.Seq, e.Timestamp, e.Message, r.TimestampMS(), message(r))
		}
		if seen[about.Seq] {
			repeated++
		}
		seen[about.Seq] = true
	}
	if len(seen) != len(rows) {
		t.Fatalf("%d of %d events", len(seen), len(rows))
	}
	return repeated
}
