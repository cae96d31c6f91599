//go:build cgo

package duckdb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/cache"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/object"
)

func TestEmptyArchive(t *testing.T) {
	e := engineOver(t, nil, nil)
	cols, rows, err := answer(t, e, "SELECT * FROM audit_logs WHERE timestamp > now() - interval '1' hour ORDER BY timestamp")
	if err != nil || len(rows) != 0 {
		t.Fatalf("rows %v, error %v", rows, err)
	}
	for i, want := range athena.Columns() {
		if cols[i] != want {
			t.Errorf("column %d is %v, want %v", i, cols[i], want)
		}
	}
	if _, rows, err = answer(t, e, "SELECT count(*), max(timestamp) FROM audit_logs"); err != nil || rows[0] != "[0,null]" {
		t.Errorf("rows %v, error %v", rows, err)
	}
}

func TestColumnsAreThoseOfTheTable(t *testing.T) {
	cols, _, err := answer(t, engineOver(t, encode(t, sample()), nil), "SELECT * FROM audit_logs LIMIT 1")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range athena.Columns() {
		if cols[i] != want {
			t.Errorf("column %d is %v, want %v", i, cols[i], want)
		}
	}
}

func TestEveryColumnComesBackAsWritten(t *testing.T) {
	r := event.Row{Stream: testStream, Seq: 7, Event: event.Event{
		ID: "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e", Action: "a'\"\n,", ActorID: "日本 😀", ActorType: "user", ActorEmail: event.Str(""),
		ResourceType: "t", Outcome: "success", Reason: event.Str(" "), Details: event.Str(`{"a": [1, 2.50]}`), RequestID: event.Str("r"),
		IP: event.Str("::1"), UserAgent: event.Str("=1+1"), ReceivedAtMS: 1, Producer: "p", TimestampNS: -1, Retention: "standard",
	}}
	_, rows, err := answer(t, engineOver(t, encode(t, []event.Row{r}), nil), "SELECT * FROM audit_logs")
	if err != nil {
		t.Fatal(err)
	}
	want := `["01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e","1969-12-31 23:59:59.999","a'\"\n,","日本 😀","user","","t",null,"success"," ","{\"a\": [1, 2.50]}","r","::1","=1+1",null,` +
		`"1970-01-01 00:00:00.001","p",-1,"0198aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee",7,"standard","1969-12-31"]`
	if strings.Join(rows, " ") != want {
		t.Errorf("row\n%s\nwant\n%s", strings.Join(rows, " "), want)
	}
}

func TestRowLimitIsAnErrorAndNoTruncation(t *testing.T) {
	e := engineOver(t, encode(t, sample()), nil)
	if _, rows, err := answerTo(t, e, athena.Query{SQL: "SELECT * FROM audit_logs", MaxRows: 7}); err != nil || len(rows) != 7 {
		t.Errorf("at the limit: %d rows, error %v", len(rows), err)
	}
	if _, _, err := answerTo(t, e, athena.Query{SQL: "SELECT * FROM audit_logs", MaxRows: 6}); !errors.Is(err, athena.ErrTooManyRows) {
		t.Errorf("past the limit: %v, want ErrTooManyRows", err)
	}
}

