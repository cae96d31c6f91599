package main

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Everything but the embedded engine is Go: without cgo the program is one static
// file, and says what it cannot do.
func TestWithoutCgo(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "archiver")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	const most = 100 << 20 // DuckDB alone is 60 MB
	t.Logf("%d bytes", info.Size())
	if info.Size() > most {
		t.Errorf("%d bytes, want at most %d", info.Size(), most)
	}
	if runtime.GOOS == "linux" {
		file, err := elf.Open(program)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if libraries, err := file.ImportedLibraries(); err != nil || len(libraries) > 0 {
			t.Errorf("it needs %v, %v", libraries, err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), program, "version").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "archiver ") {
		t.Errorf("version: %v: %s", err, out)
	}
	// It takes events, archives them, and has no SQL.
	data := filepath.Join(dir, "data")
	dev := exec.CommandContext(t.Context(), program, "dev", "--dir", data, "--listen", "127.0.0.1:0", "--s3-listen", "127.0.0.1:0", "--json")
	answers, err := dev.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := dev.Start(); err != nil {
		t.Fatal(err)
	}
	var ready struct{ URL string }
	if err := json.NewDecoder(answers).Decode(&ready); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"events": http.StatusOK, "query": http.StatusNotImplemented} {
		body := map[string]string{
			"events": `{"action":"user.login","actor":{"id":"a","type":"user"},"resource":{"type":"session"},"outcome":"success"}`, "query": `{"sql":"SELECT 1"}`,
		}[path]
		resp, err := http.Post(ready.URL+"/v1/"+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %s: %s", path, resp.Status, text)
		}
	}
	out, err := exec.CommandContext(t.Context(), program, "query", "--config", filepath.Join(data, "archiver.yaml"), "SELECT 1").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitUsage || !strings.Contains(string(out), "no embedded SQL engine in this build") || !strings.Contains(string(out), "amazon or trino") {
		t.Errorf("query: %v: %s", err, out)
	}
	if err := dev.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := dev.Wait(); err != nil {
		t.Errorf("dev: %v", err)
	}
}
