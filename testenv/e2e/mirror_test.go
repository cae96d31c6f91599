package e2e

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/testenv/postgres"
)

const exitViolation = 3

// mirrorTo puts the address of a mirror into the configuration of a dev folder.
func mirrorTo(t *testing.T, file, dsn string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const before = "  postgres:\n"
	if !bytes.Contains(raw, []byte(before)) {
		t.Fatalf("no %q in %s", before, raw)
	}
	raw = bytes.Replace(raw, []byte(before), []byte(before+"    dsn: \""+dsn+"\"\n"), 1)
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// waitUntil asks until ok says so.
func waitUntil(t *testing.T, d *dev, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within a minute:\n%s", what, d.log)
		}
	}
}

// mirrored waits until the mirror has so many rows.
func (d *dev) mirrored(t *testing.T, rows int) {
	t.Helper()
	waitUntil(t, d, "mirrored", func() bool {
		n, err := strconv.ParseFloat(d.metric(t, `archiver_mirror_rows_total{target="postgres"}`), 64)
		if err != nil {
			t.Fatal(err)
		}
		return int(n) >= rows
	})
}

// TestPostgresMirror is the mirror as people meet it: made by a command, fed by the
// server, away for a while, compared, and altered by somebody who could.
func TestPostgresMirror(t *testing.T) {
	pg := postgres.Start(t)
	db := pg.Database(t)
	admin := pg.DSN(postgres.Superuser, db)
	dir := t.TempDir()
	d := startDev(t, dir)
	config := d.Config
	d.stop(t)
	run(t, exitUsage, "mirror", "status", "--config", config).wants(t, "--dsn or ARCHIVER_MIRROR_DSN")
	run(t, exitUsage, "mirror", "init", "--config", config, "--dsn", "postgres://u:secret@localhost/x").wants(t, "must not hold a password")
	run(t, exitFailure, "mirror", "status", "--config", config, "--dsn", admin).wants(t, "archiver mirror init")
	if sql := run(t, exitOK, "mirror", "init", "--config", config, "--print").out; !strings.Contains(sql, "BEFORE UPDATE OR DELETE") {
		t.Errorf("--print: %s", sql)
	}
	var made struct{ Schema, Archive, Writer string }
	run(t, exitOK, "mirror", "init", "--config", config, "--dsn", admin, "--json").decode(t, &made)
	if made.Schema != "public" || made.Writer != "audit_mirror" || made.Archive == "" {
		t.Errorf("%+v", made)
	}
	mirrorTo(t, config, pg.DSN(made.Writer, db))

	_, plain, events := readEvents(t)
	d = startDev(t, dir, "--seal-age", "200ms")
	if _, err := d.post(t.Context(), "application/x-ndjson", plain); err != nil {
		t.Fatal(err)
	}
	d.mirrored(t, len(events))
	compareMirror(t, exitOK, config, admin, mirrorReport{Equal: len(events)})

	// The database is away: events are taken and archived, queries answered; it is told, and caught up with.
	if err := pg.Stop(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	d.stored(t, some(50)...)
	d.waitArchived(t)
	waitUntil(t, d, "readyz tells", func() bool {
		raw, status, _ := d.do(t, http.MethodGet, "/readyz", "", "")
		if status != http.StatusOK {
			t.Fatalf("not ready: %s", raw)
		}
		return strings.Contains(string(raw), `"mirror postgres","ok":true,"reason":"failing since`)
	})
	if n := d.query(t, countSQL).one(t); n != strconv.Itoa(len(events)+50) {
		t.Errorf("%s rows", n)
	}
	run(t, exitFailure, "mirror", "diff", "--config", config, "--dsn", admin).wants(t, "mirror diff")
	if err := pg.Start(); err != nil {
		t.Fatal(err)
	}
	d.mirrored(t, len(events)+50)
	compareMirror(t, exitOK, config, admin, mirrorReport{Equal: len(events) + 50})
	d.stop(t)

	pg.Exec(t, db, "ALTER TABLE audit_logs DISABLE TRIGGER ALL; UPDATE audit_logs SET action = 'nothing' WHERE seq = 7; DELETE FROM audit_logs WHERE seq = 8")
	d = startDev(t, dir) // its S3 endpoint is what the commands read
	altered := compareMirror(t, exitViolation, config, admin, mirrorReport{Equal: len(events) + 48, Altered: 1, Missing: 1})
	if f := altered.Findings; len(f) != 2 || f[0].Kind != "altered" || f[0].Seq != 7 || f[0].ID != events[7].ID || f[1].Kind != "missing" || f[1].Seq != 8 {
		t.Errorf("%+v", f)
	}
	said := run(t, exitViolation, "mirror", "diff", "--config", config, "--dsn", admin)
	if !strings.Contains(said.out, "altered  stream") || !strings.Contains(said.out, "1 altered, 1 missing, 0 extra") {
		t.Errorf("%s", said.out)
	}
	var answer struct {
		Postgres struct {
			Weak    []string
			Streams []struct {
				Rows   int
				Behind int `json:"behind_rows"`
			}
		}
	}
	run(t, exitOK, "mirror", "status", "--config", config, "--json").decode(t, &answer)
	status := answer.Postgres
	if len(status.Weak) < 2 || len(status.Streams) != 1 || status.Streams[0].Rows != len(events)+50 || status.Streams[0].Behind != 0 {
		t.Errorf("%+v", status)
	}
	if out := run(t, exitOK, "mirror", "status", "--config", config).out; !strings.Contains(out, "is not always enabled") {
		t.Errorf("%s", out)
	}

	// Another database, fed by the command alone.
	other := pg.Database(t)
	run(t, exitOK, "mirror", "init", "--config", config, "--dsn", pg.DSN(postgres.Superuser, other))
	run(t, exitOK, "mirror", "run", "--once", "--config", config, "--dsn", pg.DSN(made.Writer, other))
	compareMirror(t, exitOK, config, pg.DSN(postgres.Superuser, other), mirrorReport{Equal: len(events) + 50})
	d.stop(t)
}

type mirrorReport struct {
	Equal, Altered, Missing, Extra, Ahead, Dropped, Unknown int
	Findings                                                []struct {
		Kind, ID string
		Seq      int
	}
}

func compareMirror(t *testing.T, code int, config, dsn string, want mirrorReport) mirrorReport {
	t.Helper()
	var got mirrorReport
	run(t, code, "mirror", "diff", "--config", config, "--dsn", dsn, "--json").decode(t, &got)
	findings := got.Findings
	got.Findings = nil
	a, errA := json.Marshal(got)
	b, errB := json.Marshal(want)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("%s, want %s: %+v", a, b, findings)
	}
	got.Findings = findings
	return got
}

// TestMirrorThatNeverAnswers holds nothing up: not the start, not events, not the end.
func TestMirrorThatNeverAnswers(t *testing.T) {
	hole, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	dir := t.TempDir()
	d := startDev(t, dir)
	d.stop(t)
	mirrorTo(t, d.Config, "postgres://u@"+hole.Addr().String()+"/x?sslmode=disable")
	d = startDev(t, dir, "--seal-age", "200ms")
	d.stored(t, some(3)...)
	d.waitArchived(t)
	begun := time.Now()
	d.stop(t)
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("the end took %s", took)
	}
}

// TestMirrorWithoutTLS: events are not sent to another machine in the clear.
func TestMirrorWithoutTLS(t *testing.T) {
	dir := t.TempDir()
	d := startDev(t, dir)
	d.stop(t)
	mirrorTo(t, d.Config, "postgres://u@db.example.com/x")
	run(t, exitUsage, devArgs(dir)...).wants(t, "db.example.com is another machine", "sslmode")
}
