package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const segmentSuffix = ".spool"

func segmentName(dir string, n uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", n, segmentSuffix))
}

// segments is the list of a folder's segments, by number.
type segments struct {
	dir  string
	mu   sync.Mutex
	list []*segment
}

func (l *segments) add(g *segment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, g)
}

// forget removes a segment that holds no line, as if it had not been opened.
func (l *segments) forget(g *segment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.list, g); i >= 0 {
		l.list = slices.Delete(l.list, i, i+1)
	}
	// A file that stays is empty for its readers.
	_ = os.Remove(g.name)
}

// from returns the first segment whose number is at least n, and whether there
// is a later one, so that it has ended.
func (l *segments) from(n uint64) (g *segment, ended bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, _ := slices.BinarySearchFunc(l.list, n, func(g *segment, n uint64) int { return cmp.Compare(g.n, n) })
	if i == len(l.list) {
		return nil, false
	}
	return l.list[i], i+1 < len(l.list)
}

// removeBefore deletes the segments below n. The cursor is past them; one that
// cannot be deleted is skipped by the next reader, too.
func (l *segments) removeBefore(n uint64) error {
	l.mu.Lock()
	i, _ := slices.BinarySearchFunc(l.list, n, func(g *segment, n uint64) int { return cmp.Compare(g.n, n) })
	gone := slices.Clone(l.list[:i])
	l.list = slices.Delete(l.list, 0, i)
	l.mu.Unlock()
	var errs []error
	for _, g := range gone {
		if err := os.Remove(g.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// listSegments reads a folder that nobody appends to.
func listSegments(dir string) (*segments, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	l := &segments{dir: dir}
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), segmentSuffix)
		if !ok || len(digits) != 20 {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 64)
		if err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		g := &segment{n: n, name: filepath.Join(dir, e.Name())}
		g.end.Store(info.Size())
		l.list = append(l.list, g)
	}
	return l, nil // ReadDir sorts by name, which is by number
}
