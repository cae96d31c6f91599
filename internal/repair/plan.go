package repair

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// plan is what is to be done about one key.
type plan struct {
	key      string
	target   target // of a committed key
	position int    // of the committed version in the listing
	steps    []Step // puts and notes first, then removals
	left     []Left

	// Of a committed key, newest first: versions above the committed one.
	copies []string // the committed bytes, locked for as long
	locked []string // foreign, and not to be removed
	top    bool     // a copy lies above all that is locked
	put    bool     // this run has put one
}

// plan looks at some keys, several at once. An entry is nil where it could not look.
func (r *run) plan(ctx context.Context, chunk [][]object.Info) ([]*plan, error) {
	plans := make([]*plan, len(chunk))
	errs := make([]error, len(chunk))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, versions := range chunk {
		g.Go(func() error {
			p := &plan{key: versions[0].Key, position: -1}
			if target, ok := r.is[p.key]; ok {
				p.target = target
				errs[i] = r.planCommitted(ctx, p, versions)
			} else {
				errs[i] = r.planStranger(ctx, p, versions)
			}
			if errs[i] == nil {
				plans[i] = p
			} else {
				errs[i] = fmt.Errorf("look at %s: %w", p.key, errs[i])
			}
			return nil
		})
	}
	_ = g.Wait() // never an error
	return plans, errors.Join(errs...)
}

// planCommitted decides about a key of which one version is committed.
func (r *run) planCommitted(ctx context.Context, p *plan, versions []object.Info) error {
	p.position = slices.IndexFunc(versions, func(v object.Info) bool { return v.VersionID == p.target.id && !v.DeleteMarker })
	switch {
	case !p.target.until.After(r.Now()):
		return nil // it may go, and whoever lets it go leaves a marker
	case p.position < 0:
		p.gone()
		return nil
	}
	var removals []Step // newest first
	for i, v := range versions {
		if i == p.position {
			continue
		}
		if v.DeleteMarker {
			removals = append(removals, Step{Do: RemoveMarker, Version: v.VersionID, Why: "a delete marker on a committed object"})
			continue
		}
		removable, err := r.planForeign(ctx, p, i, v)
		if err != nil {
			return err
		}
		if removable {
			removals = append(removals, Step{Do: RemoveVersion, Version: v.VersionID, Why: "a version without a lock on a committed object"})
		}
	}
	p.cover(r.named)
	slices.Reverse(removals)
	for _, s := range removals {
		p.step(s)
	}
	return nil
}

// planForeign decides about one foreign version of a committed key.
func (r *run) planForeign(ctx context.Context, p *plan, i int, v object.Info) (removable bool, _ error) {
	info, err := r.Store.Head(ctx, v.Key, v.VersionID)
	if errors.Is(err, object.ErrNotFound) { // removed since the listing
		return false, nil
	}
	if err != nil {
		return false, err
	}
	above, free := i < p.position, info.Mode == "" || !info.RetainUntil.After(r.Now())
	if above && !free && info.Mode == object.Compliance && !info.RetainUntil.Before(p.target.until) {
		same, err := r.holds(ctx, v, p.target)
		if err != nil {
			return false, err
		}
		if same {
			p.copies, p.top = append(p.copies, v.VersionID), p.top || len(p.locked) == 0
			return false, nil
		}
	}
	switch {
	case r.judged[version{v.Key, v.VersionID}] == ledger.FindingFork:
		p.leave(v.VersionID, "the right key signed it beside the committed version: a second writer, or a stolen key",
			"keep it as evidence; find out who has the stream's key")
	case free && r.unjudged(v):
		p.leave(v.VersionID, "there is too much in the ledger that does not belong there to judge it now", "run the repair again")
	case free:
		return true, nil
	case above:
		p.locked = append(p.locked, v.VersionID)
	default:
		p.leave(v.VersionID, fmt.Sprintf("a foreign version below the committed one, locked until %s", info.RetainUntil.Format(time.RFC3339)),
			"nobody reads it; remove it when its lock has ended")
	}
	return false, nil
}

// unjudged: the reader bounds its findings, and a version of a ledger object that it
// found and did not keep could be a fork.
func (r *run) unjudged(v object.Info) bool {
	_, found := r.judged[version{v.Key, v.VersionID}]
	return !found && r.view.MoreFindings > 0 && !strings.HasPrefix(r.name(v.Key), "events/")
}

// holds reports whether a version has the committed bytes. It reads them: a note
// that names a copy must not rest on what a store says.
func (r *run) holds(ctx context.Context, v object.Info, t target) (bool, error) {
	if t.size >= 0 && v.Size != t.size {
		return false, nil
	}
	body, err := r.Store.Get(ctx, v.Key, v.VersionID)
	if err != nil {
		return false, err
	}
	defer body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, body); err != nil {
		return false, err
	}
	return ledger.Hash(h.Sum(nil)) == t.sum, nil
}

// cover decides whether the committed bytes have to be put again, or copies that
// are there have to be named.
func (p *plan) cover(named map[version][]string) {
	if len(p.locked) > 0 && !p.top {
		p.step(Step{Do: PutAgain, Over: p.locked, Why: "foreign versions that are locked lie over the committed one"})
		return
	}
	unnamed := slices.ContainsFunc(p.copies, func(id string) bool { _, ok := named[version{p.key, id}]; return !ok })
	if len(p.copies) > 0 && !unnamed {
		over := named[version{p.key, p.copies[0]}]
		unnamed = slices.ContainsFunc(p.locked, func(id string) bool { return !slices.Contains(over, id) })
	}
	if unnamed {
		p.step(Step{Do: Attest, Version: p.copies[0], Over: p.locked, Why: "copies of the committed bytes that no signed note names"})
	}
}

