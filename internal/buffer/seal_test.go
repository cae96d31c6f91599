package buffer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
)

// sealed returns the batches that are not released.
func sealed(t testing.TB, b *Buffer) []*Batch {
	t.Helper()
	s, err := b.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s.Batches
}

func TestSealByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(crashfs.New(), "/wal")
		o.SealAge = 10 * time.Minute
		r := start(t, o)
		time.Sleep(time.Hour) // nothing to seal
		r.mustAppend(t, testEvent(0))
		time.Sleep(9 * time.Minute)
		r.mustAppend(t, testEvent(1)) // the age is that of the first
		if n := len(sealed(t, r.Buffer)); n != 0 {
			t.Errorf("%d batches after 9 minutes", n)
		}
		time.Sleep(time.Minute + time.Millisecond)
		synctest.Wait()
		batches := sealed(t, r.Buffer)
		if len(batches) != 1 || batches[0].First != 0 || batches[0].Last != 1 || batches[0].Count != 2 {
			t.Fatalf("after 10 minutes: %+v", batches)
		}
		b := batches[0]
		if b.SealedAt.Nanosecond() != 0 || !b.RetainUntil["standard"].Equal(b.SealedAt.Add(24*time.Hour)) || len(b.RetainUntil) != 1 {
			t.Errorf("sealed at %v, retain until %v", b.SealedAt, b.RetainUntil)
		}
		r.mustHalt(t)
	})
}

// TestSealTakesAbandoned: events whose sender no longer waits for the answer may be on
// disk later. What is appended before a Seal or a Flush is there after it, or never.
func TestSealTakesAbandoned(t *testing.T) {
	for i := range 20 { // Run may take either of two that are ready first
		synctest.Test(t, func(t *testing.T) {
			b, err := Open(testOptions(crashfs.New(), "/wal"))
			if err != nil {
				t.Fatal(err)
			}
			ctx, leave := context.WithCancel(t.Context())
			gone, done := make(chan error, 1), make(chan error, 1)
			go func() {
				_, err := b.Append(ctx, []event.Event{testEvent(0)})
				gone <- err
			}()
			synctest.Wait() // it is in the queue
			leave()
			if err := <-gone; !errors.Is(err, context.Canceled) {
				t.Fatalf("append: %v", err)
			}
			call, want := b.Seal, int64(0)
			if i%2 == 0 {
				call, want = b.Flush, 1
			}
			go func() { done <- call(t.Context()) }()
			synctest.Wait()
			r := run(t, b)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if s := r.Stats(); s.NextSeq != 1 || s.OpenRows != want {
				t.Fatalf("%d events are on disk, %d not sealed", s.NextSeq, s.OpenRows)
			}
			r.mustHalt(t)
		})
	}
}

// TestSealAgeSurvivesRestart: being down does not make events younger.
func TestSealAgeSurvivesRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(crashfs.New(), "/wal")
		o.SealAge = 10 * time.Minute
		r := start(t, o)
		r.mustAppend(t, testEvent(0))
		time.Sleep(4 * time.Minute)
		r.mustHalt(t)
		r = start(t, o)
		time.Sleep(6*time.Minute + time.Millisecond)
		synctest.Wait()
		if n := len(sealed(t, r.Buffer)); n != 1 {
			t.Errorf("%d batches", n)
		}
		r.mustHalt(t)
	})
}

func TestSealByRowsBytesAndPartitions(t *testing.T) {
	tests := []struct {
		name string
		set  func(*Options)
		make func(i int) event.Event
		want int64 // rows of each batch
	}{
		{"rows", func(o *Options) { o.SealRows = 10 }, testEvent, 10},
		{"bytes", func(o *Options) { o.SealBytes = 10 * 512 }, testEvent, 10}, // one frame of one sector each
		{"partitions", func(o *Options) { o.Partitions = 4 }, func(i int) event.Event {
			e := testEvent(i)
			e.TimestampNS += int64(i) * int64(12*time.Hour) // two events a day
			return e
		}, 8},
		{"classes", func(o *Options) { o.Partitions = 1 }, func(i int) event.Event {
			e := testEvent(i)
			if i/5%2 == 1 {
				e.Retention = "long"
			}
			return e
		}, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := testOptions(crashfs.New(), "/wal")
			tt.set(&o)
			r := start(t, o)
			for i := range 41 {
				r.mustAppend(t, tt.make(i))
			}
			r.mustHalt(t)
			b, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			batches := sealed(t, b)
			if int64(len(batches)) != 40/tt.want {
				t.Fatalf("%d batches, want %d", len(batches), 40/tt.want)
			}
			for _, batch := range batches {
				days := make(map[string]bool)
				for e, err := range batch.Scan(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					days[e.Row.Retention+e.Row.Day()] = true
				}
				if batch.Count != tt.want && !(tt.name == "partitions" && batch.Number == 0) {
					t.Errorf("batch %d has %d rows, want %d", batch.Number, batch.Count, tt.want)
				}
				if len(days) > b.o.Partitions {
					t.Errorf("batch %d has %d partitions", batch.Number, len(days))
				}
			}
		})
	}
}

