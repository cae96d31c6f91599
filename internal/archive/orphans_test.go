package archive

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// noCommits lets no commit into the bucket from now on, and returns a channel that
// tells of tries.
func (w *world) noCommits() <-chan struct{} {
	tried := make(chan struct{}, 1)
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op != "put" || !strings.HasPrefix(c.Key, prefix+"/ledger/") {
			return nil
		}
		select {
		case tried <- struct{}{}:
		default:
		}
		return &memstore.Fault{Err: memstore.ErrLost}
	})
	return tried
}

// loseBetween is the life of a node that archives a batch, and is lost between the
// files of the next one, which are returned, and their commit. It ships nothing.
func (w *world) loseBetween(t *testing.T) (files []string) {
	t.Helper()
	w.fs, w.dir = crashfs.New(), "/data"
	p := must(w.start())
	if err := errors.Join(p.send(w.events(3)...), p.drain()); err != nil {
		t.Fatal(err)
	}
	archived, before := len(w.sent), w.store.Keys()
	tried := w.noCommits()
	if err := p.send(w.events(6)...); err != nil {
		t.Fatal(err)
	}
	<-tried // the files are in the bucket, the commit is not
	_ = p.end()
	w.store.Intercept(nil)
	w.sent = w.sent[:archived]
	for _, key := range w.store.Keys() {
		if !slices.Contains(before, key) {
			files = append(files, strings.TrimPrefix(key, prefix+"/"))
		}
	}
	if len(files) != 3 { // of three days; one of the classes is on the first only
		t.Fatalf("the files are %v", files)
	}
	w.clock.advance(time.Minute)
	return files
}

// orphanNotes are those of the stream's last commit.
func (w *world) orphanNotes() (notes []ledger.Note) {
	s := &w.view().Streams[0]
	for _, n := range s.Manifests[s.Head.Index].Notes {
		if n.Kind == ledger.NoteOrphan {
			notes = append(notes, n)
		}
	}
	return notes
}

// TestRecoverOrphans: a node is lost between the files of a batch and their commit, and
// had shipped nothing: nothing is recovered in the partitions where they lie.
func TestRecoverOrphans(t *testing.T) {
	w := newWorld(t)
	files := w.loseBetween(t)
	o := w.elsewhere(nil, w.root)
	o.DryRun = true
	if planned := must(Recover(t.Context(), o)); !slices.Equal(planned.Orphans, files) {
		t.Errorf("planned %+v, want the orphans %v", planned, files)
	}
	for range 2 { // the second time the stream is closed
		if got := must(Recover(t.Context(), w.elsewhere(nil, w.root))); !slices.Equal(got.Orphans, files) || got.Rows != 0 || !got.Closed {
			t.Errorf("recovered %+v, want the orphans %v", got, files)
		}
	}
	for i, n := range w.orphanNotes() {
		if v := must(w.store.Head(t.Context(), prefix+"/"+n.Key, "")); n.Key != files[i] || n.VersionID != v.VersionID {
			t.Errorf("note %d names %s version %s, want %s version %s", i, n.Key, n.VersionID, files[i], v.VersionID)
		}
	}
}

// TestAdoptedIsNoOrphan: the node had shipped the whole batch whose files it sent. They
// are taken over, and a plan does not call them orphans.
func TestAdoptedIsNoOrphan(t *testing.T) {
	w := newWorld(t)
	w.fs, w.dir = crashfs.New(), "/data"
	p := must(w.start())
	s := p.shipper()
	if err := errors.Join(p.send(w.events(3)...), p.drain()); err != nil {
		t.Fatal(err)
	}
	tried := w.noCommits()
	if err := errors.Join(p.send(w.events(6)...), s.ship(t.Context())); err != nil {
		t.Fatal(err)
	}
	<-tried
	_ = p.end()
	w.store.Intercept(nil)
	o := w.elsewhere(nil, w.root)
	o.DryRun = true
	planned := must(Recover(t.Context(), o))
	got := must(Recover(t.Context(), w.elsewhere(nil, w.root)))
	if got.Rows != 6 || len(got.Orphans) > 0 || len(planned.Orphans) > 0 {
		t.Errorf("recovered %+v, planned %+v", got, planned)
	}
	w.checkRecovered(t)
}

// TestNoOrphans: what the stream's writer cannot have sent stays what it is, a forgery,
// and no signature of ours makes less of it.
func TestNoOrphans(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	put := func(name string) string {
		body := []byte("forged " + name)
		p := object.Put{Key: prefix + "/" + name, Body: bytes.NewReader(body), Size: int64(len(body)), SHA256: sha(body),
			ContentType: parquetType, RetainUntil: w.clock.now().Add(24 * time.Hour).Truncate(time.Second)}
		return must(w.store.Put(ctx, p))
	}
	name := func(day string, first, last int64) string {
		return ledger.DataName("standard", day, w.open.Stream, first, last)
	}
	// As one of the next batch, but long before the stream was complete up to 10:00.
	w.clock.advance(-clockSkew - time.Minute)
	put(name("2026-11-01", 3, 8))
	w.clock.advance(clockSkew + time.Minute)
	files := w.loseBetween(t)
	w.store.PutForged(prefix+"/"+name("2026-11-02", 3, 8), []byte("without a lock"))
	put(name("2026-11-03", 0, 2)) // of seqs that are committed
	put(name("2026-11-04", 4, 8)) // of a batch that does not come next
	put(ledger.DataName("standard", "2026-11-05", uuid.New(), 3, 8))
	put("events/retention=standard/dt=2026-11-06/mine.parquet")
	w.store.Hide(prefix + "/" + files[0])
	put(files[0])                                                    // over the writer's, which is locked
	w.store.PutForged(prefix+"/"+files[1], []byte("without a lock")) // and here too
	got := must(Recover(ctx, w.elsewhere(nil, w.root)))
	if !slices.Equal(got.Orphans, files) {
		t.Errorf("orphans are %v, want %v", got.Orphans, files)
	}
	for _, n := range w.orphanNotes() {
		for v, err := range w.store.Versions(ctx, prefix+"/"+n.Key) {
			if oldest := v.VersionID; err != nil || oldest < n.VersionID { // they are numbered
				t.Errorf("the note names %s version %s, and %s is older, %v", n.Key, n.VersionID, oldest, err)
			}
		}
	}
}

