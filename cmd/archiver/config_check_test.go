package main

import (
	"strings"
	"testing"
)

// TestConfigCheckAdvises: what may do harm is told, and makes no file wrong.
func TestConfigCheckAdvises(t *testing.T) {
	file := write(t, "archiver.yaml", "s3: {bucket: abc}\narchive: {root_key_file: root.key}\n"+
		"retention: {classes: [{name: standard, days: 1}]}\nwal: {reserve_bytes: 64MiB}\n")
	for _, as := range [][]string{nil, {"--json"}} {
		got := runWith(t, append([]string{"config", "check", "--for", "init", "--config", file}, as...)...)
		if got.code != exitOK || !strings.Contains(got.out, "advice") || !strings.Contains(got.out, "wal.reserve_bytes to 256MiB") {
			t.Errorf("%v: exit code %d: %s%s", as, got.code, got.out, got.err)
		}
	}
}
