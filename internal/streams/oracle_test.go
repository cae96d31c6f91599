package streams

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"strings"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// view reads the ledger as an auditor would.
func (w *world) view() *ledger.View {
	w.t.Helper()
	return must(must(ledger.NewReader(w.store, prefix, w.root.VKey())).Refresh(context.Background()))
}

// rows reads all committed rows.
func (w *world) rows(view *ledger.View) (rows []event.Row) {
	w.t.Helper()
	for f := range view.Files() {
		body := must(w.store.Get(context.Background(), ledger.Join(prefix, f.Key), f.VersionID))
		raw := must(io.ReadAll(body))
		if sha256.Sum256(raw) != f.SHA256 {
			w.t.Errorf("%s: checksum differs from the manifest", f.Key)
		}
		for row, err := range must(parquet.Open(bytes.NewReader(raw), int64(len(raw)), f.Class)).Rows() {
			rows = append(rows, must(row, err))
		}
	}
	return rows
}

// check is the oracle: read as an auditor would, the committed files hold each
// acknowledged event exactly once, unchanged, where its node said or where signed notes
// lead to from there; and nothing is in the bucket that no commit names.
func (w *world) check() *ledger.View {
	w.t.Helper()
	view := w.view()
	if findings := append(view.Reconcile(prefix, w.clock.now()), view.Findings...); len(findings) > 0 {
		w.t.Errorf("findings: %v", findings)
	}
	found := make(map[string]event.Row)
	for _, row := range w.rows(view) {
		if other, twice := found[row.ID]; twice {
			w.t.Errorf("event %s is %s %d and %s %d", row.ID, other.Stream, other.Seq, row.Stream, row.Seq)
		}
		found[row.ID] = row
	}
	for id, s := range w.sent {
		row, ok := found[id]
		if !ok {
			w.t.Errorf("event %s, acknowledged as %s %d, is not archived", id, s.stream, s.seq)
			continue
		}
		delete(found, id)
		if s.event.ReceivedAtMS == 0 {
			s.event.ReceivedAtMS = row.ReceivedAtMS // its first answer did not come
		}
		if s.event.Fingerprint = 0; row.Event != s.event {
			w.t.Errorf("event %s: archived is %+v, want %+v", id, row.Event, s.event)
		}
		if !leadsTo(view, s.stream, s.seq, row.Stream, row.Seq) {
			w.t.Errorf("event %s, acknowledged as %s %d, is %s %d, and no note says so", id, s.stream, s.seq, row.Stream, row.Seq)
		}
	}
	for id := range found {
		if _, ok := w.unsure[id]; !ok {
			w.t.Errorf("event %s is archived, and nobody sent it", id)
		}
	}
	w.checkKeys(view)
	return view
}

// leadsTo follows moved notes.
func leadsTo(view *ledger.View, stream uuid.UUID, seq int64, to uuid.UUID, at int64) bool {
	if stream == to && seq == at {
		return true
	}
	for i := range view.Streams {
		for j := range view.Streams[i].Manifests {
			for _, n := range view.Streams[i].Manifests[j].Notes {
				if n.Kind == ledger.NoteMoved && n.Stream == stream && n.Range.First <= seq && seq <= n.Range.Last &&
					view.Streams[i].Open.Stream == to && n.To.First+seq-n.Range.First == at {
					return true
				}
			}
		}
	}
	return false
}

func (w *world) checkKeys(view *ledger.View) {
	w.t.Helper()
	named := map[string]bool{ledger.ArchiveKey(prefix): true}
	versions := make(map[string]bool) // of files and orphans
	for i := range view.Streams {
		s := &view.Streams[i]
		named[ledger.OpenKey(prefix, s.Open.Stream)] = true
		for j := range s.Manifests {
			named[ledger.CommitKey(prefix, s.Open.Stream, int64(j))] = true
			for _, f := range s.Manifests[j].Files {
				versions[f.Key+" "+f.VersionID] = true
			}
			for _, n := range s.Manifests[j].Notes {
				if n.Kind == ledger.NoteOrphan {
					versions[n.Key+" "+n.VersionID] = true
				}
			}
		}
	}
	for v, err := range w.store.Versions(context.Background(), "") {
		if err != nil {
			w.t.Fatal(err)
		}
		name := strings.TrimPrefix(v.Key, prefix+"/")
		if shipped := strings.HasPrefix(name, "wal/"); !shipped && !named[v.Key] && !versions[name+" "+v.VersionID] {
			w.t.Errorf("%s version %s: nobody names it", v.Key, v.VersionID)
		}
		delete(named, v.Key) // a second version of a ledger object is a finding
	}
}
