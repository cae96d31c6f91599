package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/mirror"
	"github.com/audit-archiver/archiver/internal/mirror/mirrortest"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	pgtest "github.com/audit-archiver/archiver/testenv/postgres"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	schema = "public"
	reader = "audit_auditor" // a person who may read
)

// world is an archive in a bucket and a database that mirrors it.
type world struct {
	*mirrortest.Archive
	t     testing.TB
	ahead atomic.Int64 // of our clock, in nanoseconds; the database has the real one
	store *memstore.Store
	pg    *pgtest.Server
	db    string

	window int64 // of diff
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, pg: pgtest.Shared(t)}
	w.db = w.pg.Database(t)
	w.store = memstore.New(t, w.now)
	w.Archive = mirrortest.New(t, w.store, w.now)
	w.setup(0)
	w.pg.Exec(t, w.db, `DO $$ BEGIN CREATE ROLE `+reader+` LOGIN IN ROLE audit_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$`)
	return w
}

func (w *world) now() time.Time          { return time.Now().Add(time.Duration(w.ahead.Load())) }
func (w *world) advance(d time.Duration) { w.ahead.Add(int64(d)) }

func (w *world) setup(keepMonths int) {
	w.t.Helper()
	s := Setup{Schema: schema, Owner: DefaultOwner, Writer: DefaultWriter, Reader: DefaultReader, Archive: w.ID(), KeepMonths: keepMonths}
	if err := s.Apply(w.t.Context(), Connection{DSN: w.pg.DSN(pgtest.Superuser, w.db)}); err != nil {
		w.t.Fatal(err)
	}
}

// target connects as the role that may write. dsn is "" for the server itself.
func (w *world) target(dsn string, registry prometheus.Registerer) *Target {
	w.t.Helper()
	if dsn == "" {
		dsn = w.pg.DSN(DefaultWriter, w.db)
	}
	to, err := New(Options{Connection: Connection{DSN: dsn}, Schema: schema, Archive: w.ID(), Now: w.now, Metrics: registry})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = to.Close() })
	return to
}

func (w *world) feed(to mirror.Target, registry prometheus.Registerer) *mirror.Feed {
	w.t.Helper()
	f, err := mirror.New(mirror.Options{Name: "postgres", Reader: w.Reader(), Store: w.store, Prefix: mirrortest.Prefix, Target: to,
		Interval: time.Minute, Dir: w.t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: w.now, Metrics: registry})
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// mirrorAll brings the database up to date.
func (w *world) mirrorAll() {
	w.t.Helper()
	registry := prometheus.NewRegistry()
	if err := w.feed(w.target("", registry), registry).Once(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// diff compares, as somebody who may only read.
func (w *world) diff(keepMonths int) (Report, []Finding) {
	w.t.Helper()
	var found []Finding
	report, err := Diff(w.t.Context(), DiffOptions{Connection: Connection{DSN: w.pg.DSN(reader, w.db)}, Schema: schema, Archive: w.ID(),
		Reader: w.Reader(), Source: mirror.Source{Store: w.store, Prefix: mirrortest.Prefix, Dir: w.t.TempDir(), Now: w.now},
		KeepMonths: keepMonths, Found: func(f Finding) error { found = append(found, f); return nil }, window: w.window})
	if err != nil {
		w.t.Fatal(err)
	}
	return report, found
}

// equal demands that the table is the archive, and nothing else.
func (w *world) equal() {
	w.t.Helper()
	report, found := w.diff(0)
	if want := (Report{Equal: int64(len(w.Rows()))}); report != want {
		w.t.Fatalf("%+v, want %+v; %.3v", report, want, found)
	}
	if n := w.count("audit_logs"); n != int64(len(w.Rows())) { // diff's own judge
		w.t.Fatalf("%d rows, want %d", n, len(w.Rows()))
	}
}

// as runs one statement as a role and returns its error.
func (w *world) as(role, sql string) error {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.pg.DSN(pgtest.Superuser, w.db))
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(w.t.Context()))
	if _, err := conn.Exec(w.t.Context(), "SET SESSION AUTHORIZATION "+role); err != nil {
		w.t.Fatal(err)
	}
	_, err = conn.Exec(w.t.Context(), sql)
	return err
}

func (w *world) count(table string) (n int64) {
	w.t.Helper()
	return w.number("SELECT count(*) FROM " + table)
}

func (w *world) number(sql string) (n int64) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.pg.DSN(pgtest.Superuser, w.db))
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(w.t.Context()))
	if err := conn.QueryRow(w.t.Context(), sql).Scan(&n); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// tables are audit_logs and its months.
