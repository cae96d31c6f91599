package archive

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// view reads the ledger as an auditor would.
func (w *world) view() *ledger.View {
	w.t.Helper()
	return must(must(ledger.NewReader(w.store, prefix, w.root.VKey())).Refresh(context.Background()))
}

func commitKeyOf(w *world, index int64) string { return ledger.CommitKey(prefix, w.open.Stream, index) }

// check is the oracle: read as an auditor would, the committed files hold every
// acknowledged event exactly once, in order and unchanged, and nothing else is
// in the bucket.
func (w *world) check() *ledger.View {
	w.t.Helper()
	if left := must(w.fs.ReadDir(filepath.Join(w.dir, "spool"))); len(left) > 0 {
		w.t.Errorf("the spool is not empty: %v", left)
	}
	return w.checkBucket()
}

// checkBucket is check without a look at the writer's disk, which may be lost.
func (w *world) checkBucket() *ledger.View {
	w.t.Helper()
	view := w.view()
	if len(view.Findings) > 0 {
		w.t.Fatalf("findings: %v", view.Findings)
	}
	w.checkRows(view)
	w.checkKeys(view)
	return view
}

// checkRows is checkBucket for a bucket in which somebody else was, too: whatever lies on
// top of what we wrote or beside it, the committed versions are what was acknowledged.
func (w *world) checkRows(view *ledger.View) {
	w.t.Helper()
	if len(view.Streams) != 1 {
		w.t.Fatalf("%d streams", len(view.Streams))
	}
	var rows []event.Row
	for f := range view.Files() {
		key := ledger.Join(prefix, f.Key)
		body := must(w.store.Get(context.Background(), key, f.VersionID))
		raw := must(io.ReadAll(body))
		if sha(raw) != f.SHA256 {
			w.t.Errorf("%s: checksum differs from the manifest", key)
		}
		info := must(w.store.Head(context.Background(), key, f.VersionID))
		if info.RetainUntil.Before(f.RetainUntil) {
			w.t.Errorf("%s: locked until %s, the manifest says %s", key, info.RetainUntil, f.RetainUntil)
		}
		for row, err := range must(parquet.Open(bytes.NewReader(raw), int64(len(raw)), f.Class)).Rows() {
			if err != nil {
				w.t.Fatal(err)
			}
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b event.Row) int { return int(a.Seq - b.Seq) })
	if len(rows) != len(w.sent) {
		w.t.Fatalf("%d rows are archived, %d events were acknowledged", len(rows), len(w.sent))
	}
	for i, row := range rows {
		if w.sent[i].ReceivedAtMS == 0 { // its Append did not live to tell
			w.sent[i].ReceivedAtMS = row.ReceivedAtMS
		}
		if want := w.sent[i]; row.Seq != int64(i) || row.Event != want {
			w.t.Fatalf("row %d: seq %d %+v, want %+v", i, row.Seq, row.Event, want)
		}
	}
}

// checkKeys demands one version of each object that the ledger names, and nothing else.
func (w *world) checkKeys(view *ledger.View) {
	w.t.Helper()
	known := []string{ledger.ArchiveKey(prefix), ledger.OpenKey(prefix, w.open.Stream)}
	for f := range view.Files() {
		known = append(known, ledger.Join(prefix, f.Key))
	}
	for i := range view.Streams[0].Manifests {
		known = append(known, commitKeyOf(w, int64(i)))
	}
	versions := 0
	for v, err := range w.store.Versions(context.Background(), "") {
		if err != nil {
			w.t.Fatal(err)
		}
		if strings.HasPrefix(v.Key, ledger.WALPrefix(prefix, w.open.Stream)) {
			continue // shipped; the tests of that look at it
		}
		if !slices.Contains(known, v.Key) {
			w.t.Errorf("%s: nobody names it", v.Key)
		}
		versions++
	}
	if versions != len(known) {
		w.t.Errorf("%d versions in the bucket, want %d", versions, len(known))
	}
}
