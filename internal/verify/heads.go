package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// headsPerWorker: a HEAD is waiting and little else.
const headsPerWorker = 8

const noLockFields = "the store shows no lock on it: it has none, or we may not see it (s3:GetObjectRetention)"

// LockReader is a Store that can tell an object without a lock from one whose lock
// we may not see: HEAD answers both alike.
type LockReader interface {
	// Unlocked reports whether a version is known to have no lock. An error means
	// that the store does not say.
	Unlocked(ctx context.Context, key, versionID string) (bool, error)
}

// lockUnknown reports whether a HEAD without lock fields may come of a missing
// permission. A store that is no LockReader hides nothing.
func (r *run) lockUnknown(ctx context.Context, info object.Info) bool {
	l, ok := r.Store.(LockReader)
	if !ok {
		return false
	}
	unlocked, err := l.Unlocked(ctx, info.Key, info.VersionID)
	return err != nil || !unlocked
}

// head asks for one version, and marks one that is not there.
func (r *run) head(ctx context.Context, key, id string) (object.Info, error) {
	info, err := r.Store.Head(ctx, key, id)
	info.Key, info.VersionID = key, id
	return info, err
}

// judgeLock compares a lock with the date until which it has to hold; the zero time
// demands a lock alone. ok is false when there is something to say about it.
func (r *run) judgeLock(ctx context.Context, f Finding, info object.Info, until time.Time) (ok bool) {
	f.Kind = ShortLocked
	switch {
	case r.over(until):
		return true
	case info.Mode == "" && info.RetainUntil.IsZero() && r.lockUnknown(ctx, info):
		r.unable(Unchecked{Level: f.Level, Key: f.Key, Version: f.Version, Why: noLockFields})
		return false
	case info.Mode == "" && info.RetainUntil.IsZero():
		f.Detail = "it has no lock"
	case info.Mode != object.Compliance:
		f.Detail = fmt.Sprintf("its lock has mode %s: whoever has the permission may lift it", info.Mode)
	case info.RetainUntil.Before(until):
		f.Detail = fmt.Sprintf("locked until %s, it has to be until %s", info.RetainUntil.Format(time.RFC3339), until.Format(time.RFC3339))
	default:
		return true
	}
	r.find(f)
	return false
}

// heads asks for each committed version that no earlier run asked for, and for the
// commits themselves: size, hash and lock. An older version cannot have changed in
// these, and that it is there the listing shows.
func (r *run) heads(ctx context.Context) error {
	if err := r.headArchive(ctx); err != nil {
		return err
	}
	return r.commits(ctx, 2, r.Workers*headsPerWorker, func(s *stream) *work { return &s.remembered.Objects }, r.headCommit)
}

// headArchive looks at the locks of what is not a commit.
func (r *run) headArchive(ctx context.Context) error {
	type target struct {
		key, id string
		stream  *stream
		until   time.Time
	}
	// Of the archive object any lock will do: its writers lengthen it, later or never,
	// and that it is gone is seen at once.
	targets := []target{{key: ledger.ArchiveKey(r.Prefix), id: r.view.Object.VersionID}}
	for id, s := range r.streams {
		targets = append(targets, target{ledger.OpenKey(r.Prefix, id), s.Object.VersionID, s, s.Open.RetainUntil})
	}
	for _, t := range targets {
		f := Finding{Level: 2, Key: t.key, Version: t.id, First: -1, Last: -1}
		if t.stream != nil {
			f.Stream = t.stream.Open.Stream
		}
		if _, err := r.headLedger(ctx, f, t.until); err != nil {
			return err
		}
	}
	return nil
}

// headLedger looks at the lock of one object of the ledger, whose content was read, or
// was kept by an earlier run. ok is false when something was reported.
func (r *run) headLedger(ctx context.Context, f Finding, until time.Time) (ok bool, _ error) {
	info, err := r.head(ctx, f.Key, f.Version)
	switch {
	case ctx.Err() != nil:
		return false, fmt.Errorf("verify: %w", context.Cause(ctx))
	case errors.Is(err, object.ErrNotFound):
		if f.Kind, f.Detail = Missing, "a listing has it, and it cannot be read: the store has lost it"; r.over(until) {
			f.Kind = Expired
		}
		if !r.saidGone(f) {
			r.find(f)
		}
		return false, nil
	case err != nil:
		r.unable(Unchecked{Level: 2, Key: f.Key, Version: f.Version, Why: err.Error()})
		return false, nil //nolint:nilerr // the report has it
	}
	return r.judgeLock(ctx, f, info, until), nil
}

// saidGone reports whether level 1 says of a ledger object that it is gone.
func (r *run) saidGone(f Finding) bool {
	return slices.ContainsFunc(r.view.Findings, func(said ledger.Finding) bool {
		return said.Kind == ledger.FindingMissing && said.Key == f.Key
	})
}

