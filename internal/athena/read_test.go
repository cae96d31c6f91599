package athena

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// fixedResult is an answer in memory.
type fixedResult struct {
	cols []Column
	rows [][]any
	meta Meta
}

func (f *fixedResult) Columns() []Column { return f.cols }
func (f *fixedResult) Meta() Meta        { return f.meta }
func (f *fixedResult) Close() error      { return nil }
func (f *fixedResult) Next(context.Context) ([]any, error) {
	if len(f.rows) == 0 {
		return nil, io.EOF
	}
	row := f.rows[0]
	f.rows = f.rows[1:]
	return row, nil
}

func TestReadIsTheReverseOfWrite(t *testing.T) {
	at := time.Date(2026, 1, 31, 10, 11, 12, 345e6, time.UTC)
	cols := []Column{{"a", "varchar"}, {"b", "bigint"}, {"c", "double"}, {"d", "decimal(3,1)"}, {"e", "timestamp"},
		{"f", "timestamp with time zone"}, {"g", "date"}, {"h", "boolean"}, {"i", "array(bigint)"},
		{"j", "map(bigint, varchar)"}, {"k", `row(x varchar, "y z" real)`}, {"l", "json"}}
	rows := [][]any{
		{"", int64(math.MinInt64), math.Inf(-1), Decimal("-1.5"), at, at, at.Truncate(24 * time.Hour), true, []any{int64(1), nil},
			Map{{int64(7), "seven"}}, Row{{"x", "ü\n\"<"}, {"y z", float32(0.1)}}, JSON(`{"n":1}`)},
		{nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil},
	}
	meta := Meta{CompleteThrough: at, Laggards: []string{"s1"}, Expired: Expired{Files: 2, Rows: 30, From: "2024-01-01", To: "2024-02-01"}}
	var written bytes.Buffer
	if _, err := Write(t.Context(), &written, &fixedResult{cols, rows, meta}, FormatJSON, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	whole := written.String()
	r, err := Read(io.NopCloser(strings.NewReader(whole)))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r.Columns(), cols) {
		t.Errorf("columns %v", r.Columns())
	}
	for i, want := range rows {
		got, err := r.Next(t.Context())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("row %d: %#v, %v; want %#v", i, got, err, want)
		}
	}
	if _, err := r.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Fatalf("at the end: %v", err)
	}
	if got := r.Meta(); !got.CompleteThrough.Equal(at) || !reflect.DeepEqual(got.Laggards, meta.Laggards) || got.Expired != meta.Expired {
		t.Errorf("meta %+v", got)
	}

	// An answer that was cut anywhere must not look like a shorter one.
	for cut := range len(strings.TrimSpace(whole)) {
		r, err := Read(io.NopCloser(strings.NewReader(whole[:cut])))
		for err == nil {
			_, err = r.Next(t.Context())
		}
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d of %d: taken for the end", cut, len(whole))
		}
	}
}
