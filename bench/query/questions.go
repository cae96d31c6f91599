package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

// question is one query, in SQL that all systems read.
type question struct {
	name   string
	sql    string
	target int  // ms; 0 is none
	any    bool // LIMIT without ORDER BY: any rows that match are right
	all    bool // whole events
	part   bool // only the first partRows are read, of the archiver: the drivers of the others hold a whole answer in memory
}

const partRows = 1_000

// answer is what a system said: for each row of a question for events its id and what the three systems spell the same,
// otherwise all values.
type answer struct {
	rows  []string
	stats athena.Stats // of the archiver
}

// same compares two answers as sets.
func (q *question) same(a, b answer) error {
	if len(a.rows) != len(b.rows) {
		return fmt.Errorf("%d and %d rows", len(a.rows), len(b.rows))
	}
	if q.any {
		return nil
	}
	slices.Sort(a.rows)
	slices.Sort(b.rows)
	for i := range a.rows {
		if a.rows[i] != b.rows[i] {
			return fmt.Errorf("row %s and %s", a.rows[i], b.rows[i])
		}
	}
	return nil
}

// compared are the columns of an event that all systems spell the same; the fourth is also what LIKE asks for.
var compared = []string{"id", "action", "actor_id", "resource_type", "resource_id", "outcome", "reason", "request_id", "user_agent", "organization_id"}

func (d *data) questions() []question {
	n := d.Needle
	day := firstDay.AddDate(0, 0, len(d.Files)/2)
	between := func(from time.Time, length time.Duration) string {
		const layout = "2006-01-02 15:04:05"
		return fmt.Sprintf("timestamp >= TIMESTAMP '%s' AND timestamp < TIMESTAMP '%s'", from.Format(layout), from.Add(length).Format(layout))
	}
	events := func(name string, target int, where string) question {
		return question{name: name, target: target, all: true, sql: "SELECT * FROM audit_logs WHERE " + where}
	}
	exports := "action LIKE '%.export%' AND " + between(day, 24*time.Hour)
	some := events("`LIKE '%.export%'`, one day, first 1,000", 100, exports+" LIMIT 1000")
	some.any = true
	first := question{name: "first 1,000 of `SELECT *`", target: 100, all: true, any: true, sql: "SELECT * FROM audit_logs LIMIT 1000"}
	begin := question{name: "`SELECT *`, until 1,000 rows are here", target: 100, all: true, part: true, sql: "SELECT * FROM audit_logs"}
	return []question{
		events("rare actor", 50, "actor_id = "+quote(n.Actor)),
		events("resource", 50, "resource_type = "+quote(n.ResourceType)+" AND resource_id = "+quote(n.ResourceID)),
		events("request id", 50, "request_id = "+quote(n.RequestID)),
		events("event id", 50, "id = "+quote(n.ID)),
		events("failed logins, one hour", 30, "action = 'session.login' AND outcome = 'failure' AND "+between(day.Add(10*time.Hour), time.Hour)),
		{name: "`LIKE '%.export%'`, one day, count", target: 20, sql: "SELECT count(*) FROM audit_logs WHERE " + exports},
		some,
		{name: "count per day", target: 150, sql: "SELECT date_trunc('day', timestamp) AS day, count(*) AS n FROM audit_logs GROUP BY 1 ORDER BY 1"},
		first,
		begin,
		{name: "rare actor, last 50", all: true, sql: "SELECT * FROM audit_logs WHERE actor_id = " + quote(n.Actor) + " ORDER BY timestamp DESC LIMIT 50"},
		events("no such actor", 0, "actor_id = 'usr_nobody'"),
	}
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
