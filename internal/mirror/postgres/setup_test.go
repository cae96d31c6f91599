package postgres

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/mirror/mirrortest"
	pgtest "github.com/audit-archiver/archiver/testenv/postgres"
)

// TestSetupWithoutSuperuser: who may create roles and owns the database can set up a
// mirror in a schema of its own, and is no member of its owner afterwards.
func TestSetupWithoutSuperuser(t *testing.T) {
	w := newWorld(t)
	w.db = w.pg.Database(t)
	w.pg.Exec(t, w.db, `DO $$ BEGIN CREATE ROLE dba LOGIN CREATEROLE; EXCEPTION WHEN duplicate_object THEN NULL; END $$; ALTER DATABASE "`+w.db+`" OWNER TO dba`)
	s := Setup{Schema: "audit", Owner: "own_x", Writer: "write_x", Reader: "read_x", Archive: w.ID(), KeepMonths: 3}
	for range 2 { // the second time changes nothing
		if err := s.Apply(t.Context(), Connection{DSN: w.pg.DSN("dba", w.db)}); err != nil {
			t.Fatal(err)
		}
	}
	registry := prometheus.NewRegistry()
	to, err := New(Options{Connection: Connection{DSN: w.pg.DSN("write_x", w.db)}, Schema: "audit", Archive: w.ID(), Now: w.now, Metrics: registry})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	w.Stream().Commit(mirrortest.Events(9, w.now())...)
	if err := w.feed(to, registry).Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.count("audit.audit_logs"); n != 9 {
		t.Errorf("%d rows, want 9", n)
	}
	for _, sql := range []string{"DELETE FROM audit.audit_logs", "ALTER TABLE audit.audit_logs DISABLE TRIGGER audit_immutable"} {
		if err := w.as("dba", sql); sqlState(err) != "42501" {
			t.Errorf("%s as the database's owner: %v", sql, err)
		}
	}
	st, err := ReadStatus(t.Context(), Connection{DSN: w.pg.DSN("write_x", w.db)}, "audit", w.ID())
	if err != nil || st.KeepMonths != 3 || len(st.Streams) != 1 || st.Streams[0].Rows != 9 || len(st.Weak) != 0 {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestPasswordFile: the server asks for a password, which is read when it is needed.
func TestPasswordFile(t *testing.T) {
	w := newWorld(t)
	w.pg.Exec(t, w.db, "ALTER ROLE "+DefaultWriter+" PASSWORD 'right'")
	file := filepath.Join(t.TempDir(), "password")
	c := Connection{DSN: w.pg.DSN(DefaultWriter, w.db), PasswordFile: file}
	if _, err := c.connect(t.Context()); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("without the file: %v", err)
	}
	if err := os.WriteFile(file, []byte("right\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := c.parse()
	if err != nil || cfg.Password != "" {
		t.Errorf("%q, %v", cfg.Password, err)
	}
	conn, err := c.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.Config().Password; got != "right" {
		t.Errorf("the password is %q", got)
	}
	if err := hangUp(conn); err != nil {
		t.Error(err)
	}
}

// TestEncrypted: nothing goes to another machine in the clear.
func TestEncrypted(t *testing.T) {
	for dsn, ok := range map[string]bool{
		"postgres://u@db.example.com/x":                             false, // libpq's default prefers TLS, and does without
		"postgres://u@db.example.com/x?sslmode=disable":             false,
		"postgres://u@127.0.0.1,db.example.com/x?sslmode=disable":   false,
		"postgres://u@10.1.2.3/x?sslmode=allow":                     false,
		"postgres://u@db.example.com/x?sslmode=require":             true,
		"postgres://u@db.example.com/x?sslmode=verify-full":         true,
		"postgres://u@localhost/x":                                  true,
		"postgres://u@[::1]:5433/x?sslmode=disable":                 true,
		"postgres:///x?host=/var/run/postgresql":                    true,
		"host=a,b user=u dbname=x sslmode=verify-full":              true,
		"host=/run/pg,b user=u dbname=x sslmode=prefer":             false,
		"postgres://u@" + pgtest.Superuser + ":port/not-an-address": false,
	} {
		if _, err := (Connection{DSN: dsn}).parse(); (err == nil) != ok {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}
