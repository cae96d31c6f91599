//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// files finds out what the plan's scans read and makes it readable here. For a plan
// only, that is the smallest file of each scan: all have the same columns.
func (e *Engine) files(ctx context.Context, plan *dialect.Plan, j *job, planOnly bool, end *cleanup) (athena.Meta, error) {
	hint := athena.Everything()
	for i, s := range plan.Scans {
		if i == 0 {
			hint = s.Bounds
		}
		hint = hint.Union(s.Bounds)
	}
	set, err := e.o.Source.Files(ctx, hint)
	if err != nil {
		return athena.Meta{}, fmt.Errorf("find files: %w", err)
	}
	if set.Release != nil {
		end.add(set.Release)
	}
	meta := athena.Meta{CompleteThrough: set.CompleteThrough, Laggards: set.Laggards}
	picks := choose(plan, set.Files, planOnly, &meta.Stats)
	wanted, local := make([]bool, len(set.Files)), make([]jobFile, len(set.Files))
	for _, pick := range picks {
		for _, i := range pick {
			wanted[i] = true
		}
	}
	if err := e.pin(ctx, set.Files, wanted, local, end); err != nil {
		return athena.Meta{}, err
	}
	given := 0
	j.Days, j.Within = true, true
	for i := range set.Files {
		j.Days = j.Days && (!wanted[i] || set.Files[i].OfOneDay())
	}
	for n := range plan.Scans {
		s := &plan.Scans[n]
		chosen := slices.DeleteFunc(picks[n], func(i int) bool {
			gone := local[i].Name == "" // it has expired
			if gone {
				s.Files--
				s.Bytes -= set.Files[i].Size
			}
			return gone
		})
		scan := jobScan{Name: s.Name}
		scan.MinMS, scan.MaxMS = j.within(s, set.Files, chosen)
		if planOnly {
			for _, i := range chosen {
				scan.Files = append(scan.Files, local[i])
			}
		} else if err := e.narrow(ctx, &scan, s, chosen, set.Files, local, &meta.Stats, end); err != nil {
			return athena.Meta{}, err
		}
		if given += len(scan.Files); given > filesMost {
			return athena.Meta{}, overrun(fmt.Sprintf("it reads %d files and more, %d are the most; narrow it by timestamp or dt", given, filesMost))
		}
		j.Scans = append(j.Scans, scan)
	}
	for i := range set.Files {
		if wanted[i] && local[i].Name == "" {
			meta.Expired.Add(&set.Files[i])
			meta.Stats.FilesRead--
			meta.Stats.BytesPicked -= set.Files[i].Size
		}
	}
	return meta, nil
}

// within notes whether the rows of the chosen files are of the time that s is about, and returns the bounds that are
// still to be put on timestamps. Where there are none, timestamps need not be read.
func (j *job) within(s *dialect.Scan, files []athena.File, chosen []int) (minMS, maxMS int64) {
	inside := true
	for _, i := range chosen {
		inside = inside && files[i].Within(s.Bounds.MinMS, s.Bounds.MaxMS)
		j.Within = j.Within && files[i].Within(s.MinMS, s.MaxMS)
	}
	if inside {
		return math.MinInt64, math.MaxInt64
	}
	return s.Bounds.MinMS, s.Bounds.MaxMS
}

// narrow says what the worker reads for one mention of the table: the chosen files, or in
// place of committed ones the few rows of them that it can use.
func (e *Engine) narrow(ctx context.Context, scan *jobScan, planned *dialect.Scan, chosen []int, files []athena.File, local []jobFile, stats *athena.Stats, end *cleanup) error {
	var committed []athena.File
	var whole []jobFile
	var paths []string
	for _, i := range chosen {
		if files[i].Path != "" {
			scan.Files = append(scan.Files, local[i])
			continue
		}
		committed, whole = append(committed, files[i]), append(whole, local[i])
		paths = append(paths, filepath.Join(e.o.Roots[local[i].Root], local[i].Name))
	}
	picked, err := e.needle.Select(ctx, committed, paths, planned.Bounds, planned.Wide)
	if err != nil {
		return err
	}
	if picked == nil {
		scan.Files = append(scan.Files, whole...)
		return nil
	}
	scan.selection = picked
	stats.RowGroupsTotal += picked.Groups
	stats.RowGroupsRead += picked.GroupsRead
	stats.BytesRead += picked.BytesRead
	if picked.Path == "" {
		return nil
	}
	end.add(func() {
		if err := picked.Close(); err != nil {
			e.o.Log.WarnContext(ctx, "picked rows stay on the disk", "error", err)
		}
	})
	file, err := e.locate(picked.Path)
	scan.Picked = &file
	return err
}

// choose finds the files that each scan reads, and counts them.
func choose(plan *dialect.Plan, files []athena.File, planOnly bool, stats *athena.Stats) [][]int {
	picks := make([][]int, len(plan.Scans))
	read := make([]bool, len(files))
	for n := range plan.Scans {
		s := &plan.Scans[n]
		least := -1
		for i := range files {
			if !s.Bounds.Match(&files[i]) {
				continue
			}
			read[i] = true
			s.Files++
			s.Bytes += files[i].Size
			if picks[n] = append(picks[n], i); least < 0 || files[i].Size < files[least].Size {
				least = i
			}
		}
		if planOnly && least >= 0 {
			picks[n] = []int{least}
		}
	}
	stats.FilesTotal = len(files)
	for i, r := range read {
		stats.BytesTotal += files[i].Size
		if r {
			stats.FilesRead++
			stats.BytesPicked += files[i].Size
		}
	}
	return picks
}

// pin fills local for the wanted files, but for those that have expired and are gone.
func (e *Engine) pin(ctx context.Context, files []athena.File, wanted []bool, local []jobFile, end *cleanup) error {
	var committed []athena.File
	paths := make([]string, len(files))
	var places []int
	for i, f := range files {
		switch {
		case !wanted[i]:
		case f.Path != "":
			paths[i] = f.Path
		default:
			committed, places = append(committed, f), append(places, i)
		}
	}
	if len(committed) > 0 {
		if e.o.Cache == nil {
			return errors.New("read committed files: the engine has no cache")
		}
		cached, release, err := e.o.Cache.Pin(ctx, committed)
		if err != nil {
			return fmt.Errorf("fetch files: %w", err)
		}
		end.add(release)
		for i, p := range cached {
			paths[places[i]] = p
		}
	}
	for i, path := range paths {
		if path == "" {
			continue
		}
		var err error
		if local[i], err = e.locate(path); err != nil {
			return err
		}
	}
	return nil
}

// locate says in the words of a job where a file is, and which one it is.
func (e *Engine) locate(path string) (jobFile, error) {
	for i, root := range e.o.Roots {
		name, below := strings.CutPrefix(path, root+string(filepath.Separator))
		if !below {
			continue
		}
		info, err := os.Lstat(path)
		if err != nil {
			return jobFile{}, fmt.Errorf("look at file: %w", err)
		}
		return jobFile{Root: i, Name: name, Identity: identityOf(info)}, nil
	}
	return jobFile{}, fmt.Errorf("file %s is in none of the folders %v", path, e.o.Roots)
}
