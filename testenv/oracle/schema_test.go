package oracle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

// The exit codes of `archiver schema apply`.
const (
	exitOK      = 0
	exitDiffers = 3
)

// testSchema: a real Trino takes our definition with partition projection, and
// `archiver schema apply` and `archiver query` work with it.
func testSchema(t *testing.T, place Place, files []athena.File) {
	archiver := newProgram(t, place)
	archiver.init(t)
	place.upload(t, "team/audit", files)

	apply := []string{"schema", "apply", "--config", archiver.config, "--engine", "trino"}
	if out := archiver.run(t, exitOK, append(apply, "--dry-run")...); !strings.Contains(out, "partition_projection_enabled = true") {
		t.Errorf("--dry-run prints %s", out)
	}
	archiver.run(t, exitOK, apply...)
	if out := archiver.run(t, exitOK, apply...); !strings.Contains(out, "is there, as it should be") {
		t.Errorf("the second apply prints %s", out)
	}
	query := func(sql string, params ...string) string {
		args := []string{"query", "--config", archiver.config, "--engine", "trino", "--format", "csv"}
		for _, p := range params {
			args = append(args, "--param", p)
		}
		return archiver.run(t, exitOK, append(args, sql)...)
	}
	const july = "dt BETWEEN '2023-07-01' AND '2023-07-31'"
	if out := query("SELECT retention, count(*) AS n FROM audit_logs WHERE " + july + " GROUP BY 1 ORDER BY 1"); out != "retention,n\r\nlong,6\r\nstandard,2900\r\n" {
		t.Errorf("rows by class: %q", out)
	}
	if out := query(`SELECT "timestamp", timestamp_ns FROM audit_logs WHERE dt = '2023-07-10' AND retention = ? AND seq = ?`, "'long'", "4"); out != "timestamp,timestamp_ns\r\n2023-07-10 23:59:59.999,1689033599999999999\r\n" {
		t.Errorf("an instant: %q", out)
	}

	// A definition that has gone stale is found, and not touched.
	e := place.Trino.Engine(t, "declared")
	mustRun(t, e, "DROP TABLE declared.audit_logs")
	o := place.table("declared")
	o.Prefix, o.Classes = "team/audit", []string{"standard"}
	ddl, err := athena.TrinoDDL(o)
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, e, ddl)
	if out := archiver.run(t, exitDiffers, apply...); !strings.Contains(out, "not in declared.audit_logs") {
		t.Errorf("a table without the class long: %s", out)
	}
}

func mustRun(t *testing.T, e athena.Engine, sql string) Answer {
	t.Helper()
	a, err := Ask(t.Context(), e, athena.Query{SQL: sql, Declare: true})
	if err != nil || a.Err != nil {
		t.Fatalf("%v %v: %s", err, a.Err, sql)
	}
	return a
}

// program is the archiver with a configuration on a place.
type program struct{ binary, config string }

func newProgram(t *testing.T, place Place) program {
	t.Helper()
	dir := t.TempDir()
	p := program{filepath.Join(dir, "archiver"), filepath.Join(dir, "archiver.yaml")}
	if out, err := exec.Command("go", "build", "-o", p.binary, "../../cmd/archiver").CombinedOutput(); err != nil {
		t.Fatalf("build archiver: %v: %s", err, out)
	}
	credentials := place.S3.Config(t).CredentialsFile
	text := fmt.Sprintf(`version: 0
data_dir: data
listen: 127.0.0.1:0
s3:
  endpoint: %s
  region: %s
  bucket: %s
  prefix: team/audit
  path_style: true
  credentials_file: %s
archive:
  root_key_file: root.key
retention:
  classes:
    - {name: standard, days: 1}
    - {name: long, days: 2}
query:
  trino:
    server: %s
    user: tester
    catalog: hive
    schema: declared
`, place.S3.Endpoint, place.S3.Region, place.Bucket, credentials, place.Trino.URL)
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// run runs a command to its end, demands an exit code, and returns what it prints.
func (p program) run(t *testing.T, code int, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), p.binary, args...)
	cmd.Dir = filepath.Dir(p.config)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("archiver %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, out, errs.String())
	}
	return string(out)
}

// init makes the archive and puts its key into the configuration.
func (p program) init(t *testing.T) {
	t.Helper()
	var made struct {
		RootVKey string `json:"root_vkey"`
	}
	out := p.run(t, exitOK, "init", "--config", p.config, "--use-bucket", "--no-policy", "--json")
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	raw, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(raw), "archive:\n", "archive:\n  root_vkey: "+made.RootVKey+"\n", 1)
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// testEngine: what our Trino engine promises of errors and of the end of a query.
func testEngine(t *testing.T, place Place) {
	e := place.Trino.Engine(t, Schema)
	for sql, want := range map[string]error{
		"SELECT FROM":                        athena.ErrSyntax,
		"SELECT nothing FROM audit_logs":     athena.ErrInvalid,
		"SELECT * FROM nothing":              athena.ErrInvalid,
		"SELECT 1/0":                         athena.ErrExecution,
		"SELECT CAST('x' AS bigint)":         athena.ErrExecution,
		"SELECT to_utf8('x')":                athena.ErrRefused,
		"SELECT CAST(now() AS timestamp(6))": athena.ErrRefused,
	} {
		if a, err := Ask(t.Context(), e, athena.Query{SQL: sql}); err != nil || !errors.Is(a.Err, want) {
			t.Errorf("%s: %v %v, want %v", sql, err, a.Err, want)
		}
	}
	if a, err := Ask(t.Context(), e, athena.Query{SQL: "SELECT x FROM UNNEST(sequence(1, 100)) AS t(x)", MaxRows: 10}); err != nil || !errors.Is(a.Err, athena.ErrTooManyRows) {
		t.Errorf("more rows than the limit: %v %v", err, a.Err)
	}
	t.Run("a canceled query ends in Trino", func(t *testing.T) {
		const sql = "SELECT count(*) FROM UNNEST(sequence(1, 10000)) a(x) CROSS JOIN UNNEST(sequence(1, 10000)) b(y) CROSS JOIN UNNEST(sequence(1, 10000)) c(z) WHERE x * y = z"
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := Ask(ctx, e, athena.Query{SQL: sql})
			failed <- err
		}()
		states := func(state string) bool {
			a := mustRun(t, e, "SELECT count(*) FROM system.runtime.queries WHERE state = '"+state+"' AND query LIKE 'SELECT count(*) FROM UNNEST%'")
			return a.Rows[0] != "[0]"
		}
		eventually(t, "it runs", func() bool { return states("RUNNING") })
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("it ends with %v", err)
		}
		eventually(t, "it has failed in Trino", func() bool { return states("FAILED") })
	})
}

// eventually waits for what must come true.
func eventually(t *testing.T, what string, isTrue func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !isTrue() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("after a minute it is not true that %s", what)
		}
	}
}
