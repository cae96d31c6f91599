package hot

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/parquet"
)

func row(seq int64, ns int64, class string) event.Row {
	return event.Row{Stream: uuid.UUID{1}, Seq: seq, Event: event.Event{
		ID: "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e", Action: "a", ActorID: "x", ActorType: "user", ResourceType: "t",
		Outcome: "success", TimestampNS: ns, Retention: class, Details: event.Str(`{}`),
	}}
}

func seqOf(rows []event.Row, end error) iter.Seq2[event.Row, error] {
	return func(yield func(event.Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
		if end != nil {
			yield(event.Row{}, end)
		}
	}
}

const day = int64(86_400_000_000_000)

func TestEveryRowIsInItsPartition(t *testing.T) {
	dir := t.TempDir()
	rows := []event.Row{row(0, 5, "standard"), row(1, 3, "standard"), row(2, day, "standard"), row(3, 3, "long"), row(4, 3, "standard"), row(5, -1, "standard")}
	set, err := Encode(t.Context(), seqOf(rows, nil), dir)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string][]int64)
	for _, f := range set.Files {
		data, err := os.Open(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := parquet.Open(data, f.Size, f.Class)
		if err != nil {
			t.Fatal(err)
		}
		for row, err := range r.Rows() {
			if err != nil {
				t.Fatal(err)
			}
			if row.Day() != f.Day || row.TimestampNS < f.MinTimestampNS || row.TimestampNS > f.MaxTimestampNS {
				t.Errorf("row %d is not within %+v", row.Seq, f)
			}
			got[f.Class+" "+f.Day] = append(got[f.Class+" "+f.Day], row.Seq)
		}
		if err := data.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string][]int64{"standard 1970-01-01": {1, 4, 0}, "standard 1970-01-02": {2}, "standard 1969-12-31": {5}, "long 1970-01-01": {3}}
	if len(got) != len(want) {
		t.Errorf("partitions %v, want %v", got, want)
	}
	for partition, seqs := range want {
		if len(got[partition]) != len(seqs) {
			t.Errorf("%s holds %v, want %v", partition, got[partition], seqs)
			continue
		}
		for i := range seqs {
			if got[partition][i] != seqs[i] {
				t.Errorf("%s holds %v, want %v", partition, got[partition], seqs)
			}
		}
	}
	if err := set.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeEmpty(t, dir)
}

func TestNothingStaysAfterAnError(t *testing.T) {
	broken := errors.New("broken")
	dir := t.TempDir()
	if _, err := Encode(t.Context(), seqOf([]event.Row{row(0, 1, "standard")}, broken), dir); !errors.Is(err, broken) {
		t.Errorf("error %v, want the iterator's", err)
	}
	mustBeEmpty(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Encode(ctx, seqOf([]event.Row{row(0, 1, "standard")}, nil), dir); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want Canceled", err)
	}
	mustBeEmpty(t, dir)
}

func TestManyRowsGoOutInPortions(t *testing.T) {
	big := make([]byte, 40<<10)
	for i := range big {
		big[i] = 'x'
	}
	var rows []event.Row
	for i := range int64(2000) { // 80 MB of text: more than one portion
		r := row(i, i, "standard")
		r.Reason = event.Str(string(big))
		rows = append(rows, r)
	}
	set, err := Encode(t.Context(), seqOf(rows, nil), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Files) != 2 {
		t.Errorf("%d files, want 2", len(set.Files))
	}
	if err := set.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNoRowsNoFiles(t *testing.T) {
	set, err := Encode(t.Context(), seqOf(nil, nil), t.TempDir())
	if err != nil || len(set.Files) != 0 {
		t.Errorf("%v, %v", set, err)
	}
	if err := set.Close(); err != nil {
		t.Error(err)
	}
}

func mustBeEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
