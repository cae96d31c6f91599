package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// badBytes are wrong, of a file: more than a header of a page has, of which not all is
// used.
const badBytes = 64

// badDisk is a disk on which some bytes of a Parquet file are not what they must be, once.
type badDisk struct {
	durable.FS
	at      int64 // of the first of them, in the file
	encoder bool  // the encoder made them so; else they changed on their way to the disk
	done    atomic.Bool
}

func (s *badDisk) OpenFile(name string, flag int, perm fs.FileMode) (durable.File, error) {
	f, err := s.FS.OpenFile(name, flag, perm)
	if err == nil && strings.HasSuffix(name, ".parquet") {
		f = badFile{f, s}
	}
	return f, err
}

type badFile struct {
	durable.File
	by *badDisk
}

// WriteAt changes the caller's own bytes where the encoder is to blame, which no
// io.WriterAt may do: the archiver hashes them after this, so that its checksum is of
// what is wrong.
func (f badFile) WriteAt(p []byte, off int64) (int, error) {
	if at := f.by.at - off; at >= 0 && at < int64(len(p)) && f.by.done.CompareAndSwap(false, true) {
		if !f.by.encoder {
			p = bytes.Clone(p)
		}
		for i := at; i < min(at+badBytes, int64(len(p))); i++ {
			p[i] ^= 1
		}
	}
	return f.File.WriteAt(p, off)
}

// TestWrongFileIsNotSent: what was encoded, or what is on the disk of it, are not the
// rows of the log. It is noticed before the bucket has heard of the file: nobody could
// take it back for years.
func TestWrongFileIsNotSent(t *testing.T) {
	const eighths = 8
	w := newWorld(t)
	p := must(w.start())
	if err := errors.Join(p.send(w.oneDay(20)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	for f := range w.check().Files() {
		size = f.Size
	}
	for _, encoder := range []bool{true, false} {
		for i := range int64(eighths) {
			t.Run(fmt.Sprintf("encoder %v, %d eighths", encoder, i), func(t *testing.T) {
				w := newWorld(t)
				log := w.record()
				disk := &badDisk{FS: w.fs, encoder: encoder, at: size * i / eighths}
				w.fs = disk
				p := must(w.start())
				if err := errors.Join(p.send(w.oneDay(20)...), p.drain(), p.end()); err != nil {
					t.Fatal(err)
				}
				w.check()
				if said := log.String(); !disk.done.Load() || !strings.Contains(said, "read back: ") {
					t.Errorf("%d bytes are wrong from %d on: %v; the archiver says:\n%s", badBytes, disk.at, disk.done.Load(), said)
				}
			})
		}
	}
}

// oneDay makes events that are all in one file.
func (w *world) oneDay(n int) []event.Event {
	events := w.events(n)
	for i := range events {
		events[i].Retention, events[i].TimestampNS = "standard", w.clock.now().UnixNano()
	}
	return events
}

// TestSpoolThatRots: a bit of a spooled file changes after its plan was made, and its
// size does not. It is made again, between two tries and at a start.
func TestSpoolThatRots(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart %v", restart), func(t *testing.T) {
			w := newWorld(t)
			log := w.record()
			p := must(w.start())
			hit := false
			w.store.Intercept(func(c memstore.Call) *memstore.Fault {
				if hit || c.Op != "put" || !strings.HasSuffix(c.Key, ".parquet") {
					return nil
				}
				hit = true
				flipBit(filepath.Join(w.dir, "spool", fmt.Sprintf("%020d", 0), "000.parquet"))
				if restart {
					p.stop()
				}
				return &memstore.Fault{Err: memstore.ErrLost}
			})
			if err := p.send(w.events(1)...); err != nil {
				t.Fatal(err)
			}
			if restart {
				<-p.ctx.Done()
				_ = p.end()
				p = must(w.start())
			}
			wrong := func() bool { return strings.Contains(log.String(), "does not match") }
			if err := p.archiver.Drain(t.Context(), func() bool { return wrong() || p.buffer.Stats().SealedBatches == 0 }); err != nil {
				t.Fatal(err)
			}
			_ = p.end()
			if wrong() || !strings.Contains(log.String(), "spooled file is damaged and is made again") {
				t.Fatalf("what has rotted was sent, or was not made again:\n%s", log.String())
			}
			w.finish()
			w.check()
		})
	}
}

