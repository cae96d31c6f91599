//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/hot"
	"github.com/audit-archiver/archiver/internal/event"
)

// TestMain lets this program be its own worker.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 {
		if os.Args[1] == WorkerCommand {
			os.Exit(Worker())
		}
		if other := others[os.Args[1]]; other != nil {
			os.Exit(other())
		}
	}
	os.Exit(m.Run())
}

var testNow = time.Date(2026, 11, 24, 12, 0, 0, 123_456_789, time.UTC)

// fixed is a source that always gives the same files.
type fixed struct {
	files []athena.File
	hint  athena.Bounds // of the last call
}

func (f *fixed) Files(_ context.Context, hint athena.Bounds) (*athena.FileSet, error) {
	f.hint = hint
	return &athena.FileSet{Files: f.files, CompleteThrough: testNow, Laggards: []string{"s1"}}, nil
}

func rowsOf(rows []event.Row) iter.Seq2[event.Row, error] {
	return func(yield func(event.Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func encode(t testing.TB, rows []event.Row) []athena.File {
	t.Helper()
	set, err := hot.Encode(t.Context(), rowsOf(rows), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return set.Files
}

func engineOver(t testing.TB, files []athena.File, change func(*Options)) *Engine {
	t.Helper()
	o := Options{
		Source: &fixed{files: files}, Dir: t.TempDir(), BestEffort: runtime.GOOS != "linux",
		Now: func() time.Time { return testNow }, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	for _, f := range files {
		if root, _, ok := strings.Cut(f.Path, "/retention="); ok && !slices.Contains(o.Roots, root) {
			o.Roots = append(o.Roots, root)
		}
	}
	if change != nil {
		change(&o)
	}
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// answer runs sql and returns the rows as JSON arrays, one a line.
func answer(t testing.TB, e *Engine, sql string) (cols []athena.Column, rows []string, err error) {
	t.Helper()
	return answerTo(t, e, athena.Query{SQL: sql})
}

func answerTo(t testing.TB, e *Engine, q athena.Query) (cols []athena.Column, rows []string, err error) {
	t.Helper()
	r, err := e.Query(t.Context(), q)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	cols = r.Columns()
	for {
		row, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return cols, rows, nil
		}
		if err != nil {
			return nil, nil, err
		}
		parts := make([]string, len(row))
		for i, v := range row {
			b, err := athena.AppendJSON(nil, cols[i].Type, v)
			if err != nil {
				return nil, nil, err
			}
			parts[i] = string(b)
		}
		rows = append(rows, "["+strings.Join(parts, ",")+"]")
	}
}

var testStream = uuid.MustParse("0198aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee")

func at(s string) int64 {
	t, err := time.Parse("2006-01-02T15:04:05.999999999Z07:00", s)
	if err != nil {
		panic(err)
	}
	return t.UnixNano()
}

// sample has rows to find and rows not to find for each of the four queries of the specification.
func sample() []event.Row {
	row := func(i int, ts, action, actor, outcome string, change func(*event.Row)) event.Row {
		r := event.Row{Stream: testStream, Seq: int64(i), Event: event.Event{
			ID: fmt.Sprintf("0198%04d-0000-7000-8000-000000000000", i), Action: action, ActorID: actor, ActorType: "user",
			ResourceType: "session", Outcome: outcome, ReceivedAtMS: testNow.UnixMilli(), Producer: "dev",
			TimestampNS: at(ts), Retention: "standard",
		}}
		if change != nil {
			change(&r)
		}
		return r
	}
	return []event.Row{
		row(0, "2026-11-24T11:30:00.000000001Z", "user.login", "user-123", "failure", func(r *event.Row) { r.Reason = event.Str("bad password") }),
		row(1, "2026-11-24T10:59:59.999Z", "user.login", "user-123", "failure", nil),
		row(2, "2026-11-24T11:45:00Z", "user.login", "user-9", "success", nil),
		row(3, "2024-05-05T05:05:05.678999Z", "report.export", "user-7", "success", func(r *event.Row) {
			r.ResourceType, r.ResourceID = "order", event.Str("order-456")
			r.Details = event.Str(`{"n":1.50,"big":123456789012345678901234,"s":"x","null":null,"a b":{"c":[1,"two"]},"t":true}`)
		}),
		row(4, "2025-05-05T00:00:00Z", "report.export.csv", "user-7", "success", func(r *event.Row) { r.Retention = "long" }),
		row(5, "2024-12-30T23:59:59.999Z", "user.exported", "user-8", "success", func(r *event.Row) {
			r.ResourceType, r.ResourceID = "order", event.Str("order-457")
			r.ActorEmail = event.Str("")
			r.Details = event.Str(`{"naïve":"日本 😀"}`)
		}),
		row(6, "2024-06-01T00:00:00Z", "order.update", "Ünal", "success", func(r *event.Row) {
			r.ResourceType, r.ResourceID = "order", event.Str("order-456")
		}),
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