func TestMeta(t *testing.T) {
	e := engineOver(t, encode(t, sample()), nil)
	r, err := e.Query(t.Context(), athena.Query{SQL: "SELECT 1 FROM audit_logs WHERE dt = '2024-05-05'"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	m := r.Meta()
	if !m.CompleteThrough.Equal(testNow) || len(m.Laggards) != 1 {
		t.Errorf("complete through %v, laggards %v", m.CompleteThrough, m.Laggards)
	}
	if m.Stats.FilesTotal != 5 || m.Stats.FilesRead != 1 || m.Stats.BytesPicked == 0 {
		t.Errorf("stats %+v, want 1 of 5 files", m.Stats)
	}
}

// TestPruning counts the files that are left and compares the answer with that
// of the same condition in a form that cannot prune.
func TestPruning(t *testing.T) {
	files := encode(t, sample())
	e := engineOver(t, files, nil)
	for _, tt := range []struct {
		where string
		files int
	}{
		{"true", 5},
		{"dt = '2024-05-05'", 1},
		{"dt IN ('2024-05-05', '2025-05-05')", 2},
		{"dt BETWEEN '2024-06-01' AND '2024-12-31'", 2},
		{"'2025-01-01' <= dt", 2},
		{"dt = '2024-05-05' AND dt = '2025-05-05'", 0},
		{"retention = 'long'", 1},
		{"retention IN ('long', 'none')", 1},
		{"retention = 'none'", 0},
		{"timestamp > now() - interval '1' hour", 1},
		{"timestamp >= timestamp '2025-05-05' AND timestamp < timestamp '2025-05-06'", 1},
		{"timestamp = timestamp '2024-06-01'", 1},
		{"timestamp < timestamp '2024-05-05 05:05:05.678'", 0},
		{"timestamp <= timestamp '2024-05-05 05:05:05.678'", 1},
		{"timestamp > timestamp '2024-05-05 05:05:05.678'", 4},
		{"timestamp BETWEEN timestamp '2024-01-01' AND timestamp '2024-12-31'", 3},
		{"timestamp > current_date - interval '2' month", 1},
		{"timestamp <= CAST('2026-11-24 11:44:59.9996' AS timestamp) AND dt = '2026-11-24'", 1},
		{"timestamp = CAST('2026-11-24 11:45:00.0004' AS timestamp) AND dt = '2026-11-24'", 1},
		{"timestamp >= CAST('2026-11-24 11:45:00.0004999' AS timestamp) AND dt = '2026-11-24'", 1},
		{"timestamp BETWEEN from_iso8601_timestamp('2026-11-24T11:45:00.0009Z') AND from_iso8601_timestamp('2026-11-24T11:45:00.0009Z')", 1},
		{"timestamp >= from_iso8601_timestamp('2026-11-24T00:00:00+01:00')", 1},
		{"audit_logs.timestamp < date '2024-06-01' AND action LIKE '%'", 1},
		{"(timestamp > now() OR seq >= 0)", 5},
		{"NOT dt = '2024-05-05'", 5},
		{"timestamp > timestamp '2024-01-01' + (SELECT interval '1' day WHERE false)", -1},
	} {
		t.Run(tt.where, func(t *testing.T) {
			r, err := e.Query(t.Context(), athena.Query{SQL: "SELECT seq FROM audit_logs WHERE " + tt.where})
			if tt.files < 0 {
				if err == nil {
					t.Error("an interval from a subquery is answered")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Meta().Stats.FilesRead; got != tt.files {
				t.Errorf("%d files, want %d", got, tt.files)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			_, pruned, err := answer(t, e, "SELECT count(*), sum(seq) FROM audit_logs WHERE "+tt.where)
			if err != nil {
				t.Fatal(err)
			}
			_, whole, err := answer(t, e, "SELECT count(*), sum(seq) FROM (SELECT * FROM audit_logs) AS audit_logs WHERE "+tt.where)
			if err != nil {
				t.Fatal(err)
			}
			if pruned[0] != whole[0] {
				t.Errorf("with pruning %s, without %s", pruned[0], whole[0])
			}
		})
	}
	outer := "SELECT count(*) FROM audit_logs o WHERE seq = 0 AND EXISTS (SELECT 1 FROM audit_logs i WHERE o.timestamp > timestamp '2026-01-01' AND i.seq = 3)"
	if _, rows, err := answer(t, e, outer); err != nil || rows[0] != "[1]" {
		t.Errorf("a condition on the outer table pruned the inner one: %v, %v", rows, err)
	}
}

func TestCancelAndTimeout(t *testing.T) {
	files := encode(t, sample())
	// 7^11 rows: minutes of work.
	slow := "SELECT count(*) FROM audit_logs a0"
	for i := 1; i < 11; i++ {
		slow += fmt.Sprintf(" JOIN audit_logs a%d ON a0.seq + a%d.seq >= 0", i, i)
	}
	t.Run("timeout", func(t *testing.T) {
		e := engineOver(t, files, func(o *Options) { o.Timeout = 300 * time.Millisecond })
		if _, _, err := answer(t, e, slow); !errors.Is(err, athena.ErrTimeout) {
			t.Errorf("error %v, want ErrTimeout", err)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		e := engineOver(t, files, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := e.Query(ctx, athena.Query{SQL: slow})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the context's", err)
		}
		if _, rows, err := answer(t, e, "SELECT count(*) FROM audit_logs"); err != nil || rows[0] != "[7]" {
			t.Errorf("afterwards: %v, %v", rows, err)
		}
	})
}

func TestTooManyQueries(t *testing.T) {
	e := engineOver(t, encode(t, sample()), func(o *Options) { o.Running, o.Waiting = 1, 1 })
	first, err := e.Query(t.Context(), athena.Query{SQL: "SELECT 1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waited := make(chan error, 1)
	go func() {
		_, err := e.Query(ctx, athena.Query{SQL: "SELECT 1"})
		waited <- err
	}()
	for len(e.admit) < 2 { // until the second one waits
		select {
		case <-t.Context().Done():
			t.Fatal("test is over")
		case <-time.After(time.Millisecond):
		}
	}
	if _, err := e.Query(t.Context(), athena.Query{SQL: "SELECT 1"}); !errors.Is(err, athena.ErrBusy) {
		t.Errorf("third query: %v, want ErrBusy", err)
	}
	cancel()
	if err := <-waited; !errors.Is(err, context.Canceled) {
		t.Errorf("waiting query: %v, want Canceled", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if _, rows, err := answer(t, e, "SELECT 1"); err != nil || rows[0] != "[1]" {
		t.Errorf("afterwards: %v, %v", rows, err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	e := engineOver(t, encode(t, sample()), func(o *Options) { o.MemoryBytes, o.TempBytes = 64<<20, 1<<20 })
	sql := "SELECT a.id || b.id || c.id || d.id || e.id || f.id || g.id || h.id FROM audit_logs a"
	for _, alias := range []string{"b", "c", "d", "e", "f", "g", "h"} {
		sql += " CROSS JOIN audit_logs " + alias
	}
	for name, order := range map[string]string{"the sort": " ORDER BY 1", "the answer": ""} {
		if _, _, err := answerTo(t, e, athena.Query{SQL: sql + order, MaxRows: 10_000_000}); !errors.Is(err, athena.ErrTooBig) {
			t.Errorf("%s: error %v, want ErrTooBig", name, err)
		}
	}
}

// versions is a bucket of object versions.
type versions map[string][]byte

func (v versions) Get(_ context.Context, key, version string) (io.ReadCloser, error) {
	data, ok := v[key+"@"+version]
	if !ok {
		return nil, object.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (v versions) Head(_ context.Context, key, version string) (object.Info, error) {
	if _, ok := v[key+"@"+version]; !ok {
		return object.Info{}, object.ErrNotFound
	}
	return object.Info{Key: key, VersionID: version}, nil
}

// committed turns hot files into committed ones, behind a cache.
func committed(t *testing.T, hot []athena.File) (files []athena.File, bucket versions, c *cache.Cache, dir string) {
	t.Helper()
	bucket = versions{}
	for i, f := range hot {
		data, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		f.Path, f.Key, f.VersionID, f.SHA256 = "", fmt.Sprintf("k%d", i), "v1", sha256.Sum256(data)
		f.RetainUntil = time.Now().Add(time.Hour)
		bucket[f.Key+"@v1"] = data
		files = append(files, f)
	}
	dir = t.TempDir()
	c, err := cache.Open(cache.Options{Dir: dir, Store: bucket, MaxBytes: 1 << 30, Now: time.Now, Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	return files, bucket, c, dir
}

func TestCommittedAndHotFilesAreOneTable(t *testing.T) {
	rows := sample()
	files, _, c, dir := committed(t, encode(t, rows[:4]))
	files = append(files, encode(t, rows[4:])...)
	e := engineOver(t, files, func(o *Options) { o.Cache, o.Roots = c, append(o.Roots, dir) })
	if _, got, err := answer(t, e, "SELECT count(*), sum(seq), count(DISTINCT retention) FROM audit_logs"); err != nil || got[0] != "[7,21,2]" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestForgeriesDoNotChangeAnswers forges in the bucket, in the cache folder, and by SQL.
func TestForgeriesDoNotChangeAnswers(t *testing.T) {
	const count = "SELECT count(*) FROM audit_logs WHERE outcome = 'failure'"
	files, bucket, c, dir := committed(t, encode(t, sample()))
	e := engineOver(t, files, func(o *Options) { o.Cache, o.Roots = c, append(o.Roots, dir) })
	honest := func(step string) {
		t.Helper()
		if _, rows, err := answer(t, e, count); err != nil || rows[0] != "[2]" {
			t.Errorf("%s: %v, %v", step, rows, err)
		}
	}
	honest("at first")

	forged := encode(t, sample()[2:])
	data, err := os.ReadFile(forged[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	for key := range bucket {
		bucket[strings.Replace(key, "@v1", "@v2", 1)] = data // a newer version on top
	}
	honest("newer versions in the bucket")

	var cached []string
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			cached = append(cached, path)
		}
		return err
	})
	if err != nil || len(cached) == 0 {
		t.Fatalf("cache holds %v, %v", cached, err)
	}
	for _, path := range cached {
		if err := errors.Join(os.Remove(path), os.WriteFile(path, data, 0o444)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+".extra.parquet", data, 0o444); err != nil { // beside it
			t.Fatal(err)
		}
	}
	honest("forged files in the cache")

	for _, path := range cached {
		if _, _, err := answer(t, e, "COPY (SELECT * FROM audit_logs LIMIT 0) TO '"+path+"' (FORMAT parquet, use_tmp_file false)"); !errors.Is(err, athena.ErrRefused) {
			t.Errorf("COPY over a cached file: %v", err)
		}
		if _, _, err := answer(t, e, "SELECT * FROM '"+path+"'"); err == nil {
			t.Errorf("a cached file can be named in a query")
		}
	}
	honest("COPY over cached files")

	for key := range bucket {
		bucket[key] = data
	}
	dir = t.TempDir()
	fresh, err := cache.Open(cache.Options{Dir: dir, Store: bucket, MaxBytes: 1 << 30, Now: time.Now, Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	e = engineOver(t, files, func(o *Options) { o.Cache, o.Roots = fresh, []string{dir} })
	if _, rows, err := answer(t, e, count); !errors.Is(err, athena.ErrForged) {
		t.Errorf("the named versions themselves are forged: %v, %v; want ErrForged", rows, err)
	}
}

func TestOpenNamesWhatIsMissing(t *testing.T) {
	_, err := Open(Options{})
	for _, word := range []string{"source", "dir", "now and log"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error %v does not name %s", err, word)
		}
	}
}