func (w *world) tables() []string {
	w.t.Helper()
	s, err := ReadStatus(w.t.Context(), Connection{DSN: w.pg.DSN(reader, w.db)}, schema, w.ID())
	if err != nil {
		w.t.Fatal(err)
	}
	all := []string{"audit_logs"}
	for _, m := range s.Months {
		all = append(all, "audit_logs_y"+strings.Replace(m, "-", "m", 1))
	}
	return all
}

// TestMirrorIsTheArchive: values that a careless mirror would change come through,
// months in the past and in the future are made as they are needed, and heartbeats
// move the position.
func TestMirrorIsTheArchive(t *testing.T) {
	w := newWorld(t)
	s := w.Stream()
	now := w.now()
	s.Commit(mirrortest.Events(100, now)...)
	s.Commit()
	s.Commit(mirrortest.Events(50, now.AddDate(-9, 0, 0))...)
	s.Commit(mirrortest.Events(3, now.Add(24*time.Hour))...)
	early := mirrortest.Events(2, time.Date(1970, 1, 1, 0, 0, 0, -1, time.UTC)) // before every epoch
	w.Stream().Commit(early...)
	w.Stream().Commit()
	w.mirrorAll()
	w.equal()
	w.mirrorAll()
	w.equal()
	s.Commit(mirrortest.Events(2*chunkRows+1, now)...)
	w.mirrorAll()
	w.equal()
	if n := w.number("SELECT next_index FROM audit_mirror_position WHERE stream = '" + s.ID.String() + "'"); n != 5 {
		t.Errorf("the position is %d, want 5", n)
	}
	if n := w.number("SELECT count(*) FROM audit_logs WHERE ip IS NOT NULL AND ip <<= '203.0.113.0/24'"); n == 0 {
		t.Error("no address is found by its network")
	}
	if n := w.number("SELECT count(*) FROM audit_logs WHERE details->>'b' = 'éé'"); n == 0 {
		t.Error("no row is found by its details")
	}
}

// TestSpecificationQueries runs the specification's queries to the letter.
func TestSpecificationQueries(t *testing.T) {
	w := newWorld(t)
	now := w.now()
	events := mirrortest.Events(5, now.Add(-30*time.Minute))
	for i := range events {
		events[i].TimestampNS = now.Add(-30 * time.Minute).UnixNano()
	}
	events[0].ActorID = "user-123"
	events[1].ResourceID.S, events[1].ResourceID.Valid = "order-456", true
	events[2].Action, events[2].Outcome = "user.login", "failure"
	events[3].Action, events[3].Outcome = "user.login", "failure"
	events[3].TimestampNS = now.Add(-61 * time.Minute).UnixNano()
	events[4].Action, events[4].TimestampNS = "report.export", time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	events[0].ResourceType, events[4].ActorID = "session", "user-9"
	w.Stream().Commit(events...)
	w.mirrorAll()
	conn, err := pgx.Connect(t.Context(), w.pg.DSN(reader, w.db))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for sql, want := range map[string]string{
		"SELECT * FROM audit_logs WHERE actor_id = 'user-123' ORDER BY timestamp DESC LIMIT 50;":                                  events[0].ID,
		"SELECT * FROM audit_logs WHERE resource_type = 'order' AND resource_id = 'order-456' ORDER BY timestamp;":                events[1].ID,
		"SELECT * FROM audit_logs WHERE action = 'user.login' AND outcome = 'failure' AND timestamp > NOW() - INTERVAL '1 hour';": events[2].ID,
		"SELECT * FROM audit_logs WHERE action LIKE '%.export%' AND timestamp BETWEEN '2024-01-01' AND '2024-12-31';":             events[4].ID,
	} {
		rows, err := conn.Query(t.Context(), sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		var ids []string
		for rows.Next() {
			values, err := rows.Values()
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, values[0].(string))
		}
		if err := rows.Err(); err != nil || fmt.Sprint(ids) != "["+want+"]" {
			t.Errorf("%s: %v, %v; want %s", sql, ids, err, want)
		}
	}
}

