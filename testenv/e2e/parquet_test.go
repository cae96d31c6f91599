package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/testenv/proc"
)

// python has PyArrow and a DuckDB that is not the one in the server: see testenv/interop.
const python = "../../.tools/venv/bin/python"

func needPython(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(python); err != nil {
		proc.Missing(t, "PyArrow and DuckDB are missing: run `make tools` (needs Python 3.11 or later)")
	}
}

// TestParquetOutside fetches the files that the commits name, by version, and has
// strangers compare every value with what the clients sent.
func TestParquetOutside(t *testing.T) {
	needPython(t)
	_, plain, events := readEvents(t)
	d := startDev(t, t.TempDir(), "--seal-age", "1s")
	got, err := d.post(t.Context(), "application/x-ndjson", plain)
	if err != nil {
		t.Fatal(err)
	}
	d.waitArchived(t)
	received := map[string]any{} // by id: the only column that the server made up
	for _, row := range d.query(t, "SELECT id, received_at FROM audit_logs").Rows {
		at, err := time.Parse("2006-01-02 15:04:05.000", row[1].(string))
		if err != nil || time.Since(at).Abs() > time.Minute {
			t.Fatalf("received_at %v: %v", row[1], err)
		}
		received[row[0].(string)] = at.UnixMilli()
	}
	dumps := map[string]map[string]any{}
	for i := range events {
		dumps[events[i].ID] = dump(t, i, &events[i], got.Stream, received[events[i].ID])
	}
	folder := t.TempDir()
	files, rows := 0, 0
	for _, key := range commitKeys(t, d) {
		for _, f := range manifestFiles(t, d, key) {
			rows += fetch(t, d, folder, f, dumps)
			files++
		}
	}
	if rows != len(events) || files == 0 {
		t.Fatalf("the commits name %d files with %d rows, want %d rows", files, rows, len(events))
	}
	out, err := exec.Command(python, "../interop/check.py", folder).CombinedOutput()
	if want := fmt.Sprintf("ok: %d files, %d rows", files, rows); err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("%v: %s; want %q", err, out, want)
	}
	d.stop(t)
}

func commitKeys(t *testing.T, d *dev) []string {
	t.Helper()
	var keys []string
	for _, o := range objects(t, d.server(t).Client(t), d.Bucket, "audit-logs/ledger/") {
		if kindOf(o.key) == "commit" {
			keys = append(keys, o.key)
		}
	}
	return keys
}

// manifestFile is what a commit says about a file, read by inspect.
type manifestFile struct {
	Key       string `json:"key"`
	VersionID string `json:"version_id"`
	Size      int    `json:"size"`
	Rows      int    `json:"rows"`
	FirstSeq  int    `json:"first_seq"`
}

func manifestFiles(t *testing.T, d *dev, key string) []manifestFile {
	t.Helper()
	var doc struct {
		Content struct {
			Manifest struct{ Files []manifestFile }
		}
	}
	run(t, exitOK, "inspect", "--config", d.Config, key).decode(t, &doc)
	return doc.Content.Manifest.Files
}

// fetch stores a file with its dump beside it, as check.py wants them, and returns
// the number of rows. Their order is the one that is promised: instant, then seq.
func fetch(t *testing.T, d *dev, folder string, f manifestFile, dumps map[string]map[string]any) int {
	t.Helper()
	raw := read(t, d.server(t).Client(t), d.Bucket, stored{"audit-logs/" + f.Key, f.VersionID})
	if len(raw) != f.Size {
		t.Errorf("%s: %d bytes, the manifest says %d", f.Key, len(raw), f.Size)
	}
	name := filepath.Join(folder, filepath.FromSlash(f.Key))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	day := strings.TrimPrefix(path.Base(path.Dir(f.Key)), "dt=")
	var lines strings.Builder
	rows := d.query(t, fmt.Sprintf("SELECT id FROM audit_logs WHERE dt = '%s' ORDER BY timestamp_ns, seq", day)).Rows
	for _, row := range rows {
		line, err := json.Marshal(dumps[row[0].(string)])
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	if err := os.WriteFile(name+".ndjson", []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if len(rows) != f.Rows {
		t.Errorf("%s: %d rows of that day, the manifest says %d", f.Key, len(rows), f.Rows)
	}
	return len(rows)
}

// dump is an event as a row of the file, made from the input alone.
func dump(t *testing.T, i int, e *sent, stream string, receivedMS any) map[string]any {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, e.Timestamp)
	if err != nil {
		t.Fatal(err)
	}
	details := any(nil)
	if e.Details != nil && string(e.Details) != "null" {
		details = string(e.Details)
	}
	return map[string]any{
		"id": e.ID, "timestamp": at.UnixMilli(), "action": e.Action, "actor_id": e.Actor.ID, "actor_type": e.Actor.Type,
		"actor_email": e.Actor.Email, "resource_type": e.Resource.Type, "resource_id": e.Resource.ID,
		"outcome": e.Outcome, "reason": e.Reason, "details": details, "request_id": e.RequestID,
		"ip": e.IP, "user_agent": e.UserAgent, "organization_id": e.Organization,
		"received_at": receivedMS, "producer": "local", "timestamp_ns": at.UnixNano(), "stream": stream, "seq": i,
	}
}
