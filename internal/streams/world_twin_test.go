package streams

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// notes are those of a kind in a stream.
func notes(view *ledger.View, stream uuid.UUID, kind ledger.NoteKind) (all []ledger.Note) {
	for i := range view.Streams {
		if view.Streams[i].Open.Stream != stream {
			continue
		}
		for j := range view.Streams[i].Manifests {
			for _, n := range view.Streams[i].Manifests[j].Notes {
				if n.Kind == kind {
					all = append(all, n)
				}
			}
		}
	}
	return all
}

// events makes n events over three days and two classes.
func (w *world) events(n int) []event.Event {
	events := make([]event.Event, n)
	for i := range events {
		class := "standard"
		if i%3 == 0 {
			class = "long"
		}
		events[i] = event.Event{ID: uuid.NewString(), Action: "order.create", ActorID: fmt.Sprint("user-", i), ActorType: "user",
			ResourceType: "order", Outcome: "success", Producer: "test", Retention: class, Fingerprint: uint64(i + 1),
			TimestampNS: w.clock.now().Add(time.Duration(i%3) * -24 * time.Hour).UnixNano()}
	}
	return events
}

// copyTree copies a folder, to another file system or within one.
func copyTree(fsys durable.FS, from string, into durable.FS, to string) {
	must(0, durable.MkdirAll(into, to, 0o700))
	for _, e := range must(fsys.ReadDir(from)) {
		a, b := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if e.IsDir() {
			copyTree(fsys, a, into, b)
			continue
		}
		must(0, durable.WriteFile(into, b, must(durable.ReadFile(fsys, a)), 0o600))
	}
}

// twin is a copy of the node's folder on another machine.
func (w *world) twin(dir string) *world {
	t := w.copyTo(w.fs, dir)
	t.id.Machine = "another"
	return t
}

// again is the whole machine once more, as an image of its disk and memory makes it:
// nobody can tell the two apart.
func (w *world) again() *world { return w.copyTo(crashfs.New(), w.dir) }

// cleared waits until the first stream's spool is empty, which comes after the end of a drain.
func (w *world) cleared() {
	await(w.t, func() bool { return len(must(w.fs.ReadDir(filepath.Join(w.dir, "spool")))) == 0 })
}

func (w *world) copyTo(fsys durable.FS, dir string) *world {
	copyTree(w.fs, w.dir, fsys, dir)
	t := *w
	t.fs, t.dir, t.opened = fsys, dir, nil
	t.sent, t.unsure = make(map[string]sent), make(map[string]event.Event) // each remembers what it promised itself
	return &t
}

func readFile(w *world, name string) ([]byte, error) {
	return durable.ReadFile(w.fs, filepath.Join(w.dir, name))
}
