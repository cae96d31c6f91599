package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

const realEvents = "../data/cloudtrail/events.ndjson.gz"

// sent is one line of the input, taken apart without any code of ours.
type sent struct {
	ID        string `json:"id"`
	Timestamp string `json:"timestamp"`
	Action    string `json:"action"`
	Actor     struct {
		ID    string  `json:"id"`
		Type  string  `json:"type"`
		Email *string `json:"email"`
	} `json:"actor"`
	Resource struct {
		Type string  `json:"type"`
		ID   *string `json:"id"`
	} `json:"resource"`
	Outcome      string          `json:"outcome"`
	Reason       *string         `json:"reason"`
	Details      json.RawMessage `json:"details"`
	RequestID    *string         `json:"request_id"`
	IP           *string         `json:"ip"`
	UserAgent    *string         `json:"user_agent"`
	Organization *string         `json:"organization_id"`
}

func readEvents(t testing.TB) (zipped, plain []byte, events []sent) {
	t.Helper()
	zipped, err := os.ReadFile(realEvents)
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(plain))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e sent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if err := lines.Err(); err != nil || len(events) != 2900 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	return zipped, plain, events
}

// TestMainJob is the promise of the README, with real events: they are there at
// once, they are the same from the bucket, and they stay.
func TestMainJob(t *testing.T) {
	_, plain, events := readEvents(t)
	dir := t.TempDir()
	d := startDev(t, dir, "--seal-age", "1h")
	got, err := d.post(t.Context(), "application/x-ndjson", plain)
	if err != nil {
		t.Fatal(err)
	}
	checkAcknowledged(t, got, events, 0)
	checkTable(t, "from the WAL", d.query, events, got.Stream)
	if n := d.queryBucket(t, countSQL).one(t); n != "0" {
		t.Errorf("%s rows in the bucket before anything is archived", n)
	}
	d.stop(t) // seals and archives

	d = startDev(t, dir, "--seal-age", "1h")
	if first, next := d.metric(t, "archiver_wal_first_seq"), d.metric(t, "archiver_wal_next_seq"); first != next {
		t.Errorf("WAL holds [%s, %s) after an orderly end", first, next)
	}
	checkTable(t, "from the server, started again", d.query, events, got.Stream)
	checkTable(t, "from the bucket, beside the server", d.queryBucket, events, got.Stream)

	more, err := d.post(t.Context(), "application/json", []byte(`{"id":"01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e",
		"timestamp":"2023-07-11T00:00:00.123456789+02:00","action":"a","actor":{"id":"b","type":"system","email":null},
		"resource":{"type":"c","id":""},"outcome":"success","reason":null,"details":{"a" : 1.50, "b":"\u00e9é"} }`))
	if err != nil {
		t.Fatal(err)
	}
	if more.Stream != got.Stream || len(more.Events) != 1 || more.Events[0].Seq != int64(len(events)) {
		t.Errorf("after the restart: stream %s, events %v; want stream %s and seq %d", more.Stream, more.Events, got.Stream, len(events))
	}
	const extra = "SELECT CAST(timestamp AS varchar), timestamp_ns, actor_email, resource_id, reason, details, dt FROM audit_logs WHERE seq = 2900"
	const want = `[[2023-07-10 22:00:00.123 1689026400123456789 <nil>  <nil> {"a" : 1.50, "b":"\u00e9é"} 2023-07-10]]`
	if row := fmt.Sprint(d.query(t, extra).Rows); row != want {
		t.Errorf("from the WAL: got %s, want %s", row, want)
	}
	d.stop(t)
	d = startDev(t, dir)
	if row := fmt.Sprint(d.queryBucket(t, extra).Rows); row != want {
		t.Errorf("from the bucket: got %s, want %s", row, want)
	}
	d.stop(t)
}

