// Package needle reads the few rows that a query asks for by value out of cached files, so that the engine need not
// read those files.
//
// The promise: of the rows of the files, those that are left out cannot match the query's bounds. What is kept is
// put into one small file, which the engine reads in their place; the query's own conditions still run over it. The
// price: what a file says about itself is believed, as every engine does. So only files may be given whose bytes were
// compared with a signed manifest.
package needle

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/parquet"
)

const (
	// mostRows is how many rows are worth being picked one by one: more than that, and reading everything costs less.
	mostRows = 2048
	// mostMaps is of how many files the places of pages are kept; each takes about 2 KB per row group.
	mostMaps = 1024
	// memoryBytes is for what is unpacked again and again: half a megabyte for 131,072 typical events.
	memoryBytes = 64 << 20
)

// Finder picks rows. It is safe for concurrent use.
type Finder struct {
	dir     string
	threads int
	memory  *parquet.Memory

	mu    sync.Mutex
	clock uint64
	maps  map[[32]byte]*known
}

// known is a file whose footer was read.
type known struct {
	finder *parquet.Finder
	used   uint64
}

// New returns a Finder that writes into dir, which exists, and works with so many goroutines for each query.
func New(dir string, threads int) *Finder {
	return &Finder{dir: dir, threads: threads, memory: parquet.NewMemory(memoryBytes), maps: make(map[[32]byte]*known)}
}

// Selection is the rows that were picked.
type Selection struct {
	Path string // a Parquet file with all columns of the table; "" when no row matches
	Rows int

	Files, FilesRead   int   // that were looked at, and of which pages were read
	Groups, GroupsRead int   // row groups of the files
	BytesRead          int64 // pages, indexes and filters
}

// Close removes the file.
func (s *Selection) Close() error {
	if s.Path == "" {
		return nil
	}
	return os.Remove(s.Path)
}

// Select picks the rows of files, which lie at paths, that can match b. It returns nil when b has no condition that
// finds few rows; then the files have to be read whole. The caller closes what it gets.
func (f *Finder) Select(ctx context.Context, files []athena.File, paths []string, b athena.Bounds) (*Selection, error) {
	if len(b.Where) == 0 || len(files) == 0 {
		return nil, nil
	}
	open, err := f.open(files, paths)
	defer func() {
		for _, o := range open {
			_ = o.file.Close() // it was only read
		}
	}()
	if err != nil {
		return nil, fmt.Errorf("look for rows: %w", err)
	}
	s := &search{threads: f.threads, where: byRank(b.Where)}
	defer s.close()
	for _, o := range open {
		if err := s.plan(o, b); err != nil {
			return nil, fmt.Errorf("look for rows: %w", err)
		}
	}
	if err := s.find(ctx); err != nil {
		if errors.Is(err, parquet.ErrMany) {
			return nil, nil
		}
		return nil, fmt.Errorf("look for rows: %w", err)
	}
	rows, err := s.rows(ctx)
	if err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	out := &Selection{Rows: len(rows), Files: len(files), Groups: s.groups, GroupsRead: len(s.tasks)}
	var last *os.File
	for _, t := range s.tasks {
		out.BytesRead += t.found.BytesRead()
		if t.file != last {
			out.FilesRead++
		}
		last = t.file
	}
	if len(rows) > 0 {
		if out.Path, err = f.write(rows); err != nil {
			return nil, fmt.Errorf("write picked rows: %w", err)
		}
	}
	return out, nil
}

// byRank puts what is likely to match the fewest rows first.
func byRank(where []athena.Match) []athena.Match {
	rank := []string{"organization_id", "actor_id", "resource_id", "request_id", "id"}
	where = slices.Clone(where)
	slices.SortStableFunc(where, func(a, b athena.Match) int { return slices.Index(rank, b.Column) - slices.Index(rank, a.Column) })
	return where
}

// opened is a file with what is known about it.
type opened struct {
	file   *os.File
	finder *parquet.Finder
}

func (f *Finder) open(files []athena.File, paths []string) ([]opened, error) {
	var all []opened
	for i := range files {
		file, err := os.Open(paths[i])
		if err != nil {
			return all, err
		}
		all = append(all, opened{file: file})
		if all[i].finder, err = f.know(&files[i], file); err != nil {
			return all, fmt.Errorf("%s: %w", files[i].Key, err)
		}
	}
	return all, nil
}

// know reads the footer of a file, unless it was read before.
func (f *Finder) know(file *athena.File, r *os.File) (*parquet.Finder, error) {
	f.mu.Lock()
	f.clock++
	k := f.maps[file.SHA256]
	if k != nil {
		k.used = f.clock
	}
	f.mu.Unlock()
	if k != nil {
		return k.finder, nil
	}
	finder, err := parquet.NewFinder(r, file.Size, file.Class, f.memory)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.maps) >= mostMaps {
		f.evict()
	}
	f.maps[file.SHA256] = &known{finder: finder, used: f.clock}
	return finder, nil
}

// evict forgets the half that was not used for the longest time.
func (f *Finder) evict() {
	uses := make([]uint64, 0, len(f.maps))
	for _, k := range f.maps {
		uses = append(uses, k.used)
	}
	slices.Sort(uses)
	for sum, k := range f.maps {
		if k.used <= uses[len(uses)/2] {
			delete(f.maps, sum)
		}
	}
}

// search is one look through the row groups of all files.
type search struct {
	threads int
	where   []athena.Match
	groups  int
	tasks   []*task
}

// task is one row group that may hold rows.
type task struct {
	opened
	group int
	found *parquet.Found
}

// plan finds out which row groups of a file may hold rows.
func (s *search) plan(o opened, b athena.Bounds) error {
	minNS, maxNS := b.Nanoseconds()
	for g := range o.finder.Groups() {
		s.groups++
		may, err := o.finder.May(o.file, g, s.where, minNS, maxNS)
		if err != nil {
			return err
		}
		if may {
			s.tasks = append(s.tasks, &task{opened: o, group: g})
		}
	}
	return nil
}

// find looks for the places of the rows.
func (s *search) find(ctx context.Context) error {
	var count atomic.Int64
	return s.each(ctx, func(t *task) (err error) {
		t.found, err = t.finder.Find(t.file, t.group, s.where, mostRows)
		if err == nil && count.Add(int64(t.found.Len())) > mostRows {
			err = parquet.ErrMany
		}
		return err
	})
}

// rows reads what was found.
func (s *search) rows(ctx context.Context) ([]event.Row, error) {
	parts := make(map[*task]*[]event.Row, len(s.tasks))
	for _, t := range s.tasks {
		parts[t] = new([]event.Row)
	}
	err := s.each(ctx, func(t *task) (err error) {
		*parts[t], err = t.found.Rows()
		return err
	})
	var all []event.Row
	for _, t := range s.tasks {
		all = append(all, *parts[t]...)
	}
	return all, err
}

func (s *search) each(ctx context.Context, do func(*task) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.threads)
	for _, t := range s.tasks {
		g.Go(func() error {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			return do(t)
		})
	}
	return g.Wait()
}

func (s *search) close() {
	for _, t := range s.tasks {
		if t.found != nil {
			t.found.Close()
		}
	}
}

func (f *Finder) write(rows []event.Row) (path string, err error) {
	file, err := os.CreateTemp(f.dir, "picked-*.parquet")
	if err != nil {
		return "", err
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	out := bufio.NewWriterSize(file, 256<<10)
	return file.Name(), errors.Join(parquet.WriteRows(out, rows), out.Flush(), file.Chmod(0o444))
}
