package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// RecoverOptions say which lost stream to recover, and as whom.
type RecoverOptions struct {
	Dir    string // an empty folder, for this run only
	FS     durable.FS
	Store  object.Store
	Prefix string
	Root   string // the root verifier key, from our own configuration
	Stream uuid.UUID

	// Signer is the root key, or the stream's own key if it is not lost.
	Signer ledger.Signer
	Host   string // where this runs, for the notes
	Writer string // name and version of this program, for the manifests
	DryRun bool   // change nothing

	AheadMost time.Duration // see Options

	Now func() time.Time
	Log *slog.Logger

	pause func(context.Context, time.Duration) error // of tests; nil: the real one
}

// Recovered is what a recovery has done, or would do.
type Recovered struct {
	Stream  uuid.UUID      `json:"stream"`
	First   int64          `json:"first"` // the seqs that were recovered
	Last    int64          `json:"last"`  // First-1 when there are none
	Rows    int64          `json:"rows"`
	Lost    []ledger.Range `json:"lost"`    // of First to Last: neither archived nor shipped
	Commits int64          `json:"commits"` // that recoveries added, those that take and close the stream included
	Closed  bool           `json:"closed"`
	Orphans []string       `json:"orphans"` // files that the node has sent and that do not count
	Remarks []string       `json:"remarks"` // what is under the names of shipments and is none
}

// recovery is one run of Recover.
type recovery struct {
	o         RecoverOptions
	reader    *ledger.Reader
	shipments shipments
	moved     Moved         // where the stream's first rows come from, as they were shipped
	waited    time.Duration // of the step that is repeated
}

// recoverPatience is how long a step that fails is repeated. Unlike a server, who
// recovers stands by and can begin again. How many steps there are says nothing of that:
// each has it anew.
const recoverPatience = 2 * time.Minute

// ErrGone: the stream moved while it was being recovered.
var ErrGone = errors.New("the stream has gone on")

