package postgres

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/mirror"
	"github.com/audit-archiver/archiver/internal/mirror/mirrortest"
)

// forge is what a superuser does: no trigger stands in the way.
func (w *world) forge(sql string) {
	w.t.Helper()
	w.pg.Exec(w.t, w.db, "ALTER TABLE audit_logs DISABLE TRIGGER ALL; "+sql+"; ALTER TABLE audit_logs ENABLE TRIGGER ALL")
}

// TestDiffFindsEveryColumn alters one column of one row at a time.
func TestDiffFindsEveryColumn(t *testing.T) {
	w := newWorld(t)
	s := w.Stream()
	events := mirrortest.Events(8, w.now())
	events[5] = events[7] // every nullable column gets a value
	events[5].ID = uuid.NewString()
	for _, text := range []*event.Text{&events[5].ActorEmail, &events[5].ResourceID, &events[5].Reason, &events[5].RequestID,
		&events[5].UserAgent, &events[5].OrganizationID} {
		*text = event.Str("some")
	}
	events[5].Details, events[5].IP = event.Str(`{"a": 1}`), event.Str("203.0.113.7")
	s.Commit(events...)
	w.mirrorAll()
	w.equal()
	w.pg.Exec(t, w.db, "CREATE TABLE kept AS SELECT * FROM audit_logs WHERE seq = 5")
	changes := map[string][]string{
		"id": {"'x'"}, "action": {"'x'", "action || ' '"}, "actor_id": {"'x'"}, "actor_type": {"'x'"}, "actor_email": {"'x'", "NULL", "''"},
		"resource_type": {"'x'"}, "resource_id": {"NULL"}, "outcome": {"'failure'"}, "reason": {"''"}, "details": {`'{"a":1}'`, "NULL", "'null'"},
		"request_id": {"NULL"}, "ip": {"NULL", "'203.0.113.8'", "'203.0.113.7/24'", "'::1'"}, "user_agent": {"'x'"}, "organization_id": {"'x'"},
		"received_at": {"received_at + '1 ms'", "received_at + '1 us'", "'infinity'", "'0044-03-15 BC'"}, "producer": {"'x'"},
		"timestamp_ns": {"timestamp_ns + 1", "-timestamp_ns"}, "timestamp": {"timestamp + '1 ms'", "timestamp + '1 us'"},
		"retention": {"'x'"}, "ip_text": {"NULL", "'x'", "'203.000.113.7'", "'::ffff:203.0.113.7'"},
	}
	if n := len(columns()); n != columnCount {
		t.Errorf("%d columns, columnCount is %d", n, columnCount)
	}
	for _, column := range columns() {
		c := column.name
		if c == "stream" || c == "seq" { // where a row is, not what it is: see TestDiffFindsRows
			continue
		}
		if len(changes[c]) == 0 {
			t.Errorf("no change of column %s is tried", c)
		}
		for _, to := range changes[c] {
			w.forge(fmt.Sprintf("UPDATE audit_logs SET %s = %s WHERE seq = 5", c, to))
			report, found := w.diff(0)
			if want := (Report{Equal: 7, Altered: 1}); report != want {
				t.Errorf("%s = %s: %+v, want %+v", c, to, report, want)
			}
			if len(found) != 1 || found[0].Kind != Altered || found[0].Seq != 5 || found[0].Stream != s.ID || found[0].Detail == "" {
				t.Errorf("%s = %s: %+v", c, to, found)
			}
			w.forge("DELETE FROM audit_logs WHERE seq = 5; INSERT INTO audit_logs SELECT * FROM kept")
		}
	}
	w.equal()
}