// TestTableCannotBeChanged: by nobody but a superuser, who has to disable a trigger,
// and not by its owner.
func TestTableCannotBeChanged(t *testing.T) {
	w := newWorld(t)
	w.Stream().Commit(mirrortest.Events(9, w.now())...)
	w.mirrorAll()
	tables := w.tables()
	if len(tables) < 2 {
		t.Fatalf("tables %v", tables)
	}
	for _, table := range tables {
		for _, sql := range []string{"UPDATE %s SET outcome = 'success'", "DELETE FROM %s", "TRUNCATE %s",
			"UPDATE %s SET timestamp = timestamp + interval '1 month'", // to another partition
			"SET session_replication_role = replica; DELETE FROM %s"} {
			sql = fmt.Sprintf(sql, table)
			for _, role := range []string{DefaultWriter, reader, DefaultOwner, pgtest.Superuser} {
				if role != pgtest.Superuser && strings.HasPrefix(sql, "SET ") {
					continue
				}
				err := w.as(role, sql)
				trigger := role == DefaultOwner || role == pgtest.Superuser
				if trigger && (err == nil || !strings.Contains(err.Error(), "Audit logs cannot be modified or deleted")) ||
					!trigger && sqlState(err) != "42501" {
					t.Errorf("%s as %s: %v", sql, role, err)
				}
			}
		}
	}
	for _, sql := range []string{"SELECT id FROM audit_logs", "DROP TABLE audit_logs", "ALTER TABLE audit_logs DISABLE TRIGGER audit_immutable",
		"UPDATE audit_mirror_settings SET keep_months = 1", "INSERT INTO audit_mirror_settings (version) VALUES (1)", "CREATE TABLE x ()",
		"DELETE FROM audit_mirror_position", "INSERT INTO " + tables[1] + " SELECT * FROM audit_logs"} {
		if err := w.as(DefaultWriter, sql); sqlState(err) != "42501" {
			t.Errorf("%s as the writer: %v", sql, err)
		}
	}
	for _, sql := range []string{"SELECT audit_logs_drop_old()", "SELECT audit_logs_add_month(now())", "INSERT INTO audit_logs (id) VALUES ('x')"} {
		if err := w.as(reader, sql); sqlState(err) != "42501" {
			t.Errorf("%s as a reader: %v", sql, err)
		}
	}
	w.equal()
	// An auditor sees a trigger that was disabled, and setting up again mends it.
	for _, table := range tables {
		w.pg.Exec(t, w.db, "ALTER TABLE "+table+" DISABLE TRIGGER ALL")
	}
	if s := w.weak(); len(s) != 2*len(tables) {
		t.Errorf("%d triggers are disabled, status says %q", 2*len(tables), s)
	}
	w.setup(0)
	if s := w.weak(); len(s) != 0 {
		t.Errorf("after setting up again: %q", s)
	}
	w.mirrorAll()
	w.equal()
}

func (w *world) weak() []string {
	w.t.Helper()
	s, err := ReadStatus(w.t.Context(), Connection{DSN: w.pg.DSN(reader, w.db)}, schema, w.ID())
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Weak
}

// TestSetupRefuses: what would not protect anything, or mix two archives.
func TestSetupRefuses(t *testing.T) {
	w := newWorld(t)
	good := Setup{Schema: schema, Owner: DefaultOwner, Writer: DefaultWriter, Reader: DefaultReader, Archive: w.ID()}
	admin := Connection{DSN: w.pg.DSN(pgtest.Superuser, w.db)}
	for want, change := range map[string]func(*Setup){
		"mirrors another archive":          func(s *Setup) { s.Archive = uuid.New() },
		"must be three roles":              func(s *Setup) { s.Writer = s.Owner },
		"must not be superusers":           func(s *Setup) { s.Writer = pgtest.Superuser },
		"is not a lower-case letter":       func(s *Setup) { s.Schema = `x"; DROP TABLE audit_logs; --` },
		"the archive must be named":        func(s *Setup) { s.Archive = uuid.Nil },
		"must not log in":                  func(s *Setup) { s.Owner, s.Writer = reader, "w_x" },
		"must not be members of the owner": func(s *Setup) { s.Owner, s.Reader = DefaultReader, reader },
	} {
		s := good
		change(&s)
		if err := s.Apply(t.Context(), admin); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	registry := prometheus.NewRegistry()
	other, err := New(Options{Connection: Connection{DSN: w.pg.DSN(DefaultWriter, w.db)}, Schema: schema, Archive: uuid.New(), Now: w.now, Metrics: registry})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Position(t.Context(), uuid.New()); err == nil || !strings.Contains(err.Error(), "mirrors archive") {
		t.Errorf("a target of another archive: %v", err)
	}
	if err := errors.Join(w.as(pgtest.Superuser, "DROP TABLE audit_mirror_settings")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.target("", prometheus.NewRegistry()).Position(t.Context(), uuid.New()); err == nil || !strings.Contains(err.Error(), "archiver mirror init") {
		t.Errorf("a schema that is not set up: %v", err)
	}
}
