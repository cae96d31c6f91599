package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
)

// pieceMost makes pieces of few frames.
const pieceMost = 4 << 10

// kept is a piece as somebody else keeps it.
type kept struct {
	Piece
	at time.Time
}

// keep takes all that f has to give.
func keep(t testing.TB, f *Follower, at time.Time) (pieces []kept) {
	t.Helper()
	for {
		p, err := f.Next(t.Context(), pieceMost)
		if err != nil {
			t.Fatal(err)
		}
		if p == nil {
			return pieces
		}
		k := kept{*p, at}
		k.Frames = bytes.Clone(p.Frames)
		pieces = append(pieces, k)
	}
}

// together puts pieces together again.
func together(t testing.TB, next int64, pieces ...kept) ([]*ShippedBatch, error) {
	t.Helper()
	s := NewShipped(ShippedOptions{Stream: testStream, NextSeq: next, Through: time.UnixMilli(0), Retention: testRetention})
	var at time.Time
	for _, p := range pieces {
		if err := s.Add(t.Context(), p.From, p.at, bytes.NewReader(p.Frames), int64(len(p.Frames))); err != nil {
			return nil, err
		}
		at = p.at
	}
	return s.End(at)
}

// rowsOf reads batches, and checks that Scan and Read agree.
func rowsOf(t testing.TB, batches []*ShippedBatch) (rows []event.Row) {
	t.Helper()
	for _, b := range batches {
		n := int64(0)
		reader, err := b.RowReader()
		if err != nil {
			t.Fatal(err)
		}
		for e, err := range b.Scan(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			var again event.Row
			if err := reader.Read(e.Ref, &again); err != nil || again != e.Row {
				t.Fatalf("scan %+v, read %+v, %v", e.Row, again, err)
			}
			if e.Row.Seq < b.First || e.Row.Seq > b.Last {
				t.Fatalf("seq %d in batch %d to %d", e.Row.Seq, b.First, b.Last)
			}
			rows = append(rows, e.Row)
			n++
		}
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
		if n != b.Count {
			t.Fatalf("batch %d to %d has %d rows, says %d", b.First, b.Last, n, b.Count)
		}
	}
	return rows
}