// TestDiffFindsRows that are too few, too many, or at the wrong place.
func TestDiffFindsRows(t *testing.T) {
	w := newWorld(t)
	w.window = 4 // in several looks per commit
	a, b := w.Stream(), w.Stream()
	now := w.now()
	for _, s := range []*mirrortest.Stream{a, b} {
		s.Commit(mirrortest.Events(6, now)...)
		s.Commit()
		s.Commit(mirrortest.Events(6, now)...)
	}
	w.mirrorAll()
	w.equal()
	w.pg.Exec(t, w.db, "CREATE TABLE kept AS SELECT * FROM audit_logs")
	stranger := uuid.New()
	at := func(s *mirrortest.Stream, seq int) string {
		return fmt.Sprintf("stream = '%s' AND seq = %d", s.ID, seq)
	}
	for name, tt := range map[string]struct {
		sql  string
		want Report
		says string
	}{
		"first row gone":      {"DELETE FROM audit_logs WHERE " + at(a, 0), Report{Equal: 23, Missing: 1}, "missing " + a.ID.String() + " 0"},
		"last row gone":       {"DELETE FROM audit_logs WHERE " + at(b, 11), Report{Equal: 23, Missing: 1}, "missing " + b.ID.String() + " 11"},
		"all rows gone":       {"DELETE FROM audit_logs", Report{Missing: 24}, "missing"},
		"swapped":             {"UPDATE audit_logs SET seq = CASE seq WHEN 3 THEN 6 ELSE 3 END WHERE seq IN (3, 6) AND stream = '" + a.ID.String() + "'", Report{Equal: 22, Altered: 2}, "altered " + a.ID.String() + " 3"},
		"behind the end":      {"UPDATE audit_logs SET seq = 99 WHERE " + at(a, 4), Report{Equal: 23, Missing: 1, Extra: 1}, "extra " + a.ID.String() + " 99"},
		"before the start":    {"UPDATE audit_logs SET seq = -1 WHERE " + at(b, 0), Report{Equal: 23, Missing: 1, Extra: 1}, "extra " + b.ID.String() + " -1"},
		"another stream":      {"UPDATE audit_logs SET stream = '" + stranger.String() + "' WHERE " + at(a, 4), Report{Equal: 23, Missing: 1, Extra: 1}, "extra " + stranger.String() + " 4"},
		"twice":               {"INSERT INTO audit_logs SELECT (jsonb_populate_record(k, jsonb_build_object('timestamp', k.timestamp + '1 s'))).* FROM kept k WHERE " + at(a, 4), Report{Equal: 24, Extra: 1}, "extra " + a.ID.String() + " 4"},
		"position set back":   {"UPDATE audit_mirror_position SET next_index = 2, next_row = 1 WHERE stream = '" + a.ID.String() + "'", Report{Equal: 19, Extra: 5}, "extra"},
		"position and rows":   {"UPDATE audit_mirror_position SET next_index = 2; DELETE FROM audit_logs WHERE seq >= 6", Report{Equal: 12, Ahead: 12}, ""},
		"no position":         {"DELETE FROM audit_mirror_position", Report{Extra: 24, Ahead: 24}, "extra"},
		"position too far":    {"DELETE FROM audit_logs WHERE seq >= 6; UPDATE audit_mirror_position SET next_index = 99", Report{Equal: 12, Missing: 12}, "missing"},
		"pretended to be old": {"DELETE FROM audit_logs; UPDATE audit_mirror_settings SET dropped_before = now() + '1 year'", Report{Missing: 24}, "missing"},
	} {
		w.pg.Exec(t, w.db, "DROP TABLE IF EXISTS kept_position; CREATE TABLE kept_position AS SELECT * FROM audit_mirror_position")
		w.forge(tt.sql)
		report, found := w.diff(0)
		if strings.HasPrefix(name, "position set back") {
			report.Ahead = 0 // how many files lie before it depends on the order of classes and days
			tt.want.Ahead = 0
		}
		if report != tt.want {
			t.Errorf("%s: %+v, want %+v", name, report, tt.want)
		}
		if int64(len(found)) != report.Altered+report.Missing+report.Extra || report.Differs() != (len(found) > 0) {
			t.Errorf("%s: %d findings in %+v", name, len(found), report)
		}
		said := tt.says == ""
		for _, f := range found {
			said = said || strings.HasPrefix(fmt.Sprintf("%s %s %d", f.Kind, f.Stream, f.Seq), tt.says)
		}
		if !said {
			t.Errorf("%s: no %q in %+v", name, tt.says, found)
		}
		w.forge(`DELETE FROM audit_logs; INSERT INTO audit_logs SELECT * FROM kept; DELETE FROM audit_mirror_position;
			INSERT INTO audit_mirror_position SELECT * FROM kept_position; UPDATE audit_mirror_settings SET dropped_before = NULL`)
		w.equal()
	}
}

