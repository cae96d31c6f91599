package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/object"
)

const (
	// chunk is how many commits are fetched ahead, fetches how many at once.
	chunk   = 32
	fetches = 8
)

// streamState is what a Reader keeps about a certified stream.
type streamState struct {
	open       Open
	openRaw    []byte
	openIs     *Accepted
	head       Head
	manifests  []Manifest
	commits    []Accepted // one per manifest
	leaves     []Hash     // of the log, one per manifest
	checkpoint []byte     // the last one
	lasting    []Finding  // about what was accepted

	// Of the refresh that is going on.
	openSeen bool
	expect   int64    // the next index that the listing should name
	ahead    []*place // new commits, contiguous, not yet verified
	stuck    string   // why nothing further can be trusted; "" when all can
}

func (s *streamState) begin() {
	s.openSeen, s.expect, s.ahead, s.stuck = false, 0, nil, ""
}

func sumOf(b []byte) Hash { return sha256.Sum256(b) }

func (r *Reader) openPlace(stream uuid.UUID, o *Open) *place {
	parse := func(b []byte) (Open, error) {
		o, err := ParseOpen(b, r.root)
		if err == nil && o.Stream != stream {
			err = fmt.Errorf("open: is for stream %s", o.Stream)
		}
		return o, err
	}
	return &place{key: OpenKey(r.prefix, stream), stream: stream, index: -1, max: maxNoteBytes,
		accept: func(b []byte) (_ Hash, err error) {
			*o, err = parse(b)
			return sumOf(b), err
		},
		signs: func(b []byte) (Hash, bool) {
			_, err := parse(b)
			return sumOf(b), err == nil
		}}
}

// certify decides whether the root key certified a stream that is new to us, and
// begins with it.
func (r *Reader) certify(ctx context.Context, stream uuid.UUID, versions []object.Info) (bool, error) {
	var o Open
	p := r.openPlace(stream, &o)
	p.versions, p.quiet = versions, true // of a certified stream the listing comes to it again
	is, body, err := r.choose(ctx, p, nil)
	if err != nil {
		return false, r.tolerate(err)
	}
	if is == nil {
		r.find(Finding{Kind: FindingUnknownKey, Key: p.key, Stream: stream, Index: -1,
			Detail: "the root key did not certify this stream: it is ignored"})
		return false, nil
	}
	head, err := NewHead(body, r.root)
	if err != nil {
		return false, err
	}
	r.streams[stream] = &streamState{open: o, openRaw: body, openIs: is, head: head}
	return true, nil
}

// recheckOpen looks at a stream's open object as the listing has it.
func (r *Reader) recheckOpen(ctx context.Context, s *streamState, versions []object.Info) error {
	var o Open
	p := r.openPlace(s.open.Stream, &o)
	p.versions = versions
	is, _, err := r.choose(ctx, p, s.openIs)
	s.openSeen = is != nil
	return r.tolerate(err)
}

func (r *Reader) commitPlace(s *streamState, index int64, versions []object.Info) *place {
	return &place{key: CommitKey(r.prefix, s.open.Stream, index), stream: s.open.Stream, index: index,
		versions: versions, max: MaxCommitBytes,
		signs: func(b []byte) (Hash, bool) { return s.signs(b, index) }}
}

// signs returns the tree root that a key of the stream signed for that index: its
// own, or the root key, in a recovery.
func (s *streamState) signs(b []byte, index int64) (root Hash, ok bool) {
	c, err := ParseCommit(b)
	if err != nil || c.Size != index+1 || c.Origin != StreamName(s.open.Archive, s.open.Stream) {
		return Hash{}, false
	}
	for _, vkey := range []string{s.open.VKey, s.head.Root} {
		if _, err = unseal(c.Checkpoint, vkey); err == nil {
			return c.Root, true
		}
	}
	return Hash{}, false
}

// commit takes the next commit of a stream from the listing.
func (r *Reader) commit(ctx context.Context, s *streamState, index int64, versions []object.Info) error {
	if err := r.hole(ctx, s, index); err != nil {
		return err
	}
	s.expect = index + 1
	if index <= s.head.Index {
		return r.recheck(ctx, s, index, versions)
	}
	if s.stuck != "" {
		return nil
	}
	s.ahead = append(s.ahead, r.commitPlace(s, index, versions))
	if len(s.ahead) >= chunk {
		return r.advance(ctx, s)
	}
	return nil
}

// recheck looks at a place whose commit was accepted before.
func (r *Reader) recheck(ctx context.Context, s *streamState, index int64, versions []object.Info) error {
	before := &s.commits[index]
	if len(versions) == 1 && versions[0].VersionID == before.VersionID && !versions[0].DeleteMarker {
		return nil
	}
	p := r.commitPlace(s, index, versions)
	is, _, err := r.choose(ctx, p, before)
	if err == nil && is == nil {
		r.find(Finding{Kind: FindingMissing, Key: p.key, Version: before.VersionID, Stream: p.stream, Index: index,
			Detail: "this version was there before"})
	}
	return r.tolerate(err)
}

