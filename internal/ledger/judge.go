package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/object"
)

// place is one key of the ledger and what the bucket holds there.
type place struct {
	key      string
	stream   uuid.UUID
	index    int64         // of the commit; -1 for an archive or open object
	versions []object.Info // newest first
	oldest   []byte        // content of the oldest version, when it was fetched ahead

	max   int64 // bytes
	quiet bool  // no findings
	// accept decides whether content is the true one of a place where none is
	// known yet, and tells what it says. Two versions of one place that say
	// different things under the right signature are a fork.
	accept func([]byte) (says Hash, err error)
	// signs is what any content says under the right signature, true or not.
	signs func([]byte) (says Hash, ok bool)
}

// Accepted is a version that was found to be the true one of its key.
type Accepted struct {
	VersionID string
	SHA256    Hash
	// Says is what it fixes: the root of the log's tree that a commit's checkpoint
	// signs, and the SHA-256 of any other object.
	Says Hash
}

// verdict is what a version that is not the true one turned out to be.
type verdict struct {
	copy   bool // the same bytes: harmless
	signed bool
	says   Hash
	detail string
}

type versionName struct{ key, version string }

// maxVerdicts bounds the memory for judged versions; beyond it they are fetched
// again at each refresh.
const maxVerdicts = 10_000

// choose finds the true version of a place: the one that was accepted before, or
// the oldest that is acceptable; nil when there is none. Every other version and
// every delete marker becomes a finding, unless it is a copy of the true one.
//
// A version that cannot be read does not stand in the way of the true one. Only
// when there is no true one the error is returned: it might have been that.
func (r *Reader) choose(ctx context.Context, p *place, before *Accepted) (is *Accepted, body []byte, _ error) {
	chosen := -1
	if before != nil {
		for i, v := range p.versions {
			if !v.DeleteMarker && v.VersionID == before.VersionID {
				chosen, is = i, before
			}
		}
	}
	verdicts, unread := make(map[int]verdict), make(map[int]error)
	for i := len(p.versions) - 1; i >= 0; i-- {
		v := p.versions[i]
		if v.DeleteMarker || i == chosen {
			continue
		}
		if known, ok := r.verdicts[versionName{v.Key, v.VersionID}]; ok {
			verdicts[i] = known
			continue
		}
		b, err := r.content(ctx, p, i)
		switch {
		case ctx.Err() != nil:
			return nil, nil, context.Cause(ctx)
		case errors.Is(err, errTooLarge):
		case err != nil:
			unread[i] = err
			continue
		case is == nil && before == nil:
			var says Hash
			if says, err = p.accept(b); err == nil {
				chosen, is, body = i, &Accepted{v.VersionID, sha256.Sum256(b), says}, b
				continue
			}
		}
		verdicts[i] = r.judge(p, v, b, is, err)
	}
	if is == nil {
		for i, err := range unread {
			return nil, nil, &unreadError{fmt.Errorf("read %s version %s: %w", p.key, p.versions[i].VersionID, err)}
		}
	}
	if !p.quiet {
		r.report(p, chosen, is, verdicts, unread)
	}
	return is, body, nil
}

// unreadError says that one object could not be read, while the rest can be.
type unreadError struct{ error }

func (e *unreadError) Unwrap() error { return e.error }

// judge says what a version is that is not the true one, and remembers it.
func (r *Reader) judge(p *place, v object.Info, b []byte, is *Accepted, why error) verdict {
	d := verdict{detail: "not the true version"}
	if why != nil {
		d.detail = why.Error()
	}
	d.says, d.signed = p.signs(b)
	d.copy = is != nil && sha256.Sum256(b) == is.SHA256
	if len(r.verdicts) < maxVerdicts {
		r.verdicts[versionName{v.Key, v.VersionID}] = d
	}
	return d
}

// report turns what was seen at a place into findings.
func (r *Reader) report(p *place, chosen int, is *Accepted, verdicts map[int]verdict, unread map[int]error) {
	for i, v := range p.versions {
		d := verdicts[i]
		if i == chosen || d.copy {
			continue
		}
		f := Finding{Key: p.key, Version: v.VersionID, Stream: p.stream, Index: p.index, Detail: d.detail}
		switch {
		case v.DeleteMarker && v.IsLatest:
			f.Kind, f.Detail = FindingHidden, "a delete marker"
		case v.DeleteMarker:
			f.Kind, f.Detail = FindingHidden, "a delete marker, covered by a newer version"
		case is == nil:
			f.Kind = FindingAltered
		case d.signed && d.says != is.Says:
			f.Kind, f.Detail = FindingFork, "the right key signed this beside the true version"
		case i < chosen:
			f.Kind = FindingReplaced
		default:
			f.Kind = FindingInjected
		}
		if err, ok := unread[i]; ok {
			f.Detail = "cannot be read: " + err.Error()
		}
		r.find(f)
	}
}

var errTooLarge = errors.New("too large for its kind")

// content returns the bytes of version i of p.
func (r *Reader) content(ctx context.Context, p *place, i int) ([]byte, error) {
	if i == len(p.versions)-1 && p.oldest != nil {
		return p.oldest, nil
	}
	v := p.versions[i]
	if v.Size > p.max {
		return nil, errTooLarge
	}
	body, err := r.store.Get(ctx, v.Key, v.VersionID)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(body, p.max+1))
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, err
	}
	if int64(len(b)) > p.max {
		return nil, errTooLarge
	}
	return b, nil
}
