//go:build cgo

package saved_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/duckdb"
	"github.com/audit-archiver/archiver/internal/athena/hot"
	"github.com/audit-archiver/archiver/internal/athena/saved"
	"github.com/audit-archiver/archiver/internal/event"
)

// TestMain lets this program be the engine's worker.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == duckdb.WorkerCommand {
		os.Exit(duckdb.Worker())
	}
	os.Exit(m.Run())
}

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) // a Tuesday

type fixed []athena.File

func (f fixed) Files(context.Context, athena.Bounds) (*athena.FileSet, error) {
	return &athena.FileSet{Files: f, CompleteThrough: now}, nil
}

// events to find and events not to find; seq is the place in the list.
var events = []struct {
	at, action, actor, kind, outcome, resource, id, ip string
}{
	0:  {"2026-11-24T11:59:59.999Z", "user.login", "alice", "user", "failure", "session", "", "203.0.113.7"},
	1:  {"2026-11-24T11:00:00Z", "User.Login", "alice", "user", "failure", "session", "s", "203.0.113.7"},
	2:  {"2026-11-24T10:59:59.999Z", "auth:mfa", "bob", "user", "failure", "session", "s", ""},
	3:  {"2026-11-24T11:30:00Z", "user.login", "bob", "user", "success", "session", "s", "203.0.113.7"},
	4:  {"2026-11-24T11:30:00Z", "user.relogin", "bob", "user", "failure", "session", "s", "203.0.113.7"},
	5:  {"2026-11-24T11:31:00Z", "report.export.csv", "bob", "user", "success", "report", "r", ""},
	6:  {"2026-11-24T11:32:00Z", "report.exporter", "bob", "user", "success", "report", "r", ""},
	7:  {"2026-11-24T11:33:00Z", "order.update", "carol", "user", "success", "order", "o'1", ""},
	8:  {"2026-11-24T11:34:00Z", "order.read", "carol", "user", "success", "order", "o'1", ""},
	9:  {"2026-11-24T11:35:00Z", "order.delete", "carol", "user", "failure", "order", "o'1", ""},
	10: {"2026-11-24T11:36:00Z", "order.undeleted", "carol", "user", "success", "order", "o'2", ""},
	11: {"2026-11-24T11:37:00Z", "role.grant", "root", "system", "success", "role", "admin", ""},
	12: {"2026-11-24T11:38:00Z", "user.controlled", "root", "system", "success", "user", "u", ""},
	13: {"2026-11-22T12:00:00Z", "order.update", "sunday", "user", "success", "order", "o'3", ""},
	14: {"2026-11-23T06:59:59.999Z", "order.update", "early", "user", "success", "order", "o'3", ""},
	15: {"2026-11-23T19:00:00Z", "order.update", "late", "user", "success", "order", "o'3", ""},
	16: {"2026-11-23T03:00:00Z", "order.update", "batch", "system", "success", "order", "o'3", ""},
	17: {"2024-01-01T03:00:00Z", "order.delete", "alice", "user", "success", "order", "o'1", ""},
	18: {"2026-11-24T11:39:00Z", "order.update", "'; DROP TABLE audit_logs; --", "user", "success", "order", "Ünï 😀", ""},
}

func engine(t *testing.T) *duckdb.Engine {
	t.Helper()
	dir := t.TempDir()
	set, err := hot.Encode(t.Context(), func(yield func(event.Row, error) bool) {
		for i, e := range events {
			at, err := time.Parse(time.RFC3339Nano, e.at)
			if err != nil {
				t.Fatal(err)
			}
			row := event.Row{Stream: uuid.MustParse("0198aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee"), Seq: int64(i), Event: event.Event{
				ID: fmt.Sprintf("0198%04d-0000-7000-8000-000000000000", i), Action: e.action, ActorID: e.actor, ActorType: e.kind,
				ResourceType: e.resource, Outcome: e.outcome, ReceivedAtMS: now.UnixMilli(), Producer: "test",
				TimestampNS: at.UnixNano(), Retention: "standard",
			}}
			if e.id != "" {
				row.ResourceID = event.Str(e.id)
			}
			if e.ip != "" {
				row.IP = event.Str(e.ip)
			}
			if !yield(row, nil) {
				return
			}
		}
	}, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	e, err := duckdb.Open(duckdb.Options{Source: fixed(set.Files), Roots: []string{dir}, Dir: t.TempDir(), BestEffort: true, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
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

// found are the seq of the events in an answer, or its first columns where it counts.
func found(t *testing.T, e *duckdb.Engine, name string, values map[string]string) string {
	t.Helper()
	q, ok := saved.Find(name)
	if !ok {
		t.Fatalf("no query %s", name)
	}
	ask, err := q.Ask(values, now)
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Query(t.Context(), ask)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer r.Close()
	var rows []string
	for {
		row, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return strings.Join(rows, " ")
		}
		if err != nil {
			t.Fatal(err)
		}
		var cells []string
		for i, c := range r.Columns() {
			switch {
			case c.Name == "id":
				rows = append(rows, strings.TrimLeft(fmt.Sprint(row[i])[4:8], "0"))
			case c.Type == "bigint" || c.Name == "ip" || c.Name == "actor_id":
				cells = append(cells, fmt.Sprint(row[i]))
			}
		}
		if r.Columns()[0].Name == "actor_id" {
			rows = append(rows, strings.Join(cells, ","))
		}
	}
}

func TestAnswers(t *testing.T) {
	e := engine(t)
	type values = map[string]string
	for _, tt := range []struct {
		name   string
		values values
		want   string
	}{
		{"user-activity", values{"actor": "alice", "hours": "1"}, "1 "}, // seq 0 has no digits but zeros
		{"user-activity", values{"actor": "alice", "hours": "87600"}, "17 1 "},
		{"user-activity", values{"actor": "'; DROP TABLE audit_logs; --"}, "18"},
		{"user-activity", values{"actor": "x' OR '1'='1"}, ""},
		{"resource-changes", values{"type": "order", "id": "o'1", "hours": "24"}, "7 9"},
		{"resource-changes", values{"type": "order", "id": "Ünï 😀"}, "18"},
		{"failed-logins", values{"hours": "1"}, "alice,203.0.113.7,2"},
		{"failed-logins", values{"hours": "2"}, "alice,203.0.113.7,2 bob,<nil>,1"},
		{"failed-logins", values{"least": "2"}, "alice,203.0.113.7,2"},
		{"data-exports", nil, "5"},
		{"sensitive-access", values{"type": "report"}, "bob,1,1 bob,1,1"},
		{"privilege-changes", nil, "11"},
		{"outside-hours", nil, "13 14 15"},
		{"outside-hours", values{"begin": "0", "end": "24"}, "13"},
		{"deletions", nil, "9"},
		{"deletions", values{"hours": "87600"}, "17 9"},
	} {
		if got := found(t, e, tt.name, tt.values); got != tt.want {
			t.Errorf("%s %v: got %q, want %q", tt.name, tt.values, got, tt.want)
		}
	}
}
