package postgres

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/mirror/mirrortest"
	pgtest "github.com/audit-archiver/archiver/testenv/postgres"
)

// TestRetention: only months that lie wholly before the rule are dropped, they do not
// come back, and the diff knows.
func TestRetention(t *testing.T) {
	w := newWorld(t)
	s := w.Stream()
	now := w.now().UTC()
	edge := time.Date(now.Year(), now.Month()-2, 1, 0, 0, 0, 0, time.UTC) // with keep_months 2, the first that is kept
	events := mirrortest.Events(6, now)
	for i, at := range []time.Time{edge.Add(-1), edge, edge.Add(time.Millisecond), edge.AddDate(0, -2, 5), edge.AddDate(0, 1, 0), now} {
		events[i].TimestampNS = at.UnixNano()
	}
	s.Commit(events...)
	w.mirrorAll()
	w.equal()
	before := len(w.tables())
	w.setup(2)
	w.mirrorAll() // the feed has it tidied up
	if n := len(w.tables()); n != before-2 {
		t.Errorf("%d tables of %d are left, want two less", n, before)
	}
	for keep, want := range map[int]Report{
		2: {Equal: 4, Old: 2},
		9: {Equal: 4, Missing: 2}, // the auditor's own rule says that they should be there
		0: {Equal: 4, Missing: 2},
	} {
		if report, found := w.diff(keep); report != want {
			t.Errorf("keep_months %d: %+v, want %+v; %v", keep, report, want, found)
		}
	}
	// Late rows of a dropped month are left out, and counted; their month is not made again.
	for i := range events {
		events[i].ID = fmt.Sprint("late-", i)
	}
	s.Commit(events...)
	w.mirrorAll()
	if report, found := w.diff(2); report != (Report{Equal: 8, Old: 4}) || len(found) != 0 {
		t.Errorf("%+v, %v", report, found)
	}
	if n := w.number("SELECT sum(too_old) FROM audit_mirror_position"); n != 2 {
		t.Errorf("%d rows are counted as too old, want 2", n)
	}
	if n := len(w.tables()); n != before-2 {
		t.Errorf("%d tables, want %d", n, before-2)
	}
	// A longer rule does not bring them back, a shorter one takes more.
	w.setup(1)
	w.mirrorAll()
	if report, _ := w.diff(1); report != (Report{Equal: 4, Old: 8}) {
		t.Errorf("%+v", report)
	}
}

// TestRetentionWaitsForReaders: a long query is not cut off, nor is the mirror held up by it.
func TestRetentionWaitsForReaders(t *testing.T) {
	w := newWorld(t)
	w.Stream().Commit(mirrortest.Events(6, w.now().AddDate(-1, 0, 0))...)
	w.mirrorAll()
	w.setup(1)
	conn, err := pgx.Connect(t.Context(), w.pg.DSN(reader, w.db))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT count(*) FROM audit_logs"); err != nil {
		t.Fatal(err)
	}
	w.pg.Exec(t, w.db, "ALTER FUNCTION audit_logs_drop_old SET lock_timeout = '10ms'")
	to := w.target("", prometheus.NewRegistry())
	if err := to.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.count("audit_logs"); n != 6 {
		t.Errorf("%d rows while somebody reads, want 6", n)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.advance(tidyRetry)
	if err := to.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.count("audit_logs"); n != 0 {
		t.Errorf("%d rows afterwards, want none", n)
	}
	if err := w.as(pgtest.Superuser, "SELECT 1/count(*) FROM pg_class WHERE relname = 'audit_logs'"); err != nil {
		t.Error("audit_logs itself is gone")
	}
}