// headCommit looks at one commit object and at what it names.
func (r *run) headCommit(ctx context.Context, s *stream, index int64) (ok bool, _ error) {
	m := &s.Manifests[index]
	f := Finding{Level: 2, Key: ledger.CommitKey(r.Prefix, s.Open.Stream, index), Version: s.Commits[index].VersionID, Stream: s.Open.Stream}
	f.First, f.Last = seqs(m)
	ok, err := r.headLedger(ctx, f, s.Open.RetainUntil)
	if err != nil {
		return false, err
	}
	for i := range m.Files {
		c := committed{name: m.Files[i].Key, stream: s, index: index, file: i, aux: -1}
		for c.aux < len(m.Files[i].Aux) {
			if c.aux >= 0 {
				c.name = m.Files[i].Aux[c.aux].Key
			}
			early, gone := r.gone[c.name]
			good := !early
			if !gone {
				if good, err = r.headObject(ctx, &c); err != nil {
					return false, err
				}
			}
			ok = ok && good
			c.aux++
		}
	}
	return ok, nil
}

// headObject compares one committed version with its manifest.
func (r *run) headObject(ctx context.Context, c *committed) (ok bool, _ error) {
	id, size, sum, until := c.object()
	f := r.finding(c)
	f.Version = id
	info, err := r.head(ctx, f.Key, id)
	switch {
	case ctx.Err() != nil:
		return false, fmt.Errorf("verify: %w", context.Cause(ctx))
	case errors.Is(err, object.ErrNotFound): // gone since the listing
		f.Kind, f.Detail = Missing, "the committed version went away while we looked"
		r.find(f)
		return false, nil
	case err != nil:
		r.unable(Unchecked{Level: 2, Key: f.Key, Version: id, Why: err.Error()})
		return false, nil //nolint:nilerr // the report has it
	}
	ok = r.judgeLock(ctx, f, info, until)
	switch {
	case info.Size != size:
		f.Kind, f.Detail = Altered, fmt.Sprintf("it has %d bytes, %d were committed", info.Size, size)
	case info.SHA256 == [32]byte{} && !r.levels[3]:
		r.unable(Unchecked{Level: 2, Key: f.Key, Version: id, Why: "the store does not tell its SHA-256; level 3 would read it"})
		return false, nil
	case info.SHA256 != [32]byte{} && info.SHA256 != sum:
		f.Kind, f.Detail = Altered, fmt.Sprintf("the store says that it has SHA-256 %s, committed was %s", ledger.Hash(info.SHA256), sum)
	default:
		return ok, nil
	}
	r.find(f)
	return false, nil
}

// saveEvery is after how many commits of a stream the work is written down.
const saveEvery = 500

// commits calls do for every commit that is in the range and that was not looked at
// before, several at once, and keeps account of the work. do reports whether the
// commit need not be looked at again.
func (r *run) commits(ctx context.Context, level, workers int, of func(*stream) *work, do func(context.Context, *stream, int64) (bool, error)) error {
	total := int64(0)
	for _, s := range r.streams {
		total += int64(len(s.Manifests))
	}
	done := int64(0)
	for i := range r.view.Streams {
		s := r.streams[r.view.Streams[i].Open.Stream]
		w := of(s)
		if r.Full || w.Through > int64(len(s.Commits)) || w.Through > 0 && s.Commits[w.Through-1].Says != w.Root {
			*w = work{} // of another history, or not to be trusted
		}
		for begin := int64(0); begin < int64(len(s.Manifests)); begin += saveEvery {
			end := min(begin+saveEvery, int64(len(s.Manifests)))
			if err := r.stretch(ctx, level, workers, s, w, begin, end, do); err != nil {
				return err
			}
			done += end - begin
			r.Progress(Progress{Level: level, Objects: done, Total: total, Rows: r.rows(level)})
		}
	}
	return nil
}

// stretch does the commits from begin to below end.
func (r *run) stretch(ctx context.Context, level, workers int, s *stream, w *work, begin, end int64, do func(context.Context, *stream, int64) (bool, error)) error {
	var mu sync.Mutex
	good, tried := make(map[int64]bool), false
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for index := begin; index < end; index++ {
		if w.has(index) && !(level == 3 && r.levels[4]) {
			r.count(level, func(l *LevelReport) { l.Reused += 1 })
			continue
		}
		if s.Manifests[index].SealedAt.Before(r.Since) || level == 3 && !r.sampled() {
			continue
		}
		tried = true
		g.Go(func() error {
			ok, err := do(gctx, s, index)
			mu.Lock()
			defer mu.Unlock()
			good[index] = ok
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if !tried {
		return nil
	}
	w.add(s, good, begin, end, r.now)
	if s.stuckUnread {
		return nil
	}
	s.remembered.Stream = s.Open.Stream
	return r.memory.save(s.remembered)
}

// add takes the results of commits from begin to below end. What is behind a commit
// that nobody looked at is not remembered.
func (w *work) add(s *stream, good map[int64]bool, begin, end int64, now time.Time) {
	var redo []int64
	for _, index := range w.Redo {
		if ok, tried := good[index]; !tried || !ok {
			redo = append(redo, index)
		}
	}
	for index := max(w.Through, begin); index < end && index == w.Through; index++ {
		ok, tried := good[index]
		if !tried || !ok && len(redo) >= maxRedo {
			break
		}
		if !ok {
			redo = append(redo, index)
		}
		w.Through, w.Root = index+1, s.Commits[index].Says
	}
	w.Redo, w.At = redo, now
}
