package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestSpecificationQueries gives each query of the specification rows to find,
// and rows beside them that it must not find.
func TestSpecificationQueries(t *testing.T) {
	now := time.Now().UTC()
	ago := func(d time.Duration) string { return now.Add(-d).Format(time.RFC3339Nano) }
	login := func(at, actor, outcome string) map[string]any {
		return event(at, "user.login", actor, "session", "", outcome)
	}
	events := []map[string]any{
		0:  login(ago(5*time.Minute), "user-123", "failure"),
		1:  login(ago(59*time.Minute), "user-9", "failure"),
		2:  login(ago(61*time.Minute), "user-9", "failure"), // too old
		3:  login(ago(2*time.Minute), "user-123", "success"),
		4:  event(ago(time.Minute), "user.logout", "user-9", "session", "", "failure"), // no login
		5:  event("2024-03-01T00:00:00Z", "order.create", "user-123", "order", "order-456", "success"),
		6:  event("2024-02-01T00:00:00Z", "order.update", "user-7", "order", "order-456", "failure"),
		7:  event("2024-02-02T00:00:00Z", "order.update", "user-7", "order", "order-4567", "success"),
		8:  event("2024-02-03T00:00:00Z", "invoice.update", "user-7", "invoice", "order-456", "success"), // other type
		9:  event("2024-01-01T00:00:00Z", "report.export", "user-7", "report", "", "success"),            // the first instant
		10: event("2024-12-31T00:00:00Z", "report.export.csv", "user-1234", "report", "", "success"),     // the last instant
		11: event("2024-12-31T00:00:00.001Z", "report.export", "user-7", "report", "", "success"),
		12: event("2023-12-31T23:59:59.999Z", "report.export", "user-7", "report", "", "success"),
		13: event("2024-06-01T00:00:00Z", "export.start", "user-7", "report", "", "success"), // no dot before
		14: event("2024-06-01T00:00:00Z", "data.export", "USER-123", "report", "", "failure"),
	}
	d := startDev(t, t.TempDir(), "--seal-age", "1s")
	got := d.stored(t, events...)
	index := map[string]int{}
	for i, e := range got.Events {
		index[e.ID] = i
	}
	check := func(when string, ask asker) {
		t.Helper()
		for _, q := range []struct {
			sql     string
			ordered bool
			want    []int
		}{
			{"SELECT * FROM audit_logs WHERE actor_id = 'user-123' ORDER BY timestamp DESC LIMIT 50", true, []int{3, 0, 5}},
			{"SELECT * FROM audit_logs WHERE resource_type = 'order' AND resource_id = 'order-456' ORDER BY timestamp", true, []int{6, 5}},
			{"SELECT * FROM audit_logs WHERE action = 'user.login' AND outcome = 'failure' AND timestamp > now() - interval '1' hour", false, []int{0, 1}},
			{"SELECT * FROM audit_logs WHERE action LIKE '%.export%' AND timestamp BETWEEN timestamp '2024-01-01' AND timestamp '2024-12-31'", false, []int{9, 10, 14}},
		} {
			tb := ask(t, q.sql)
			if len(tb.Columns) != 22 || tb.Columns[0].Name != "id" || tb.Columns[1].Type != "timestamp" {
				t.Fatalf("%s: columns %v", when, tb.Columns)
			}
			found := []int{}
			for _, row := range tb.Rows {
				found = append(found, index[row[0].(string)])
			}
			if !q.ordered {
				slices.Sort(found)
			}
			if !slices.Equal(found, q.want) {
				t.Errorf("%s: %s\ngot events %v, want %v", when, q.sql, found, q.want)
			}
		}
	}
	check("at once", d.query)
	d.waitArchived(t)
	check("archived", d.query)
	check("from the bucket", d.queryBucket)
	acknowledgedBy := now
	if through := d.queryBucket(t, countSQL).Through; through.Before(acknowledgedBy) {
		t.Errorf("complete through %s, but everything acknowledged by %s is there", through, acknowledgedBy)
	}
	d.stop(t)
}

// event is one in its wire form. Without an instant or a resource id it has none.
func event(at, action, actor, resource, resourceID, outcome string) map[string]any {
	e := map[string]any{"action": action, "outcome": outcome,
		"actor":    map[string]any{"id": actor, "type": "user"},
		"resource": map[string]any{"type": resource}}
	if at != "" {
		e["timestamp"] = at
	}
	if resourceID != "" {
		e["resource"] = map[string]any{"type": resource, "id": resourceID}
	}
	return e
}

// some are n events of one day.
func some(n int) []map[string]any {
	events := make([]map[string]any, n)
	for i := range events {
		events[i] = event("2026-01-31T10:11:12.345Z", "some.action", fmt.Sprint("actor-", i), "thing", fmt.Sprint(i), "success")
	}
	return events
}