// loseAPiece is the life of a node that ships a batch in three pieces, is lost between
// the files of it and their commit, and of whose pieces the second is gone.
func (w *world) loseAPiece(t *testing.T) {
	t.Helper()
	w.fs, w.dir = crashfs.New(), "/data"
	p := must(w.start())
	s := p.shipper()
	ship := func() error { return s.ship(t.Context()) }
	if err := errors.Join(p.send(w.events(3)...), p.drain(), p.appendOpen(5), ship()); err != nil {
		t.Fatal(err)
	}
	first := w.store.Keys()
	if err := errors.Join(p.appendOpen(5), ship()); err != nil {
		t.Fatal(err)
	}
	second := w.store.Keys()
	tried := w.noCommits()
	if err := errors.Join(p.appendOpen(5), ship(), p.buffer.Seal(t.Context()), ship()); err != nil {
		t.Fatal(err)
	}
	<-tried
	_ = p.end()
	w.store.Intercept(nil)
	for _, key := range second {
		if !slices.Contains(first, key) {
			w.store.DeleteVersion(key, must(w.store.Head(t.Context(), key, "")).VersionID)
		}
	}
	w.clock.advance(time.Minute)
}

// TestRecoverAroundAGap: of a batch whose files the node has sent only a part can be
// recovered. It must not need the names of those files; they are orphans.
func TestRecoverAroundAGap(t *testing.T) {
	lost := newWorld(t)
	lost.loseAPiece(t)
	whole := must(Recover(t.Context(), lost.elsewhere(nil, lost.root)))
	if len(whole.Orphans) == 0 || whole.Rows != 10 || !slices.Equal(whole.Lost, []ledger.Range{{First: 8, Last: 12}}) || !whole.Closed {
		t.Fatalf("recovered %+v", whole)
	}
	for n := 1; ; n++ { // cut short at its n-th call to the bucket, and run again
		w := newWorld(t)
		w.loseAPiece(t)
		ctx, die := context.WithCancel(t.Context())
		calls := 0
		w.store.Intercept(func(memstore.Call) *memstore.Fault {
			if calls++; calls < n {
				return nil
			}
			die()
			return &memstore.Fault{Err: memstore.ErrLost, Persist: calls == n && n%2 == 0}
		})
		_, err := Recover(ctx, w.elsewhere(nil, w.root))
		die()
		w.store.Intercept(nil)
		got, again := Recover(t.Context(), w.elsewhere(nil, w.root))
		if again != nil || len(got.Orphans) != len(whole.Orphans) || got.Rows != whole.Rows || !slices.Equal(got.Lost, whole.Lost) {
			t.Fatalf("after call %d: recovered %+v, %v, want %+v", n, got, again, whole)
		}
		if view := w.view(); len(view.Findings) > 0 || !view.Streams[0].Head.Closed {
			t.Fatalf("after call %d: findings %v", n, view.Findings)
		}
		if err == nil {
			return
		}
	}
}

// TestRecoverOrphan: a node sent the files of a batch whose end it had not shipped.
// What was shipped is there once, and the file is told of as one that does not count.
func TestRecoverOrphan(t *testing.T) {
	w := newWorld(t)
	w.fs, w.dir = crashfs.New(), "/data"
	p := must(w.start())
	s := p.shipper()
	if err := errors.Join(p.send(w.events(3)...), p.drain(), p.appendOpen(2), s.ship(t.Context())); err != nil {
		t.Fatal(err)
	}
	shipped := len(w.sent)
	tried := w.noCommits()
	if err := p.send(w.events(2)...); err != nil {
		t.Fatal(err)
	}
	<-tried // the files are in the bucket, the commit is not
	_ = p.end()
	w.store.Intercept(nil)
	w.sent = w.sent[:shipped]
	got := must(Recover(t.Context(), w.elsewhere(nil, w.root)))
	if got.Rows != 2 || len(got.Orphans) != 2 { // of two classes and days
		t.Errorf("recovered %+v", got)
	}
	rows, view := int64(0), w.view()
	for f := range view.Files() {
		rows += f.Rows
		if slices.Contains(got.Orphans, f.Key) {
			t.Errorf("%s is named, and an orphan", f.Key)
		}
	}
	if len(view.Findings) > 0 || rows != int64(shipped) {
		t.Errorf("%d rows, findings %v", rows, view.Findings)
	}
}

// TestStrangersInTheSpool: what is no batch there stops no move.
func TestStrangersInTheSpool(t *testing.T) {
	disk := crashfs.New()
	for _, dir := range []string{"/data/spool/lost+found", "/data/ledger"} {
		must(0, durable.MkdirAll(disk, dir, 0o700))
	}
	for _, name := range []string{"notes.txt", "00000000000000000007"} {
		must(0, durable.WriteFile(disk, "/data/spool/"+name, []byte("x"), 0o600))
	}
	m := &mover{o: MoveOptions{FS: disk, Dir: "/data", Logger: slog.New(slog.DiscardHandler)}}
	if sent, err := m.sent(); err != nil || len(sent) > 0 {
		t.Errorf("sent %v, %v", sent, err)
	}
}
