package archive

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/ledger"
)

// TestArchiveObjectIsLockedAsLongAsTheLedger: the archive object was locked for the
// first stream, and the stream of a server that came a year later needs it for longer.
func TestArchiveObjectIsLockedAsLongAsTheLedger(t *testing.T) {
	w := newWorld(t)
	before := w.open.RetainUntil
	w.clock.advance(300 * 24 * time.Hour)
	now := w.clock.now().UTC().Truncate(time.Second)
	w.openRaw = must(ledger.SignOpen(ledger.Open{Archive: w.archive.ID, Stream: w.open.Stream, VKey: w.stream.VKey(),
		OpenedAt: now, RetainUntil: w.archive.RetainUntil(now)}, w.root))
	a := must(New(Options{Dir: w.dir, FS: w.fs, Store: w.store, Queue: kept{}, Prefix: prefix, Stream: w.open.Stream, Open: w.openRaw,
		Root: w.root.VKey(), Signer: w.stream, Identity: w.id, Writer: "test", Now: w.clock.now, Log: slog.New(slog.DiscardHandler),
		Metrics: prometheus.NewRegistry()}))
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	info := must(w.store.Head(t.Context(), ledger.ArchiveKey(prefix), ""))
	if want := w.archive.RetainUntil(now); !info.RetainUntil.Equal(want) || !want.After(before) {
		t.Errorf("locked until %s, want %s", info.RetainUntil, want)
	}
}
