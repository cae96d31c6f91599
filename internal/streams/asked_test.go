package streams

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

// TestAskedAndNotRotated: somebody asks for a rotation long before the stream ends, and
// nothing that waits can go on. /readyz says so, until one that fits is there.
func TestAskedAndNotRotated(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	w.successor(uuid.New())
	p := must(w.start())
	if err := p.ready(w.first); err != nil {
		t.Fatal(err)
	}
	if why := p.line.Warning(); why != "" {
		t.Errorf("nobody has asked yet: %s", why)
	}
	must(p.line.o.AskToRotate())
	await(t, func() bool { return strings.Contains(p.line.Warning(), ErrNoSuccessor.Error()) })
	next := w.successor(w.first)
	if err := p.ready(next); err != nil {
		t.Fatal(err)
	}
	if why := p.line.Warning(); why != "" {
		t.Errorf("it is rotated: %s", why)
	}
	if err := errors.Join(p.send(w.events(1)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	w.check()
}

// TestWishThatCannotBeRead: it is there when serve starts, and no descriptor is left, or
// it is root's. It is told of, kept, and fulfilled once it can be read.
func TestWishThatCannotBeRead(t *testing.T) {
	for _, why := range []error{syscall.EMFILE, syscall.EACCES} {
		disk := crashfs.New()
		w := newWorld(t, disk, "/data")
		w.clock.advance(time.Minute)
		next := w.successor(w.first)
		f := w.folder()
		must(f.AskToRotate())
		disk.Inject(func(op crashfs.Op) error {
			if op.Kind == crashfs.Open && op.Name == "/data/"+markerName {
				return why
			}
			return nil
		})
		p := must(w.start())
		if err := p.ready(w.first); err != nil {
			t.Fatal(err)
		}
		await(t, func() bool { return strings.Contains(p.line.Warning(), "/data/"+markerName) })
		disk.Inject(nil)
		if err := errors.Join(p.ready(next), p.send(w.events(1)...), p.drain(), p.end()); err != nil {
			t.Fatal(err)
		}
		if _, err := readFile(w, markerName); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the wish that was fulfilled: %v", err)
		}
		w.check()
	}
}

// TestAnybodyMayReadTheWish: root may ask a server that runs as somebody else.
func TestAnybodyMayReadTheWish(t *testing.T) {
	f := Folder{Dir: t.TempDir(), FS: durable.OS()}
	must(0, f.save(current{Stream: uuid.New()}))
	must(f.AskToRotate())
	open := filepath.Join(f.Dir, "open")
	must(0, os.WriteFile(open, nil, 0o644))
	if got, want := must(os.Stat(filepath.Join(f.Dir, markerName))).Mode(), must(os.Stat(open)).Mode(); got != want {
		t.Errorf("its mode is %v, want %v", got, want)
	}
}
