package buffer

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
)

var testStream = uuid.MustParse("6f1c1f0e-6f7d-4d7a-9a53-0d8b4bb3c9a1")

func testRetention(class string) (time.Duration, bool) {
	switch class {
	case "standard":
		return 24 * time.Hour, true
	case "long":
		return 240*time.Hour + time.Millisecond, true
	}
	return 0, false
}

// testOptions are small enough that everything happens soon.
func testOptions(fsys durable.FS, dir string) Options {
	return Options{
		Dir: dir, FS: fsys, Stream: testStream, Now: time.Now, Retention: testRetention,
		SegmentBytes: 64 << 10, Reserve: -1, Heartbeat: -1,
	}
}

// testEvent makes the i-th event: every field depends on i.
func testEvent(i int) event.Event {
	return event.Event{
		ID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, i)).String(), Action: fmt.Sprintf("test.action-%d", i),
		ActorID: fmt.Sprintf("user-%d", i%7), ActorType: "user", ResourceType: "thing", Outcome: "success",
		ResourceID: event.Str(""), Details: event.Str(fmt.Sprintf(`{"n":%d}`, i)),
		Producer: "test", TimestampNS: 1_763_900_000_000_000_000 + int64(i), Retention: "standard",
	}
}

func testEvents(from, n int) []event.Event {
	out := make([]event.Event, n)
	for i := range out {
		out[i] = testEvent(from + i)
	}
	return out
}

// running is a Buffer whose Run is under way.
type running struct {
	*Buffer
	stop context.CancelFunc
	done chan error
}

func start(t testing.TB, o Options) *running {
	t.Helper()
	b, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, b)
}

func run(t testing.TB, b *Buffer) *running {
	r := launch(b)
	t.Cleanup(func() { r.halt() })
	return r
}

// launch is run for a caller that halts what it gets: nothing keeps its memory until the
// end of a test that has thousands of them.
func launch(b *Buffer) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{b, cancel, make(chan error, 1)}
	go func() { r.done <- b.Run(ctx) }()
	return r
}

// halt stops Run and closes the files, once.
func (r *running) halt() error {
	r.stop()
	err, ok := <-r.done
	if !ok {
		return nil
	}
	close(r.done)
	return errors.Join(err, r.Close())
}

func (r *running) mustHalt(t testing.TB) {
	t.Helper()
	if err := r.halt(); err != nil {
		t.Fatalf("halt: %v", err)
	}
}

func (r *running) mustAppend(t testing.TB, events ...event.Event) int64 {
	t.Helper()
	seqs, err := r.Append(t.Context(), events)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return seqs[0]
}

func (r *running) mustSeal(t testing.TB) {
	t.Helper()
	if err := r.Seal(t.Context()); err != nil {
		t.Fatalf("seal: %v", err)
	}
}

// settle gives the keeper the time to recycle what was released. It gives up
// after a while, because the keeper may be dead.
func (r *running) settle() {
	for range 200_000 {
		if r.recyclable() == nil {
			return
		}
		poke(r.keeperGo)
		runtime.Gosched()
	}
}

// rows returns everything that is not released, and checks that it is one
// contiguous range which Scan and Read agree on.
func rows(t testing.TB, b *Buffer) []event.Row {
	t.Helper()
	snap, err := b.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	var out []event.Row
	collect := func(s Rows, first, last int64) {
		next := first
		reader, err := s.RowReader()
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := reader.Close(); err != nil {
				t.Error(err)
			}
		}()
		for e, err := range s.Scan(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Row.Seq != next || e.Ref.Seq() != next {
				t.Fatalf("scan yields seq %d, want %d", e.Row.Seq, next)
			}
			var again event.Row
			if err := reader.Read(e.Ref, &again); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(again, e.Row) {
				t.Fatalf("read %+v, scan %+v", again, e.Row)
			}
			out = append(out, e.Row)
			next++
		}
		if next != last+1 {
			t.Fatalf("scan ends before seq %d, want %d", next, last+1)
		}
	}
	next := snap.FirstSeq
	for _, batch := range snap.Batches {
		if batch.First != next {
			t.Fatalf("batch %d begins with seq %d, want %d", batch.Number, batch.First, next)
		}
		collect(batch, batch.First, batch.Last)
		next = batch.Last + 1
	}
	collect(snap.Open, snap.Open.First, snap.Open.Last)
	if snap.Open.First != next || snap.NextSeq != snap.Open.Last+1 {
		t.Fatalf("snapshot is not contiguous: tail %d to %d after %d, next %d", snap.Open.First, snap.Open.Last, next, snap.NextSeq)
	}
	return out
}

// mustHold checks that b holds exactly the events 0 to n-1 of testEvent.
func mustHold(t testing.TB, b *Buffer, n int) {
	t.Helper()
	got := rows(t, b)
	if len(got) != n {
		t.Fatalf("%d rows, want %d", len(got), n)
	}
	for i, row := range got {
		want := event.Row{Event: testEvent(i), Stream: testStream, Seq: int64(i)}
		want.ReceivedAtMS = row.ReceivedAtMS
		if row != want {
			t.Fatalf("row %d is %+v, want %+v", i, row, want)
		}
		if i > 0 && row.ReceivedAtMS < got[i-1].ReceivedAtMS {
			t.Fatalf("received_at goes back at row %d", i)
		}
	}
}

func TestRoundTripOnDisk(t *testing.T) {
	o := testOptions(durable.OS(), t.TempDir())
	r := start(t, o)
	n := 0
	for i := range 40 {
		events := testEvents(n, 1+i*3)
		if first := r.mustAppend(t, events...); first != int64(n) {
			t.Fatalf("first seq %d, want %d", first, n)
		}
		if events[0].ReceivedAtMS == 0 {
			t.Fatal("received_at is not set")
		}
		n += len(events)
		if i%7 == 0 {
			r.mustSeal(t)
		}
	}
	mustHold(t, r.Buffer, n)
	r.mustHalt(t)
	for range 3 { // opening changes nothing
		again := start(t, o)
		mustHold(t, again.Buffer, n)
		again.mustHalt(t)
	}
}

func TestConcurrentAppends(t *testing.T) {
	o := testOptions(durable.OS(), t.TempDir())
	r := start(t, o)
	var wg sync.WaitGroup
	var mu sync.Mutex
	acked := make(map[int64]string)
	for c := range 16 {
		wg.Go(func() {
			for i := range 50 {
				events := testEvents(c*10000+i*10, 1+i%4)
				seqs, err := r.Append(context.Background(), events)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for k, e := range events {
					acked[seqs[k]] = e.ID
				}
				mu.Unlock()
				if i%20 == 0 {
					if err := r.Seal(context.Background()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	check := func(b *Buffer) {
		t.Helper()
		got := rows(t, b)
		if len(got) != len(acked) {
			t.Fatalf("%d rows, %d acknowledged", len(got), len(acked))
		}
		for _, row := range got {
			if acked[row.Seq] != row.ID {
				t.Fatalf("seq %d is %s, acknowledged %s", row.Seq, row.ID, acked[row.Seq])
			}
		}
	}
	check(r.Buffer)
	r.mustHalt(t)
	r = start(t, o)
	check(r.Buffer)
	r.mustHalt(t)
}

// gatedFile calls before ahead of each Sync.
type gatedFile struct {
	durable.File
	before func()
}

func (g *gatedFile) Sync() error {
	g.before()
	return g.File.Sync()
}
