package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

// hostDrills are those that no stranger does: two processes that think they are one.
// They must end before anything of the second is in the bucket, so the auditor has
// nothing to find.
var hostDrills = []struct {
	name, ends string
	do         func(t *testing.T, h *host)
}{
	{"a cloned WAL on two hosts", "who is second at an index stops", clone},
	{"a WAL rolled back from a backup", "the server does not start", rollback},
}

// TestHosts runs the real server.
func TestHosts(t *testing.T) {
	need(t)
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) {
			server := store.start(t)
			for _, d := range hostDrills {
				t.Run(d.name, func(t *testing.T) { d.do(t, newHost(t, server)) })
			}
		})
	}
}

// host is a machine with a configuration and a data folder, for an archive of its own
// in a bucket of its own.
type host struct {
	*scene // without an archive
	dir    string
	url    string
	cmd    *exec.Cmd
	log    *bytes.Buffer // read when the process has ended
}

// newHost makes an archive as an operator does.
func newHost(t *testing.T, server s3test.Server) *host {
	t.Helper()
	cfg := server.Config(t)
	h := &host{scene: &scene{t: t, server: server, bucket: cfg.Bucket, state: t.TempDir()}, dir: t.TempDir()}
	text := fmt.Sprintf(`version: 0
data_dir: data
listen: 127.0.0.1:0
s3: {endpoint: %q, bucket: %q, prefix: %q, path_style: true, credentials_file: %q}
archive: {root_key_file: root.key}
retention: {classes: [{name: standard, days: 1}]}
seal: {age: 200ms}
wal: {segment_bytes: 1MiB, reserve_bytes: 0}
log: {level: warn}
`, cfg.Endpoint, cfg.Bucket, prefix, cfg.CredentialsFile)
	h.write(text)
	var made struct {
		RootVKey string `json:"root_vkey"`
	}
	out, code := h.run("init", "--json", "--config", h.config())
	if err := json.Unmarshal(out, &made); err != nil || code != 0 {
		t.Fatalf("init: code %d, %v: %s", code, err, out)
	}
	h.write(strings.Replace(text, "archive: {", fmt.Sprintf("archive: {root_vkey: %q, ", made.RootVKey), 1))
	var err error
	if h.store, err = s3store.Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *host) config() string { return filepath.Join(h.dir, "archiver.yaml") }

