// Package needle reads the few rows that a query asks for by value out of cached files, so that the engine need not
// read those files.
//
// The promise: of the rows of the files, those that are left out cannot match the query's bounds. What is kept is
// put into one small file, which the engine reads in their place; the query's own conditions still run over it. The
// price: what a file says about itself is believed, as every engine does. So only files may be given whose bytes were
// compared with a signed manifest.
package needle

import (
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
	// mostWithin is among how many rows of one time those are looked for that have a value which is not rare. Among
	// more of them, reading everything costs less.
	mostWithin = 131_072
	// mostBytes bounds the text of those rows, of all row groups together. More is not read.
	mostBytes = 32 << 20
	// mostMaps is of how many files the places of pages are kept.
	mostMaps = 1024
	// groupBytes is about what these take for each row group.
	groupBytes = 2048
	// memoryBytes is for what is unpacked again and again: half a megabyte for 131,072 typical events.
	memoryBytes = 64 << 20
)

// Finder picks rows. It is safe for concurrent use.
type Finder struct {
	dir     string
	threads int
	memory  *parquet.Memory
	hold    func(bytes int64)

	mu    sync.Mutex
	held  int64 // that hold was told
	clock uint64
	maps  map[[32]byte]*known
}

// known is a file whose footer was read.
type known struct {
	finder *parquet.Finder
	used   uint64
}

// New returns a Finder that writes into dir, which exists, and works with so many goroutines for each query. hold, unless
// it is nil, is told how many bytes more it keeps for questions to come, or (below 0) how many fewer.
func New(dir string, threads int, hold func(bytes int64)) *Finder {
	return &Finder{dir: dir, threads: threads, memory: parquet.NewMemory(memoryBytes), hold: hold, maps: make(map[[32]byte]*known)}
}

// account tells what is kept now.
func (f *Finder) account() {
	if f.hold == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.memory.Bytes()
	for _, k := range f.maps {
		now += groupBytes * int64(k.finder.Groups())
	}
	if now != f.held {
		f.hold(now - f.held)
		f.held = now
	}
}

// Selection is the rows that were picked.
type Selection struct {
	Path  string // a Parquet file with all columns of the table; "" when no row matches
	Rows  int
	Where []athena.Match // by which they were picked

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
// finds few rows; then the files have to be read whole. For a query that is not wide (it needs a few columns only)
// reading those whole costs less than for others. The caller closes what it gets.
func (f *Finder) Select(ctx context.Context, files []athena.File, paths []string, b athena.Bounds, wide bool) (*Selection, error) {
	s := &search{threads: f.threads}
	s.wanted.MinNS, s.wanted.MaxNS = b.Nanoseconds()
	s.wanted.Most, s.wanted.MostLeft = mostRows, mostRows
	short := wide && rowsWithin(files, s.wanted.MinNS, s.wanted.MaxNS) <= mostWithin
	if short {
		s.wanted.MostLeft = mostWithin
	}
	s.wanted.Where = conditions(b.Where, short)
	if len(s.wanted.Where) == 0 || len(files) == 0 {
		return nil, nil
	}
	defer f.account()
	defer s.close()
	for i := range files {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if err := s.plan(f, &files[i], paths[i]); err != nil {
			return nil, fmt.Errorf("look for rows in %s: %w", files[i].Key, err)
		}
	}
	rows, err := s.run(ctx)
	if errors.Is(err, parquet.ErrMany) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for rows: %w", err)
	}
	out := &Selection{Rows: len(rows), Where: s.wanted.Where, Files: len(files), Groups: s.groups, GroupsRead: len(s.tasks)}
	last := ""
	for _, t := range s.tasks {
		out.BytesRead += t.found.BytesRead()
		if t.path != last {
			out.FilesRead++
		}
		last = t.path
	}
	if len(rows) > 0 {
		if out.Path, err = f.write(rows); err != nil {
			return nil, fmt.Errorf("write picked rows: %w", err)
		}
	}
	return out, nil
}

// conditions are those by which rows are looked for, what is likely to match the fewest rows first.
func conditions(where []athena.Match, all bool) []athena.Match {
	rank := []string{"organization_id", "actor_id", "resource_id", "request_id", "id"}
	where = slices.DeleteFunc(slices.Clone(where), func(m athena.Match) bool { return !all && !parquet.Rare(m.Column) })
	slices.SortStableFunc(where, func(a, b athena.Match) int { return slices.Index(rank, b.Column) - slices.Index(rank, a.Column) })
	return where
}

// rowsWithin is how many rows of the files are between the bounds, if they are spread evenly over each file's time.
func rowsWithin(files []athena.File, minNS, maxNS int64) int64 {
	var sum float64
	for i := range files {
		f := &files[i]
		low, high := max(minNS, f.MinTimestampNS), min(maxNS, f.MaxTimestampNS)
		if low <= high {
			sum += float64(f.Rows) * (float64(high) - float64(low) + 1) / (float64(f.MaxTimestampNS) - float64(f.MinTimestampNS) + 1)
		}
	}
	return int64(sum)
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
	wanted  parquet.Wanted
	groups  int
	tasks   []*task
}

// task is one row group that may hold rows.
type task struct {
	path   string
	finder *parquet.Finder
	group  int
	found  *parquet.Found
	rows   []event.Row
}

// plan finds out which row groups of a file may hold rows.
func (s *search) plan(f *Finder, file *athena.File, path string) error {
	return with(path, func(r *os.File) error {
		finder, err := f.know(file, r)
		if err != nil {
			return err
		}
		for g := range finder.Groups() {
			s.groups++
			may, err := finder.May(r, g, s.wanted)
			if err != nil {
				return err
			}
			if may {
				s.tasks = append(s.tasks, &task{path: path, finder: finder, group: g})
			}
		}
		return nil
	})
}

// with opens a file for a moment: there may be more of them than a process may have open.
func with(path string, do func(*os.File) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(do(file), file.Close())
}

// run finds the places of all rows, and only then reads them: they may be too many.
func (s *search) run(ctx context.Context) ([]event.Row, error) {
	var count, room atomic.Int64
	room.Store(mostBytes)
	err := s.each(ctx, func(t *task, r *os.File) (err error) {
		t.found, err = t.finder.Find(r, t.group, s.wanted)
		if err == nil && count.Add(int64(t.found.Len())) > mostRows {
			err = parquet.ErrMany
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	each := 1 // goroutines; more where there are not enough row groups for all
	if len(s.tasks) < 2*s.threads {
		each = s.threads
	}
	err = s.each(ctx, func(t *task, r *os.File) (err error) {
		if t.found.Len() == 0 {
			return nil
		}
		t.rows, err = t.found.Rows(r, each, &room)
		return err
	})
	var all []event.Row
	for _, t := range s.tasks {
		all = append(all, t.rows...)
	}
	return all, err
}

func (s *search) each(ctx context.Context, do func(*task, *os.File) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.threads)
	for _, t := range s.tasks {
		g.Go(func() error {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			return with(t.path, func(r *os.File) error { return do(t, r) })
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
	return file.Name(), errors.Join(parquet.WriteRows(file, rows), file.Chmod(0o444))
}