// flipBit changes one bit in the middle of a file.
func flipBit(name string) {
	raw := must(os.ReadFile(name))
	raw[len(raw)/2] ^= 1
	must(0, os.WriteFile(name, raw, 0o600))
}

// TestSpoolThatIsNotSynced: a file whose sync failed gets no plan, though what it holds is right; it is made again.
func TestSpoolThatIsNotSynced(t *testing.T) {
	for name, fault := range map[string]*crashfs.Fault{
		"not done": {Err: syscall.EIO}, "done": {Err: syscall.EIO, Done: true}, "lost": {Err: syscall.EIO, Lost: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			disk := crashfs.New()
			w.fs, w.dir = disk, "/data"
			const dir = "/data/spool/00000000000000000000/"
			failed, dirty, planned := false, false, false
			disk.Inject(func(op crashfs.Op) error {
				switch {
				case op.Kind == crashfs.Write && op.Name == dir+"000.parquet":
					dirty = true
				case op.Kind == crashfs.Sync && op.Name == dir+"000.parquet" && !failed:
					failed = true
					return fault
				case op.Kind == crashfs.Sync && op.Name == dir+"000.parquet":
					dirty = false
				case op.Kind == crashfs.Write && strings.HasPrefix(op.Name, dir+"plan.json"):
					if planned = true; dirty {
						t.Errorf("%s is written, and its file is not synced", op.Name)
					}
				}
				return nil
			})
			w.lifeUntilItEnds()
			disk.Inject(nil)
			w.finish()
			w.check()
			if !failed || !planned {
				t.Errorf("the sync failed: %t, there was a plan: %t", failed, planned)
			}
		})
	}
}

// TestSpoolThatCannotBeRead: what the disk has lost of a spool is made again. What cannot
// be read for now is not: those bytes may have been sent, and another release of the
// encoder would make others.
func TestSpoolThatCannotBeRead(t *testing.T) {
	for _, file := range []string{"plan.json", "000.parquet"} {
		for errno, remade := range map[syscall.Errno]bool{syscall.EIO: true, syscall.EMFILE: false, syscall.EACCES: false} {
			t.Run(fmt.Sprintf("%s %v", file, errno), func(t *testing.T) {
				w := newWorld(t)
				disk := crashfs.New()
				w.fs, w.dir = disk, "/data"
				w.store.Intercept(func(c memstore.Call) *memstore.Fault {
					if c.Op == "put" && strings.HasSuffix(c.Key, ".parquet") {
						return &memstore.Fault{Err: memstore.ErrLost}
					}
					return nil
				})
				p := must(w.start())
				if err := p.send(w.events(3)...); err != nil {
					t.Fatal(err)
				}
				if err := p.archiver.Drain(t.Context(), func() bool { return p.archiver.Status().Err != nil }); err != nil {
					t.Fatal(err)
				}
				_ = p.end()
				w.store.Intercept(nil)

				const dir = "/data/spool/00000000000000000000/"
				fails, written := 3, false
				disk.Inject(func(op crashfs.Op) error {
					switch {
					case op.Kind == crashfs.Write && strings.HasPrefix(op.Name, dir):
						written = true
					case op.Name == dir+file && op.Kind == crashfs.Read && !written && (remade || fails > 0):
						fails--
						return errno
					}
					return nil
				})
				w.finish()
				w.check()
				if written != remade || fails > 2 {
					t.Errorf("made again: %v, want %v; read %d times", written, remade, 3-fails)
				}
			})
		}
	}
}
