//go:build cgo && linux

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

// bomb multiplies the seven rows of the sample.
func bomb(pick, rest string, times int) string {
	text := "SELECT " + pick + " FROM audit_logs a0"
	for i := 1; i < times; i++ {
		text += " CROSS JOIN audit_logs a" + strconv.Itoa(i)
	}
	return text + rest
}

// TestOverruns: each bound ends the query that passes it, with an error that says which
// one and what to do, and the next query is answered. Nothing of it stays.
func TestOverruns(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Options)
		q      athena.Query
		want   error
		words  string
	}{
		{"time", func(o *Options) { o.Timeout = time.Second }, athena.Query{SQL: bomb("count(*)", " WHERE a0.seq + a11.seq + a10.seq > 1", 12)}, athena.ErrTimeout, "narrow it"},
		{"memory", func(o *Options) { o.MemoryBytes, o.TempBytes = 64<<20, 1<<20 }, athena.Query{SQL: bomb("count(DISTINCT a0.id || a1.id || a2.id || a3.id || a4.id || a5.id || a6.id || a7.id)", "", 8)}, athena.ErrTooBig, "query.memory_bytes"},
		{"temporary space", func(o *Options) { o.MemoryBytes, o.TempBytes = 64<<20, 2<<20 }, athena.Query{SQL: bomb("a0.id || a1.id || a2.id || a3.id || a4.id || a5.id || a6.id || a7.id", " ORDER BY 1", 8), MaxRows: 1e8}, athena.ErrTooBig, "query.temp_bytes"},
		{"rows", nil, athena.Query{SQL: bomb("1", "", 3), MaxRows: 342}, athena.ErrTooManyRows, "LIMIT"},
		{"bytes of the answer", func(o *Options) { o.ResultBytes = 1 << 20 }, athena.Query{SQL: bomb("a0.id || a1.id || a2.id || a3.id || a4.id", "", 5)}, athena.ErrTooBig, "query.result_bytes"},
		{"a row", nil, athena.Query{SQL: bomb("array_agg(a0.id || a1.id || a2.id || a3.id || a4.id || a5.id || a0.id || a1.id)", "", 6)}, athena.ErrTooBig, "a row of the answer"},
		{"recursion", nil, athena.Query{SQL: "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"}, athena.ErrRefused, "RECURSIVE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := engineOver(t, encode(t, sample()), tt.change)
			before := openFiles(t)
			_, rows, err := answerTo(t, e, tt.q)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("%d rows, error %v, want %v with %q", len(rows), err, tt.want, tt.words)
			}
			livesOn(t, e, before)
		})
	}
}

// livesOn looks whether the next query is answered, and that nothing of the last one is left.
func livesOn(t *testing.T, e *Engine, files int) {
	t.Helper()
	if _, rows, err := answer(t, e, "SELECT count(*) FROM audit_logs"); err != nil || rows[0] != "[7]" {
		t.Errorf("afterwards: %v, %v", rows, err)
	}
	w, err := e.workers.take(t.Context()) // so that the pool is not in the middle of starting one
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	e.workers.ends.Wait()
	// The one that was taken, and those that come after it at most.
	if left, err := filepath.Glob(filepath.Join(e.o.Dir, "worker-*")); err != nil || len(left) > 1+spareWorkers {
		t.Errorf("folders %v are left, %v", left, err)
	}
	const ofWorkers = (1 + spareWorkers) * 12 // three pipes and folders each, at the moment of a start
	if now := openFiles(t); now > files+ofWorkers {
		t.Errorf("%d files are open, %d were", now, files)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// TestCrashes: a worker that dies, lies or says nothing fails its query and nothing else.
func TestCrashes(t *testing.T) {
	for what, want := range map[string]error{
		"segmentation fault": athena.ErrCrashed, "abort": athena.ErrCrashed, "killed": athena.ErrTooBig, "killed in the middle of a frame": athena.ErrTooBig, "hang": athena.ErrTimeout,
		"silent end": nil, "end in the middle of an answer": nil, "no frames": nil, "endless frame": nil, "unknown frame": nil, "torn row": nil,
		"deep row": nil, "rows that are not counted": nil, "more rows than asked for": athena.ErrTooManyRows, "another number of columns": nil,
	} {
		t.Run(what, func(t *testing.T) {
			e := engineOver(t, encode(t, sample()), func(o *Options) { o.workerArgs = []string{hostileCommand} })
			ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Second, athena.ErrTimeout)
			if want == nil {
				ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
			}
			defer cancel()
			err := misled(ctx, t, e, what)
			if err == nil || errors.Is(err, io.EOF) || want != nil && !errors.Is(err, want) {
				t.Errorf("error %v, want %v", err, want)
			}
			if strings.HasSuffix(what, " frame") && want == nil && !strings.Contains(err.Error(), "frame '") {
				t.Errorf("error %v does not say what came from the process", err)
			}
			before := openFiles(t)
			honest := engineOver(t, nil, func(o *Options) { *o = e.o; o.workerArgs, o.Dir = nil, t.TempDir() })
			livesOn(t, honest, before)
		})
	}
}

// misled runs one job in a worker that does something else, and reads to the end.
func misled(ctx context.Context, t *testing.T, e *Engine, what string) error {
	t.Helper()
	w, err := e.workers.take(ctx)
	if err != nil {
		t.Fatal(err)
	}
	end := &cleanup{}
	end.add(w.close)
	w.watch(ctx)
	j := &job{Names: []string{what}, Types: []string{crash}, Limit: 10}
	r, err := start(ctx, w, j, athena.Meta{}, 1<<20, end)
	if err != nil {
		err = outcome(ctx, err)
		end.run()
		return err
	}
	defer r.Close()
	for {
		if _, err := r.Next(ctx); err != nil {
			return err
		}
	}
}

// ownFolder is the folder of a worker of e, as the worker calls it: it comes after the
// folders of files.
func ownFolder(e *Engine) string { return fmt.Sprintf("/proc/self/fd/%d", firstRoot+len(e.o.Roots)) }

// TestKernelLimits: what DuckDB's own limits let pass, the kernel or the watch ends.
func TestKernelLimits(t *testing.T) {
	const memory, temp = 64 << 20, 4 << 20
	var many []string // none of them is larger than one may be
	for i := range 40 {
		many = append(many, "COPY (SELECT repeat('x', 1000) FROM range(3000)) TO 'OWN/"+strconv.Itoa(i)+".csv' (use_tmp_file false)")
	}
	for name, tt := range map[string]struct {
		statements []string
		words      string // one of them, by |: which thread writes decides whether the kernel says it by a signal or an error
	}{
		"one huge text":      {[]string{"SET memory_limit = '100GB'", "SELECT length(repeat('x', 3000000000))"}, "memory"},
		"one huge file":      {[]string{"COPY (SELECT repeat('x', 1000) FROM range(100000)) TO 'OWN/big.csv' (use_tmp_file false)"}, "query.temp_bytes|too large"},
		"many files at once": {append(many, "SELECT sum(a.range * b.range) FROM range(1000000) a, range(100000) b"), "query.temp_bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			e := engineOver(t, nil, func(o *Options) {
				o.MemoryBytes, o.TempBytes, o.workerArgs = memory, temp, []string{hostileCommand}
			})
			for i, statement := range tt.statements {
				tt.statements[i] = strings.ReplaceAll(statement, "OWN", ownFolder(e))
			}
			answers, err := runIn(t, e, &job{Names: tt.statements, Types: []string{bare}})
			text := ""
			if err != nil {
				text = err.Error()
			} else {
				text = answers[len(answers)-1].Err
			}
			if !slices.ContainsFunc(strings.Split(tt.words, "|"), func(w string) bool { return strings.Contains(strings.ToLower(text), w) }) {
				t.Errorf("error %q, want one about %q", text, tt.words)
			}
		})
	}
}

