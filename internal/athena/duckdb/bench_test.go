//go:build cgo

package duckdb

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/event"
)

const smallest = "SELECT count(*) FROM audit_logs WHERE outcome = 'failure'"

// BenchmarkQuery is what a query costs beside its work, by where it runs.
func BenchmarkQuery(b *testing.B) {
	files := encode(b, sample())
	b.Run("worker ready", func(b *testing.B) { // as when people ask
		e := engineOver(b, files, nil)
		for b.Loop() {
			b.StopTimer()
			untilReady(b, e)
			b.StartTimer()
			query(b, e, smallest)
		}
	})
	b.Run("worker back to back", func(b *testing.B) { // as fast as one client can
		e := engineOver(b, files, nil)
		for b.Loop() {
			query(b, e, smallest)
		}
	})
	b.Run("in process", func(b *testing.B) { // no wall at all: what isolation is compared with
		for b.Loop() {
			inProcess(b, files)
		}
	})
}

// BenchmarkRows is what it costs to send an answer to the engine: rows of all columns.
func BenchmarkRows(b *testing.B) {
	rows := make([]event.Row, 0, 20_000)
	for i := range cap(rows) {
		r := sample()[i%7]
		r.Seq, r.TimestampNS, r.Retention = int64(i), at("2026-11-24T11:30:00Z")+int64(i), "standard"
		rows = append(rows, r)
	}
	e := engineOver(b, encode(b, rows), nil)
	for b.Loop() {
		b.StopTimer()
		untilReady(b, e)
		b.StartTimer()
		query(b, e, "SELECT * FROM audit_logs")
	}
	b.ReportMetric(float64(len(rows)*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkWorkerStart is what the pool does while nobody waits.
func BenchmarkWorkerStart(b *testing.B) {
	o := Options{Dir: b.TempDir(), Source: noSource{}, Now: time.Now, Log: discard()}
	if err := o.complete(); err != nil {
		b.Fatal(err)
	}
	path, err := warmUp(b.Context(), o.Dir)
	if err != nil {
		b.Fatal(err)
	}
	o.Roots = []string{o.Dir}
	warm, err := (&Engine{o: o}).locate(path)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		w, err := startWorker(b.Context(), &o, warm)
		if err != nil {
			b.Fatal(err)
		}
		w.close()
	}
}

// untilReady waits until nothing is left of the last query, and all workers that may wait do.
func untilReady(t testing.TB, e *Engine) {
	t.Helper()
	for e.workers.due(time.Now()) != never {
		select {
		case <-t.Context().Done():
			t.Fatal("the test is over")
		case <-time.After(time.Millisecond):
		}
	}
	e.workers.ends.Wait()
}

func query(b *testing.B, e *Engine, sql string) {
	b.Helper()
	r, err := e.Query(b.Context(), athena.Query{SQL: sql})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for {
		if _, err := r.Next(b.Context()); err == io.EOF { //nolint:errorlint // the contract says io.EOF
			return
		} else if err != nil {
			b.Fatal(err)
		}
	}
}

// inProcess does a worker's work here.
func inProcess(b *testing.B, files []athena.File) {
	b.Helper()
	ctx := context.Background()
	s := &server{out: frameWriter{bufio.NewWriter(io.Discard)}, dir: b.TempDir(), hello: hello{MemoryBytes: 512 << 20, TempBytes: 1 << 30, Threads: 2}}
	if err := s.open(ctx); err != nil {
		b.Fatal(err)
	}
	defer s.conn.Close()
	tree, err := s.text(ctx, kindParse, smallest)
	for _, k := range []kind{kindPrint, kindParse} {
		if err == nil {
			arg := tree
			if k == kindParse {
				arg = smallest
			}
			_, err = s.text(ctx, k, arg)
		}
	}
	if err != nil {
		b.Fatal(err)
	}
	j := &job{SQL: strings.Replace(smallest, "audit_logs", "__audit_scan0", 1), Names: []string{"n"}, Types: []string{"bigint"}, Limit: 10}
	scan := jobScan{Name: "__audit_scan0", MinMS: athena.Everything().MinMS, MaxMS: athena.Everything().MaxMS}
	for _, f := range files {
		scan.paths = append(scan.paths, f.Path)
	}
	j.Scans = []jobScan{scan}
	if err := j.answer(ctx, s); err != nil {
		b.Fatal(err)
	}
}
