package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	"github.com/audit-archiver/archiver/internal/parquet"
	"github.com/audit-archiver/archiver/testenv/proc"
)

// TestFaultA32Drain: the bucket was away until that many batches waited. One archiver
// brings all of them there, oldest first, and neither memory nor open files nor the spool
// grow with what waits or with what was done. FAULTS=all says 100,000.
func TestFaultA32Drain(t *testing.T) {
	batches := 300
	if os.Getenv("FAULTS") == "all" {
		batches = 100_000
	}
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		proc.Missing(t, "open files cannot be counted without /proc: %v", err)
	}
	w := newWorld(t)
	w.fs = unsynced{durable.OS()}
	w.pileUp(batches)
	if n := entries(t, filepath.Join(w.dir, "wal")); batches >= 100_000 && n < 1000 {
		t.Fatalf("only %d files in the log", n)
	}
	a := &auditor{Store: w.store, t: t, head: must(ledger.NewHead(w.openRaw, w.root.VKey()))}
	w.wrap = func(*memstore.Store) object.Store { return a }
	var first usage
	a.look = func() {
		switch {
		case a.rows == 0: // the stream was begun, and everything waits
			first = w.usage()
			t.Logf("before the first batch: %+v", first)
		case a.rows%max(int64(batches)/10, 1) == 0:
			now := w.usage()
			t.Logf("%6d of %d batches are archived: %+v", a.rows, batches, now)
			// Encoders and handles come into use during the first few.
			if now.heap > first.heap+16<<20 || now.files > first.files+20 || now.spool > spoolAhead+2 {
				t.Errorf("after %d batches %+v, before the first one %+v", a.rows, now, first)
			}
		}
	}
	p := must(w.start())
	if n := p.buffer.Stats().SealedBatches; n != batches {
		t.Fatalf("%d batches wait, want %d", n, batches)
	}
	done := func() bool { return p.archiver.Status().Started && p.buffer.Stats().SealedBatches == 0 }
	if err := errors.Join(p.archiver.Drain(t.Context(), done), p.end()); err != nil {
		t.Fatal(err)
	}
	if a.rows != int64(batches) || a.head.Index != int64(batches) || a.head.NextSeq != int64(batches) {
		t.Errorf("%d rows in %d commits up to seq %d, want %d", a.rows, a.head.Index, a.head.NextSeq, batches)
	}
	if n := entries(t, filepath.Join(w.dir, "wal")); n > 20 {
		t.Errorf("%d files are left in the log", n)
	}
}

// usage is what must not grow.
type usage struct {
	heap         uint64
	files, spool int
}

func (w *world) usage() usage {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return usage{m.HeapAlloc, entries(w.t, "/proc/self/fd"), entries(w.t, filepath.Join(w.dir, "spool"))}
}

// pileUp fills a log with batches of one event each, while no archiver runs.
func (w *world) pileUp(batches int) {
	w.t.Helper()
	buf := must(buffer.Open(w.bufferOptions()))
	ctx, stop := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- buf.Run(ctx) }()
	for i := range batches {
		if _, err := buf.Append(ctx, []event.Event{backlogEvent(int64(i))}); err != nil {
			w.t.Fatal(err)
		}
		if err := buf.Seal(ctx); err != nil {
			w.t.Fatal(err)
		}
		w.clock.advance(time.Millisecond)
	}
	stop()
	if err := errors.Join(<-ended, buf.Close()); err != nil {
		w.t.Fatal(err)
	}
	w.sent = make([]event.Event, batches) // how many; the auditor knows which
}

// backlogEvent makes the i-th event: the auditor keeps none to compare with.
func backlogEvent(i int64) event.Event {
	return event.Event{ID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, i)).String(), Action: "order.create", ActorID: fmt.Sprint("user-", i%7), ActorType: "user",
		ResourceType: "order", Outcome: "success", Producer: "test", Retention: "standard", Details: event.Str(fmt.Sprintf(`{"n":%d}`, i)),
		TimestampNS: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC).UnixNano() + i}
}

// auditor stands behind the writer of a bucket. He verifies each commit when it comes, as
// the one that follows, with its files and their rows, and then takes it all away: what
// has been looked at costs no memory, and no time in listings.
type auditor struct {
	*memstore.Store
	t    *testing.T
	head ledger.Head
	rows int64
	past object.Info // the commit before, which its writer still wants to confirm
	look func()
}

func (a *auditor) Put(ctx context.Context, p object.Put) (string, error) {
	id, err := a.Store.Put(ctx, p)
	if err != nil || !strings.HasSuffix(p.Key, ".commit") {
		return id, err
	}
	if err := a.audit(ctx, object.Info{Key: p.Key, VersionID: id}); err != nil {
		a.t.Errorf("audit: %v", err)
	}
	return id, nil
}

func (a *auditor) audit(ctx context.Context, commit object.Info) error {
	raw, err := a.read(ctx, commit.Key, commit.VersionID)
	if err != nil {
		return err
	}
	head, c, err := a.head.Verify(raw)
	if err != nil {
		return err
	}
	a.head = head
	for i := range c.Manifest.Files {
		f := &c.Manifest.Files[i]
		key := ledger.Join(prefix, f.Key)
		raw, err := a.read(ctx, key, f.VersionID)
		if err != nil {
			return err
		}
		if sha(raw) != f.SHA256 {
			return fmt.Errorf("%s: checksum differs from the manifest", key)
		}
		for row, err := range must(parquet.Open(bytes.NewReader(raw), int64(len(raw)), f.Class)).Rows() {
			want := backlogEvent(a.rows)
			want.ReceivedAtMS = row.ReceivedAtMS
			if err != nil || row.Seq != a.rows || row.Event != want {
				return fmt.Errorf("commit %d: seq %d %+v, want seq %d: %w", head.Index, row.Seq, row.Event, a.rows, err)
			}
			a.rows++
		}
		a.DeleteVersion(key, f.VersionID)
	}
	if a.past.Key != "" {
		a.DeleteVersion(a.past.Key, a.past.VersionID)
	}
	a.past = commit
	a.look()
	return nil
}

func (a *auditor) read(ctx context.Context, key, versionID string) ([]byte, error) {
	body, err := a.Get(ctx, key, versionID)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(body)
	return raw, errors.Join(err, body.Close())
}

// unsynced is for a test of many operations that loses no power.
type unsynced struct{ durable.FS }

func (unsynced) SyncDir(string) error { return nil }

func (u unsynced) OpenFile(name string, flag int, perm fs.FileMode) (durable.File, error) {
	f, err := u.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

type unsyncedFile struct{ durable.File }

func (unsyncedFile) Sync() error { return nil }