// TestMainJobZipped sends the file as it is, and waits for the age of the batch.
func TestMainJobZipped(t *testing.T) {
	zipped, _, events := readEvents(t)
	d := startDev(t, t.TempDir(), "--seal-age", "500ms")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.URL+"/v1/events", bytes.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Content-Encoding", "gzip")
	got, err := send(http.DefaultClient, req)
	if err != nil {
		t.Fatal(err)
	}
	checkAcknowledged(t, got, events, 0)
	checkTable(t, "at once", d.query, events, got.Stream)
	d.waitArchived(t)
	checkTable(t, "archived", d.query, events, got.Stream)
	checkTable(t, "from the bucket", d.queryBucket, events, got.Stream)
	d.stop(t)
}

const countSQL = "SELECT count(*) FROM audit_logs"

// asker answers a query: the server, or the bucket alone.
type asker func(t testing.TB, sql string) table

func checkAcknowledged(t *testing.T, got answer, events []sent, first int64) {
	t.Helper()
	if len(got.Events) != len(events) {
		t.Fatalf("%d acknowledged, %d sent", len(got.Events), len(events))
	}
	for i, e := range got.Events {
		if e.Seq != first+int64(i) || e.ID != events[i].ID {
			t.Fatalf("event %d (%s) is acknowledged as %+v", i, events[i].ID, e)
		}
	}
}

// checkTable compares every value of every row, and counts, with the input.
func checkTable(t *testing.T, when string, ask asker, events []sent, stream string) {
	t.Helper()
	if n := ask(t, countSQL).one(t); n != fmt.Sprint(len(events)) {
		t.Errorf("%s: %s rows, want %d", when, n, len(events))
	}
	checkCounts(t, when, ask, events)
	const columns = "id, timestamp, action, actor_id, actor_type, actor_email, resource_type, resource_id, outcome, reason, details, " +
		"request_id, ip, user_agent, organization_id, producer, timestamp_ns, stream, seq, retention, dt"
	names := strings.Split(columns, ", ")
	rows := ask(t, "SELECT "+columns+" FROM audit_logs ORDER BY seq").Rows
	if len(rows) != len(events) {
		t.Fatalf("%s: %d rows, want %d", when, len(rows), len(events))
	}
	for i, row := range rows {
		want := wantRow(t, i, &events[i], stream)
		for c := range names {
			if row[c] != want[c] {
				t.Fatalf("%s: row %d, %s: %#v, want %#v", when, i, names[c], row[c], want[c])
			}
		}
	}
}

// wantRow is what the event must be as a row, in the order of checkTable.
func wantRow(t *testing.T, i int, e *sent, stream string) []any {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, e.Timestamp)
	if err != nil {
		t.Fatal(err)
	}
	at = at.UTC()
	details := any(nil)
	if e.Details != nil && string(e.Details) != "null" {
		details = string(e.Details)
	}
	return []any{e.ID, at.Format("2006-01-02 15:04:05.000"), e.Action, e.Actor.ID, e.Actor.Type, text(e.Actor.Email),
		e.Resource.Type, text(e.Resource.ID), e.Outcome, text(e.Reason), details,
		text(e.RequestID), text(e.IP), text(e.UserAgent), text(e.Organization), "local",
		json.Number(fmt.Sprint(at.UnixNano())), stream, json.Number(fmt.Sprint(i)), "standard", at.Format(time.DateOnly)}
}

func text(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}

func checkCounts(t *testing.T, when string, ask asker, events []sent) {
	t.Helper()
	for column, of := range map[string]func(*sent) string{
		"action":   func(e *sent) string { return e.Action },
		"actor_id": func(e *sent) string { return e.Actor.ID },
		"outcome":  func(e *sent) string { return e.Outcome },
	} {
		want := map[string]string{}
		counts := map[string]int{}
		for i := range events {
			v := of(&events[i])
			counts[v]++
			want[v] = fmt.Sprint(counts[v])
		}
		got := map[string]string{}
		for _, row := range ask(t, "SELECT "+column+", count(*) FROM audit_logs GROUP BY "+column).Rows {
			got[row[0].(string)] = fmt.Sprint(row[1])
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: counts by %s: got %v, want %v", when, column, got, want)
		}
	}
}

// stored posts events, which must be taken, and returns the answer.
func (d *dev) stored(t testing.TB, events ...map[string]any) answer {
	t.Helper()
	body, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.post(context.WithoutCancel(t.Context()), "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