// TestPartitionsAreKnownAfterRestart: the limit counts what was there before.
func TestPartitionsAreKnownAfterRestart(t *testing.T) {
	o := testOptions(crashfs.New(), "/wal")
	o.Partitions = 2
	for i := range 3 {
		r := start(t, o)
		e := testEvent(i)
		e.TimestampNS += int64(i) * int64(24*time.Hour)
		r.mustAppend(t, e)
		if n := len(sealed(t, r.Buffer)); n != i/2 {
			t.Fatalf("%d batches after %d days", n, i+1)
		}
		r.mustHalt(t)
	}
	o.Retention = func(string) (time.Duration, bool) { return 0, false }
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "standard") {
		t.Errorf("open without the class: %v", err)
	}
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(crashfs.New(), "/wal")
		o.Heartbeat, o.SealAge = time.Hour, 30*time.Minute
		r := start(t, o)
		time.Sleep(59 * time.Minute)
		r.mustAppend(t, testEvent(0)) // no silence when the hour is over
		time.Sleep(time.Hour + 29*time.Minute)
		if n := len(sealed(t, r.Buffer)); n != 1 {
			t.Fatalf("%d batches", n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		batches := sealed(t, r.Buffer)
		if len(batches) != 2 {
			t.Fatalf("%d batches, want the heartbeat", len(batches))
		}
		if b := batches[1]; b.Count != 0 || b.First != 1 || b.Last != 0 || b.Number != 1 || b.Through.Before(batches[0].Through) {
			t.Errorf("heartbeat %+v", b)
		}
		for range batches[1].Scan(t.Context()) {
			t.Error("a heartbeat has rows")
		}
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if n := len(sealed(t, r.Buffer)); n != 5 {
			t.Errorf("%d batches, want 5", n)
		}
		if err := r.Heartbeat(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.mustAppend(t, testEvent(1))
		if err := r.Heartbeat(t.Context()); err != nil { // seals, then beats
			t.Fatal(err)
		}
		r.mustSeal(t) // nothing to seal
		if n := len(sealed(t, r.Buffer)); n != 8 {
			t.Errorf("%d batches, want 8", n)
		}
		r.mustHalt(t)
		b, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(sealed(t, b)); n != 8 {
			t.Errorf("%d batches after restart, want 8", n)
		}
	})
}

// TestClock sets the clock back and forth. received_at and sealed_at never go
// back, and every Through divides the events before it from those after it.
func TestClock(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 700_000_000, time.UTC)
	o := testOptions(crashfs.New(), "/wal")
	clock := now
	o.Now = func() time.Time { return clock }
	var r *running
	steps := []time.Duration{0, 0, -time.Hour, time.Minute, 10 * 365 * 24 * time.Hour, 0, -time.Second, time.Millisecond}
	for i, step := range steps {
		clock = now.Add(step) // Run stands still here, so this is no race
		r = start(t, o)       // a restart does not forget
		r.mustAppend(t, testEvent(i))
		r.mustSeal(t)
		r.mustHalt(t)
	}
	r = start(t, o)
	var through, sealedAt, received time.Time
	seq := int64(0)
	for _, b := range sealed(t, r.Buffer) {
		for row := range only(rows(t, r.Buffer), b.First, b.Last) {
			at := time.UnixMilli(row.ReceivedAtMS)
			if at.After(b.Through) || !at.After(through) || at.Before(received) {
				t.Errorf("seq %d received at %v, throughs %v and %v", row.Seq, at, through, b.Through)
			}
			received = at
			seq++
		}
		if b.SealedAt.Before(sealedAt) || b.Through.Before(through) {
			t.Errorf("batch %d goes back", b.Number)
		}
		through, sealedAt = b.Through, b.SealedAt
	}
	if seq != int64(len(steps)) {
		t.Errorf("%d rows", seq)
	}
	if r.Stats().Ahead < 9*365*24*time.Hour {
		t.Errorf("stats do not tell that the clock is behind: %v", r.Stats().Ahead)
	}
	r.mustHalt(t)
}

func only(all []event.Row, first, last int64) func(func(event.Row) bool) {
	return func(yield func(event.Row) bool) {
		for _, row := range all {
			if row.Seq >= first && row.Seq <= last && !yield(row) {
				return
			}
		}
	}
}

func TestRetentionIsRoundedUp(t *testing.T) {
	r := start(t, testOptions(crashfs.New(), "/wal"))
	e := testEvent(0)
	e.Retention = "long"
	r.mustAppend(t, e)
	r.mustSeal(t)
	b := sealed(t, r.Buffer)[0]
	if got := b.RetainUntil["long"].Sub(b.SealedAt); got != 240*time.Hour+time.Second {
		t.Errorf("retained %v", got)
	}
}

func TestRefused(t *testing.T) {
	o := testOptions(crashfs.New(), "/wal")
	o.Partitions, o.QueueEvents = 3, 100
	r := start(t, o)
	unknown := testEvent(1)
	unknown.Retention = "unknown"
	days := testEvents(0, 4)
	for i := range days {
		days[i].TimestampNS += int64(i) * int64(24*time.Hour)
	}
	large := testEvent(0)
	large.Details = event.Str(strings.Repeat("x", int(o.SegmentBytes)))
	for name, events := range map[string][]event.Event{
		"none": {}, "unknown class": {testEvent(0), unknown}, "days": days, "large": {large}, "many": testEvents(0, 101),
	} {
		if _, err := r.Append(t.Context(), events); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r.Stats().NextSeq != 0 {
		t.Error("something was stored")
	}
	// The largest that is taken fits in a segment.
	fit := testEvent(0)
	overhead := len(appendRecord(nil, &fit))
	fit.Details = event.Str(strings.Repeat("x", int(r.o.appendBytesMax())-overhead+len(fit.Details.S)))
	for i := range 3 {
		fit.ID = testEvent(i).ID
		r.mustAppend(t, fit)
		r.mustSeal(t)
	}
	if n := len(rows(t, r.Buffer)); n != 3 {
		t.Errorf("%d rows", n)
	}
}
