// Package hot makes rows that are not archived yet readable by an SQL engine.
//
// It writes them as Parquet files in the layout of the archive, into a folder
// of their own that Close removes. The files are a copy for reading: nothing
// about durability depends on them, so nothing is synced. Memory is bounded:
// rows are written out in portions.
package hot

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// PortionBytes is how much Encode holds in memory before it writes it out.
const PortionBytes = 64 << 20

// rowBytes is what a row takes beside its text.
const rowBytes = 512

// Set is a set of hot files.
type Set struct {
	Files []athena.File
	dir   string
}

// Close removes the files. Nothing may read them any more.
func (s *Set) Close() error { return os.RemoveAll(s.dir) }

// Encode writes rows to files in a new folder below dir, one file for each
// stream, class and day, or several when they are many. The rows may come in
// any order. On an error nothing is left behind.
func Encode(ctx context.Context, rows iter.Seq2[event.Row, error], dir string) (_ *Set, err error) {
	own, err := os.MkdirTemp(dir, "hot-")
	if err != nil {
		return nil, fmt.Errorf("encode hot rows: %w", err)
	}
	e := &encoder{set: &Set{dir: own}, groups: make(map[group][]event.Row)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("encode hot rows: %w", err), e.set.Close())
		}
	}()
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if err := e.add(row); err != nil {
			return nil, err
		}
	}
	if err := e.flush(); err != nil {
		return nil, err
	}
	return e.set, nil
}

// group is what the rows of one file have in common.
type group struct {
	class, day string
	stream     uuid.UUID
}

type encoder struct {
	set    *Set
	groups map[group][]event.Row
	bytes  int
}

func (e *encoder) add(row event.Row) error {
	g := group{row.Retention, row.Day(), row.Stream}
	e.groups[g] = append(e.groups[g], row)
	if e.bytes += rowBytes + textBytes(&row); e.bytes < PortionBytes {
		return nil
	}
	return e.flush()
}

func textBytes(r *event.Row) int {
	return len(r.Details.S) + len(r.Reason.S) + len(r.UserAgent.S) + len(r.ActorID) + len(r.ResourceID.S)
}

// flush writes a file per group, in a fixed order.
func (e *encoder) flush() error {
	groups := make([]group, 0, len(e.groups))
	for g := range e.groups {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.day, b.day), slices.Compare(a.stream[:], b.stream[:]))
	})
	for _, g := range groups {
		if err := e.write(g, e.groups[g]); err != nil {
			return err
		}
	}
	clear(e.groups)
	e.bytes = 0
	return nil
}

func (e *encoder) write(g group, rows []event.Row) (err error) {
	slices.SortFunc(rows, func(a, b event.Row) int {
		return cmp.Or(cmp.Compare(a.TimestampNS, b.TimestampNS), cmp.Compare(a.Seq, b.Seq))
	})
	dir := filepath.Join(e.set.dir, "retention="+g.class, "dt="+g.day)
	if err := athena.MakeFolder(filepath.Dir(e.set.dir), dir); err != nil {
		return err
	}
	path := filepath.Join(dir, fmt.Sprintf("%d.parquet", len(e.set.Files)))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o400)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	buf := bufio.NewWriterSize(f, 256<<10)
	w := parquet.NewWriter(buf, parquet.Options{Stream: g.stream, Class: g.class, Day: g.day})
	if err := errors.Join(w.Write(rows...), w.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := buf.Flush(); err != nil {
		return err
	}
	if err := f.Chmod(0o444); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	e.set.Files = append(e.set.Files, athena.File{
		Path: path, Size: info.Size(), Class: g.class, Day: g.day, Rows: int64(len(rows)),
		MinTimestampNS: rows[0].TimestampNS, MaxTimestampNS: rows[len(rows)-1].TimestampNS,
	})
	return nil
}
