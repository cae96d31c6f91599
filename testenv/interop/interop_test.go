// Package interop_test has strangers read our data files: PyArrow, and a DuckDB that is not the one in the server.
package interop_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/parquet"
	"github.com/audit-archiver/archiver/testenv/gen"
	"github.com/audit-archiver/archiver/testenv/proc"
)

const python = "../../.tools/venv/bin/python"

func needPython(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(python); err != nil {
		proc.Missing(t, "PyArrow and DuckDB are missing: run `make tools` (needs Python 3.11 or later)")
	}
}

func check(folder string) (string, error) {
	out, err := exec.Command(python, "check.py", folder).CombinedOutput()
	return string(out), err
}

// TestStrangersReadTheSame writes one file of 2,900 real events, one of several row groups, and one of each extreme.
func TestStrangersReadTheSame(t *testing.T) {
	needPython(t)
	folder := t.TempDir()
	stream := uuid.MustParse("01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e")

	start := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	files := append(edgeRows(stream),
		realRows(t, stream),
		gen.New(1, start, 50_000).Rows(parquet.RowGroupRows+5_000, stream, 10_000))
	total := 0
	for _, rows := range files {
		write(t, folder, rows)
		total += len(rows)
	}
	out, err := check(folder)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := fmt.Sprintf("ok: %d files, %d rows", len(files), total); !strings.HasPrefix(out, want) {
		t.Errorf("check.py says %q, want %q", out, want)
	}
}

// TestTheCheckCanFail changes one value of the dump at a time.
func TestTheCheckCanFail(t *testing.T) {
	needPython(t)
	stream := uuid.MustParse("01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e")
	for _, tt := range []struct {
		column string
		value  any
	}{
		{"id", "other"},
		{"reason", ""},   // is NULL
		{"details", nil}, // is ""
		{"timestamp_ns", int64(1795392000000000009)},
		{"received_at", int64(1)},
		{"seq", int64(99)},
	} {
		t.Run(tt.column, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			r := plainRow(stream, 0)
			r.Details = event.Str("")
			name := write(t, folder, []event.Row{r})
			row := dump(&r)
			row[tt.column] = tt.value
			writeDump(t, name, []map[string]any{row})
			out, err := check(folder)
			if err == nil {
				t.Fatalf("a changed %s is not found: %s", tt.column, out)
			}
			if !strings.Contains(out, ": "+tt.column) {
				t.Errorf("the difference is not named: %s", out)
			}
		})
	}
}

// write puts rows into a file under its key, and what they are beside it. It returns the file's name.
func write(t *testing.T, folder string, rows []event.Row) string {
	t.Helper()
	first := &rows[0]
	var buf bytes.Buffer
	w := parquet.NewWriter(&buf, parquet.Options{Stream: first.Stream, Class: first.Retention, Day: first.Day()})
	if err := w.Write(rows...); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(folder, parquet.Key("", first.Retention, first.Day(), first.Stream, 0, int64(len(rows)-1)))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	dumps := make([]map[string]any, len(rows))
	for i := range rows {
		dumps[i] = dump(&rows[i])
	}
	writeDump(t, name, dumps)
	return name
}

func writeDump(t *testing.T, name string, rows []map[string]any) {
	t.Helper()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	for _, row := range rows {
		if err := enc.Encode(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(name+".ndjson", buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func dump(r *event.Row) map[string]any {
	return map[string]any{
		"id": r.ID, "timestamp": r.TimestampMS(), "action": r.Action, "actor_id": r.ActorID, "actor_type": r.ActorType,
		"actor_email": text(r.ActorEmail), "resource_type": r.ResourceType, "resource_id": text(r.ResourceID),
		"outcome": r.Outcome, "reason": text(r.Reason), "details": text(r.Details), "request_id": text(r.RequestID),
		"ip": text(r.IP), "user_agent": text(r.UserAgent), "organization_id": text(r.OrganizationID),
		"received_at": r.ReceivedAtMS, "producer": r.Producer, "timestamp_ns": r.TimestampNS,
		"stream": r.Stream.String(), "seq": r.Seq,
	}
}

func text(t event.Text) any {
	if !t.Valid {
		return nil
	}
	return t.S
}

func plainRow(stream uuid.UUID, seq int64) event.Row {
	return event.Row{
		Event: event.Event{
			ID: "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e", Action: "user.login", ActorID: "u", ActorType: "user",
			ResourceType: "session", Outcome: "success", Producer: "api", Retention: "years-7",
			TimestampNS: 1795392000000000000 + seq,
		},
		Stream: stream,
		Seq:    seq,
	}
}

// edgeRows returns the rows of five files: NULL and empty, the first, the last and a negative instant, and more
// different user agents than a dictionary takes.
func edgeRows(stream uuid.UUID) [][]event.Row {
	var nulls []event.Row
	kinds := []event.Text{{}, event.Str(""), event.Str("ü 日本語 \U0001F512 \"\\\n\x01")}
	for i := range 1_014 {
		r := plainRow(stream, int64(i))
		r.ActorEmail, r.ResourceID, r.Reason, r.Details = kinds[i%3], kinds[i/3%3], kinds[i/9%3], kinds[i/27%3]
		r.RequestID, r.IP, r.UserAgent, r.OrganizationID = kinds[i/81%3], kinds[i/5%3], kinds[i/7%3], kinds[i/243%3]
		nulls = append(nulls, r)
	}
	first, last, before := plainRow(stream, 0), plainRow(stream, 1), plainRow(stream, 2)
	first.TimestampNS = math.MinInt64
	last.TimestampNS, last.Seq, last.ReceivedAtMS = math.MaxInt64, math.MaxInt64, 253402300799999
	before.TimestampNS = -1
	var agents []event.Row
	pad := strings.Repeat("a", 4_000)
	for i := range 16_000 {
		r := plainRow(stream, int64(i))
		r.Retention = "agents"
		r.ActorID = fmt.Sprintf("%0255d", i)
		if i%8 > 0 {
			r.UserAgent = event.Str(fmt.Sprint(pad, i))
		}
		agents = append(agents, r)
	}
	return [][]event.Row{nulls, {first}, {last}, {before}, agents}
}

func realRows(t *testing.T, stream uuid.UUID) []event.Row {
	t.Helper()
	f, err := os.Open("../data/cloudtrail/events.ndjson.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var rows []event.Row
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		e, problems := event.Decode(lines.Bytes(), now, event.DefaultLimits())
		if len(problems) > 0 {
			t.Fatalf("event %d: %v", len(rows), problems)
		}
		e.Retention, e.Producer, e.ReceivedAtMS, e.Fingerprint = "standard", "test", now.UnixMilli(), 0
		rows = append(rows, event.Row{Event: e, Stream: stream, Seq: int64(len(rows))}) // sorted by time already
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}
