// Package vectors reads the files of testenv/vectors/wire, which the suites of
// all languages share. It is for tests.
package vectors

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Each calls f with every vector of a folder, in a subtest of its own. A folder
// without vectors is a failure: then nothing would be tested.
func Each[V any](t *testing.T, dir string, f func(t *testing.T, v V)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors in %s: %v", dir, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var common struct{ Skip map[string]string }
			var v V
			if err := json.Unmarshal(b, &common); err != nil {
				t.Fatal(err)
			}
			if reason := common.Skip["go"]; reason != "" {
				t.Skip(reason)
			}
			if err := json.Unmarshal(b, &v); err != nil {
				t.Fatal(err)
			}
			f(t, v)
		})
	}
}
