package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/audit-archiver/archiver/bench/page"
	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/cache"
	"github.com/audit-archiver/archiver/internal/athena/duckdb"
)

// measured is what a question cost.
type measured struct {
	stats      athena.Stats // as explained
	read       int64        // bytes
	cold, warm float64      // ms
	fetched    int64        // bytes, into an empty cache
	hints      int64        // bytes of footers and filters of the files that were read
}

// measure asks with an empty cache, then with a warm one, and then for an explanation.
func measure(ctx context.Context, o options, b *bucket, q question, dir string) (m measured, err error) {
	files, temp := filepath.Join(dir, "cache"), filepath.Join(dir, "temp")
	for _, d := range []string{files, temp} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return m, err
		}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	local, err := cache.Open(cache.Options{Dir: files, Store: b, MaxBytes: 1 << 40, Now: time.Now, Log: log})
	if err != nil {
		return m, err
	}
	e, err := duckdb.Open(duckdb.Options{Source: b, Cache: local, Roots: []string{files}, Dir: temp, BestEffort: true, Now: time.Now, Log: log})
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	b.fetched.Store(0)
	rows, stats, took, err := ask(ctx, e, athena.Query{SQL: q.sql})
	if err != nil {
		return m, err
	}
	if rows == 0 {
		return m, errors.New("the answer is empty")
	}
	m.cold, m.fetched, m.read = took, b.fetched.Load(), stats.BytesRead
	var warm []float64
	for range o.runs {
		again, _, took, err := ask(ctx, e, athena.Query{SQL: q.sql})
		if err != nil || again != rows {
			return m, errors.Join(err, fmt.Errorf("%d rows, and then %d", rows, again))
		}
		warm = append(warm, took)
	}
	m.warm = page.Median(warm)
	_, m.stats, _, err = ask(ctx, e, athena.Query{SQL: q.sql, Explain: true})
	for i := range b.files {
		if q.mayRead(&b.files[i]) {
			m.hints += b.hints[i]
		}
	}
	return m, err
}

// ask reads a whole answer.
func ask(ctx context.Context, e *duckdb.Engine, q athena.Query) (rows int, stats athena.Stats, ms float64, err error) {
	begun := time.Now()
	r, err := e.Query(ctx, q)
	if err != nil {
		return 0, stats, 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		switch _, err := r.Next(ctx); {
		case errors.Is(err, io.EOF):
			return rows, r.Meta().Stats, float64(time.Since(begun).Microseconds()) / 1000, nil
		case err != nil:
			return 0, stats, 0, err
		}
		rows++
	}
}
