package mirror

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// Source turns manifests, which the caller has verified, into commits with rows.
// Files are fetched by version id, one at a time, to a temporary file that is
// compared with the manifest before a row of it is read.
type Source struct {
	Store  object.Store
	Prefix string // key prefix in the bucket, "" or without a trailing slash
	Dir    string // for the temporary file, which is as large as one file of the archive
	Now    func() time.Time
}

// Commit describes one commit. It asks the bucket about each file whose lock has
// expired: only such a file may be missing, and then it is in Gone.
func (s *Source) Commit(ctx context.Context, m *ledger.Manifest) (*Commit, error) {
	c := &Commit{Stream: m.Stream, Index: m.Index, First: m.First, Last: m.Last, Count: m.Count}
	var files []*ledger.File
	var number int64
	for i := range m.Files {
		f := &m.Files[i]
		gone, err := s.gone(ctx, f)
		switch {
		case err != nil:
			return nil, fmt.Errorf("commit %d of stream %s: %w", m.Index, m.Stream, err)
		case gone:
			c.Gone = append(c.Gone, RowRange{number, number + f.Rows})
		default:
			files = append(files, f)
		}
		number += f.Rows
	}
	c.Rows = func(ctx context.Context) iter.Seq2[event.Row, error] { return s.rows(ctx, m, files) }
	return c, nil
}

// GoneRows is how many rows the bucket no longer has.
func (c *Commit) GoneRows() (rows int64) {
	for _, g := range c.Gone {
		rows += g.To - g.From
	}
	return rows
}

// gone reports whether a file's lock has expired and the file is not there.
func (s *Source) gone(ctx context.Context, f *ledger.File) (bool, error) {
	if !s.Now().After(f.RetainUntil) {
		return false, nil
	}
	key := ledger.Join(s.Prefix, f.Key)
	_, err := s.Store.Head(ctx, key, f.VersionID)
	if errors.Is(err, object.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for %s version %s: %w", key, f.VersionID, err)
	}
	return false, nil
}

// rows yields the rows of files, and ends with the first error.
func (s *Source) rows(ctx context.Context, m *ledger.Manifest, files []*ledger.File) iter.Seq2[event.Row, error] {
	return func(yield func(event.Row, error) bool) {
		for _, f := range files {
			more := true
			err := s.read(ctx, m, f, func(r event.Row) bool {
				more = yield(r, nil)
				return more
			})
			if err != nil {
				yield(event.Row{}, fmt.Errorf("commit %d of stream %s: %s version %s: %w",
					m.Index, m.Stream, ledger.Join(s.Prefix, f.Key), f.VersionID, err))
				return
			}
			if !more {
				return
			}
		}
	}
}

// read hands the rows of one file over, until take says that it is enough. What
// the manifest says about them must be so.
func (s *Source) read(ctx context.Context, m *ledger.Manifest, f *ledger.File, take func(event.Row) bool) error {
	file, err := s.fetch(ctx, f)
	if err != nil {
		return err
	}
	defer file.Close()
	r, err := parquet.Open(file, f.Size, f.Class)
	if err != nil {
		return err
	}
	if r.NumRows() != f.Rows {
		return fmt.Errorf("%d rows, the manifest says %d", r.NumRows(), f.Rows)
	}
	least, greatest := int64(-1), int64(-1)
	for row, err := range r.Rows() {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case row.Stream != m.Stream || row.Seq < f.FirstSeq || row.Seq > f.LastSeq:
			return fmt.Errorf("a row of stream %s, seq %d; the manifest says seq %d to %d", row.Stream, row.Seq, f.FirstSeq, f.LastSeq)
		}
		if least < 0 || row.Seq < least {
			least = row.Seq
		}
		greatest = max(greatest, row.Seq)
		if !take(row) {
			return nil
		}
	}
	if least != f.FirstSeq || greatest != f.LastSeq {
		return fmt.Errorf("seq %d to %d, the manifest says %d to %d", least, greatest, f.FirstSeq, f.LastSeq)
	}
	return nil
}

// fetch copies a file's version to a temporary file that has no name any more: it
// is gone when it is closed, also if we are killed.
func (s *Source) fetch(ctx context.Context, f *ledger.File) (_ *os.File, err error) {
	body, err := s.Store.Get(ctx, ledger.Join(s.Prefix, f.Key), f.VersionID)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	defer body.Close()
	file, err := os.CreateTemp(s.Dir, "mirror-*.parquet")
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	if err := os.Remove(file.Name()); err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(file, hash), io.LimitReader(body, f.Size+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("fetch: %w", err)
	case n != f.Size:
		return nil, fmt.Errorf("it has not the %d bytes that the manifest says", f.Size)
	case ledger.Hash(hash.Sum(nil)) != f.SHA256:
		return nil, errors.New("its content is not what the manifest says: SHA-256 differs")
	}
	return file, nil
}
