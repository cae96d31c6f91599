package pyverify_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/testenv/pyverify"
)

const vectorDir = "../vectors"

// The formats are those of the pages: a program written from them accepts and
// refuses what ours does.
func TestVectors(t *testing.T) {
	pyverify.Need(t)
	for command, dir := range map[string]string{"ledger": "ledger", "ledger ecdsa": "ledger/ecdsa", "events": "event", "proofs": "proof"} {
		command, _, _ := strings.Cut(command, " ")
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			if r := pyverify.Run(t, command, filepath.Join(vectorDir, dir)); r.Result != "OK" {
				t.Errorf("%+v", r.Findings)
			}
		})
	}
}

// A vector that is changed is noticed, or else the tests above prove nothing.
func TestVectorsCanFail(t *testing.T) {
	pyverify.Need(t)
	for command, change := range map[string]struct{ dir, file, old, new string }{
		"events": {"event", "full.json", `"leaf_hash_hex": "8a1d`, `"leaf_hash_hex": "8a1e`},
		"proofs": {"proof", "expected.json", `"row": 12`, `"row": 11`},
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(vectorDir, change.dir))); err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(dir, change.file)
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			changed := strings.Replace(string(raw), change.old, change.new, 1)
			if changed == string(raw) {
				t.Fatalf("%s has no %s", change.file, change.old)
			}
			if err := os.WriteFile(name, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			if r := pyverify.Run(t, command, dir); r.Result != "VIOLATION" {
				t.Errorf("a changed vector is accepted: %+v", r)
			}
		})
	}
}