// shippedAt is when all pieces of these tests are shipped.
var shippedAt = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// grow fills several segments: 6 sealed batches of 40 events, with a heartbeat
// between, and 40 more that no seal covers.
func grow(t *testing.T, r *running, visit func()) {
	t.Helper()
	for i := range 280 {
		r.mustAppend(t, testEvent(i))
		switch {
		case i%40 == 39 && i < 240:
			r.mustSeal(t)
		case i == 100:
			if err := r.Heartbeat(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if visit != nil {
			visit()
		}
	}
}

// TestFollowAndPutTogether: the pieces of a log make the same batches and rows as
// the log itself, however they were cut.
func TestFollowAndPutTogether(t *testing.T) {
	r := start(t, smallOptions(crashfs.New()))
	f := r.Follow(Place{})
	var pieces []kept
	grow(t, r, func() { pieces = append(pieces, keep(t, f, shippedAt)...) })
	if len(pieces) < 50 {
		t.Fatalf("only %d pieces", len(pieces))
	}
	all := keep(t, r.Follow(Place{}), shippedAt)
	for _, p := range all {
		if len(p.Frames) > pieceMost {
			t.Errorf("a piece of %d bytes", len(p.Frames))
		}
	}
	want := rows(t, r.Buffer)
	sealedOnes := sealed(t, r.Buffer)
	for name, pieces := range map[string][]kept{"as it grew": pieces, "at once": all, "both": byPlace(slices.Concat(pieces, all))} {
		got, err := together(t, 0, pieces...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if rows := rowsOf(t, got); !reflect.DeepEqual(rows, want) {
			t.Fatalf("%s: other rows", name)
		}
		i := 0
		for _, b := range sealedOnes {
			if b.Count == 0 {
				continue // heartbeats are not put together
			}
			g := got[i].Batch
			if !got[i].Sealed || g.First != b.First || g.Last != b.Last || !g.SealedAt.Equal(b.SealedAt) ||
				!g.Through.Equal(b.Through) || fmt.Sprint(g.RetainUntil) != fmt.Sprint(b.RetainUntil) {
				t.Errorf("%s: batch %+v, the log says %+v", name, g, b)
			}
			i++
		}
		last := got[len(got)-1]
		period, _ := testRetention("standard")
		if i != len(got)-1 || last.Sealed || !last.SealedAt.Equal(shippedAt) || last.RetainUntil["standard"] != shippedAt.Add(period) ||
			last.Through.UnixMilli() != want[len(want)-1].ReceivedAtMS-1 {
			t.Errorf("%s: the rest is %+v", name, last.Batch)
		}
	}
	r.mustHalt(t)
}

func byPlace(pieces []kept) []kept {
	slices.SortStableFunc(pieces, func(a, b kept) int {
		switch {
		case a.From.less(b.From):
			return -1
		case b.From.less(a.From):
			return 1
		}
		return 0
	})
	return pieces
}

// TestFollowLeavesOutWhatIsReleased, and goes on after a restart where it was told.
func TestFollowLeavesOutWhatIsReleased(t *testing.T) {
	o := smallOptions(crashfs.New())
	r := start(t, o)
	grow(t, r, nil)
	f := r.Follow(Place{})
	first, err := f.Next(t.Context(), pieceMost)
	if err != nil {
		t.Fatal(err)
	}
	place := first.To
	f.Back()
	if again, err := f.Next(t.Context(), pieceMost); err != nil || again.From != (Place{}) || again.To != place {
		t.Errorf("once more: %+v, %v", again, err)
	}
	batches := sealed(t, r.Buffer)
	for _, b := range batches[:2] {
		if err := r.Release(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	rest := keep(t, f, shippedAt)
	if rest[0].From.NextSeq != 80 || rest[0].From.BatchFirst != 80 {
		t.Errorf("goes on at %+v, want seq 80", rest[0].From)
	}
	end := rest[len(rest)-1].To
	r.mustHalt(t)

	r = start(t, o)
	for after, want := range map[Place]int{place: len(rest), rest[3].To: len(rest) - 4, end: 0} {
		again := keep(t, r.Follow(after), shippedAt)
		if len(again) != want || want > 0 && again[0].From.less(after) {
			t.Errorf("after %+v: %d pieces, want %d", after, len(again), want)
		}
	}
	// Places that are not of this log.
	beyond, within := end, end
	beyond.NextSeq++
	within.NextSeq, within.NextBatch = 100, 0
	if _, err := r.Follow(beyond).Next(t.Context(), pieceMost); !errors.Is(err, ErrPlace) {
		t.Errorf("a place behind the end: %v", err)
	}
	r.mustAppend(t, testEvents(280, 5)...)
	if _, err := r.Follow(beyond).Next(t.Context(), pieceMost); !errors.Is(err, ErrPlace) {
		t.Errorf("a place within a frame: %v", err)
	}
	r.mustHalt(t)
}

// TestHeartbeatsAreNotWorthAPiece: they say nothing about rows.
func TestHeartbeatsAreNotWorthAPiece(t *testing.T) {
	r := start(t, smallOptions(crashfs.New()))
	f := r.Follow(Place{})
	beat := func() {
		t.Helper()
		if err := r.Heartbeat(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p := keep(t, f, shippedAt); len(p) > 0 {
			t.Errorf("pieces: %+v", p)
		}
	}
	beat()
	r.mustAppend(t, testEvent(0))
	if p := keep(t, f, shippedAt); len(p) != 1 || p[0].Last() != 0 || p[0].From.NextSeq != 0 {
		t.Errorf("pieces %+v", p)
	}
	r.mustSeal(t)
	if p := keep(t, f, shippedAt); len(p) != 1 || p[0].From.NextSeq != 1 || p[0].Last() != 0 {
		t.Errorf("pieces %+v", p)
	}
	beat()
	r.mustHalt(t)
}

// TestFaultA32HeartbeatsDoNotFillAPiece: a piece is full of those that wait, but what is
// behind them comes all the same, also for a later Follower, and makes the same batches.
func TestFaultA32HeartbeatsDoNotFillAPiece(t *testing.T) {
	o := smallOptions(crashfs.New())
	r := start(t, o)
	r.mustAppend(t, testEvents(0, 3)...)
	r.mustSeal(t)
	f := r.Follow(Place{})
	pieces := keep(t, f, shippedAt)
	for range 3 * pieceMost / sector {
		if err := r.Heartbeat(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.mustAppend(t, testEvents(3, 2)...)
	want := rows(t, r.Buffer)
	for _, f := range []*Follower{f, r.Follow(pieces[0].To)} {
		more := keep(t, f, shippedAt)
		if len(more) != 1 || more[0].From.NextSeq != 3 || more[0].Last() != 4 || len(more[0].Frames) > 2*sector {
			t.Fatalf("pieces behind the heartbeats: %+v", more)
		}
		got, err := together(t, 0, append(slices.Clone(pieces), more...)...)
		if err != nil {
			t.Fatal(err)
		}
		if rows := rowsOf(t, got); !reflect.DeepEqual(rows, want) || len(got) != 2 {
			t.Errorf("%d batches with %d rows", len(got), len(rows))
		}
	}
	r.mustHalt(t)
}

// TestLostPieces: whatever is lost, the rest is there with its seqs, and the ranges
// that are lost are told; the batches continue each other.
func TestLostPieces(t *testing.T) {
	r := start(t, smallOptions(crashfs.New()))
	grow(t, r, nil)
	pieces := keep(t, r.Follow(Place{}), shippedAt)
	want := rows(t, r.Buffer)
	r.mustHalt(t)
	for from := range pieces {
		for _, n := range []int{1, 2, 7} {
			left := slices.Concat(pieces[:from], pieces[min(from+n, len(pieces)):])
			lost := pieces[from:min(from+n, len(pieces))]
			got, err := together(t, 0, left...)
			if err != nil {
				t.Fatalf("without %d to %d: %v", from, from+n-1, err)
			}
			var here []event.Row
			for _, row := range want {
				if row.Seq < lost[0].From.NextSeq || row.Seq >= lost[len(lost)-1].To.NextSeq {
					here = append(here, row)
				}
			}
			if rows := rowsOf(t, got); !slices.Equal(rows, here) {
				t.Fatalf("without %d to %d: %d rows, want %d", from, from+n-1, len(rows), len(here))
			}
			next, count := int64(0), int64(0)
			for _, b := range got {
				if b.First != next {
					t.Fatalf("batch begins at %d, want %d", b.First, next)
				}
				next, count = b.Last+1, count+b.Count
				if b.Lost {
					count += b.Last - b.First + 1
				}
				if b.Lost == (b.Count > 0) || !b.Lost && b.Count != b.Last-b.First+1 {
					t.Fatalf("batch of seq %d to %d has %d rows, lost %v: files of it could have the name of others", b.First, b.Last, b.Count, b.Lost)
				}
			}
			if count != next {
				t.Fatalf("%d of %d seqs are told of", count, next)
			}
		}
	}
	for name, damage := range map[string]func(kept) kept{
		"cut short":   func(k kept) kept { k.Frames = k.Frames[:len(k.Frames)-1]; return k },
		"a bit":       func(k kept) kept { k.Frames = bytes.Clone(k.Frames); k.Frames[100] ^= 1; return k },
		"other place": func(k kept) kept { k.From.NextSeq++; return k },
	} {
		if _, err := together(t, 0, damage(pieces[0])); err == nil {
			t.Errorf("taken: %s", name)
		}
	}
}

// TestContradiction: two logs under one name, one of them from a backup.
func TestContradiction(t *testing.T) {
	fsys := crashfs.New()
	r := start(t, smallOptions(fsys))
	r.mustAppend(t, testEvents(0, 5)...)
	backup := fsys.Crash(rand.New(rand.NewPCG(1, 1)), 100)
	r.mustAppend(t, testEvent(5))
	pieces := keep(t, r.Follow(Place{}), shippedAt)
	r.mustHalt(t)

	old := start(t, smallOptions(backup))
	old.mustAppend(t, testEvent(77))
	other := keep(t, old.Follow(Place{}), shippedAt)
	old.mustHalt(t)
	if _, err := together(t, 0, byPlace(slices.Concat(pieces, other))...); !errors.Is(err, ErrContradiction) {
		t.Errorf("got %v, want ErrContradiction", err)
	}
}
