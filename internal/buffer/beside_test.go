package buffer

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

// TestReadersBesideWriters reads snapshots while events come in and batches are
// sealed, archived and recycled. Each is contiguous, and with the committed
// batches below FirstSeq it makes the whole: no row is missing or double.
func TestReadersBesideWriters(t *testing.T) {
	o := smallOptions(crashfs.New())
	o.SealRows = 200
	o.RetryIDs = -1 // the writers send the same events
	r := start(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	var committed, acked atomic.Int64 // events
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil && i < 100_000; i++ {
				if _, err := r.Append(context.Background(), testEvents(i, 1+i%40)); err != nil {
					t.Error(err)
					return
				}
				acked.Add(int64(1 + i%40))
			}
		})
	}
	wg.Go(func() {
		for {
			batch, err := r.Next(ctx, -1)
			if err != nil {
				return
			}
			committed.Store(batch.Last + 1) // the commit comes before the release
			if err := r.Release(context.Background(), batch); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for committed.Load() < 20_000/stride { // long enough for segments to be reused
		before := acked.Load()
		snap, err := r.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if have := committed.Load(); have < snap.FirstSeq {
			t.Fatalf("snapshot begins with seq %d, committed are %d", snap.FirstSeq, have)
		}
		if snap.NextSeq < before {
			t.Fatalf("snapshot ends before seq %d, acknowledged were %d", snap.NextSeq, before)
		}
		snap.Close()
		rows(t, r.Buffer)
	}
	cancel()
	wg.Wait()
	r.mustHalt(t)
}
