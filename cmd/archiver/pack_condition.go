package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
	"github.com/audit-archiver/archiver/internal/athena/duckdb"
	"github.com/audit-archiver/archiver/internal/pack"
)

// evaluateAgain is pack.Select with the embedded engine. It takes the disk of the
// whole files, which it copies out of the pack first.
func evaluateAgain(ctx context.Context, s *pack.Statement, files []pack.Whole) iter.Seq2[pack.Row, error] {
	return func(yield func(pack.Row, error) bool) {
		fail := func(err error) { yield(pack.Row{}, err) }
		dir, err := os.MkdirTemp("", "archiver-pack-")
		if err != nil {
			fail(err)
			return
		}
		defer func() { _ = os.RemoveAll(dir) }() // only this process used it
		where, err := dialect.Condition(s.Where)
		if err != nil {
			fail(fmt.Errorf("where: %w", err))
			return
		}
		root := filepath.Join(dir, "files")
		table, err := unpack(files, root)
		if err != nil {
			fail(err)
			return
		}
		engine, err := duckdb.Open(duckdb.Options{
			Source: table, Roots: []string{root}, Dir: dir, BestEffort: true, Timeout: time.Hour, Running: 1, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			fail(err)
			return
		}
		defer func() { _ = engine.Close() }()
		again := selector{engine: engine, where: where, from: time.Unix(0, s.FromNS).UTC(), to: time.Unix(0, s.ToNS).UTC(), dir: dir}
		for row, err := range again.rows(ctx) {
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// packTable is the table as a pack holds it.
type packTable []athena.File

// Files implements athena.Source.
func (p packTable) Files(context.Context, athena.Bounds) (*athena.FileSet, error) {
	return &athena.FileSet{Files: p}, nil
}

// unpack copies the files to dir, as the engine wants to have them laid out. Their
// keys come from verified commits, so they are of one form.
func unpack(files []pack.Whole, dir string) (packTable, error) {
	var table packTable
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for i := range files {
		f := &files[i]
		name := filepath.Join(dir, filepath.FromSlash(f.Key))
		if err := athena.MakeFolder(dir, filepath.Dir(name)); err != nil {
			return nil, err
		}
		out, err := os.Create(name)
		if err != nil {
			return nil, err
		}
		_, err = io.Copy(out, f.Content)
		if err = errors.Join(err, out.Chmod(0o444), out.Close()); err != nil {
			return nil, err
		}
		table = append(table, athena.File{
			Path: name, Size: f.Size, Class: f.Class, Day: f.Day, MinTimestampNS: f.MinTimestampNS, MaxTimestampNS: f.MaxTimestampNS,
		})
	}
	return table, nil
}
