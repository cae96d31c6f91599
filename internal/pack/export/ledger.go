package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/pack"
)

// fetches is how many commits are fetched at once.
const fetches = 16

// maxVersions is how many versions of a key are held at least, when it has them.
const maxVersions = 10_000

// errNoTrue: no version of a ledger object is what it should be.
var errNoTrue = errors.New("no version of it is true: run archiver verify")

// ledger copies the archive object, and every stream with all its commits.
func (e *exporter) ledger(ctx context.Context) (err error) {
	if e.archive, err = ledger.ParseRootName(e.Root); err != nil {
		return err
	}
	reader, err := ledger.NewReader(e.Store, e.Prefix, e.Root)
	if err != nil {
		return err
	}
	view, err := reader.Refresh(ctx)
	if err != nil {
		return err // with a view too: there may be a stream that it does not know
	}
	var vkeys []string
	raw, err := e.choose(ctx, ledger.ArchiveKey(e.Prefix), ledger.MaxNoteBytes, func(b []byte) error {
		_, err := ledger.ParseArchive(b, e.Root)
		return err
	})
	if err != nil {
		return err
	}
	if err := e.add(pack.ArchiveName, raw); err != nil {
		return err
	}
	streams := slices.Clone(view.Streams)
	slices.SortFunc(streams, func(a, b ledger.Stream) int { return bytes.Compare(a.Open.Stream[:], b.Open.Stream[:]) })
	for i := range streams {
		s := &streams[i]
		if s.Stuck != "" {
			return fmt.Errorf("stream %s: %s: run archiver verify", s.Open.Stream, s.Stuck)
		}
		vkeys = append(vkeys, s.Open.VKey)
		if err := e.stream(ctx, s); err != nil {
			return fmt.Errorf("stream %s: %w", s.Open.Stream, err)
		}
	}
	e.statement = e.build.Statement(e.archive)
	e.statement.Created, e.statement.Writer = e.Now().UTC().Truncate(1e9), e.Writer
	e.statement.Where, e.statement.WholeFiles = e.Where, e.WholeFiles
	return e.add(pack.KeysName, pack.Keys(e.Root, vkeys))
}

// stream copies a stream up to the head that the reader saw.
func (e *exporter) stream(ctx context.Context, s *ledger.Stream) error {
	id := s.Open.Stream
	open, err := e.choose(ctx, ledger.OpenKey(e.Prefix, id), ledger.MaxNoteBytes, func(b []byte) error {
		o, err := ledger.ParseOpen(b, e.Root)
		if err == nil && o.Stream != id {
			err = errors.New("is for another stream")
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := e.add(pack.OpenName(id), open); err != nil {
		return err
	}
	head, err := ledger.NewHead(open, e.Root)
	if err != nil {
		return err
	}
	e.build.Begin(id)
	var checkpoint []byte
	for head.Index < s.Head.Index {
		ahead, err := e.fetch(ctx, id, head.Index+1, min(s.Head.Index, head.Index+fetches))
		if err != nil {
			return err
		}
		for _, oldest := range ahead {
			next, commit, raw, err := e.commit(ctx, &head, oldest)
			if err != nil {
				return err
			}
			if err := e.add(pack.CommitName(id, next.Index), raw); err != nil {
				return err
			}
			e.build.Add(&commit.Manifest)
			head, checkpoint = next, commit.Checkpoint
			e.progress.Commits++
		}
		e.Progress(e.progress)
	}
	e.build.End(&head)
	if checkpoint == nil {
		return nil
	}
	return e.add(pack.CheckpointName(id), checkpoint)
}

// fetch reads the oldest versions of some commits at once: nearly always they are
// the true ones, since nobody can put one below them.
func (e *exporter) fetch(ctx context.Context, id uuid.UUID, first, last int64) ([][]byte, error) {
	found := make([][]byte, last-first+1)
	g, ctx := errgroup.WithContext(ctx)
	for i := range found {
		g.Go(func() error {
			b, err := e.choose(ctx, ledger.CommitKey(e.Prefix, id, first+int64(i)), ledger.MaxCommitBytes, func([]byte) error { return nil })
			found[i] = b
			return err
		})
	}
	return found, g.Wait()
}

// commit verifies the next commit, and looks for its true version when the oldest
// one is not.
func (e *exporter) commit(ctx context.Context, head *ledger.Head, oldest []byte) (next ledger.Head, c ledger.Commit, raw []byte, err error) {
	if next, c, err = head.Verify(oldest); err == nil {
		return next, c, oldest, nil
	}
	raw, err = e.choose(ctx, ledger.CommitKey(e.Prefix, head.Stream, head.Index+1), ledger.MaxCommitBytes, func(b []byte) error {
		next, c, err = head.Verify(b)
		return err
	})
	return next, c, raw, err
}

// choose returns the oldest version of a key that is accepted.
func (e *exporter) choose(ctx context.Context, key string, most int64, accept func([]byte) error) ([]byte, error) {
	var versions []object.Info
	for info, err := range e.Store.Versions(ctx, key) {
		if err != nil {
			return nil, err
		}
		if info.Key != key {
			if info.Key > key {
				break
			}
			continue
		}
		if !info.DeleteMarker && info.Size <= most {
			versions = keepOldest(versions, info)
		}
	}
	why := errNoTrue
	for _, v := range slices.Backward(versions) {
		b, err := e.get(ctx, key, v.VersionID, most)
		if err != nil {
			return nil, fmt.Errorf("get %s: %w", key, err)
		}
		err = accept(b)
		if err == nil {
			return b, nil
		}
		why = fmt.Errorf("%w: %w", errNoTrue, err)
	}
	return nil, fmt.Errorf("%s: %w", key, why)
}

// keepOldest adds a version to those of a key, which come newest first. Of very many the
// oldest are kept: nobody can put one below a true one.
func keepOldest(versions []object.Info, info object.Info) []object.Info {
	if len(versions) == 2*maxVersions {
		versions = slices.Delete(versions, 0, maxVersions)
	}
	return append(versions, info)
}

func (e *exporter) get(ctx context.Context, key, version string, most int64) (_ []byte, err error) {
	body, err := e.Store.Get(ctx, key, version)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	b, err := io.ReadAll(io.LimitReader(body, most+1))
	if err == nil && int64(len(b)) > most {
		err = errors.New("is larger than its listing says")
	}
	return b, err
}
