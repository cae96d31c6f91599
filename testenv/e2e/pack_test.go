package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/testenv/pyverify"
)

// TestEvidencePack exports from a running archive of real events, and judges the
// packs offline, with both checkers.
func TestEvidencePack(t *testing.T) {
	d := startDev(t, t.TempDir(), "--seal-age", "200ms")
	_, plain, events := readEvents(t)
	if _, err := d.post(t.Context(), "application/x-ndjson", plain); err != nil {
		t.Fatal(err)
	}
	d.waitArchived(t)
	failures := d.query(t, "SELECT count(*) FROM audit_logs WHERE outcome = 'failure' AND timestamp_ns >= 1688990400000000000").one(t)

	root := rootVKey(t, d.Config)
	dir := t.TempDir()
	pack := func(name string, args ...string) (file string) {
		file = filepath.Join(dir, name+".tar")
		run(t, 0, append([]string{"export", "--config", d.Config, "--out", file}, args...)...)
		return file
	}
	all := pack("all", "--verify", "--doctor")
	some := pack("some", "--where", "outcome = 'failure' -- (", "--from", "2023-07-10T12:00:00Z")
	whole := pack("whole", "--where", "(outcome) = 'failure'", "--from", "2023-07-10T12:00:00Z", "--whole-files")
	type report struct {
		Result    string `json:"result"`
		Rows      int64  `json:"rows"`
		Evaluated bool   `json:"condition_evaluated"`
		Open      int    `json:"files_open"`
	}
	for file, want := range map[string]report{
		all:   {"OK", int64(len(events)), false, 0},
		some:  {"OK", number(t, failures), false, 1},
		whole: {"OK", number(t, failures), true, 0},
	} {
		var got report
		run(t, 0, "verify", "--pack", file, "--root", root, "--json").decode(t, &got)
		if want.Open > 0 {
			want.Open = got.Open // as many as there were batches
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", file, got, want)
		}
	}

	raw, err := os.ReadFile(all)
	if err != nil || !bytes.Contains(raw, []byte("results/verify.json")) || !bytes.Contains(raw, []byte("results/doctor.json")) {
		t.Errorf("no results in the pack: %v", err)
	}
	if raw, err = os.ReadFile(some); err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 4
	bad := filepath.Join(dir, "bad.tar")
	if err := os.WriteFile(bad, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, 3, "verify", "--pack", bad, "--root", root).wants(t, "not what the archive says")
	run(t, 4, "verify", "--pack", filepath.Join(dir, "none.tar"), "--root", root)
	run(t, 2, "verify", "--pack", all)
	run(t, 2, "export", "--config", d.Config, "--out", all) // never over a file that is there

	pyverify.Need(t)
	for _, file := range []string{all, some, whole} {
		if r := pyverify.Pack(t, file, root); r.Result != "OK" {
			t.Errorf("Python: %s: %+v", file, r)
		}
	}
	if r := pyverify.Pack(t, bad, root); r.Result != "VIOLATION" {
		t.Errorf("Python accepts a changed pack")
	}
}

// rootVKey takes the root verifier key from where its owner has it.
func rootVKey(t *testing.T, config string) string {
	t.Helper()
	raw, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`root_vkey:\s*"?([^"\s]+)`).FindSubmatch(raw)
	if key == nil {
		t.Fatalf("no root_vkey in %s", config)
	}
	return string(key[1])
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestExportRefuses: a condition is one operand, about one row.
func TestExportRefuses(t *testing.T) {
	d := startDev(t, t.TempDir(), "--seal-age", "200ms")
	d.stored(t, some(3)...)
	d.waitArchived(t)
	file := filepath.Join(t.TempDir(), "pack.tar")
	for _, where := range []string{
		"", " -- nothing", "true) OR (true", "true; SELECT 1", "(true", "true UNION SELECT 'a', 1", "seq", "nosuch = 1",
		"EXISTS (SELECT 1 FROM audit_logs)", "timestamp < now()", "count(*) > 1", "/*", "true ORDER BY 1", "true LIMIT 1",
	} {
		run(t, 2, "export", "--config", d.Config, "--out", file, "--where", where)
		left, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*"))
		if err != nil || len(left) > 0 {
			t.Errorf("%s left %s behind, %v", where, strings.Join(left, ", "), err)
		}
	}
}
