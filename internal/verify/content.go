package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/parquet"
)

const (
	// inMemory is the largest file that is read into memory; a larger one goes to
	// a temporary file.
	inMemory = 8 << 20
	// maxSpan bounds the seqs of one commit of which we note which ones are there:
	// 8 MiB of bits.
	maxSpan = 1 << 26
)

// sampled decides about one commit.
func (r *run) sampled() bool { return r.Sample >= 1 || rand.Float64() < r.Sample } //nolint:gosec // nobody has to guess it

// contents reads the files: level 3.
func (r *run) contents(ctx context.Context) error {
	return r.commits(ctx, 3, r.Workers, func(s *stream) *work { return &s.remembered.Content }, r.content)
}

// content reads the files of one commit and compares them with their manifest: the
// bytes with the hash, the rows with the root, the seqs with the range.
func (r *run) content(ctx context.Context, s *stream, index int64) (ok bool, _ error) {
	m := &s.Manifests[index]
	ok = true
	seqs, whole := newSpan(m), true
	for i := range m.Files {
		f := &m.Files[i]
		if early, gone := r.gone[f.Key]; gone {
			ok, whole = ok && !early, false
			continue
		}
		good, err := r.file(ctx, s, f, seqs)
		if err != nil {
			return false, err
		}
		ok, whole = ok && good, whole && good
		if good, err = r.others(ctx, s, f); err != nil {
			return false, err
		}
		ok = ok && good
	}
	if why := seqs.check(m); whole && why != "" {
		r.find(Finding{Kind: Altered, Level: 3, Key: ledger.CommitKey(r.Prefix, s.Open.Stream, index), Version: s.Commits[index].VersionID,
			Stream: s.Open.Stream, First: m.First, Last: m.Last, Detail: why})
		return false, nil
	}
	return ok, nil
}

// file reads one file. ok is false when there is something to say about it.
func (r *run) file(ctx context.Context, s *stream, f *ledger.File, seqs *span) (ok bool, _ error) {
	found := Finding{Level: 3, Key: r.key(f.Key), Version: f.VersionID, Stream: s.Open.Stream, First: f.FirstSeq, Last: f.LastSeq}
	body, err := fetch(ctx, r.Store, found.Key, f.VersionID, f.Size)
	switch {
	case ctx.Err() != nil:
		return false, fmt.Errorf("verify: %w", context.Cause(ctx))
	case errors.Is(err, object.ErrNotFound) && r.over(f.RetainUntil):
		return true, nil
	case errors.Is(err, object.ErrNotFound):
		found.Kind, found.Detail = Missing, "the committed version is gone, and was locked until "+f.RetainUntil.Format(time.RFC3339)
		r.find(found)
		return false, nil
	case err != nil:
		r.unable(Unchecked{Level: 3, Key: found.Key, Version: f.VersionID, Why: err.Error()})
		return false, nil //nolint:nilerr // the report has it
	}
	rows, digest, err := body.check(s, f, seqs)
	closed := body.Close()
	if broken := errors.Join(body.broken(), closed); broken != nil {
		r.unable(Unchecked{Level: 3, Key: found.Key, Version: f.VersionID, Why: "temporary file: " + broken.Error()})
		return false, nil //nolint:nilerr // the report has it
	}
	if err != nil {
		found.Kind, found.Detail = Altered, err.Error()
		r.find(found)
		return false, nil //nolint:nilerr // the report has it
	}
	r.count(3, func(l *LevelReport) {
		l.Objects, l.Rows, l.Bytes = l.Objects+1, l.Rows+rows, l.Bytes+body.size
		if r.levels[4] {
			r.digests[f.Key] = digest
		}
	})
	return true, nil
}

// body is the content of one version. What is wrong with our own disk is not wrong
// with the object: errors of reading are kept apart.
type body struct {
	at   io.ReaderAt
	size int64
	sum  ledger.Hash
	file *os.File // nil: in memory
	err  error
}

