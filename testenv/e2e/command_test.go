package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Exit codes, as the README has them.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// outcome is what a command left behind.
type outcome struct {
	code     int
	out, err string
}

func (o outcome) decode(t testing.TB, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(o.out), into); err != nil {
		t.Fatalf("%v: %.300s", err, o.out)
	}
}

// run runs a command to its end and demands an exit code.
func run(t testing.TB, code int, args ...string) outcome {
	t.Helper()
	return runIn(t, "", code, args...)
}

func runIn(t testing.TB, dir string, code int, args ...string) outcome {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	o := outcome{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
	if o.code != code {
		t.Fatalf("archiver %s: exit code %d, want %d\nstdout: %.500s\nstderr: %.2000s", strings.Join(args, " "), o.code, code, o.out, o.err)
	}
	return o
}

// wants demands texts in what went to standard error.
func (o outcome) wants(t testing.TB, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(o.err, text) {
			t.Errorf("standard error %q has no %q", o.err, text)
		}
	}
}

// TestInspect shows one of each kind that an archive holds.
func TestInspect(t *testing.T) {
	dir := t.TempDir()
	d := startDev(t, dir, "--seal-age", "200ms")
	stream := d.stored(t, some(7)...).Stream
	d.waitArchived(t)
	type doc struct {
		Name, Kind string
		Bytes      int64
		Stored     *struct{ Mode, SHA256 string }
		Content    json.RawMessage
	}
	data := objects(t, d.server(t).Client(t), d.Bucket, "audit-logs/events/")[0]
	for _, tt := range []struct{ key, kind, content string }{
		{"audit-logs/archive", "archive", `"signature": "valid"`},
		{"audit-logs/ledger/" + stream + "/open", "open", `"signature": "valid"`},
		{"audit-logs/ledger/" + stream + "/00000000000000000001.commit", "commit", `"size": 2`},
		{data.key, "parquet", `"timestamp_ns"`},
	} {
		var got doc
		run(t, exitOK, "inspect", "--config", d.Config, tt.key).decode(t, &got)
		if got.Kind != tt.kind || got.Name != tt.key || got.Bytes == 0 || !strings.Contains(string(got.Content), tt.content) {
			t.Errorf("%s: %+v: %.500s, want kind %s with %s", tt.key, got, got.Content, tt.kind, tt.content)
		}
		if got.Stored == nil || got.Stored.Mode != "COMPLIANCE" {
			t.Errorf("%s: stored %+v", tt.key, got.Stored)
		}
	}
	run(t, exitFailure, "inspect", "--config", d.Config, "audit-logs/nothing").wants(t, "audit-logs/nothing")
	d.stop(t)

	segments, err := filepath.Glob(filepath.Join(dir, "node", "wal", "0*.wal"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("segments %v, %v", segments, err)
	}
	file := filepath.Join(t.TempDir(), "part.parquet")
	d = startDev(t, dir)
	if err := os.WriteFile(file, read(t, d.server(t).Client(t), d.Bucket, data), 0o600); err != nil {
		t.Fatal(err)
	}
	d.stop(t)
	for name, kind := range map[string]string{segments[0]: "wal", file: "parquet"} {
		var got doc
		run(t, exitOK, "inspect", name).decode(t, &got)
		if got.Kind != kind || got.Stored != nil || len(got.Content) < 100 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	run(t, exitFailure, "inspect", filepath.Join(dir, "archiver.yaml")).wants(t, "no format of the archiver")
}

// TestQueryCommand is the command with its formats, its errors and its exit codes.
func TestQueryCommand(t *testing.T) {
	d := startDev(t, t.TempDir(), "--seal-age", "200ms")
	d.stored(t, event("2026-01-31T10:11:12.345Z", "say \"hi\", you", "=1+1", "thing", "", "success"))
	d.waitArchived(t)
	const sql = "SELECT action, actor_id, resource_id, timestamp, seq FROM audit_logs"
	for _, from := range [][]string{{"--url", d.URL}, {"--config", d.Config}} {
		for format, want := range map[string]string{
			"csv":    "action,actor_id,resource_id,timestamp,seq\n\"say \"\"hi\"\", you\",=1+1,,2026-01-31 10:11:12.345,0\n",
			"ndjson": `{"action":"say \"hi\", you","actor_id":"=1+1","resource_id":null,"timestamp":"2026-01-31 10:11:12.345","seq":0}` + "\n",
			"json":   `["say \"hi\", you","=1+1",null,"2026-01-31 10:11:12.345",0]`,
			"table":  "2026-01-31 10:11:12.345",
		} {
			got := run(t, exitOK, "query", from[0], from[1], "--format", format, sql)
			if out := strings.ReplaceAll(got.out, "\r\n", "\n"); out != want && (format == "csv" || format == "ndjson" || !strings.Contains(out, want)) {
				t.Errorf("%s %s: %q, want %q", from[0], format, got.out, want)
			}
			if format == "table" {
				got.wants(t, "complete through 20")
			} else if got.err != "" {
				t.Errorf("%s %s: standard error %q", from[0], format, got.err)
			}
		}
		for sql, want := range map[string]string{
			"SHOW PARTITIONS audit_logs":                                "partition\nretention=standard/dt=2026-01-31\n",
			"SHOW TABLES 'd*'":                                          "tab_name\ndata_exports\ndeletions\n",
			"SELECT count(*) AS n FROM changes":                         "n\n1\n",
			"EXPLAIN (TYPE VALIDATE) SELECT 1":                          "Valid\ntrue\n",
			"SHOW CREATE TABLE audit.audit_logs":                        "'s3://audit/audit-logs/events/'",
			"EXPLAIN SELECT seq FROM deletions WHERE dt = '2026-01-31'": "scan 1: 1 files, dt in ('2026-01-31')",
		} {
			out := strings.ReplaceAll(run(t, exitOK, "query", from[0], from[1], "--format", "csv", sql).out, "\r\n", "\n")
			if whole := strings.HasSuffix(want, "\n"); whole && out != want || !strings.Contains(out, want) {
				t.Errorf("%s %s: %q, want %q", from[0], sql, out, want)
			}
		}
		if got := run(t, exitOK, "query", from[0], from[1], "DESCRIBE audit_logs"); got.err != "" || !strings.Contains(got.out, "# Partition Information") {
			t.Errorf("%s: what says nothing about rows: %q, %q", from[0], got.err, got.out)
		}
		for _, bad := range []struct{ sql, says string }{
			{"SELECT count(*) FROM", "line 1"},
			{"SELECT nothing_like_it FROM audit_logs", "nothing_like_it"},
			{"SELECT * FROM other", "other"},
			{"DELETE FROM audit_logs", "line 1:1: not supported: DELETE: the archive is immutable"},
			{"EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1", "CREATE TABLE AS: the archive is immutable"},
			{"SELECT 1; SELECT 2", ""},
			{"", ""},
		} {
			got := run(t, exitUsage, "query", from[0], from[1], bad.sql)
			got.wants(t, bad.says)
			if got.out != "" || got.err == "" {
				t.Errorf("%s %s: stdout %q, stderr %q", from[0], bad.sql, got.out, got.err)
			}
		}
	}
	run(t, exitUsage, "query", sql).wants(t, "either --url or --config")
	run(t, exitUsage, "query", "--url", d.URL, "--format", "xml", sql).wants(t, "xml")
	run(t, exitUsage, "query", "--url", "ftp://x", sql).wants(t, "--url")
	d.stop(t)
	run(t, exitFailure, "query", "--url", d.URL, sql).wants(t, "refused")
	run(t, exitFailure, "query", "--config", d.Config, sql).wants(t, "refused")
}

func TestVersionAndSchema(t *testing.T) {
	var v struct{ Version, Go, Platform string }
	run(t, exitOK, "version", "--json").decode(t, &v)
	if v.Version == "" || !strings.HasPrefix(v.Go, "go1.") || !strings.HasPrefix(v.Platform, "linux/") {
		t.Errorf("%+v", v)
	}
	d := startDev(t, t.TempDir())
	ddl := run(t, exitOK, "schema", "--config", d.Config).out
	for _, want := range []string{"CREATE EXTERNAL TABLE", "audit_logs", "timestamp_ns bigint", "'s3://audit/audit-logs/events", "standard"} {
		if !strings.Contains(ddl, want) {
			t.Errorf("no %q in\n%s", want, ddl)
		}
	}
	var s struct {
		DDL     string
		Columns []struct{ Name, Type string }
	}
	run(t, exitOK, "schema", "--config", d.Config, "--json").decode(t, &s)
	if !strings.HasPrefix(ddl, s.DDL) || len(s.Columns) != 22 || !strings.Contains(ddl, `CREATE OR REPLACE VIEW "failed_logins" AS`) {
		t.Errorf("%d columns; %s", len(s.Columns), s.DDL)
	}
	d.stop(t)
}