func (h *host) write(config string) {
	h.t.Helper()
	if err := os.WriteFile(h.config(), []byte(config), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// copied is another machine with a copy of the disk.
func (h *host) copied() *host {
	h.t.Helper()
	c := *h
	c.dir = h.t.TempDir()
	if out, err := exec.Command("cp", "-a", h.dir+"/.", c.dir).CombinedOutput(); err != nil {
		h.t.Fatalf("%v: %s", err, out)
	}
	return &c
}

// start runs the server; ready is false when it ended instead.
func (h *host) start() (ready bool) {
	h.t.Helper()
	h.log = new(bytes.Buffer)
	h.cmd = exec.Command(os.Getenv(envBinary), "serve", "--json", "--config", h.config())
	h.cmd.Stderr = h.log
	out, err := h.cmd.StdoutPipe()
	if err == nil {
		err = h.cmd.Start()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := h.cmd
	h.t.Cleanup(func() { _ = cmd.Process.Kill() })
	var listening struct {
		Listen string `json:"listen"`
	}
	if err := json.NewDecoder(out).Decode(&listening); err != nil {
		return false
	}
	h.url = "http://" + listening.Listen
	return true
}

// stop asks the server to end, and returns its exit code.
func (h *host) stop() (code int) {
	h.t.Helper()
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		h.t.Fatal(err)
	}
	return h.ended()
}

func (h *host) ended() (code int) {
	h.t.Helper()
	err := h.cmd.Wait()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		h.t.Fatal(err)
	}
	return h.cmd.ProcessState.ExitCode()
}

// send posts one event and waits until it is in the bucket: archived says whether the
// server says so.
func (h *host) send() (archived bool) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	body := fmt.Sprintf(`{"id":%q,"action":"a","actor":{"id":"b","type":"system"},"resource":{"type":"c"},"outcome":"success"}`, uuid.NewString())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/v1/events?ack=archived", strings.NewReader(body))
	if err != nil {
		h.t.Error(err)
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Error(err)
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK
}

// bucketHolds lists all versions.
func (h *host) bucketHolds() (all []string) {
	h.t.Helper()
	for v, err := range h.store.Versions(h.t.Context(), "") {
		if err != nil {
			h.t.Fatal(err)
		}
		all = append(all, v.Key+" "+v.VersionID)
	}
	slices.Sort(all)
	return all
}

// sound demands that the auditor, who was here before, finds nothing.
func (h *host) sound() {
	h.t.Helper()
	if v := h.audit("--state", h.state, "--config", h.config()); v.Result != "OK" || len(v.Findings) > 0 {
		h.t.Errorf("verify: %s: %v %+v", v.Result, v.Findings, v.Unchecked)
	}
	if r, code := h.repaired("--config", h.config()); code != 0 || len(r.Steps)+len(r.Left) > 0 {
		h.t.Errorf("repair ends with code %d: %+v", code, r)
	}
}

// begin makes some history that the auditor knows.
func (h *host) begin() {
	h.t.Helper()
	if !h.start() {
		h.t.Fatalf("it does not start: %s", h.log)
	}
	for range 2 {
		if !h.send() {
			h.t.Fatal("an event is not archived")
		}
	}
	if code := h.stop(); code != 0 {
		h.t.Fatalf("it ends with code %d: %s", code, h.log)
	}
	h.sound()
}

func clone(t *testing.T, first *host) {
	first.begin()
	second := first.copied()
	if !first.start() || !second.start() || !second.send() {
		t.Fatalf("they do not run: %s%s", first.log, second.log)
	}
	// The second has given an index of the stream to a commit of its own. The first
	// takes an event, and finds out before anything of it is uploaded.
	before := second.bucketHolds()
	if first.send() {
		t.Error("both clones archive events under one name")
	}
	if code := first.stop(); code != 1 || !strings.Contains(first.log.String(), "foreign object under our key") {
		t.Errorf("the first ends with code %d: %s", code, first.log)
	}
	if after := first.bucketHolds(); !slices.Equal(before, after) {
		t.Errorf("the first has uploaded something: %v, before %v", after, before)
	}
	if !second.send() {
		t.Error("the second does not go on")
	}
	if code := second.stop(); code != 0 {
		t.Errorf("the second ends with code %d: %s", code, second.log)
	}
	second.sound()
}

func rollback(t *testing.T, h *host) {
	h.begin()
	backup := h.copied()
	if !h.start() || !h.send() {
		t.Fatalf("it does not go on: %s", h.log)
	}
	if code := h.stop(); code != 0 {
		t.Fatalf("it ends with code %d: %s", code, h.log)
	}
	h.sound()
	before := h.bucketHolds()
	if backup.start() {
		t.Error("it serves from a folder that is older than its bucket")
	}
	if code := backup.ended(); code != 1 {
		t.Errorf("it ends with code %d: %s", code, backup.log)
	}
	if after := h.bucketHolds(); !slices.Equal(before, after) {
		t.Errorf("it has uploaded something: %v, before %v", after, before)
	}
	h.sound()
	if !h.start() || !h.send() {
		t.Fatalf("the folder that belongs to the bucket does not go on: %s", h.log)
	}
	if code := h.stop(); code != 0 {
		t.Errorf("it ends with code %d: %s", code, h.log)
	}
	h.sound()
}

// TestRepairBesideServer: a repair beside a server that takes events does nothing to
// what the server is about to commit, and mends what somebody did.
func TestRepairBesideServer(t *testing.T) {
	need(t)
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) {
			h := newHost(t, store.start(t))
			h.begin()
			if !h.start() {
				t.Fatalf("it does not start: %s", h.log)
			}
			stop, sent := make(chan struct{}), make(chan int, 1)
			go func() {
				n := 0
				defer func() { sent <- n }()
				for {
					select {
					case <-stop:
						return
					default:
						if !h.send() {
							t.Error("an event is not archived")
							return
						}
						n++
					}
				}
			}()
			for range 8 {
				if r, code := h.repaired("--apply", "--config", h.config()); code != 0 || len(r.Steps)+len(r.Left) > 0 {
					t.Errorf("repair ends with code %d: %+v", code, r)
				}
			}
			hidden := ""
			for v, err := range h.store.Versions(t.Context(), prefix+"/events/") {
				if err != nil {
					t.Fatal(err)
				}
				hidden = v.Key
				break
			}
			if err := h.server.Attack(t, h.bucket).Hide(t.Context(), hidden); err != nil {
				t.Fatal(err)
			}
			if r, code := h.repaired("--apply", "--config", h.config()); code != 0 || len(r.Steps) != 1 || len(r.Left) > 0 {
				t.Errorf("repair ends with code %d: %+v", code, r)
			}
			close(stop)
			if n := <-sent; n == 0 {
				t.Error("nothing was archived meanwhile")
			}
			if code := h.stop(); code != 0 {
				t.Errorf("the server ends with code %d: %s", code, h.log)
			}
			h.sound()
		})
	}
}