// TestCancelEndsTheProcess: whoever cancels does not wait for DuckDB.
func TestCancelEndsTheProcess(t *testing.T) {
	e := engineOver(t, encode(t, sample()), nil)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	begin := time.Now()
	_, err := e.Query(ctx, athena.Query{SQL: bomb("count(*)", " WHERE a0.seq + a11.seq + a10.seq > 1", 12)})
	if !errors.Is(err, context.Canceled) || time.Since(begin) > 30*time.Second {
		t.Errorf("after %v: %v, want Canceled", time.Since(begin), err)
	}
	livesOn(t, e, openFiles(t))
}

// TestHostileParquet: files that are no Parquet, or lie about themselves, fail the
// query, and crash its process at most.
func TestHostileParquet(t *testing.T) {
	whole, err := os.ReadFile(encode(t, sample())[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	n := len(whole)
	change := func(at int, with string) []byte {
		b := []byte(string(whole))
		copy(b[at:], with)
		return b
	}
	cases := map[string][]byte{
		"nothing": {}, "magic only": []byte("PAR1PAR1"), "no footer": whole[:n/2], "footer of 2 GiB": change(n-8, "\xff\xff\xff\x7f"),
		"footer of 4 GiB": change(n-8, "\xff\xff\xff\xff"), "no magic": change(n-4, "XXXX"), "encrypted": change(n-4, "PARE"),
	}
	footer := int(whole[n-8]) | int(whole[n-7])<<8
	for i := 0; i < 20; i++ { // thrift that lies, pages that lie
		at := n - 8 - footer + i*footer/20
		cases["footer byte "+strconv.Itoa(i)] = change(at, "\xff\xff\xff\xff\x0f")
		cases["page byte "+strconv.Itoa(i)] = change(4+i*(n-footer-16)/20, "\xff\xff\xff\xff\x0f")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "retention=standard", "dt=2026-11-24", "0.parquet")
	if err := athena.MakeFolder(dir, filepath.Dir(file)); err != nil {
		t.Fatal(err)
	}
	source := &fixed{files: []athena.File{{Path: file, Size: 1, Class: "standard", Day: "2026-11-24", MinTimestampNS: -1 << 63, MaxTimestampNS: 1<<63 - 1}}}
	e := engineOver(t, nil, func(o *Options) { o.Source, o.Roots, o.Timeout = source, []string{dir}, 20*time.Second })
	for name, content := range cases {
		_ = os.Remove(file)
		if err := errors.Join(os.WriteFile(file, content, 0o444), os.Chmod(file, 0o444)); err != nil {
			t.Fatal(err)
		}
		_, rows, err := answer(t, e, "SELECT * FROM audit_logs")
		if err == nil && len(content) < n {
			t.Errorf("%s: answered %v", name, rows)
		}
	}
	_ = os.Remove(file)
	if err := errors.Join(os.WriteFile(file, whole, 0o444), os.Chmod(file, 0o444)); err != nil {
		t.Fatal(err)
	}
	if _, rows, err := answer(t, e, "SELECT seq FROM audit_logs"); err != nil || len(rows) == 0 {
		t.Errorf("an honest file afterwards: %v, %v", rows, err)
	}
}