// planStranger decides about a key that no commit names.
func (r *run) planStranger(ctx context.Context, p *plan, versions []object.Info) error {
	name := r.name(p.key)
	if !strings.HasPrefix(name, "events/") && !strings.HasPrefix(name, "ledger/") && !strings.HasPrefix(name, "attest/") {
		p.leave("", "nothing of an archive is named so", "it is no business of ours; move it out of the archive's prefix")
		return nil
	}
	staying := false // a version below does
	var steps []Step
	for _, v := range slices.Backward(versions) {
		if v.DeleteMarker {
			// Over what cannot be removed it does more good than harm.
			if !staying {
				steps = append(steps, Step{Do: RemoveMarker, Version: v.VersionID, Why: "a delete marker on a key that no commit names"})
			}
			continue
		}
		if r.notes[version{v.Key, v.VersionID}] {
			continue
		}
		removable, err := r.planStrange(ctx, p, v)
		if err != nil {
			return err
		}
		if removable {
			steps = append(steps, Step{Do: RemoveVersion, Version: v.VersionID, Why: "no commit names it, and it has no lock as all that the archiver writes"})
		}
		staying = staying || !removable
	}
	for _, s := range steps {
		p.step(s)
	}
	return nil
}

// planStrange decides about one version of a key that no commit names. Only what has
// no lock is provably foreign: a writer locks what it sends, in the same request.
func (r *run) planStrange(ctx context.Context, p *plan, v object.Info) (removable bool, _ error) {
	info, err := r.Store.Head(ctx, v.Key, v.VersionID)
	if errors.Is(err, object.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch {
	case r.judged[version{v.Key, v.VersionID}] == ledger.FindingFork || info.Mode == "" && r.unjudged(v):
		p.leave(v.VersionID, "a key of the archive may have signed it", "keep it as evidence; run `archiver verify`")
	case info.Mode == "":
		return true, nil
	case r.ofNextBatch(v):
		r.planNextBatch(p, v, info)
	case r.stuck(v) != "":
		p.leave(v.VersionID, "the stream's commits cannot be verified up to it: "+r.stuck(v), "restore the commit that is missing from a replica; run `archiver verify`")
	default:
		p.leaveLocked(v.VersionID, info.RetainUntil)
	}
	return false, nil
}

// ofNextBatch reports whether an object has the name of a file of a stream's next
// batch: no commit names it yet. (Its commit would have been read after it was listed.)
func (r *run) ofNextBatch(v object.Info) bool {
	parts, ok := parquet.ParseKey(r.Prefix, v.Key)
	s := r.stream(parts.Stream)
	return ok && s != nil && !s.Head.Closed && s.Stuck == "" && s.Head.NextSeq == parts.First
}

// planNextBatch decides about a locked version with such a name, by what verify goes by:
// a live writer is about to commit it; or the writer has signed since that it is complete;
// or nothing tells yet whose it is.
func (r *run) planNextBatch(p *plan, v, info object.Info) {
	parts, _ := parquet.ParseKey(r.Prefix, v.Key)
	through := r.stream(parts.Stream).Head.Through
	switch {
	case info.Mode == object.Compliance && !v.LastModified.Before(r.Now().Add(-ledger.Flight)):
	case info.Mode != object.Compliance, through.After(v.LastModified.Add(ledger.Skew)):
		p.leaveLocked(v.VersionID, info.RetainUntil)
	default:
		p.leave(v.VersionID, fmt.Sprintf("it lies there since %s as a file of the stream's next batch, and nothing was committed since that tells whether it is one",
			v.LastModified.Format(time.RFC3339)), "start the stream's server again, or recover the stream; then run the repair again")
	}
}

// stuck says why what comes after a stream's last trusted commit cannot be told from
// what does not belong there; "" when it can, or the object is not of that.
func (r *run) stuck(v object.Info) string {
	if parts, ok := parquet.ParseKey(r.Prefix, v.Key); ok {
		if s := r.stream(parts.Stream); s != nil && parts.First >= s.Head.NextSeq {
			return s.Stuck
		}
	}
	if id, index, ok := ledger.ParseCommitKey(r.Prefix, v.Key); ok {
		if s := r.stream(id); s != nil && index > s.Head.Index {
			return s.Stuck
		}
	}
	return ""
}

func (r *run) stream(id uuid.UUID) *ledger.Stream {
	i := slices.IndexFunc(r.view.Streams, func(s ledger.Stream) bool { return s.Open.Stream == id })
	if i < 0 {
		return nil
	}
	return &r.view.Streams[i]
}

func (p *plan) step(s Step) {
	s.Key = p.key
	if s.Over == nil {
		s.Over = []string{}
	}
	p.steps = append(p.steps, s)
}

func (p *plan) gone() {
	p.leave("", "the committed version "+p.target.id+" is gone", "restore it from a replica; `archiver verify` says what it held")
}

func (p *plan) leaveLocked(id string, until time.Time) {
	p.leave(id, "no commit names it, and it is locked until "+until.Format(time.RFC3339),
		"tell whoever reads the bucket without the ledger; a delete marker over it hides it from them; remove it when its lock has ended")
}

func (p *plan) leave(id, why, action string) {
	p.left = append(p.left, Left{Key: p.key, Version: id, Why: why, Action: action})
}
