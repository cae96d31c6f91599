package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// stranger is a finding about an object that no commit names; what its name says is
// all that is known.
func (r *run) stranger(v object.Info, kind Kind, detail string) Finding {
	f := Finding{Kind: kind, Level: 2, Key: v.Key, Version: v.VersionID, First: -1, Last: -1, Detail: detail}
	if p, ok := parquet.ParseKey(r.Prefix, v.Key); ok {
		f.Stream, f.First, f.Last = p.Stream, p.First, p.Last
	}
	return f
}

// orphans are the versions that signed notes say do not count, and which stream says so;
// "" as version stands for any. A stream speaks for itself and for those that it continues: the key of one
// stream must not excuse what lies under the name of any other.
func (r *run) orphans() map[version]uuid.UUID {
	all := make(map[version]uuid.UUID)
	for id, s := range r.streams {
		for i := range s.Manifests {
			for _, n := range s.Manifests[i].Notes {
				if n.Kind != ledger.NoteOrphan {
					continue
				}
				if p, ok := parquet.ParseKey("", n.Key); ok && r.continues(id, p.Stream) {
					all[version{r.key(n.Key), n.VersionID}] = id
				}
			}
		}
	}
	return all
}

// continues reports whether a stream is another one, or continues it, or a stream that
// does: so the root key has certified.
func (r *run) continues(id, other uuid.UUID) bool {
	for range len(r.streams) { // they may be in a circle
		s := r.streams[id]
		if id == other || s == nil {
			break
		}
		id = s.Open.Previous
	}
	return id == other
}

// candidates decides about the versions under events/ that no commit named when they
// were listed, now that the ledger was read again.
func (r *run) candidates(ctx context.Context) error {
	committed, orphans := make(map[string]bool), r.orphans()
	for _, c := range r.objects.fresh(r.streams) {
		committed[c.name] = true
	}
	for _, v := range r.objects.candidates {
		name := strings.TrimPrefix(v.Key, ledger.Join(r.Prefix, ""))
		if committed[name] || r.objects.find(name) != nil {
			continue
		}
		if err := r.candidate(ctx, v, orphans); err != nil {
			return err
		}
	}
	r.objects.candidates = nil
	return nil
}

// candidate decides about one version under events/ that no commit names, now that
// the ledger was read again.
func (r *run) candidate(ctx context.Context, v object.Info, orphans map[version]uuid.UUID) error {
	kind, detail, err := r.classify(ctx, v, orphans)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("verify: %w", context.Cause(ctx))
	case err != nil:
		r.unable(Unchecked{Level: 2, Key: v.Key, Version: v.VersionID, Why: err.Error()})
	default:
		r.find(r.stranger(v, kind, detail))
	}
	return nil
}

// classify says what a version under events/ is that no commit names. An error means
// that it cannot be told.
func (r *run) classify(ctx context.Context, v object.Info, orphans map[version]uuid.UUID) (_ Kind, detail string, _ error) {
	if by := cmp.Or(orphans[version{v.Key, v.VersionID}], orphans[version{v.Key, ""}]); by != uuid.Nil && !v.DeleteMarker {
		return Orphan, fmt.Sprintf("an orphan note of stream %s names it", by), nil
	}
	p, ok := parquet.ParseKey(r.Prefix, v.Key)
	s := r.streams[p.Stream]
	switch {
	case v.DeleteMarker:
		return Injected, "a delete marker on an object that no commit names", nil
	case !ok:
		return Injected, "no commit names it, and no writer names files so", nil
	case s == nil && r.unread != nil:
		return "", "", fmt.Errorf("whether the root key certified its stream cannot be told: %w", r.unread)
	case s == nil:
		return Injected, "the root key did not certify its stream", nil
	case s.Stuck != "" && p.First >= s.Head.NextSeq: // what comes after cannot be trusted, nor be told from what does not belong
		return "", "", errors.New("the stream's commits cannot be verified up to it: " + s.Stuck)
	case r.stale && !s.Head.Closed && p.First >= s.Head.NextSeq:
		return "", "", fmt.Errorf("whether the stream has committed it meanwhile cannot be told: %w", r.unread)
	case s.Head.Closed || p.First != s.Head.NextSeq:
		return Injected, "no commit names it", nil
	}
	return r.nextBatch(ctx, v, s.Head.Through)
}

// nextBatch decides about a version whose name is one of the next batch of a stream,
// which is complete through some instant. A writer locks whatever it sends, and
// commits its batches in order: what it sent is committed, or nothing else is. So a
// promise to be complete through a later time tells that the version is not the
// writer's; while there is none, the writer may have died over it, or somebody may
// have put it there while the writer is down, and nothing signed tells which.
func (r *run) nextBatch(ctx context.Context, v object.Info, through time.Time) (_ Kind, detail string, _ error) {
	info, err := r.head(ctx, v.Key, v.VersionID)
	switch {
	case err != nil:
		return "", "", err
	case info.Mode != object.Compliance && r.lockUnknown(ctx, info):
		return "", "", errors.New(noLockFields)
	case info.Mode != object.Compliance:
		return Injected, "no commit names it, and it is not locked as a writer locks what it sends", nil
	case !v.LastModified.Before(r.now.Add(-ledger.Flight)):
		return Pending, "sent by the stream's writer, it seems; no commit names it yet", nil
	case through.After(v.LastModified.Add(ledger.Skew)):
		return Injected, fmt.Sprintf("no commit names it, and the stream is complete through %s, when it had been there for long", through.Format(time.RFC3339)), nil
	default:
		return "", "", fmt.Errorf("it lies there since %s as a file of the stream's next batch, and nothing was committed since that tells whether it is one; SQL engines that read the bucket return its rows: start the stream's server again, or recover the stream",
			v.LastModified.Format(time.RFC3339))
	}
}
