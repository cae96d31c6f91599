package streams

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// TestAnswerWhileTakenOver: what a copy of the folder takes and archives is not in the
// answers of a node that has no successor. From when the copy's first commit is there,
// they are complete through the node's own last one, and say which stream lags; once a
// successor goes on, everything is there.
func TestAnswerWhileTakenOver(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	p, live := w.startAsked(w.store)
	if err := errors.Join(p.ready(w.first), p.send(w.events(3)...), p.drain()); err != nil {
		t.Fatal(err)
	}
	own := w.view().Streams[0].Head.Through
	w.cleared()
	x := &twins{world: w, copy: w.twin("/copy")}
	w.clock.advance(time.Second)
	if err := p.send(w.events(3)...); err != nil {
		t.Fatal(err)
	}
	if r := must(live.ask(t.Context())); len(r.laggards) > 0 || !own.Before(r.through) {
		t.Errorf("complete through %s, held back by %v, and the stream is its node's", r.through, r.laggards)
	}
	held := func(when string) {
		t.Helper()
		r := must(live.ask(t.Context()))
		if !r.through.Equal(own) || !slices.Equal(r.laggards, []string{w.first.String()}) || len(r.rows) != 6 {
			t.Errorf("%s: %d rows, complete through %s, held back by %v; want 6, %s, the stream", when, len(r.rows), r.through, r.laggards, own)
		}
	}
	c := must(x.copy.start())
	if err := c.ready(w.first); err != nil {
		t.Fatal(err)
	}
	held("the copy has begun")
	if err := errors.Join(c.send(w.events(5)...), c.drain(), c.end()); err != nil {
		t.Fatal(err)
	}
	held("the copy has archived")
	must(0, p.line.Current().Buffer.Seal(t.Context()))
	await(t, func() bool { return p.line.Current().Archiver.Status().Stopped })
	held("the node knows")
	if err := p.ready(w.successor(w.first)); err != nil {
		t.Fatal(err)
	}
	r := must(live.ask(t.Context()))
	if err := r.whole(append(w.acknowledged(), x.copy.acknowledged()...)); err != nil {
		t.Error(err)
	}
	if err := errors.Join(p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	x.checkBoth()
}

// TestAnswerWithUnconfirmedCommits: of a commit that the node has not confirmed the log
// tells whether it is the node's. If it is, or has the very batch that the log has, the
// answer is as if it was confirmed. Otherwise somebody else has taken events.
func TestAnswerWithUnconfirmedCommits(t *testing.T) {
	for _, c := range []struct {
		name   string
		commit func(_ *process, bucket *severed, before *world) error // before: the machine with 3 events less
		theirs bool
	}{
		{"its own", func(p *process, bucket *severed, _ *world) error {
			bucket.answer.Store(false)
			return p.sealAndFail()
		}, false},
		{"the same batch", func(p *process, bucket *severed, _ *world) error {
			bucket.severed.Store(true)
			if err := p.sealAndFail(); err != nil {
				return err
			}
			return p.w.again().archiveWith(0)
		}, false},
		{"other events", func(p *process, bucket *severed, before *world) error {
			bucket.severed.Store(true)
			if err := p.sealAndFail(); err != nil {
				return err
			}
			return before.archiveWith(2)
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, crashfs.New(), "/data")
			w.clock.advance(time.Minute)
			bucket := &severed{Store: w.store}
			bucket.answer.Store(true)
			w.wrap = func(*memstore.Store) object.Store { return bucket }
			p, live := w.startAsked(w.store)
			if err := errors.Join(p.ready(w.first), p.send(w.events(3)...), p.drain()); err != nil {
				t.Fatal(err)
			}
			w.cleared()
			before := w.again()
			if err := p.send(w.events(3)...); err != nil {
				t.Fatal(err)
			}
			known := len(w.view().Streams[0].Manifests)
			if err := c.commit(p, bucket, before); err != nil {
				t.Fatal(err)
			}
			of := w.view().Streams[0]
			if len(of.Manifests) != known+1 || p.line.Current().Archiver.Status().Index != int64(known-1) || len(notes(w.view(), w.first, ledger.NoteStart)) != 1 {
				t.Fatalf("%d commits, %d of them confirmed", len(of.Manifests), p.line.Current().Archiver.Status().Index+1)
			}
			r := must(live.ask(t.Context()))
			if err := r.whole(w.acknowledged()); err != nil {
				t.Error(err)
			}
			if own := of.Manifests[known-1].Through; c.theirs != r.through.Equal(own) || c.theirs != slices.Equal(r.laggards, []string{w.first.String()}) {
				t.Errorf("complete through %s, held back by %v; the commit before is through %s", r.through, r.laggards, own)
			}
			if err := p.end(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// sealAndFail seals, and returns once it cannot be archived.
func (p *process) sealAndFail() error {
	if err := p.line.Current().Buffer.Seal(p.ctx); err != nil {
		return err
	}
	await(p.w.t, func() bool { return p.line.Current().Archiver.Status().Err != nil })
	return nil
}

// archiveWith runs a node, whose bucket is there, until all is archived that it has and that
// many more events.
func (w *world) archiveWith(events int) error {
	w.wrap = nil
	p, err := w.start()
	if err != nil {
		return err
	}
	if err = p.ready(w.first); err == nil && events > 0 {
		err = p.send(w.events(events)...)
	}
	return errors.Join(err, p.drain(), p.end())
}

// severed is a bucket as one node sees it.
type severed struct {
	object.Store
	answer  atomic.Bool // false: the next commit arrives, and then the connection is severed
	severed atomic.Bool // it lists nothing, so the node sends nothing
}

func (s *severed) Put(ctx context.Context, p object.Put) (string, error) {
	version, err := s.Store.Put(ctx, p)
	if strings.HasSuffix(p.Key, ".commit") && !s.answer.Load() {
		s.severed.Store(true)
		return "", fmt.Errorf("%w; %w", memstore.ErrLost, err)
	}
	return version, err
}

func (s *severed) Versions(ctx context.Context, prefix string) iter.Seq2[object.Info, error] {
	if s.severed.Load() {
		return func(yield func(object.Info, error) bool) { yield(object.Info{}, memstore.ErrLost) }
	}
	return s.Store.Versions(ctx, prefix)
}