// hole reports the commits between the last that the listing named and index.
func (r *Reader) hole(ctx context.Context, s *streamState, index int64) error {
	if s.expect < index && s.expect <= s.head.Index {
		last := min(index-1, s.head.Index)
		r.find(Finding{Kind: FindingMissing, Key: CommitKey(r.prefix, s.open.Stream, s.expect), Stream: s.open.Stream,
			Index: s.expect, Detail: fmt.Sprintf("commits %d to %d were there before", s.expect, last)})
		s.expect = last + 1
	}
	for ; s.expect < index && s.stuck == ""; s.expect++ {
		// The listing is no snapshot: ask again before calling it missing.
		p := r.commitPlace(s, s.expect, nil)
		var err error
		if p.versions, err = r.versions(ctx, p.key); err != nil {
			return err
		}
		if len(p.versions) > 0 {
			s.ahead = append(s.ahead, p)
			continue
		}
		if err := r.advance(ctx, s); err != nil || s.stuck != "" {
			return err
		}
		s.stuck = fmt.Sprintf("commit %d is missing, commit %d is there", s.expect, index)
		r.find(Finding{Kind: FindingMissing, Key: p.key, Stream: p.stream, Index: p.index, Detail: s.stuck})
	}
	return nil
}

// endStream verifies what is left of a stream when its listing ends.
func (r *Reader) endStream(ctx context.Context, s *streamState) error {
	if err := r.hole(ctx, s, max(s.expect, s.head.Index+1)); err != nil {
		return err
	}
	if !s.openSeen {
		r.find(Finding{Kind: FindingMissing, Key: OpenKey(r.prefix, s.open.Stream), Version: s.openIs.VersionID,
			Stream: s.open.Stream, Index: -1, Detail: "this version was there before"})
	}
	return r.advance(ctx, s)
}

// advance verifies the commits that are ahead, in order.
func (r *Reader) advance(ctx context.Context, s *streamState) error {
	ahead := s.ahead
	s.ahead = nil
	var g errgroup.Group
	g.SetLimit(fetches)
	for _, p := range ahead {
		last := len(p.versions) - 1
		v := p.versions[last]
		if _, judged := r.verdicts[versionName{v.Key, v.VersionID}]; judged || v.DeleteMarker {
			continue
		}
		g.Go(func() error {
			p.oldest, _ = r.content(ctx, p, last) // an error shows again in choose
			return nil
		})
	}
	_ = g.Wait() // never an error
	for _, p := range ahead {
		if s.stuck != "" {
			break
		}
		if err := r.accept(ctx, s, p); err != nil {
			return err
		}
	}
	return nil
}

// accept moves a stream's head over one place.
func (r *Reader) accept(ctx context.Context, s *streamState, p *place) error {
	var next Head
	var c Commit
	p.accept = func(b []byte) (_ Hash, err error) {
		next, c, err = s.head.Verify(b)
		return c.Root, err
	}
	is, _, err := r.choose(ctx, p, nil)
	if err != nil {
		s.stuck = err.Error()
		return r.tolerate(err)
	}
	if is == nil {
		s.stuck = fmt.Sprintf("no version of commit %d is a true one", p.index)
		return nil
	}
	m := c.Manifest
	for i := range m.Files {
		f := &m.Files[i]
		f.Class, f.Day, f.Mode = r.once(f.Class), r.once(f.Day), object.Compliance
		if why := r.archive.shortLocked(s.open, &m, f); why != "" && len(s.lasting) < maxFindings {
			s.lasting = append(s.lasting, Finding{Kind: FindingShortLocked, Key: Join(r.prefix, f.Key),
				Version: f.VersionID, Stream: p.stream, Index: p.index, Detail: why})
		}
	}
	m.Writer = r.once(m.Writer)
	s.head, s.manifests, s.commits = next, append(s.manifests, m), append(s.commits, *is)
	s.leaves, s.checkpoint = append(s.leaves, Hash(tlog.RecordHash(c.Record))), bytes.Clone(c.Checkpoint) // the commit may be large
	return nil
}

// once keeps one copy of a string that repeats in every manifest.
func (r *Reader) once(s string) string {
	if known, ok := r.intern[s]; ok {
		return known
	}
	if len(r.intern) < maxVerdicts {
		r.intern[s] = s
	}
	return s
}

// shortLocked says why a file's lock is too short, "" when it is not.
func (a Archive) shortLocked(o Open, m *Manifest, f *File) string {
	c, ok := a.Class(f.Class)
	want := m.SealedAt.Add(time.Duration(c.Days) * day)
	switch {
	case !ok:
		return fmt.Sprintf("class %q is not one of the archive's", f.Class)
	case f.RetainUntil.Before(want):
		return fmt.Sprintf("locked until %s, its class says %s", f.RetainUntil.Format(time.RFC3339), want.Format(time.RFC3339))
	case f.RetainUntil.After(o.RetainUntil):
		return fmt.Sprintf("locked until %s, its stream's ledger only until %s", f.RetainUntil.Format(time.RFC3339), o.RetainUntil.Format(time.RFC3339))
	}
	return ""
}
