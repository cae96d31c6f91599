package archive

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// dataKeys are those of the files of a batch that w.events made, sealed today.
func (w *world) dataKeys(first, last int64) (keys []string) {
	for i := range 3 {
		day := w.clock.now().AddDate(0, 0, -i).Format(time.DateOnly)
		for _, c := range w.archive.Classes {
			keys = append(keys, ledger.Join(prefix, ledger.DataName(c.Name, day, w.open.Stream, first, last)))
		}
	}
	return keys
}

// TestFaultB36ForeignObject: something that we did not write is under a key that only we
// may write. The stream stops and says so, releases nothing, and writes nothing under any
// other key. When somebody has deleted that version, it goes on.
func TestFaultB36ForeignObject(t *testing.T) {
	for _, test := range []struct {
		name string
		key  func(w *world) string
		data bool // files of the batch may be there: the commit that would name them is not
	}{
		{"commit", func(w *world) string { return commitKeyOf(w, 1) }, false},
		{"data", func(w *world) string {
			return ledger.Join(prefix, ledger.DataName(longClass, w.clock.now().Format(time.DateOnly), w.open.Stream, 0, 6))
		}, true},
		{"certificate", func(w *world) string { return ledger.OpenKey(prefix, w.open.Stream) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			key := test.key(w)
			may := []string{key, ledger.ArchiveKey(prefix), ledger.OpenKey(prefix, w.open.Stream), commitKeyOf(w, 0)}
			if test.data {
				may = append(may, w.dataKeys(0, 6)...)
			}
			forged := w.store.PutForged(key, []byte("forged"))
			p := must(w.start())
			if err := p.send(w.events(7)...); err != nil {
				t.Fatal(err)
			}
			var s Status
			if err := p.archiver.Drain(t.Context(), func() bool { s = p.archiver.Status(); return s.Stopped || p.buffer.Stats().SealedBatches == 0 }); err != nil {
				t.Fatal(err)
			}
			if !s.Stopped || !errors.Is(s.Err, ErrConflict) {
				t.Fatalf("status does not say that the stream is stopped: %+v", s)
			}
			if err := <-p.arcErr; !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), key) {
				t.Errorf("got %v, want ErrConflict that names %s", err, key)
			}
			if p.buffer.Stats().SealedBatches != 1 {
				t.Error("the batch was released")
			}
			p.arcErr <- nil
			if err := p.end(); err != nil {
				t.Error(err)
			}
			for _, k := range w.store.Keys() {
				if !slices.Contains(may, k) {
					t.Errorf("%s was written", k)
				}
			}
			if all := w.versions(key); len(all) != 1 || all[0] != forged {
				t.Errorf("versions %v of %s, want the forged one, %s", all, key, forged)
			}
			w.store.DeleteVersion(key, forged) // it has no lock
			w.finish()
			w.check()
		})
	}
}

// versions lists the ids of the versions of a key, without delete markers.
func (w *world) versions(key string) (ids []string) {
	w.t.Helper()
	for v, err := range w.store.Versions(w.t.Context(), key) {
		if err != nil {
			w.t.Fatal(err)
		}
		if !v.DeleteMarker {
			ids = append(ids, v.VersionID)
		}
	}
	return ids
}

// TestFaultB37DeleteMarker: the answer to a put is lost, and before it is repeated somebody
// covers the key, which If-None-Match then does not see as taken. No second copy comes
// in, and log and metric tell of it.
func TestFaultB37DeleteMarker(t *testing.T) {
	for _, test := range []struct {
		name  string
		hits  func(w *world, key string) bool
		cover func(w *world, key string) (versionID string)
		says  string
	}{
		{"file", isData, hide, "delete marker on our key"},
		{"commit", isCommit, hide, "delete marker on our key"},
		{"file, forged", isData, forge, "foreign version on our key"},
		{"commit, forged", isCommit, forge, "foreign version on our key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			key, broken := "", make(chan struct{})
			w.store.Intercept(func(c memstore.Call) *memstore.Fault {
				switch {
				case key != "":
					return &memstore.Fault{Err: memstore.ErrLost}
				case c.Op == "put" && test.hits(w, c.Key):
					key = c.Key
					close(broken)
					return &memstore.Fault{Err: memstore.ErrLost, Persist: true}
				}
				return nil
			})
			w.life(broken)
			w.store.Intercept(nil)
			ours := w.versions(key)
			added := test.cover(w, key)
			log := w.record()
			p := w.finish()
			if got := slices.DeleteFunc(w.versions(key), func(id string) bool { return id == added }); !slices.Equal(got, ours) {
				t.Errorf("versions of ours of %s: %v, want %v", key, got, ours)
			}
			if n := counter(t, p, "archiver_archive_foreign_versions_total"); n != 1 || !log.says(test.says, key, added) {
				t.Errorf("%v versions are counted as foreign, want 1; and the log says:\n%s", n, log)
			}
			w.checkRows(w.view())
			w.store.DeleteVersion(key, added) // as repair does, or whoever has found it by verify
			w.check()
		})
	}
}

func isData(_ *world, key string) bool   { return strings.HasSuffix(key, ".parquet") }
func isCommit(w *world, key string) bool { return key == commitKeyOf(w, 1) }

func hide(w *world, key string) string  { return w.store.Hide(key) }
func forge(w *world, key string) string { return w.store.PutForged(key, []byte("forged")) }

// counter is what a process tells under /metrics.
func counter(t *testing.T, p *process, name string) float64 {
	t.Helper()
	for _, f := range must(p.metrics.Gather()) {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// TestFaultB49HiddenArchive: a lifecycle rule, or somebody, puts delete markers on what is
// in the bucket, before the stream begins or while it is at work. It goes on; what is
// committed can be read by its version; and once the markers are gone, it is as if they
// had never been there.
func TestFaultB49HiddenArchive(t *testing.T) {
	goesOnWith(t, hide)
}

// TestFaultB50Tampering: the same for forgeries on top of everything, which are hidden in
// turn, and for objects beside them.
func TestFaultB50Tampering(t *testing.T) {
	goesOnWith(t, forge)
}

func goesOnWith(t *testing.T, cover func(w *world, key string) (versionID string)) {
	for name, lives := range map[string]int{"before the first start": 0, "at work": 1} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for range lives {
				w.life(nil)
			}
			type version struct{ key, id string }
			var added []version
			for _, key := range w.store.Keys() {
				added = append(added, version{key, cover(w, key)}, version{key, hide(w, key)})
			}
			stranger := ledger.Join(prefix, ledger.DataName(longClass, w.clock.now().Format(time.DateOnly), uuid.New(), 0, 6))
			added = append(added, version{stranger, forge(w, stranger)})
			p := must(w.start())
			if err := errors.Join(p.send(w.events(3)...), p.drain(), p.end()); err != nil {
				t.Fatal(err)
			}
			w.checkRows(w.view())
			for _, v := range added {
				w.store.DeleteVersion(v.key, v.id)
			}
			w.check()
		})
	}
}
