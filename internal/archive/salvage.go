package archive

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// SalvageOptions say whose log to salvage. Of Options, Queue, FirstSeq, OpenSeq and Ship
// are not used.
type SalvageOptions struct {
	Options
	LogDir    string
	Retention func(class string) (time.Duration, bool)
	Successor uuid.UUID // continues the stream; Nil: nobody
	DryRun    bool      // change nothing
}

// salvageBase is above the number of every batch that a log has sealed: batches that
// are put together again have numbers of their own, and so folders in the spool.
const salvageBase = int64(1) << 40

// Salvage archives what is intact of a log that is damaged, under the seqs that were
// acknowledged, signs for what is not (see ledger.NoteGap; in words where its seqs are
// not known), and closes the stream. It runs in the node's own folder and signs with the
// stream's key, so the commit that the node had signed last goes first. The log stays as
// it is.
//
// It may be cut short anywhere and run again. A stream that is closed already is no
// error: its log is read all the same, since what was lost stays lost.
func Salvage(ctx context.Context, o SalvageOptions) (_ Recovered, _ []buffer.Damage, err error) {
	fail := func(err error) (Recovered, []buffer.Damage, error) { return Recovered{}, nil, err }
	o.Queue, o.FirstSeq, o.OpenSeq, o.Ship = kept{}, 0, math.MaxInt64, nil
	r := &recovery{o: RecoverOptions{Store: o.Store, Prefix: o.Prefix, Root: o.Root, Stream: o.Stream, Log: o.Log}}
	if r.reader, err = ledger.NewReader(o.Store, o.Prefix, o.Root); err != nil {
		return fail(err)
	}
	a, err := New(o.Options)
	if err != nil {
		return fail(err)
	}
	r.patience(a, o.Pause)
	closed := false
	if !o.DryRun {
		err := a.Start(ctx)
		if closed = errors.Is(err, ErrClosed); err != nil && !closed {
			return fail(err)
		}
	}
	head := a.state.Head
	if a.pending != nil { // of a dry run: it will be there before anything else
		if head, _, err = head.Verify(a.pending.Commit); err != nil {
			return fail(err)
		}
	}
	log, err := buffer.Salvage(ctx, o.FS, o.LogDir, buffer.ShippedOptions{Stream: o.Stream, NextSeq: head.NextSeq, Through: head.Through, Retention: o.Retention})
	if err != nil {
		return fail(err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if closed || head.Closed { // of a dry run: closed now, or by the commit that goes first
		out, err := r.afterClose(ctx, a, head, log.Batches)
		return out, log.Damage, err
	}
	if err := a.checkClocks(log.Batches); err != nil {
		return fail(err)
	}
	if o.DryRun {
		out, err := r.planSalvage(ctx, a, head, log.Batches)
		return out, log.Damage, err
	}
	said := ledger.Note{Kind: ledger.NoteRecover, Host: o.Identity.Host, Text: "from a damaged log"}
	if slices.ContainsFunc(log.Damage, func(d buffer.Damage) bool { return d.AtEnd }) {
		said.Text += ", whose end cannot be read: how much was acknowledged there is not known"
	}
	for _, b := range log.Batches {
		b.Number = salvageBase + b.First
	}
	if err := r.batches(ctx, a, log.Batches, said, "damaged in the log of its node"); err != nil {
		return fail(err)
	}
	if err := r.end(ctx, a, said, ledger.Note{Kind: ledger.NoteRotate, Stream: o.Successor}); err != nil {
		return fail(err)
	}
	s, _, err := r.stream(ctx)
	if err != nil {
		return fail(fmt.Errorf("after the salvage: %w", err))
	}
	return r.result(&s), log.Damage, nil
}

// afterClose tells what was done of a stream that takes no more. Batches are what its log
// has and the bucket has not: a salvage leaves none, but a stream that was closed since it
// could not go on may have had no time to move them. Nobody can archive them here any more.
func (r *recovery) afterClose(ctx context.Context, a *Archiver, head ledger.Head, batches []*buffer.ShippedBatch) (Recovered, error) {
	s, err := r.streamAt(ctx, a, head)
	if err != nil {
		return Recovered{}, err
	}
	out := r.result(&s)
	for _, b := range batches {
		out.Lost = append(out.Lost, ledger.Range{First: b.First, Last: b.Last})
	}
	return out, nil
}

// planSalvage tells what a salvage would do. Head is where the stream is once the
// commit that the node had signed last is there.
func (r *recovery) planSalvage(ctx context.Context, a *Archiver, head ledger.Head, batches []*buffer.ShippedBatch) (Recovered, error) {
	out := Recovered{Stream: r.o.Stream, First: head.NextSeq, Last: head.NextSeq - 1, Lost: []ledger.Range{}, Orphans: []string{}, Remarks: []string{}}
	s, err := r.streamAt(ctx, a, head)
	if errors.Is(err, object.ErrNotFound) { // nothing of the stream is in the bucket yet
		return out.with(batches, nil), nil
	}
	if err != nil {
		return Recovered{}, err
	}
	orphans, err := r.orphans(ctx, &s, batches)
	return out.with(batches, orphans), err
}

// streamAt is the stream as it is at head, with the commit that the node had signed last
// where the bucket has not got that yet.
func (r *recovery) streamAt(ctx context.Context, a *Archiver, head ledger.Head) (ledger.Stream, error) {
	s, _, err := r.stream(ctx)
	if err != nil || a.pending == nil || head.Index != s.Head.Index+1 {
		return s, err
	}
	c, err := ledger.ParseCommit(a.pending.Commit)
	if err != nil {
		return ledger.Stream{}, err
	}
	s.Head, s.Manifests = head, append(slices.Clip(s.Manifests), c.Manifest)
	return s, nil
}
