package archive

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// TestRestoredBeforeTheSeal: the WAL comes back as it was before a batch was sealed
// that is archived by now. All its rows are there, but the next seal would cut them
// into another batch of the same number, and events that are new would be released
// as archived.
func TestRestoredBeforeTheSeal(t *testing.T) {
	w := newWorld(t)
	wal, backup := filepath.Join(w.dir, "wal"), t.TempDir()
	p := must(w.start())
	events := w.events(7)
	must(p.buffer.Append(t.Context(), events))
	w.sent = append(w.sent, events...)
	if err := errors.Join(os.CopyFS(backup, os.DirFS(wal)), p.buffer.Seal(t.Context()), p.drain(), p.end(),
		os.RemoveAll(wal), os.CopyFS(wal, os.DirFS(backup))); err != nil {
		t.Fatal(err)
	}
	if _, err := w.start(); !errors.Is(err, ErrMixed) {
		t.Fatalf("got %v, want ErrMixed", err)
	}
}

// TestBatchOutOfOrder: a batch that does not continue what is archived is neither
// committed nor released, however it came about.
func TestBatchOutOfOrder(t *testing.T) {
	w := newWorld(t)
	w.life(nil)
	p := must(w.start())
	if err := errors.Join(p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	a := p.archiver
	batch, seq := a.state.NextBatch, a.state.Head.NextSeq
	for _, b := range []buffer.Batch{
		{Number: batch - 1, First: seq - 1, Last: seq, Count: 2},
		{Number: batch, First: seq - 1, Last: seq, Count: 2},
		{Number: batch, First: seq + 1, Last: seq + 1, Count: 1},
	} {
		if err := a.commit(t.Context(), &job{batch: &b}); !errors.Is(err, ErrMixed) {
			t.Errorf("batch %d, seq %d to %d, after batch %d, seq %d: got %v, want ErrMixed", b.Number, b.First, b.Last, batch-1, seq-1, err)
		}
	}
}

// TestAnotherBucket: the configuration names another bucket or prefix than the one
// that the stream lives in. Nothing may be locked there.
func TestAnotherBucket(t *testing.T) {
	for _, empty := range []bool{true, false} {
		w := newWorld(t)
		w.life(nil)
		w.store = memstore.New(t, w.clock.now)
		if !empty { // made anew from the same keys
			w.putArchive()
		}
		before := w.store.Keys()
		p := must(w.start())
		err := p.archiver.Drain(t.Context(), func() bool { s := p.archiver.Status(); return s.Started || s.Err != nil })
		if s := p.archiver.Status(); err != nil || s.Started || s.Err == nil || !strings.Contains(s.Err.Error(), "not in the bucket") {
			t.Errorf("empty %v: %v, status %+v", empty, err, s)
		}
		if err := p.end(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if now := w.store.Keys(); !slices.Equal(now, before) {
			t.Errorf("empty %v: written there: %v", empty, now)
		}
	}
}

// TestDateNotSaved: a later date that is not on our disk yet is not asked for.
func TestDateNotSaved(t *testing.T) {
	w := newWorld(t)
	p := must(w.start())
	if err := errors.Join(p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	b := &buffer.Batch{Number: 7, SealedAt: w.clock.now()}
	until := b.SealedAt.Add(24 * time.Hour)
	pl := plan{Batch: 7, Files: []spooled{{SealedUntil: until, RetainUntil: until}}}
	w.clock.advance(48 * time.Hour)
	if err := p.archiver.redate(b, &pl); err == nil { // there is no spool folder
		t.Fatal("the plan cannot have been saved")
	}
	if got := pl.Files[0].RetainUntil; !got.Equal(until) {
		t.Errorf("got %s, want %s still", got, until)
	}
	if err := errors.Join(durable.MkdirAll(w.fs, p.archiver.spoolDir(7), 0o700), p.archiver.redate(b, &pl)); err != nil {
		t.Fatal(err)
	}
	if got := pl.Files[0].RetainUntil; !got.After(w.clock.now().Add(23 * time.Hour)) {
		t.Errorf("got %s at %s", got, w.clock.now())
	}
}

// TestFaultB44ClockWasAhead: a batch that was sealed by a clock 100 days ahead is not
// locked for 100 days too long, but waits until the clocks agree, or for somebody who takes
// the longer lock.
func TestFaultB44ClockWasAhead(t *testing.T) {
	for name, mend := range map[string]func(*world){
		"it was right":        func(w *world) { w.clock.advance(100 * 24 * time.Hour) },
		"a person decides so": func(w *world) { w.ahead = 101 * 24 * time.Hour },
	} {
		t.Run(name, func(t *testing.T) { clockWasAhead(t, 100*24*time.Hour, mend) })
	}
}

func clockWasAhead(t *testing.T, ahead time.Duration, mend func(*world)) {
	w := newWorld(t)
	p := must(w.start())
	if err := p.drain(); err != nil {
		t.Fatal(err)
	}
	before := w.store.Keys()
	w.store.Intercept(func(memstore.Call) *memstore.Fault { return &memstore.Fault{Err: memstore.ErrLost} }) // as a store whose clock is right
	w.clock.advance(ahead)
	if err := p.send(w.events(7)...); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(-ahead)
	w.store.Intercept(nil)
	err := p.archiver.Drain(t.Context(), func() bool {
		s := p.archiver.Status()
		return s.Index > 0 || s.Err != nil && strings.Contains(s.Err.Error(), "ahead of the clock")
	})
	if s := p.archiver.Status(); err != nil || s.Index > 0 || s.Stopped {
		t.Errorf("%v, status %+v", err, s)
	}
	if now := w.store.Keys(); !slices.Equal(now, before) {
		t.Errorf("locked: %v", now)
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	mend(w)
	p = must(w.start())
	if err := errors.Join(p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	w.check()
}

// TestFaultB44ClockWasAheadAtTheUpload: a batch is sealed while the clock is right, and its
// upload begins, and does not work, while it is 100 days ahead. When the clock was put
// right nothing is locked for longer than its class says.
func TestFaultB44ClockWasAheadAtTheUpload(t *testing.T) {
	const ahead = 100 * 24 * time.Hour
	w := newWorld(t)
	p := must(w.start())
	if err := p.drain(); err != nil {
		t.Fatal(err)
	}
	var jumped atomic.Bool
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		switch {
		case c.Op == "versions" && strings.HasSuffix(c.Key, ".commit") && jumped.CompareAndSwap(false, true):
			w.clock.advance(ahead) // behind the last look at the bucket before the files
		case c.Op == "put" && strings.HasSuffix(c.Key, ".parquet") && w.clock.now().Sub(w.open.OpenedAt) > ahead/2:
			return &memstore.Fault{Err: errors.New("RequestTimeTooSkewed")}
		}
		return nil
	})
	if err := p.send(w.events(7)...); err != nil {
		t.Fatal(err)
	}
	if err := p.archiver.Drain(t.Context(), func() bool { return p.archiver.Status().Err != nil }); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(-ahead)
	if err := errors.Join(p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	for f := range w.check().Files() {
		if left := f.RetainUntil.Sub(w.clock.now()); left > 4*24*time.Hour { // the longest class has three days
			t.Errorf("%s is locked for %s: the clock was put right before it was sent", f.Key, left)
		}
	}
}
