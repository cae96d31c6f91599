package buffer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
)

// told collects what Options.Stored is told.
type told struct {
	mu     sync.Mutex
	groups [][]Stored
	more   chan struct{}
}

func (c *told) stored(group []Stored) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.groups = append(c.groups, group)
	for range group {
		c.more <- struct{}{}
	}
}

// next waits for n more tickets and returns all there are.
func (c *told) next(n int) (all []Stored) {
	for range n {
		<-c.more
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Concat(c.groups...)
}

func TestStoredIsToldOfTickets(t *testing.T) {
	c := &told{more: make(chan struct{}, 100)}
	now := time.Now()
	r := start(t, Options{Dir: t.TempDir(), FS: durable.OS(), Stream: testStream, Retention: testRetention,
		Now: func() time.Time { return now }, Stored: c.stored})
	ctx := context.Background()
	add := func(ticket any, events ...event.Event) []int64 {
		t.Helper()
		seqs, err := r.AppendTicket(ctx, events, ticket)
		if err != nil {
			t.Fatal(err)
		}
		return seqs
	}
	add("a", testEvents(0, 3)...)
	if _, err := r.Append(ctx, testEvents(3, 2)); err != nil {
		t.Fatal(err)
	}
	add(nil, testEvents(5, 1)...)
	add("b", testEvents(6, 2)...)
	again := testEvents(1, 2)
	again = append(again, testEvents(8, 1)...)
	if seqs := add("c", again...); !slices.Equal(seqs, []int64{1, 2, 8}) {
		t.Errorf("seqs of the retry: %v", seqs)
	}
	taken := testEvents(8, 1)
	taken[0].Fingerprint++
	if _, err := r.AppendTicket(ctx, taken, "d"); !errors.Is(err, ErrConflict) {
		t.Errorf("another event with a taken id: %v", err)
	}
	add("e", testEvents(8, 1)...) // nothing to write

	all := c.next(4)
	var tickets []any
	for i := range all {
		tickets = append(tickets, all[i].Ticket)
	}
	if !slices.Equal(tickets, []any{"a", "b", "c", "e"}) {
		t.Fatalf("told of %v", tickets)
	}
	if !slices.Equal(all[2].Seqs, []int64{1, 2, 8}) || all[2].Fresh != 8 || all[3].Fresh != 9 {
		t.Errorf("of the retries: %+v, %+v", all[2], all[3])
	}
	for _, s := range all {
		for i, e := range s.Events {
			if fresh := s.Seqs[i] >= s.Fresh; fresh && e.ReceivedAtMS < now.UnixMilli() || !fresh && e.ReceivedAtMS != 0 {
				t.Errorf("%v: received_at of seq %d is %d", s.Ticket, s.Seqs[i], e.ReceivedAtMS)
			}
		}
	}
}

// TestStoredComesByGroups: each ticket once, the seqs in order, and tickets of one
// group together.
func TestStoredComesByGroups(t *testing.T) {
	const requests = 200
	c := &told{more: make(chan struct{}, requests)}
	r := start(t, Options{Dir: t.TempDir(), FS: durable.OS(), Stream: testStream, Retention: testRetention, Now: time.Now, Stored: c.stored})
	var wg sync.WaitGroup
	for i := range requests {
		wg.Go(func() {
			if _, err := r.AppendTicket(context.Background(), testEvents(10*i, 1+i%4), i); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all := c.next(requests)
	next := int64(0)
	seen := map[any]bool{}
	for _, s := range all {
		if seen[s.Ticket] || s.Seqs[0] != next || s.Fresh != next {
			t.Fatalf("ticket %v: seqs %v, want the next to be %d", s.Ticket, s.Seqs, next)
		}
		seen[s.Ticket] = true
		next += int64(len(s.Seqs))
	}
	for _, g := range c.groups {
		for i := range g {
			if g[i].Events[0].ReceivedAtMS != g[0].Events[0].ReceivedAtMS {
				t.Errorf("one group, received at %d and %d", g[0].Events[0].ReceivedAtMS, g[i].Events[0].ReceivedAtMS)
			}
		}
	}
}

// TestStoredAfterTheSync: nobody is told of what is not on disk, whether the sync
// takes long or fails.
func TestStoredAfterTheSync(t *testing.T) {
	for _, fail := range []error{nil, errors.New("EIO")} {
		synctest.Test(t, func(t *testing.T) {
			c := &told{more: make(chan struct{}, 10)}
			o := testOptions(crashfs.New(), "/wal")
			o.Stored = c.stored
			r := start(t, o)
			r.mustAppend(t, testEvent(0))
			leave := make(chan struct{})
			r.w.file = &failingFile{File: r.w.file, leave: leave, fail: fail}
			go func() {
				if _, err := r.AppendTicket(context.Background(), testEvents(1, 2), "a"); (err == nil) != (fail == nil) {
					t.Errorf("append: %v", err)
				}
			}()
			synctest.Wait()
			if len(c.more) != 0 {
				t.Error("told before the sync")
			}
			close(leave)
			synctest.Wait()
			if (len(c.more) == 1) != (fail == nil) {
				t.Errorf("told %d times of a sync that ended with %v", len(c.more), fail)
			}
			r.halt()
		})
	}
}

// failingFile syncs when it is told to, if at all.
type failingFile struct {
	durable.File
	leave chan struct{}
	fail  error
}

func (f *failingFile) Sync() error {
	<-f.leave
	if f.fail != nil {
		return f.fail
	}
	return f.File.Sync()
}
