package trino

import (
	"archive/tar"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The server itself is tried by testenv/oracle, which needs one anyway.

// entry is one of an archive: a file, or with a target a link to another one.
type entry struct{ name, body, target string }

func archiveOf(t *testing.T, entries ...entry) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "a.tar.gz")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zipped := gzip.NewWriter(f)
	w := tar.NewWriter(zipped)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.body)), Typeflag: tar.TypeReg}
		if e.target != "" {
			h.Typeflag, h.Linkname = tar.TypeLink, e.target
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestExtractTakesWhatIsNeeded(t *testing.T) {
	dir := t.TempDir()
	err := extract(archiveOf(t,
		entry{"s/lib/a.jar", "a", ""},
		entry{"s/plugin/other/b.jar", "b", ""},
		entry{"s/plugin/hive/a.jar", "", "s/lib/a.jar"},
		entry{"s/plugin/hive/b.jar", "", "s/plugin/other/b.jar"},
		entry{"s/plugin/hive/again.jar", "", "s/plugin/other/b.jar"},
		entry{"s/plugin/hive/hdfs/c.jar", "c", ""},
		entry{"s/NOTICE", "n", ""},
	), dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"s/lib/a.jar": "a", "s/plugin/hive/a.jar": "a", "s/plugin/hive/b.jar": "b", "s/plugin/hive/again.jar": "b",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"s/plugin/other", "s/plugin/hive/hdfs", "s/NOTICE"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was unpacked", name)
		}
	}
}

func TestExtractRefuses(t *testing.T) {
	for want, entries := range map[string][]entry{
		"leads out":     {{"s/lib/../../../x", "x", ""}},
		"are not there": {{"s/plugin/hive/b.jar", "", "s/plugin/other/b.jar"}},
	} {
		if err := extract(archiveOf(t, entries...), t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want one with %q", entries, err, want)
		}
	}
}

func TestJavaMajor(t *testing.T) {
	java := filepath.Join(t.TempDir(), "java")
	for text, want := range map[string]int{
		`openjdk version "25.0.2" 2026-01-20 LTS`: 25,
		`openjdk version "17.0.15" 2025-04-15`:    17,
		`java version "1.8.0_442"`:                1, // too old in any case
		`Error: could not find the Java runtime`:  0,
	} {
		if err := os.WriteFile(java, []byte("#!/bin/sh\necho '"+text+"' >&2\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if got, err := javaMajor(t.Context(), java); got != want || (err == nil) != (want > 0) {
			t.Errorf("%s: %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestRunSaysWhyItFails(t *testing.T) {
	other, err := exec.LookPath("false")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Run(Programs{Java: other}, t.TempDir(), Storage{}); err == nil || !strings.Contains(err.Error(), "ended at once") {
		t.Errorf("a program that is no Java was taken for one: %v", err)
	}
}
