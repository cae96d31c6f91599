package buffer

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

// TestSnapshotReach: a Snapshot does not reach as far as an event that is being
// written, nor does any event that comes later fall behind it, whatever the clock does.
func TestSnapshotReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(crashfs.New(), "/wal")
		var ahead atomic.Int64 // nanoseconds
		o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		r := start(t, o)
		reach := func() int64 {
			t.Helper()
			snap, err := r.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			snap.Close()
			return snap.At.UnixMilli()
		}
		received := func() int64 {
			t.Helper()
			r.mustAppend(t, testEvent(int(r.Stats().NextSeq)))
			return r.w.state.received
		}

		if first := received(); reach() < first {
			t.Errorf("it does not reach what was acknowledged at %d", first)
		}
		for range 3 { // within the same millisecond
			if at := reach(); received() <= at {
				t.Errorf("an event was received by %d, after a snapshot that reached so far", at)
			}
		}
		ahead.Store(-int64(time.Hour))
		if before, at := r.w.state.received, reach(); at < before || received() <= at {
			t.Error("a clock that is set back takes promises back")
		}

		ahead.Store(0)
		leave, held := make(chan struct{}), r.w.file
		r.w.file = &gatedFile{File: held, before: func() { <-leave }}
		answer := make(chan error)
		go func() {
			_, err := r.Append(context.Background(), testEvents(100, 1))
			answer <- err
		}()
		synctest.Wait()
		time.Sleep(time.Minute) // while it is being synced
		at := reach()
		close(leave)
		if err := <-answer; err != nil {
			t.Fatal(err)
		}
		if r.w.state.received <= at {
			t.Errorf("a snapshot without the event that was received at %d reaches %d", r.w.state.received, at)
		}
		if reach() < r.w.state.received {
			t.Error("it does not reach what was acknowledged")
		}
		r.mustHalt(t)
	})
}