// ReadAt implements io.ReaderAt, for one goroutine.
func (b *body) ReadAt(p []byte, off int64) (int, error) {
	n, err := b.at.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

func (b *body) broken() error { return b.err }

// fetch reads one version, at most a little more than size bytes of it.
func fetch(ctx context.Context, store object.Store, key, id string, size int64) (_ *body, err error) {
	r, err := store.Get(ctx, key, id)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	b, hash := new(body), sha256.New()
	in := io.TeeReader(io.LimitReader(r, size+1), hash)
	if size <= inMemory {
		all := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
		b.size, err = all.ReadFrom(in)
		b.at = bytes.NewReader(all.Bytes())
	} else {
		if b.file, err = os.CreateTemp("", "archiver-verify-*"); err != nil {
			return nil, fmt.Errorf("temporary file: %w", err)
		}
		b.at = b.file
		if err = os.Remove(b.file.Name()); err == nil {
			b.size, err = io.Copy(b.file, in)
		}
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	b.sum = ledger.Hash(hash.Sum(nil))
	return b, nil
}

// Close removes what is on disk.
func (b *body) Close() error {
	if b.file == nil {
		return nil
	}
	return b.file.Close()
}

// check compares a file with what the manifest says about it, and notes its seqs.
func (b *body) check(s *stream, f *ledger.File, seqs *span) (rows int64, digest Digest, _ error) {
	switch {
	case b.size != f.Size:
		return 0, 0, fmt.Errorf("it does not have the %d bytes that were committed", f.Size)
	case b.sum != f.SHA256:
		return 0, 0, fmt.Errorf("its SHA-256 is %s, committed was %s", b.sum, f.SHA256)
	}
	reader, err := parquet.Open(b, b.size, f.Class)
	if err != nil {
		return 0, 0, err
	}
	var tree ledger.Tree
	got := ledger.File{FirstSeq: 1<<63 - 1, LastSeq: -1, MinTimestampNS: 1<<63 - 1, MaxTimestampNS: -1 << 63}
	for row, err := range reader.Rows() {
		if err != nil {
			return 0, 0, err
		}
		leaf := event.LeafHash(&row)
		tree.Add(leaf)
		digest = digest.Add(leaf)
		if row.Stream != s.Open.Stream {
			return 0, 0, fmt.Errorf("it has rows of stream %s", row.Stream)
		}
		if !seqs.add(row.Seq) {
			return 0, 0, fmt.Errorf("seq %d is there twice, or not of this commit", row.Seq)
		}
		got.FirstSeq, got.LastSeq = min(got.FirstSeq, row.Seq), max(got.LastSeq, row.Seq)
		got.MinTimestampNS, got.MaxTimestampNS = min(got.MinTimestampNS, row.TimestampNS), max(got.MaxTimestampNS, row.TimestampNS)
	}
	switch root := tree.Root(); {
	case tree.Size() != f.Rows:
		return 0, 0, fmt.Errorf("it has %d rows, committed were %d", tree.Size(), f.Rows)
	case root != f.Root:
		return 0, 0, fmt.Errorf("the tree over its rows has root %s, committed was %s", root, f.Root)
	case got.FirstSeq != f.FirstSeq || got.LastSeq != f.LastSeq:
		return 0, 0, fmt.Errorf("its seqs are %d to %d, committed were %d to %d", got.FirstSeq, got.LastSeq, f.FirstSeq, f.LastSeq)
	case got.MinTimestampNS != f.MinTimestampNS || got.MaxTimestampNS != f.MaxTimestampNS:
		return 0, 0, fmt.Errorf("its timestamps are %d to %d, committed were %d to %d", got.MinTimestampNS, got.MaxTimestampNS, f.MinTimestampNS, f.MaxTimestampNS)
	}
	return tree.Size(), digest, nil
}

// span notes which seqs of a commit were seen.
type span struct {
	first, last int64
	bits        []uint64 // nil: too many to note
	count       int64
}

func newSpan(m *ledger.Manifest) *span {
	s := &span{first: m.First, last: m.Last}
	if n := m.Last - m.First + 1; n <= maxSpan {
		s.bits = make([]uint64, (n+63)/64)
	}
	return s
}

// add is false for a seq that is not of the commit, or was there before.
func (s *span) add(seq int64) bool {
	if seq < s.first || seq > s.last {
		return false
	}
	s.count++
	if s.bits == nil {
		return true
	}
	word, bit := (seq-s.first)/64, uint64(1)<<((seq-s.first)%64)
	if s.bits[word]&bit != 0 {
		return false
	}
	s.bits[word] |= bit
	return true
}

// check says what is wrong with the seqs of all files together, "" when nothing is:
// each is there, but for those that gap notes name.
func (s *span) check(m *ledger.Manifest) string {
	if s.count != m.Count {
		return fmt.Sprintf("its files have %d rows together, its manifest says %d", s.count, m.Count)
	}
	for _, n := range m.Notes {
		if n.Kind != ledger.NoteGap || s.bits == nil {
			continue
		}
		for seq := n.Range.First; seq <= n.Range.Last; seq++ {
			if !s.add(seq) {
				return fmt.Sprintf("seq %d is there, and a gap note says that it is lost", seq)
			}
		}
	}
	return ""
}
