package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

func sha(b []byte) ledger.Hash { return sha256.Sum256(b) }

func TestArchive(t *testing.T) {
	w := newWorld(t)
	p := must(w.start())
	for range 3 {
		if err := p.send(w.events(20)...); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.drain(); err != nil {
		t.Fatal(err)
	}
	if err := p.buffer.Heartbeat(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := p.drain(); err != nil {
		t.Fatal(err)
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	view := w.check()
	m := view.Streams[0].Manifests
	if len(m) != 5 || m[0].Notes[0].Kind != ledger.NoteStart || m[4].Notes[0].Kind != ledger.NoteHeartbeat {
		t.Fatalf("want start, three batches, heartbeat; got %d commits", len(m))
	}
	if !m[4].Through.After(m[3].Through) && m[4].Through != m[3].Through {
		t.Errorf("through went back: %s after %s", m[4].Through, m[3].Through)
	}
	if names, err := os.ReadDir(filepath.Join(w.dir, "spool")); err != nil || len(names) != 0 {
		t.Errorf("the spool is not empty: %v %v", names, err)
	}
	// The same run goes on without another start note; another machine has one.
	w.finish()
	w.id.Machine = "other"
	w.finish()
	if n := len(w.check().Streams[0].Manifests); n != 6 {
		t.Errorf("%d commits, want one more start note", n)
	}
}

// TestUnconfirmedLockIsNotCommitted: a store that says 200 and locks nothing.
func TestUnconfirmedLockIsNotCommitted(t *testing.T) {
	w := newWorld(t)
	p := must(w.start())
	if err := p.archiver.Drain(t.Context(), func() bool { return p.archiver.Status().Started }); err != nil {
		t.Fatal(err)
	}
	// Whatever is put from here on loses its lock before it is looked at.
	var looked atomic.Int64
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "head" && strings.HasSuffix(c.Key, ".parquet") {
			looked.Add(1)
			return &memstore.Fault{Err: fmt.Errorf("%w: scripted", object.ErrUnlocked)}
		}
		return nil
	})
	if err := p.send(w.events(1)...); err != nil {
		t.Fatal(err)
	}
	if err := p.archiver.Drain(t.Context(), func() bool {
		return w.clock.now().Sub(p.archiver.Status().Failing) > 10*time.Minute && p.archiver.Status().Err != nil
	}); err != nil {
		t.Fatal(err)
	}
	s := p.archiver.Status()
	if s.Err == nil || s.Stopped || s.Index != 0 || s.Failing.IsZero() || looked.Load() < 2 {
		t.Fatalf("want a visible, repeated failure and no commit, got %+v", s)
	}
	w.store.Intercept(nil)
	if err := errors.Join(p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	w.check()
}

// TestCopyOfTheFolder runs two copies of one data folder. One of them has to stop
// before it commits anything.
func TestCopyOfTheFolder(t *testing.T) {
	w := newWorld(t)
	w.life(nil)
	clone := *w
	clone.dir, clone.id.Inode = t.TempDir(), "copied"
	if err := os.CopyFS(clone.dir, os.DirFS(w.dir)); err != nil {
		t.Fatal(err)
	}
	second := must(clone.start()) // commits its start note
	if err := second.drain(); err != nil {
		t.Fatal(err)
	}
	first := must(w.start()) // believes that nothing has changed
	var s Status
	if err := first.archiver.Drain(t.Context(), func() bool { s = first.archiver.Status(); return s.Started || s.Stopped }); err != nil || s.Started {
		t.Fatalf("the first copy may acknowledge: %+v, %v", s, err)
	}
	if err := <-first.arcErr; !errors.Is(err, ErrConflict) {
		t.Errorf("the first copy went on: %v", err)
	}
	first.stop()
	<-first.bufErr
	if err := errors.Join(first.buffer.Close(), second.send(w.events(3)...), second.drain(), second.end()); err != nil {
		t.Fatal(err)
	}
	w.sent = clone.sent
	w.check()
}

// TestSpoolsWhileTheBucketIsAway: sealed batches become Parquet, some ahead, and
// drain in order when the bucket is back.
func TestSpoolsWhileTheBucketIsAway(t *testing.T) {
	w := newWorld(t)
	p := must(w.start())
	if err := p.archiver.Drain(t.Context(), func() bool { return p.archiver.Status().Started }); err != nil {
		t.Fatal(err)
	}
	w.store.Intercept(func(memstore.Call) *memstore.Fault { return &memstore.Fault{Err: memstore.ErrLost} })
	for range 3 * spoolAhead {
		if err := p.send(w.events(3)...); err != nil {
			t.Fatal(err)
		}
	}
	spooled := func() int { return len(must(w.fs.ReadDir(filepath.Join(w.dir, "spool")))) }
	// One that is being sent, those that wait, and one that wants to.
	const most = spoolAhead + 2
	if err := p.archiver.Drain(t.Context(), func() bool { return spooled() == most }); err != nil {
		t.Fatal(err)
	}
	w.store.Intercept(nil)
	if err := errors.Join(p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	for i, m := range w.check().Streams[0].Manifests[1:] {
		if m.First != int64(3*i) {
			t.Errorf("commit %d begins at seq %d: not in order", m.Index, m.First)
		}
	}
}

// TestMixedFolder: the WAL is of another time than the journal.
func TestMixedFolder(t *testing.T) {
	for _, old := range []string{"wal", "ledger"} {
		w := newWorld(t)
		w.life(nil)
		backup := t.TempDir()
		if err := os.CopyFS(backup, os.DirFS(filepath.Join(w.dir, old))); err != nil {
			t.Fatal(err)
		}
		w.life(nil)
		if err := errors.Join(os.RemoveAll(filepath.Join(w.dir, old)), os.CopyFS(filepath.Join(w.dir, old), os.DirFS(backup))); err != nil {
			t.Fatal(err)
		}
		if _, err := w.start(); !errors.Is(err, ErrMixed) {
			t.Errorf("old %s: got %v, want ErrMixed", old, err)
		}
	}
}

// TestFaultB44DatePassed: the store was away for longer than the retention period.
func TestFaultB44DatePassed(t *testing.T) {
	w := newWorld(t)
	p := must(w.start())
	if err := p.archiver.Drain(t.Context(), func() bool { return p.archiver.Status().Started }); err != nil {
		t.Fatal(err)
	}
	w.store.Intercept(func(memstore.Call) *memstore.Fault { return &memstore.Fault{Err: memstore.ErrLost} })
	if err := p.send(w.events(7)...); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(48 * time.Hour) // class standard is locked for 24
	w.store.Intercept(nil)
	if err := errors.Join(p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	for f := range w.check().Files() {
		if left := f.RetainUntil.Sub(w.clock.now()); left < 23*time.Hour {
			t.Errorf("%s is locked for %s only", f.Key, left)
		}
	}
}

// TestNewerEncoder: what is in the bucket has other bytes and the same rows.
func TestNewerEncoder(t *testing.T) {
	w := newWorld(t)
	p := must(w.start())
	key, body := "", []byte(nil)
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "put" && strings.HasSuffix(c.Key, ".parquet") && key == "" {
			key = c.Key
			raw, err := os.ReadFile(filepath.Join(w.dir, "spool", fmt.Sprintf("%020d", 0), "000.parquet"))
			if err != nil {
				t.Error(err)
			}
			body = bytes.Clone(raw)
			return &memstore.Fault{Err: memstore.ErrLost, Persist: true}
		}
		return nil
	})
	if err := errors.Join(p.send(w.events(1)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	if key == "" || len(body) == 0 {
		t.Fatal("nothing was spooled")
	}
	a := p.archiver
	want := spooled{Class: longClass, Rows: 1}
	var err error
	var by string
	if want.Root, want.Rows, by, err = rootOf(t.Context(), bytes.NewReader(body), int64(len(body)), longClass); err != nil {
		t.Fatal(err)
	}
	info := must(w.store.Head(t.Context(), key, ""))
	u := upload{same: func(ctx context.Context, info object.Info) error { return a.sameRows(ctx, info, want) }}
	u.Size, u.SHA256 = 1, sha([]byte("what a newer encoder would write"))
	if err := a.sameContent(t.Context(), u, &info); !errors.Is(err, errDiffers) {
		t.Errorf("equal rows in bytes that somebody else made: got %v, want errDiffers", err)
	}
	formerEncoders = []string{by}
	defer func() { formerEncoders = nil }()
	if err := a.sameContent(t.Context(), u, &info); err != nil {
		t.Errorf("equal rows in the bytes of a former release: %v", err)
	}
	want.Root[0] ^= 1
	if err := a.sameContent(t.Context(), u, &info); !errors.Is(err, errDiffers) {
		t.Errorf("other rows: got %v, want errDiffers", err)
	}
}

// TestFilesAreInTheOrderOfTheirKeys: a batch has events of two classes, of which the name of
// one is the other's and a hyphen and more. A manifest has its files by key.
func TestFilesAreInTheOrderOfTheirKeys(t *testing.T) {
	w := newWorld(t)
	p := must(w.start())
	if err := errors.Join(p.drain(), p.send(w.events(2)...)); err != nil {
		t.Fatal(err)
	}
	err := p.buffer.Seal(t.Context())
	if err == nil {
		err = p.archiver.Drain(t.Context(), func() bool { return p.archiver.Status().Err != nil || p.buffer.Stats().SealedBatches == 0 })
	}
	if err = errors.Join(err, p.archiver.Status().Err, p.end()); err != nil {
		t.Fatal(err)
	}
	w.check()
}
