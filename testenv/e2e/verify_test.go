package e2e

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
)

// verification is what `archiver verify --json` says first.
type verification struct {
	Result   string
	Findings []struct {
		Kind, Key, Version string
		Level              int
	}
	Complete bool
}

func verifyArchive(t *testing.T, code int, config, state string) (v verification) {
	t.Helper()
	run(t, code, "verify", "--config", config, "--json", "--levels", "0-4", "--state", state).decode(t, &v)
	return v
}

// waitMetric returns when a metric has a value.
func (d *dev) waitMetric(t testing.TB, name, value string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for d.metric(t, name) != value {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s is not %s in time:\n%s", name, value, d.log)
		}
	}
}

// TestVerify: an untouched archive is OK at every level; a server that verifies tells
// what was done to one, and goes on taking events.
func TestVerify(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	d := startDev(t, dir)
	event := []byte(`{"action":"user.login","actor":{"id":"u","type":"user"},"resource":{"type":"session"},"outcome":"success"}`)
	if _, err := d.post(t.Context(), "application/json", event); err != nil {
		t.Fatal(err)
	}
	d.waitArchived(t)
	v := verifyArchive(t, 0, d.Config, state)
	if v.Result != "OK" || len(v.Findings) != 0 || !v.Complete {
		t.Fatalf("untouched: %+v", v)
	}
	client := d.server(t).Client(t)
	files := objects(t, client, d.Bucket, "audit-logs/events/")
	if len(files) != 1 {
		t.Fatalf("%d files, want 1", len(files))
	}
	if err := client.RemoveObject(context.Background(), d.Bucket, files[0].key, miniogo.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	v = verifyArchive(t, 3, d.Config, state)
	var kinds []string
	for _, f := range v.Findings {
		if f.Kind == "hidden" && f.Key == files[0].key {
			kinds = append(kinds, string(rune('0'+f.Level)))
		}
	}
	if v.Result != "VIOLATION" || !slices.Equal(kinds, []string{"2", "4"}) {
		t.Errorf("hidden: %+v", v)
	}
	if d.query(t, "SELECT count(*) FROM audit_logs").one(t) != "1" {
		t.Error("the embedded engine's answer changed")
	}
	d.stop(t)
	raw, err := os.ReadFile(d.Config)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(raw), "every: 0s", "every: 1m\n  attest: true", 1)
	if edited == string(raw) {
		t.Fatalf("the configuration has no verify.every:\n%s", raw)
	}
	if err := os.WriteFile(d.Config, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	d = startDev(t, dir)
	d.waitMetric(t, `archiver_verify_result{result="VIOLATION"}`, "1")
	if got := d.metric(t, "archiver_verify_violations"); got != "1" {
		t.Errorf("%s violations, want 1", got)
	}
	if _, err := d.post(t.Context(), "application/json", event); err != nil {
		t.Errorf("events are refused: %v", err)
	}
	if found := objects(t, d.server(t).Client(t), d.Bucket, "audit-logs/attest/verify/"); len(found) == 0 {
		t.Error("the result was not attested")
	}
	if _, err := os.Stat(filepath.Join(dir, "node", "verify", "last.json")); err != nil {
		t.Error(err)
	}
}