// Recover archives what a lost node has shipped and not archived, under the seqs
// that were acknowledged, and closes its stream.
//
// It may be cut short anywhere and run again, here or elsewhere, and ends the same:
//
//	1 read     the ledger says up to which seq the stream is archived, and which
//	           commit is the next. Nothing is taken from an earlier run.
//	2 fetch    what was shipped from that seq on is on our disk, verified. It makes
//	           the batches that the node sealed; what it has not sealed is one more.
//	3 take     a commit without rows says that a recovery has begun. If the node still
//	           lives, one of the two is first under the stream's next index, and the other
//	           one stops, before any file was sent that nobody would name.
//	4 archive  each batch as a node archives it (see commit).
//	5 close    the last commit says so. The stream takes no other from then on.
//
// Between 3 and 5 a node that comes back waits (see Move): what it brings to another
// stream meanwhile would be archived twice.
func Recover(ctx context.Context, o RecoverOptions) (_ Recovered, err error) {
	r := &recovery{o: o}
	if r.reader, err = ledger.NewReader(o.Store, o.Prefix, o.Root); err != nil {
		return Recovered{}, err
	}
	before, about, err := r.stream(ctx)
	if err != nil || before.Head.Closed {
		return r.result(&before), err
	}
	for _, f := range r.reader.View().Findings {
		if f.Stream == o.Stream {
			o.Log.WarnContext(ctx, "finding in the stream's ledger", "kind", f.Kind, "key", f.Key, "version", f.Version, "detail", f.Detail)
		}
	}
	if before.Head.Recovered && o.Signer.Name() != ledger.RootName(before.Open.Archive) {
		return Recovered{}, errors.New("the root key has begun to recover this stream: only it can go on")
	}
	file, err := r.openFile()
	if err != nil {
		return Recovered{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	batches, err := r.fetch(ctx, &before, about, file)
	if err != nil {
		return Recovered{}, err
	}
	a, err := r.archiver(&before)
	if err != nil {
		return Recovered{}, err
	}
	if err := a.checkClocks(batches); err != nil {
		return Recovered{}, err
	}
	if o.DryRun {
		return r.plan(ctx, &before, batches)
	}
	if err := r.archive(ctx, a, batches); err != nil {
		return Recovered{}, err
	}
	after, _, err := r.stream(ctx)
	if err != nil {
		return Recovered{}, fmt.Errorf("after the recovery: %w", err)
	}
	return r.result(&after), nil
}

// stream reads where the bucket says that the stream is.
func (r *recovery) stream(ctx context.Context) (ledger.Stream, ledger.Archive, error) {
	none := func(err error) (ledger.Stream, ledger.Archive, error) {
		return ledger.Stream{}, ledger.Archive{}, err
	}
	view, err := r.reader.Refresh(ctx)
	if err != nil {
		return none(err)
	}
	for _, s := range view.Streams {
		if s.Open.Stream != r.o.Stream {
			continue
		}
		if s.Stuck != "" {
			return none(fmt.Errorf("stream %s: what follows commit %d cannot be trusted: %s", r.o.Stream, s.Head.Index, s.Stuck))
		}
		return s, view.Archive, nil
	}
	return none(fmt.Errorf("stream %s: %w in this archive, or the root key did not certify it", r.o.Stream, object.ErrNotFound))
}

func (r *recovery) openFile() (durable.File, error) {
	if err := durable.MkdirAll(r.o.FS, r.o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("work folder: %w", err)
	}
	f, err := r.o.FS.OpenFile(filepath.Join(r.o.Dir, "shipped"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("work folder: %w", err)
	}
	return f, nil
}

// fetch is step 2.
func (r *recovery) fetch(ctx context.Context, s *ledger.Stream, about ledger.Archive, file durable.File) ([]*buffer.ShippedBatch, error) {
	r.shipments = shipments{bucket: bucket{store: r.o.Store, log: r.o.Log}, prefix: r.o.Prefix, open: s.Open, file: file}
	all, err := r.shipments.fetch(ctx, s.Head.NextSeq)
	if err != nil {
		return nil, err
	}
	for _, remark := range r.shipments.remarks {
		r.o.Log.WarnContext(ctx, "this is no shipment, and changes nothing", "what", remark)
	}
	log := buffer.NewShipped(buffer.ShippedOptions{Stream: r.o.Stream, NextSeq: s.Head.NextSeq, Through: s.Head.Through,
		Retention: func(name string) (time.Duration, bool) {
			c, ok := about.Class(name)
			return time.Duration(c.Days) * 24 * time.Hour, ok
		}})
	var at time.Time
	for _, piece := range all {
		if err := log.Add(ctx, piece.place(), piece.about.ShippedAt, piece.frames, piece.about.Size); err != nil {
			return nil, fmt.Errorf("shipped %s: %w", piece.about.ShippedAt.Format(time.RFC3339), err)
		}
		r.moved.learn(piece.about.Moved)
		at = later(at, piece.about.ShippedAt)
	}
	batches, err := log.End(at)
	if err != nil {
		return nil, err
	}
	for _, b := range batches {
		if b.Lost {
			r.o.Log.ErrorContext(ctx, "acknowledged, but neither archived nor shipped", "first", b.First, "last", b.Last)
		}
	}
	return batches, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// archiver returns one that goes on where the bucket says that the stream is.
func (r *recovery) archiver(s *ledger.Stream) (*Archiver, error) {
	m := newMetrics(prometheus.NewRegistry()) // of nobody
	a := &Archiver{
		dir: r.o.Dir, fs: r.o.FS, bucket: bucket{r.o.Store, r.o.Log, m.foreign}, queue: kept{}, prefix: r.o.Prefix,
		stream: r.o.Stream, open: s.Open, signer: r.o.Signer, root: r.o.Root,
		writer: r.o.Writer, ahead: cmp.Or(r.o.AheadMost, aheadMost), now: r.o.Now, metrics: m, moved: make(chan struct{}),
		state: state{Version: stateVersion, Head: s.Head}, origins: r.moved,
	}
	r.patience(a, r.o.pause)
	a.showState(time.Time{})
	return a, a.makeFolders()
}

// patience lets an archiver give up after a while.
func (r *recovery) patience(a *Archiver, pause func(context.Context, time.Duration) error) {
	wait := orPause(pause)
	a.pause = func(ctx context.Context, d time.Duration) error {
		if r.waited += d; r.waited > recoverPatience {
			return fmt.Errorf("given up after %v: %w", recoverPatience, a.Status().Err)
		}
		return wait(ctx, d)
	}
}

// step repeats a step until it works or patience ends.
func (r *recovery) step(ctx context.Context, a *Archiver, s stage, do func(context.Context) error) error {
	r.waited = 0
	return a.retry(ctx, s, do)
}

// kept is the queue of a recovery: nothing is released, since the folder goes.
type kept struct{}

func (kept) Next(context.Context, int64) (*buffer.Batch, error) { return nil, buffer.ErrStopped }
func (kept) Release(context.Context, *buffer.Batch) error       { return nil }

// archive is steps 3 to 5.
func (r *recovery) archive(ctx context.Context, a *Archiver, batches []*buffer.ShippedBatch) error {
	said := ledger.Note{Kind: ledger.NoteRecover, Host: r.o.Host}
	if err := r.batches(ctx, a, batches, said, "neither archived nor shipped"); err != nil {
		return err
	}
	return gone(r.end(ctx, a, said, ledger.Note{Kind: ledger.NoteRotate}))
}

// takeAgain is how long a recovery goes on without taking the stream anew: a node waits
// for it for recoveryMost after it was taken last.
const takeAgain = recoveryMost / 4

// batches takes the stream, if there is something to archive, and archives each batch,
// with a note of what is lost, and why.
//
// Each run takes it anew, and one that goes on for hours does so again: that tells a node
// how long to wait.
func (r *recovery) batches(ctx context.Context, a *Archiver, batches []*buffer.ShippedBatch, said ledger.Note, why string) error {
	var taken time.Time
	for _, b := range batches {
		if now := a.now(); now.Sub(taken) > takeAgain {
			err := r.step(ctx, a, committing, func(ctx context.Context) error {
				return a.publish(ctx, a.manifest(nil, said), a.state.NextBatch, a.state.Identity)
			})
			if err != nil {
				return fmt.Errorf("take the stream: %w", gone(err))
			}
			taken = now
		}
		j := &job{batch: b.Batch, notes: []ledger.Note{said}}
		if b.Lost {
			j.notes = append(j.notes, ledger.Note{Kind: ledger.NoteGap, Text: why, Range: &ledger.Range{First: b.First, Last: b.Last}})
		}
		if err := r.step(ctx, a, spooling, func(ctx context.Context) error { return a.prepare(ctx, j) }); err != nil {
			return fmt.Errorf("recover seq %d to %d: %w", b.First, b.Last, err)
		}
		if err := r.step(ctx, a, committing, func(ctx context.Context) error { return a.commit(ctx, j) }); err != nil {
			return fmt.Errorf("recover seq %d to %d: %w", b.First, b.Last, gone(err))
		}
	}
	return nil
}

// checkClocks finds out before a recovery begins what would stop it later, and a node that
// is not lost for nothing.
func (a *Archiver) checkClocks(batches []*buffer.ShippedBatch) error {
	for _, b := range batches {
		if err := a.checkClock(b.Batch); err != nil {
			return fmt.Errorf("recover seq %d to %d: %w", b.First, b.Last, err)
		}
	}
	return nil
}

// gone says what another commit under the stream's next index means here.
func gone(err error) error {
	if errors.Is(err, ErrTaken) || errors.Is(err, ErrRecovered) {
		return fmt.Errorf("%w while it was being recovered: is its node still there, or does somebody else recover it? Look, and run this again: %w", ErrGone, err)
	}
	return err
}

// result tells what recoveries have done, from the ledger: so it is the same
// whichever run did it.
func (r *recovery) result(s *ledger.Stream) Recovered {
	out := Recovered{Stream: r.o.Stream, First: s.Head.NextSeq, Last: s.Head.NextSeq - 1, Lost: []ledger.Range{},
		Closed: s.Head.Closed, Orphans: []string{}, Remarks: append([]string{}, r.shipments.remarks...)}
	for i := range s.Manifests {
		m := &s.Manifests[i]
		if !m.Has(ledger.NoteRecover) {
			continue
		}
		out.First = min(out.First, m.First)
		out.Commits++
		out.Rows += m.Count
		for _, n := range m.Notes {
			switch n.Kind {
			case ledger.NoteGap:
				out.Lost = append(out.Lost, *n.Range)
			case ledger.NoteOrphan:
				out.Orphans = append(out.Orphans, n.Key)
			}
		}
	}
	return out
}

// plan tells what a recovery would do.
func (r *recovery) plan(ctx context.Context, s *ledger.Stream, batches []*buffer.ShippedBatch) (Recovered, error) {
	orphans, err := r.orphans(ctx, s, batches)
	if err != nil {
		return Recovered{}, err
	}
	return r.result(s).with(batches, orphans), nil
}

// with adds batches that are still to be archived, the commit that takes the stream for
// them, and the one that closes it and names the orphans.
func (out Recovered) with(batches []*buffer.ShippedBatch, orphans []ledger.Note) Recovered {
	if len(batches) > 0 {
		out.Commits++
	}
	for _, b := range batches {
		out.Last = b.Last
		out.Commits++
		out.Rows += b.Count
		if b.Lost {
			out.Lost = append(out.Lost, ledger.Range{First: b.First, Last: b.Last})
		}
	}
	for _, n := range orphans {
		out.Orphans = append(out.Orphans, n.Key)
	}
	out.Commits++
	return out
}
