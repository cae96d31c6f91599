package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// commit moves one batch from our disk to the bucket. It is repeated until it
// returns nil; after a crash it starts again at the top.
//
//	0 spool    the final bytes of every file are on our disk and were compared
//	           with the WAL. The bucket knows nothing yet.
//	1 data     every file is in the bucket under a name that only this batch
//	           has. Nothing refers to the files; a repetition finds and adopts them.
//	2 confirm  every file is locked as asked, with our checksum. Steps 1 and 2
//	           are one per file: ensure.
//	3 journal  the signed commit, which names the files' versions, is on our disk.
//	           From here on this and nothing else is sent for its index.
//	4 commit   the commit object is in the bucket, locked and confirmed. From here
//	           on the batch is archived; everything after is clearing up.
//	5 release  first our own state says so, then the WAL forgets the batch.
//
// The order cannot change. 4 before 2 would publish a promise about files that
// may not be locked. 4 before 3 could sign two histories for one index after a
// crash. 5 before 4 would lose the only copy.
func (a *Archiver) commit(ctx context.Context, j *job) error {
	b := j.batch
	archived, next := b.Number < a.state.NextBatch, a.state.Head.NextSeq
	if archived && b.Last >= next || !archived && b.First != next {
		return fmt.Errorf("%w: batch %d holds seq %d to %d, but batch %d and seq %d are the next to archive",
			ErrMixed, b.Number, b.First, b.Last, a.state.NextBatch, next)
	}
	if archived { // we died between 5's two halves
		return a.release(ctx, b)
	}
	begun := a.now()
	if a.pending == nil {
		if err := a.checkClock(b); err != nil {
			return err
		}
		m := a.manifest(b, slices.Concat(j.notes, a.origins.notes(b.First, b.Last))...)
		if b.Count > 0 {
			if j.sent { // what is on our disk may be why it did not work
				if err := a.prepare(ctx, j); err != nil {
					return err
				}
			}
			// A commit that is not ours means that a copy of our folder is at work. Found
			// here, it keeps files out of the bucket that no commit would ever name.
			if err := a.checkNext(ctx); err != nil {
				return err
			}
			if err := a.redate(b, &j.plan); err != nil {
				return fmt.Errorf("redate: %w", err)
			}
			if a.ship != nil && !j.sent {
				a.ship(ctx)
			}
			files, err := a.upload(ctx, j)
			if err != nil {
				return err
			}
			m.Files = files
		}
		if err := a.publish(ctx, m, b.Number+1, a.state.Identity); err != nil {
			return err
		}
	} else if err := a.send(ctx); err != nil {
		return err
	}
	a.metrics.seconds.Observe(a.now().Sub(begun).Seconds())
	return a.release(ctx, b)
}

// checkClock refuses a batch that was sealed too far ahead of the clock.
func (a *Archiver) checkClock(b *buffer.Batch) error {
	if ahead := b.SealedAt.Sub(a.now()); ahead > a.ahead {
		return fmt.Errorf("sealed at %s, which is %s ahead of the clock: one of them is wrong, and what is locked too long stays so; set the clock, or take the longer lock with seal.ahead_most",
			b.SealedAt.Format(time.RFC3339), ahead.Round(time.Second))
	}
	return nil
}

// upload brings all files of a batch to the bucket and returns their entries in the order
// that a manifest has them in: that of their keys, where "a-b/" comes before "a/". The
// plan has them by class.
func (a *Archiver) upload(ctx context.Context, j *job) ([]ledger.File, error) {
	j.sent = true
	files := make([]ledger.File, len(j.plan.Files))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(uploadsAtOnce)
	for i, s := range j.plan.Files {
		g.Go(func() error {
			var err error
			files[i], err = a.uploadFile(ctx, j.batch.Number, s)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(files, func(x, y ledger.File) int { return cmp.Compare(x.Key, y.Key) })
	return files, nil
}

func (a *Archiver) uploadFile(ctx context.Context, number int64, s spooled) (ledger.File, error) {
	f, err := a.fs.OpenFile(filepath.Join(a.spoolDir(number), s.Local), os.O_RDONLY, 0)
	if err != nil {
		return ledger.File{}, fmt.Errorf("open spooled file: %w", err)
	}
	defer f.Close()
	u := upload{earliest: s.SealedUntil, same: func(ctx context.Context, info object.Info) error {
		return a.sameRows(ctx, info, s)
	}}
	u.Key, u.Body, u.Size, u.SHA256 = ledger.Join(a.prefix, s.Name), f, s.Size, s.SHA256
	u.ContentType, u.RetainUntil = parquetType, s.RetainUntil
	info, err := a.ensure(ctx, u)
	if err != nil {
		return ledger.File{}, fmt.Errorf("data: %w", err)
	}
	until := s.RetainUntil
	if info.RetainUntil.Before(until) { // adopted from before the date was moved
		until = s.SealedUntil
	}
	return ledger.File{
		Key: s.Name, VersionID: info.VersionID, Size: info.Size, SHA256: info.SHA256, Rows: s.Rows, Root: s.Root,
		FirstSeq: s.FirstSeq, LastSeq: s.LastSeq, MinTimestampNS: s.MinNS, MaxTimestampNS: s.MaxNS,
		Class: s.Class, Day: s.Day, Mode: object.Compliance, RetainUntil: until,
	}, nil
}

// manifest begins the description of a batch, or of no batch at all when b is nil.
func (a *Archiver) manifest(b *buffer.Batch, notes ...ledger.Note) ledger.Manifest {
	m := a.state.Head.Empty(a.now().UTC().Truncate(time.Second), a.writer, notes...)
	if a.state.Head.Index < 0 {
		m.Notes = append(m.Notes, a.origins.orphans()...)
	}
	if b != nil {
		m.First, m.Last, m.Count = b.First, b.Last, b.Count
		m.Through, m.SealedAt = b.Through, b.SealedAt
		if b.Last < b.First {
			m.Notes = append(m.Notes, ledger.Note{Kind: ledger.NoteHeartbeat})
		}
	}
	return m
}

// committed tells the world that a commit was confirmed.
func (a *Archiver) committed(m *ledger.Manifest) {
	a.metrics.batches.Inc()
	a.metrics.rows.Add(float64(m.Count))
	for _, f := range m.Files {
		a.metrics.bytes.Add(float64(f.Size))
	}
	a.metrics.through.Set(float64(m.Through.UnixMilli()) / 1000)
	a.showState(a.now())
	a.log.Info("committed", "index", m.Index, "first", m.First, "count", m.Count, "files", len(m.Files), "through", m.Through)
}

// release forgets a batch that is archived. The spool goes last: without its
// batch nobody would look for it again before the next start.
func (a *Archiver) release(ctx context.Context, b *buffer.Batch) error {
	err := a.queue.Release(ctx, b)
	if err != nil && !errors.Is(err, buffer.ErrReleased) { // by the try before, which could not clear the spool
		return err
	}
	a.setStatus(func(*Status) {}) // wakes Drain
	return a.removeSpool(b.Number)
}
