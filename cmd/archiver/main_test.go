package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/athena/duckdb"
)

// TestMain lets this program be what the SQL engine starts.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == duckdb.WorkerCommand {
		main()
	}
	os.Exit(m.Run())
}

// outcome is what a caller of the program sees.
type outcome struct {
	code     int
	out, err string
}

func runWith(t *testing.T, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, stdio{strings.NewReader(""), &out, &errs})
	return outcome{code, out.String(), errs.String()}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestUsage(t *testing.T) {
	good := write(t, "good.yaml", "s3: {bucket: audit}\narchive: {root_vkey: archiver/x+12345678+abcd}\n")
	rootless := write(t, "rootless.yaml", "s3: {bucket: audit}\n")
	bad := write(t, "bad.yaml", "nonsense: 1\ns3: {bucket: audit}\nheartbeat: 1s\n")
	for _, tt := range []struct {
		name     string
		args     []string
		code     int
		out, err string // what must be in them
	}{
		{"no command is a question for help", nil, exitOK, "Usage:", ""},
		{"help", []string{"--help"}, exitOK, "archiver dev", ""},
		{"unknown command", []string{"serv"}, exitUsage, "", `unknown command "serv"`},
		{"unknown command has a neighbour", []string{"versio"}, exitUsage, "", "did you mean version?"},
		{"unknown sub-command", []string{"config", "chek"}, exitUsage, "", "did you mean check?"},
		{"unknown flag", []string{"version", "--jsn"}, exitUsage, "", "See: archiver version --help"},
		{"argument where none belongs", []string{"version", "now"}, exitUsage, "", `unknown command "now"`},
		{"version", []string{"version"}, exitOK, "archiver ", ""},
		{"check without file", []string{"config", "check"}, exitUsage, "", "--config is missing"},
		{"repair without file", []string{"repair"}, exitUsage, "", "--config is missing"},
		{"repair of no archive in particular", []string{"repair", "--config", rootless}, exitUsage, "", "archive.root_vkey: must be set"},
		{"check good file", []string{"config", "check", "--config", good}, exitOK, "fine for serve", ""},
		{"check good file for init", []string{"config", "check", "--for", "init", "--config", good}, exitUsage, "", "archive.root_key_file: must be set"},
		{"check for nonsense", []string{"config", "check", "--for", "x", "--config", good}, exitUsage, "", "must be serve or init"},
		{"check bad file", []string{"config", "check", "--config", bad}, exitUsage, "", "line 3: heartbeat"},
		{"check absent file", []string{"config", "check", "--config", bad + "x"}, exitFailure, "", "no such file"},
		{"check absent file as JSON", []string{"config", "check", "--json", "--config", bad + "x"}, exitFailure, "", "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := runWith(t, tt.args...)
			if got.code != tt.code {
				t.Errorf("exit code %d, want %d", got.code, tt.code)
			}
			if !strings.Contains(got.out, tt.out) || !strings.Contains(got.err, tt.err) {
				t.Errorf("stdout %q, want %q in it\nstderr %q, want %q in it", got.out, tt.out, got.err, tt.err)
			}
			if tt.out == "" && got.out != "" || tt.err == "" && got.err != "" {
				t.Errorf("something on the wrong stream: stdout %q, stderr %q", got.out, got.err)
			}
		})
	}
}

func TestConfigCheckJSON(t *testing.T) {
	bad := write(t, "bad.yaml", "nonsense: 1\ns3: {bucket: audit}\nheartbeat: 1s\n")
	got := runWith(t, "config", "check", "--json", "--config", bad)
	var v struct {
		OK       bool
		Problems []struct {
			Line           int
			Field, Problem string
		}
	}
	if err := json.Unmarshal([]byte(got.out), &v); err != nil {
		t.Fatalf("%v in %q", err, got.out)
	}
	if got.code != exitUsage || v.OK || len(v.Problems) != 2 || v.Problems[0].Line != 1 || v.Problems[1].Field != "heartbeat" {
		t.Errorf("exit code %d, %+v", got.code, v)
	}
	good := write(t, "good.yaml", "s3: {bucket: audit}\narchive: {root_vkey: archiver/x+12345678+abcd}\n")
	if got := runWith(t, "config", "check", "--json", "--config", good); got.code != exitOK || !strings.Contains(got.out, `"problems": []`) {
		t.Errorf("good file: %+v", got)
	}
	// What serve would refuse is not fine.
	lets := write(t, "lets.yaml", "s3: {bucket: audit}\narchive: {root_vkey: archiver/x+12345678+abcd}\ndoctor: {override: [clock, public-access]}\n")
	if got := runWith(t, "config", "check", "--config", lets); got.code != exitUsage || !strings.Contains(got.err, "doctor.override[1]: public-access is not a must") {
		t.Errorf("an override of a should: %+v", got)
	}
}

// Help is part of the interface: every command shows how it is used and what
// its exit codes mean.
func TestEveryCommandExplainsItself(t *testing.T) {
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		if !cmd.Hidden {
			if cmd.Short == "" || cmd.Example == "" || !strings.Contains(cmd.Long, "Exit codes") {
				t.Errorf("%s: help needs a short text, an example and exit codes", cmd.CommandPath())
			}
			if !cmd.Runnable() || cmd.Args == nil {
				t.Errorf("%s: needs RunE and Args", cmd.CommandPath())
			}
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(newRootCommand(&app{}))
}

func TestReadBuild(t *testing.T) {
	got := readBuild(&debug.BuildInfo{
		Main: debug.Module{Version: "v0.1.0"},
		Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}, {Key: "vcs.modified", Value: "true"},
		},
	}, true)
	if got.Version != "v0.1.0" || got.Revision != "abc" || got.Time != "2026-01-02T03:04:05Z" || !got.Modified {
		t.Errorf("%+v", got)
	}
	if got := readBuild(nil, false); got.Version != "(devel)" || got.Go == "" {
		t.Errorf("without build information: %+v", got)
	}
}
