package streams

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
)

// startWith is start with a window of so many ids.
func (w *world) startWith(ids int64) *process {
	o := w.options()
	o.Buffer.RetryIDs = ids
	line := must(Open(o))
	ctx, stop := context.WithCancel(context.Background())
	p := &process{w: w, line: line, ctx: ctx, stop: stop, err: make(chan error, 1)}
	go func() {
		err := line.Run(ctx)
		stop()
		p.err <- err
	}()
	return p
}

// TestWindowAfterAMove: a stream that was taken over has acknowledged eleven events, four of
// which are moved to its successor. They are in both logs and count once: with a window of
// twelve all eleven are recognised by the successor, and by the one after it.
func TestWindowAfterAMove(t *testing.T) {
	x := newTwins(t, crashfs.New(), true)
	next := x.successor(x.first)
	events := make([]event.Event, 11)
	for _, s := range x.world.sent {
		events[s.seq] = s.event
		events[s.seq].ReceivedAtMS = 0
	}
	p := x.startWith(12)
	again := func() {
		t.Helper()
		stored, err := p.line.Append(t.Context(), slices.Clone(events))
		if err != nil {
			t.Fatal(err)
		}
		if s := p.line.Current().Buffer.Stats(); s.Repeated != 11 || s.RecentIDs != 11 {
			t.Errorf("%d of 11 events are recognised, of %d in a window of 12: %+v", s.Repeated, s.RecentIDs, stored)
		}
	}
	if err := p.ready(next); err != nil {
		t.Fatal(err)
	}
	again()
	third := x.successor(next)
	p.line.Rotate()
	if err := p.ready(third); err != nil {
		t.Fatal(err)
	}
	again()
	if err := errors.Join(p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	x.checkBoth()
}