// TestDiffBehindAndExpired: what is not there yet, or no longer in the archive, is no finding.
func TestDiffBehindAndExpired(t *testing.T) {
	w := newWorld(t)
	s := w.Stream()
	m := s.Commit(mirrortest.Events(12, w.now())...)
	w.mirrorAll()
	s.Commit(mirrortest.Events(5, w.now())...)
	if report, found := w.diff(0); report != (Report{Equal: 12, Ahead: 5}) || len(found) != 0 {
		t.Errorf("before the mirror has come to a commit: %+v, %v", report, found)
	}
	w.mirrorAll()
	w.equal()

	// The archive loses what its locks no longer hold: the table keeps it, and nobody
	// can say whether it is true.
	w.advance(25 * time.Hour)
	for _, f := range m.Files {
		if f.Class == "standard" {
			w.store.DeleteVersion(ledger.Join(mirrortest.Prefix, f.Key), f.VersionID)
		}
	}
	if report, found := w.diff(0); report != (Report{Equal: 9, Unknown: 8}) || len(found) != 0 {
		t.Errorf("of an archive that expired in part: %+v, %v", report, found)
	}
	w.forge("UPDATE audit_logs SET action = 'x' WHERE retention = 'long' AND seq = 0")
	if report, _ := w.diff(0); report != (Report{Equal: 8, Altered: 1, Unknown: 8}) {
		t.Errorf("an altered row among them: %+v", report)
	}

	// A mirror that is made later has only what is left.
	w.db = w.pg.Database(t)
	w.setup(0)
	w.mirrorAll()
	if report, found := w.diff(0); report != (Report{Equal: 9}) || len(found) != 0 {
		t.Errorf("a later mirror: %+v, %v", report, found)
	}
	if n := w.number("SELECT sum(expired) FROM audit_mirror_position"); n != 8 {
		t.Errorf("%d rows are counted as expired, want 8", n)
	}
}

// TestDiffSaysWhatItCannotSee: a file that is missing within its lock, and a role
// that may not read.
func TestDiffSaysWhatItCannotSee(t *testing.T) {
	w := newWorld(t)
	m := w.Stream().Commit(mirrortest.Events(3, w.now())...)
	w.mirrorAll()
	o := DiffOptions{Connection: Connection{DSN: w.pg.DSN(DefaultWriter, w.db)}, Schema: schema, Archive: w.ID(), Reader: w.Reader(),
		Source: mirror.Source{Store: w.store, Prefix: mirrortest.Prefix, Dir: t.TempDir(), Now: w.now}, Found: func(Finding) error { return nil }}
	if _, err := Diff(t.Context(), o); sqlState(err) != "42501" {
		t.Errorf("as the role that writes: %v", err)
	}
	o.Connection.DSN = w.pg.DSN(reader, w.db)
	stop := errors.New("enough")
	w.forge("UPDATE audit_logs SET action = 'x'")
	o.Found = func(Finding) error { return stop }
	if _, err := Diff(t.Context(), o); !errors.Is(err, stop) {
		t.Errorf("told to stop: %v", err)
	}
	w.store.DeleteVersion(ledger.Join(mirrortest.Prefix, m.Files[0].Key), m.Files[0].VersionID)
	if _, err := Diff(t.Context(), o); err == nil || !strings.Contains(err.Error(), m.Files[0].Key) {
		t.Errorf("a file is missing: %v", err)
	}
}

// TestDiffSortsNothing: the server reads the rows by index, so that neither its memory
// nor its disk depends on how many there are.
func TestDiffSortsNothing(t *testing.T) {
	w := newWorld(t)
	w.Stream().Commit(mirrortest.Events(50, w.now().AddDate(-1, 0, 0))...)
	w.Stream().Commit(mirrortest.Events(50, w.now())...)
	w.mirrorAll()
	conn, err := Connection{DSN: w.pg.DSN(reader, w.db)}.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp(conn)
	if _, err := snapshot(t.Context(), conn, DiffOptions{Schema: schema, Archive: w.ID()}); err != nil {
		t.Fatal(err)
	}
	plan, err := conn.Query(t.Context(), "EXPLAIN "+selectRows(schema))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(plan, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if strings.Contains(line, "Sort  (") || strings.Contains(line, "Seq Scan") {
			t.Errorf("%s", line)
		}
	}
	if len(lines) < 3 {
		t.Errorf("no plan: %q", lines)
	}
}
