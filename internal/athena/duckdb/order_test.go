//go:build cgo

package duckdb

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/event"
)

// manyRows are n seconds in no order, in as many files as these have days.
func manyRows(n int) []event.Row {
	rows := make([]event.Row, n)
	for i := range rows {
		rows[i] = event.Row{Stream: testStream, Seq: int64(i), Event: event.Event{
			ID: fmt.Sprintf("%08x-0000-7000-8000-000000000000", i), Action: "a", ActorID: fmt.Sprint(i % 97), ActorType: "user",
			ResourceType: "t", Outcome: "success", TimestampNS: at("2026-01-01T00:00:00Z") + int64(i*7919%n)*1_000_000_000, Retention: "standard",
		}}
	}
	return rows
}

// TestOrderSurvives: the engine puts a limit around the query, and the rows must
// still come in the query's order, with several threads and files.
func TestOrderSurvives(t *testing.T) {
	const n = 200_000
	e := engineOver(t, encode(t, manyRows(n)), nil)
	r, err := e.Query(t.Context(), athena.Query{SQL: "SELECT timestamp_ns, seq FROM audit_logs ORDER BY timestamp DESC, seq"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	last := int64(1<<63 - 1)
	for i := range n {
		row, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ns, ok := row[0].(int64)
		if !ok || ns > last {
			t.Fatalf("row %d: %v after %d", i, row[0], last)
		}
		last = ns
	}
	_, top, err := answer(t, e, "SELECT * FROM (SELECT seq FROM audit_logs ORDER BY timestamp LIMIT 3)")
	if err != nil || len(top) != 3 || top[0] != "[0]" {
		t.Errorf("first rows %v, %v", top, err)
	}
}

// TestFirstRowsAreSomeOfAll: of a long answer the first rows are sent before the others are computed. Each row comes
// once all the same, and too many rows are an error.
func TestFirstRowsAreSomeOfAll(t *testing.T) {
	const n = 100_000
	e := engineOver(t, encode(t, manyRows(n)), nil)
	for _, tt := range []struct {
		where string
		rows  int64
	}{
		{"", n},
		{" WHERE seq % 7 = 0", (n + 6) / 7},
		{fmt.Sprintf(" WHERE seq < %d", firstRows-1), firstRows - 1},
		{fmt.Sprintf(" WHERE seq < %d", firstRows), firstRows},
		{fmt.Sprintf(" WHERE seq < %d", firstRows+1), firstRows + 1},
		{" WHERE seq < 0", 0},
	} {
		for _, short := range []int64{0, 1} { // rows that the limit is less than the answer
			if tt.rows-short < 1 {
				continue
			}
			r, err := e.Query(t.Context(), athena.Query{SQL: "SELECT seq, timestamp_ns FROM audit_logs" + tt.where, MaxRows: tt.rows - short})
			if short > 0 && tt.rows <= firstRows && errors.Is(err, athena.ErrTooManyRows) {
				continue // before a row was sent
			}
			if err != nil {
				t.Fatal(tt.where, err)
			}
			seen := make(map[int64]bool)
			for {
				row, err := r.Next(t.Context())
				if err != nil {
					if want := []error{io.EOF, athena.ErrTooManyRows}[short]; !errors.Is(err, want) {
						t.Errorf("%s: after %d rows %v, want %v", tt.where, len(seen), err, want)
					}
					break
				}
				seen[row[0].(int64)] = true
			}
			if got := int64(len(seen)); got != tt.rows-short*(tt.rows-firstRows) {
				t.Errorf("%s: %d rows, want %d", tt.where, got, tt.rows)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestFirstRowsThatAreLate: when they do not come soon, all rows are computed at once.
func TestFirstRowsThatAreLate(t *testing.T) {
	const n = 3 * firstRows
	e := engineOver(t, encode(t, manyRows(n)), func(o *Options) { o.soon = 1 })
	for _, most := range []int64{n, n - 1} {
		r, err := e.Query(t.Context(), athena.Query{SQL: "SELECT seq FROM audit_logs", MaxRows: most})
		if most < n { // before a row was sent: they are counted first
			if !errors.Is(err, athena.ErrTooManyRows) {
				t.Errorf("at most %d: %v", most, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		seen := make(map[int64]bool)
		for {
			row, err := r.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			seen[row[0].(int64)] = true
		}
		if len(seen) != n {
			t.Errorf("%d rows, want %d", len(seen), n)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDaysAreTheSame: groups by day are the same whether the day is read from the name of the file or from the
// timestamp, as where a file is not known to be of one day.
func TestDaysAreTheSame(t *testing.T) {
	rows := append(sample(), manyRows(1_000)...)
	for i := range rows {
		rows[i].Seq, rows[i].TimestampNS = int64(i), rows[i].TimestampNS+int64(i%40)*3_599_999_999_999*7
	}
	files := encode(t, rows)
	days := engineOver(t, files, nil)
	unsure := slices.Clone(files)
	unsure[0].MinTimestampNS -= 86_400_000_000_000
	stamps := engineOver(t, unsure, nil)
	for _, tt := range []struct {
		sql    string
		spared bool // the timestamps
	}{
		{"SELECT date_trunc('day', timestamp) AS d, count(*) FROM audit_logs GROUP BY 1 ORDER BY 1", true},
		{"SELECT date(timestamp), count(*) FROM audit_logs GROUP BY date(timestamp) ORDER BY 1", true},
		{"SELECT CAST(timestamp AS date) AS d, max(seq) FROM audit_logs GROUP BY CAST(timestamp AS date) HAVING CAST(timestamp AS date) > date '2025-01-01' ORDER BY CAST(timestamp AS date) DESC", true},
		{"SELECT year(timestamp), month(timestamp), count(*) FROM audit_logs a GROUP BY year(a.timestamp), month(timestamp) ORDER BY 1, 2", true},
		{"SELECT date_trunc('month', timestamp) AS m, date_trunc('day', timestamp) AS d, count(*) FROM audit_logs GROUP BY 1, 2 ORDER BY 2, 1", true},
		{"SELECT date_trunc('week', audit_logs.timestamp), outcome, count(*) FROM audit_logs GROUP BY 1, 2 ORDER BY 1, 2", true},
		{"SELECT extract(day_of_week FROM timestamp), count(*) FROM audit_logs GROUP BY 1 ORDER BY 1", true},
		{"SELECT date(timestamp), sum(count(*)) OVER (ORDER BY date(timestamp)) FROM audit_logs GROUP BY date(timestamp) ORDER BY 1", true},
		{"SELECT d, n FROM (SELECT date(timestamp) AS d, count(*) AS n FROM audit_logs WHERE outcome = 'success' GROUP BY date(timestamp)) ORDER BY d", true},
		{"SELECT date(timestamp) AS d, count(*) FROM audit_logs GROUP BY ROLLUP (date(timestamp)) ORDER BY 1", true},
		{"SELECT o.seq, (SELECT count(*) FROM (SELECT date(o.timestamp) FROM audit_logs GROUP BY date(o.timestamp))) FROM (SELECT seq, timestamp, 'no day' AS dt FROM audit_logs) o WHERE seq < 3 ORDER BY 1", false},
		{"SELECT format_datetime(timestamp, 'yyyy-MM'), count(*) FROM audit_logs GROUP BY 1 ORDER BY 1", false},
		{"SELECT date_trunc('day', timestamp) AS d, timestamp, count(*) FROM audit_logs GROUP BY 1, 2 ORDER BY 2", false},
		{"SELECT date_trunc('day', timestamp) AS d, date_trunc('year', timestamp), count(*) FROM audit_logs GROUP BY timestamp, 1 ORDER BY timestamp", false},
		{"SELECT date_trunc('hour', timestamp), count(*) FROM audit_logs GROUP BY 1 ORDER BY 1", false},
		{"SELECT date_trunc('day', timestamp) AS timestamp, count(*) FROM audit_logs GROUP BY 1 ORDER BY 1", false},
		{"SELECT date_trunc('day', received_at), count(*) FROM audit_logs GROUP BY 1 ORDER BY 1", true},
		{"SELECT date_trunc('day', timestamp + interval '5' hour), count(*) FROM audit_logs GROUP BY 1 ORDER BY 1", false},
		{"SELECT date(timestamp AT TIME ZONE 'Asia/Tokyo'), count(*) FROM audit_logs GROUP BY 1 ORDER BY 1", false},
		{"SELECT date(a.timestamp), count(*) FROM audit_logs a JOIN audit_logs b ON a.seq = b.seq GROUP BY 1 ORDER BY 1", false},
		{"SELECT DISTINCT date(timestamp) FROM audit_logs ORDER BY 1", false},
	} {
		_, want, wantErr := answer(t, stamps, tt.sql)
		_, got, err := answer(t, days, tt.sql)
		if !slices.Equal(got, want) || (err != nil) != (wantErr != nil) || err == nil && len(got) == 0 {
			t.Errorf("%s:\n got %.300v, %v\nwant %.300v, %v", tt.sql, got, err, want, wantErr)
		}
		if err != nil {
			continue
		}
		_, plan, err := answerTo(t, days, athena.Query{SQL: tt.sql, Explain: true})
		_, scan, _ := strings.Cut(strings.Join(plan, "\n"), "TABLE_SCAN")
		if spared := !strings.Contains(scan, "timestamp"); err != nil || spared != tt.spared {
			t.Errorf("%s: no timestamp is read: %t, want %t, %v", tt.sql, spared, tt.spared, err)
		}
	}
}
