package export_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/mirror/mirrortest"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	"github.com/audit-archiver/archiver/internal/pack"
	"github.com/audit-archiver/archiver/internal/pack/export"
)

// world is an archive of two streams with 400 rows over four days and two classes.
type world struct {
	t     *testing.T
	store *memstore.Store
	a     *mirrortest.Archive
	now   time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}
	w.store = memstore.New(t, func() time.Time { return w.now })
	w.a = mirrortest.New(t, w.store, func() time.Time { return w.now })
	one, two := w.a.Stream(), w.a.Stream()
	for i := range 4 {
		w.now = w.now.Add(3 * time.Hour)
		one.Commit(mirrortest.Events(70+i, w.now)...)
		two.Commit(mirrortest.Events(30-i, w.now)...)
		two.Commit() // a heartbeat
	}
	return w
}

func (w *world) options() export.Options {
	return export.Options{
		Store: w.store, Prefix: mirrortest.Prefix, Root: w.a.RootVKey(), Writer: "test", Now: func() time.Time { return w.now },
		From: export.Earliest, To: export.Latest, Out: filepath.Join(w.t.TempDir(), "pack.tar"),
	}
}

// where makes the options select the rows of one actor, as an engine would.
func (w *world) where(o *export.Options, actor string) {
	o.Where = "actor_id = '" + actor + "'"
	period := *o
	o.Selected = func(context.Context) iter.Seq2[export.Row, error] {
		return func(yield func(export.Row, error) bool) {
			for _, r := range w.rows(&period) {
				if r.ActorID == actor && !yield(export.Row{Stream: r.Stream, Seq: r.Seq}, nil) {
					return
				}
			}
		}
	}
}

// rows returns the rows of the period, in order of streams and seqs.
func (w *world) rows(o *export.Options) (rows []event.Row) {
	streams := w.a.Streams
	if bytes.Compare(streams[0].ID[:], streams[1].ID[:]) > 0 {
		streams = []*mirrortest.Stream{streams[1], streams[0]}
	}
	for _, s := range streams {
		for _, r := range s.Rows {
			if r.TimestampNS >= o.From.UnixNano() && r.TimestampNS < o.To.UnixNano() {
				rows = append(rows, r)
			}
		}
	}
	return rows
}

// export makes a pack and returns its bytes.
func (w *world) export(o export.Options) ([]byte, *export.Summary) {
	w.t.Helper()
	s, err := export.Export(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := os.ReadFile(o.Out)
	if err != nil {
		w.t.Fatal(err)
	}
	return b, s
}

// check judges a pack, and fails the test when that is not possible.
func (w *world) check(b []byte) *pack.Report {
	w.t.Helper()
	r, err := pack.Check(w.t.Context(), bytes.NewReader(b), int64(len(b)), w.a.RootVKey(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// found says that a pack is not accepted: a violation, or of no version that is known.
func (w *world) found(b []byte) bool {
	r, err := pack.Check(w.t.Context(), bytes.NewReader(b), int64(len(b)), w.a.RootVKey(), nil)
	if err != nil {
		if !errors.Is(err, pack.ErrVersion) {
			w.t.Fatal(err)
		}
		return true
	}
	return r.Result == pack.Violation
}
