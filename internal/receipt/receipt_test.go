package receipt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// world is a real WAL with an issuer behind it.
type world struct {
	t      testing.TB
	root   string
	open   ledger.Open
	issuer *Issuer
	buffer *buffer.Buffer
	stop   context.CancelFunc // of the issuer
}

// slowKey signs when it is told to.
type slowKey struct {
	ledger.Signer
	fail  error
	gate  chan struct{} // nil: at once
	at    chan struct{} // told that it is at the gate
	signs atomic.Int64
}

func (k *slowKey) Sign(msg []byte) ([]byte, error) {
	k.signs.Add(1)
	if k.gate != nil {
		k.at <- struct{}{}
		<-k.gate
	}
	if k.fail != nil {
		return nil, k.fail
	}
	return k.Signer.Sign(msg)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newWorld(t testing.TB, change func(*slowKey)) *world {
	t.Helper()
	archive, stream := uuid.New(), uuid.New()
	root := must(ledger.NewKey(ledger.RootName(archive)))
	key := must(ledger.NewKey(ledger.StreamName(archive, stream)))
	now := time.Now().Truncate(time.Second)
	raw := must(ledger.SignOpen(ledger.Open{Archive: archive, Stream: stream, VKey: key.VKey(), OpenedAt: now, RetainUntil: now.AddDate(2, 0, 0)}, root))
	w := &world{t: t, root: root.VKey(), open: must(ledger.ParseOpen(raw, root.VKey()))}
	signer := &slowKey{Signer: key}
	if change != nil {
		change(signer)
	}
	w.issuer = must(New(Options{Open: raw, Stream: w.open, Signer: signer, Now: time.Now,
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()}))
	w.buffer = must(buffer.Open(buffer.Options{Dir: t.TempDir(), FS: durable.OS(), Stream: stream, Now: time.Now, Heartbeat: -1, Reserve: -1,
		Retention: func(string) (time.Duration, bool) { return time.Hour, true }, Stored: w.issuer.Stored}))
	var wg sync.WaitGroup
	running, stop := context.WithCancel(context.Background())
	issuing, end := context.WithCancel(context.Background())
	w.stop = end
	wg.Go(func() {
		if err := w.buffer.Run(running); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		if err := w.issuer.Run(issuing); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		end()
		wg.Wait()
		if err := w.buffer.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func events(from, n int) []event.Event {
	all := make([]event.Event, n)
	for i := range all {
		all[i] = event.Event{ID: fmt.Sprintf("01980c9e-0000-7000-8000-%012d", from+i), Action: "a", ActorID: "b", ActorType: "user", ResourceType: "c",
			Outcome: "success", Details: event.Str(`{"n":1}`), Producer: "p", TimestampNS: int64(from + i), Retention: "standard"}
	}
	return all
}

// ask appends events and waits for their receipts.
func (w *world) ask(batch []event.Event) (seqs []int64, receipts []*ledger.Receipt, missing string) {
	w.t.Helper()
	ticket := NewTicket()
	seqs, err := w.buffer.AppendTicket(context.Background(), batch, ticket)
	if err != nil {
		w.t.Error(err)
		return nil, nil, ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	receipts, missing = ticket.Wait(ctx)
	return seqs, receipts, missing
}

// covers checks that the receipts are true and say what the log holds of the seqs.
func (w *world) covers(receipts []*ledger.Receipt, seqs ...int64) {
	w.t.Helper()
	stored := map[int64]ledger.Hash{}
	snap, err := w.buffer.Snapshot(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	defer snap.Close()
	for e, err := range snap.Open.Scan(context.Background()) {
		if err != nil {
			w.t.Fatal(err)
		}
		stored[e.Row.Seq] = event.LeafHash(&e.Row)
	}
	said := map[int64]bool{}
	for _, r := range receipts {
		got, err := ledger.CheckReceipt(r.Append(nil), w.root)
		if err != nil {
			w.t.Fatal(err)
		}
		for i, leaf := range got.Leaves {
			seq := got.First + int64(i)
			if stored[seq] != leaf {
				w.t.Errorf("seq %d: the receipt says %s, the log %s", seq, leaf, stored[seq])
			}
			said[seq] = true
		}
	}
	for _, seq := range seqs {
		if !said[seq] {
			w.t.Errorf("seq %d is in no receipt", seq)
		}
	}
}

func TestReceiptsOfRequests(t *testing.T) {
	w := newWorld(t, nil)
	for _, n := range []int{1, 500, 3} {
		seqs, receipts, missing := w.ask(events(1000*n, n))
		if missing != "" || len(receipts) != 1 {
			t.Fatalf("%d receipts, %q", len(receipts), missing)
		}
		w.covers(receipts, seqs...)
	}
}

func TestReceiptsOfRetries(t *testing.T) {
	w := newWorld(t, nil)
	_, first, _ := w.ask(events(0, 3))
	_, second, _ := w.ask(events(3, 3))
	if _, err := w.buffer.Append(context.Background(), events(6, 1)); err != nil { // did not ask
		t.Fatal(err)
	}
	seqs, again, missing := w.ask(events(1, 2))
	if missing != "" || len(again) != 1 || again[0] != first[0] {
		t.Errorf("%d receipts, %q", len(again), missing)
	}
	w.covers(again, seqs...)
	seqs, mixed, missing := w.ask(append(events(2, 3), events(7, 2)...))
	if missing != "" || len(mixed) != 3 || mixed[1] != first[0] || mixed[2] != second[0] {
		t.Errorf("%d receipts, %q", len(mixed), missing)
	}
	w.covers(mixed, seqs...)
	_, none, missing := w.ask(events(6, 1))
	if len(none) != 0 || !strings.Contains(missing, "1 of the events were stored by an earlier request") {
		t.Errorf("%d receipts, %q", len(none), missing)
	}
}

// TestOneSignaturePerGroup: however many ask at once, and however slow the key is.
func TestOneSignaturePerGroup(t *testing.T) {
	key := make(chan *slowKey, 1)
	w := newWorld(t, func(k *slowKey) {
		k.gate, k.at = make(chan struct{}), make(chan struct{}, 100)
		key <- k
	})
	k := <-key
	var wg sync.WaitGroup
	ask := func(i int) {
		seqs, receipts, missing := w.ask(events(10*i, 1+i%3))
		if missing != "" || len(receipts) != 1 || !slices.Equal(seqs, []int64{receipts[0].First, receipts[0].First + 1, receipts[0].First + 2}[:1+i%3]) {
			t.Errorf("request %d: seqs %v, %d receipts, %q", i, seqs, len(receipts), missing)
		}
	}
	wg.Go(func() { ask(0) })
	<-k.at // it signs; all others gather, and nobody else waits for it
	const others = 50
	for i := range others {
		wg.Go(func() { ask(i + 1) })
	}
	for w.buffer.Stats().NextSeq < 1+others/3*6 {
		if _, err := w.buffer.Append(context.Background(), events(100_000+int(w.buffer.Stats().NextSeq), 1)); err != nil {
			t.Fatal(err)
		}
	}
	close(k.gate)
	wg.Wait()
	if n := k.signs.Load(); n > 3 {
		t.Errorf("%d signatures for %d requests that waited together", n, others)
	}
}

func TestKeyThatDoesNotSign(t *testing.T) {
	w := newWorld(t, func(k *slowKey) { k.fail = errors.New("secret of the key service") })
	seqs, receipts, missing := w.ask(events(0, 2))
	if len(seqs) != 2 || len(receipts) != 0 || !strings.Contains(missing, "could not sign") || strings.Contains(missing, "secret") {
		t.Errorf("seqs %v, %d receipts, %q", seqs, len(receipts), missing)
	}
}

func TestKeyThatIsTooSlow(t *testing.T) {
	w := newWorld(t, func(k *slowKey) { k.gate, k.at = make(chan struct{}), make(chan struct{}, 1); close(k.gate) })
	ticket := NewTicket()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if receipts, missing := ticket.Wait(ctx); len(receipts) != 0 || !strings.Contains(missing, "in time") {
		t.Errorf("%d receipts, %q", len(receipts), missing)
	}
	w.ask(events(0, 1)) // and the issuer goes on
}

func TestAfterTheEnd(t *testing.T) {
	w := newWorld(t, nil)
	w.stop()
	_, receipts, missing := w.ask(events(0, 1)) // taken before or after the end: there is an answer
	if len(receipts) == 0 && missing == "" {
		t.Error("neither a receipt nor a reason")
	}
}

// TestTooManyWait: beyond the bound there is a reason, and no queue.
func TestTooManyWait(t *testing.T) {
	i := &Issuer{metrics: must(newMetrics(prometheus.NewRegistry())), wake: make(chan struct{}, 1)}
	first, second := NewTicket(), NewTicket()
	i.Stored([]buffer.Stored{{Ticket: first, Bytes: waitingMost}, {Ticket: second, Bytes: 1}})
	if _, missing := second.Wait(context.Background()); !strings.Contains(missing, "too many") {
		t.Errorf("%q", missing)
	}
	select {
	case <-first.done:
		t.Error("the first one was refused too")
	default:
	}
}

func TestHistoryIsBounded(t *testing.T) {
	var h history
	note := strings.Repeat("n", 600)
	r := func(i int64) *ledger.Receipt {
		return &ledger.Receipt{Note: note, First: 3 * i, Leaves: make([]ledger.Hash, 2)}
	}
	const n = 100_000
	for i := range int64(n) {
		h.add(r(i))
	}
	if h.bytes > historyBytes || h.find(0) != nil {
		t.Errorf("%d bytes, %d receipts", h.bytes, len(h.all))
	}
	last := int64(3 * (n - 1))
	for seq, want := range map[int64]bool{last: true, last + 1: true, last + 2: false, last - 1: false, last - 2: true} {
		if got := h.find(seq); (got != nil) != want || got != nil && !bytes.Equal(got.Append(nil), r(seq/3).Append(nil)) {
			t.Errorf("seq %d: %v, want %v", seq, got, want)
		}
	}
}
