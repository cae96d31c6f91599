package archive

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// TestAttacksOnShipments: whatever others write, hide or repeat among the shipments
// changes nothing about what is recovered, and is told.
func TestAttacksOnShipments(t *testing.T) {
	key := func(w *world, from, last int64) string {
		return fmt.Sprintf("%s%020d-%020d-0123456789abcdef.frames", ledger.WALPrefix(prefix, w.open.Stream), from, last)
	}
	// forged is a shipment of nine events, signed by any key.
	forged := func(w *world, by ledger.Signer, frames string) (string, []byte) {
		about := ledger.Shipment{Archive: w.archive.ID, Stream: w.open.Stream, First: 39, Last: 47, Batch: 3, BatchFirst: 32, ShippedAt: w.clock.now()}
		body := append(must(ledger.SealShipment(about, []byte(frames), by)), frames...)
		return ledger.ShipmentKey(prefix, &about, sha(body)), body
	}
	attacks := map[string]func(w *world, shipped map[string][]byte){
		"injected": func(w *world, _ map[string][]byte) { w.store.PutForged(key(w, 39, 47), []byte("forged")) },
		"injected with the key of another": func(w *world, _ map[string][]byte) {
			k, body := forged(w, must(ledger.NewKey(w.stream.Name())), "frames")
			w.store.PutForged(k, body)
		},
		"injected with the key of another stream": func(w *world, _ map[string][]byte) {
			k, body := forged(w, must(ledger.NewKey(ledger.StreamName(w.archive.ID, uuid.New()))), "frames")
			w.store.PutForged(k, body)
		},
		"repeated under another name": func(w *world, shipped map[string][]byte) {
			for _, body := range shipped {
				w.store.PutForged(key(w, 39, 47), body)
			}
		},
		"repeated with other frames": func(w *world, shipped map[string][]byte) {
			for _, body := range shipped {
				body = append(bytes.Clone(body), make([]byte, 512)...)
				about := ledger.Shipment{Stream: w.open.Stream, First: 39, Last: 47}
				w.store.PutForged(ledger.ShipmentKey(prefix, &about, sha(body)), body)
			}
		},
		"replaced": func(w *world, shipped map[string][]byte) {
			for k := range shipped {
				w.store.PutForged(k, []byte("forged"))
			}
		},
		"replaced by another": func(w *world, shipped map[string][]byte) {
			for k := range shipped {
				for _, body := range shipped {
					w.store.PutForged(k, body)
				}
			}
		},
		"hidden": func(w *world, shipped map[string][]byte) {
			for k := range shipped {
				w.store.Hide(k)
			}
		},
		"another kind of name": func(w *world, _ map[string][]byte) {
			w.store.PutForged(ledger.WALPrefix(prefix, w.open.Stream)+"x", []byte("x"))
		},
		"of another archive": func(w *world, _ map[string][]byte) {
			other := must(ledger.NewKey(w.stream.Name()))
			about := ledger.Shipment{Archive: uuid.New(), Stream: w.open.Stream, First: 39, Last: 47, ShippedAt: w.clock.now()}
			body := append(must(ledger.SealShipment(about, []byte("x"), other)), 'x')
			w.store.PutForged(ledger.ShipmentKey(prefix, &about, sha(body)), body)
		},
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.loseNode(t)
			shipped := w.shippedObjects(t)
			attack(w, shipped)
			got := must(Recover(t.Context(), w.elsewhere(nil, w.root)))
			if got.First != 7 || got.Last != 38 || got.Rows != 32 || len(got.Lost) > 0 || !got.Closed {
				t.Errorf("recovered %+v", got)
			}
			if len(got.Remarks) == 0 {
				t.Error("nothing is told about it")
			}
			w.checkRecovered(t)
		})
	}
}

// shippedObjects is what the node has shipped.
func (w *world) shippedObjects(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	b := bucket{store: w.store}
	for v, err := range w.store.Versions(t.Context(), ledger.WALPrefix(prefix, w.open.Stream)) {
		if err != nil {
			t.Fatal(err)
		}
		info := must(w.store.Head(t.Context(), v.Key, v.VersionID))
		if info.Mode != object.Compliance || info.RetainUntil.Before(w.clock.now().Add(70*time.Hour)) {
			t.Errorf("%s is locked %s until %s", v.Key, info.Mode, info.RetainUntil)
		}
		all[v.Key] = must(b.read(t.Context(), v, 1<<20))
	}
	if len(all) != 3 {
		t.Fatalf("%d shipments, want 3", len(all))
	}
	return all
}

// TestForgedRecovery: a commit under the next index that an outsider wrote is no
// recovery to anybody, and a real one does not go over it.
func TestForgedRecovery(t *testing.T) {
	for name, keyOf := range map[string]func(w *world) ledger.Key{
		"another root":                  func(w *world) ledger.Key { return must(ledger.NewKey(w.root.Name())) },
		"another stream of the archive": func(w *world) ledger.Key { return must(ledger.NewKey(ledger.StreamName(w.archive.ID, uuid.New()))) },
		"another key of the same name":  func(w *world) ledger.Key { return must(ledger.NewKey(w.stream.Name())) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.loseNode(t)
			head, by := w.view().Streams[0].Head, keyOf(w)
			forger := head
			forger.VKey, forger.Root = by.VKey(), by.VKey()
			commit, _, err := forger.Next(head.Empty(w.clock.now().Truncate(time.Second), "forger", ledger.Note{Kind: ledger.NoteRecover}, ledger.Note{Kind: ledger.NoteRotate}), by)
			if err != nil {
				t.Fatal(err)
			}
			key := commitKeyOf(w, head.Index+1)
			version := w.store.PutForged(key, commit)
			view := w.view()
			if s := view.Streams[0]; s.Head.Closed || s.Head.Index != head.Index || len(view.Findings) == 0 {
				t.Errorf("a reader took it: %+v, findings %v", s.Head, view.Findings)
			}
			if _, err := Recover(t.Context(), w.elsewhere(nil, w.root)); err == nil || !strings.Contains(err.Error(), "cannot be trusted") {
				t.Errorf("recovered over it: %v", err)
			}
			w.store.DeleteVersion(key, version)
			must(Recover(t.Context(), w.elsewhere(nil, w.root)))
			w.checkRecovered(t)
		})
	}
}
