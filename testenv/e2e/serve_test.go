package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// site is a hand-written configuration on the S3 endpoint of a dev server, in a
// bucket of its own.
type site struct {
	dir, config string
	made        struct {
		Archive, Stream string
		RootVKey        string `json:"root_vkey"`
	}
}

func newSite(t *testing.T, s3 *dev, bucket, listen, more string) *site {
	t.Helper()
	s := &site{dir: t.TempDir()}
	s.config = filepath.Join(s.dir, "archiver.yaml")
	s.write(t, fmt.Sprintf(`version: 0
data_dir: data
listen: %s
s3:
  endpoint: %s
  bucket: %s
  prefix: team/audit
  path_style: true
  credentials_file: %s
archive:
  root_key_file: root.key
retention:
  classes:
    - {name: standard, days: 1}
    - {name: long, days: 2}
seal:
  age: 200ms
wal:
  segment_bytes: 4MiB
%s`, listen, s3.S3, bucket, s3.Credentials, more))
	return s
}

func (s *site) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// edit replaces text in the configuration.
func (s *site) edit(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(raw, []byte(from)) {
		t.Fatalf("no %q in %s", from, raw)
	}
	s.write(t, strings.Replace(string(raw), from, to, 1))
}

// init makes the archive and puts its key into the configuration.
func (s *site) init(t *testing.T) {
	t.Helper()
	run(t, exitOK, "init", "--config", s.config, "--json").decode(t, &s.made)
	s.edit(t, "archive:\n", "archive:\n  root_vkey: "+s.made.RootVKey+"\n")
}

// files is every file below the folder with its content.
func (s *site) files(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(s.dir, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(name)
		all[name] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func tokenHash(token string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(token))) }

// TestInitAndServe is the way to production: configuration, init, serve, tokens.
func TestInitAndServe(t *testing.T) {
	s3 := startDev(t, t.TempDir())
	s := newSite(t, s3, "production", "127.0.0.1:0", fmt.Sprintf(`tokens:
  - {name: billing, scopes: [ingest], sha256: %s, retention: long}
  - {name: auditor, scopes: [query], sha256: %s}
`, tokenHash("secret-1"), tokenHash("secret-2")))

	run(t, exitUsage, "config", "check", "--config", s.config).wants(t, "archive.root_vkey")
	run(t, exitOK, "config", "check", "--for", "init", "--config", s.config)
	run(t, exitUsage, "serve", "--config", s.config).wants(t, "archive.root_vkey")
	s.init(t)
	run(t, exitOK, "config", "check", "--config", s.config)

	client := s3.server(t).Client(t)
	files, inBucket := s.files(t), objects(t, client, "production", "")
	run(t, exitFailure, "init", "--config", s.config).wants(t, "already", s.made.Archive)
	other := newSite(t, s3, "production", "127.0.0.1:0", "")
	run(t, exitFailure, "init", "--config", other.config).wants(t, "production", "--use-bucket")
	if left := other.files(t); len(left) != 1 {
		t.Errorf("a refused init made files: %v", left)
	}
	if fmt.Sprint(s.files(t)) != fmt.Sprint(files) || fmt.Sprint(objects(t, client, "production", "")) != fmt.Sprint(inBucket) {
		t.Error("the second init changed something")
	}

	d := startServe(t, s.config)
	events := []byte(`{"action":"invoice.create","actor":{"id":"a","type":"user"},"resource":{"type":"invoice"},"outcome":"success"}`)
	for _, tt := range []struct {
		token, path string
		status      int
	}{
		{"", "/v1/events", 401}, {"wrong", "/v1/events", 401}, {"secret-2", "/v1/events", 403}, {"secret-1", "/v1/events", 200},
		{"", "/v1/query", 401}, {"secret-1", "/v1/query", 403}, {"secret-2", "/v1/query", 200},
	} {
		body := events
		if tt.path == "/v1/query" {
			body = []byte(`{"sql":"` + countSQL + `"}`)
		}
		if status := postAs(t, d.URL+tt.path, tt.token, body); status != tt.status {
			t.Errorf("%s with token %q: status %d, want %d", tt.path, tt.token, status, tt.status)
		}
	}
	d.waitArchived(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret-2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const sql = "SELECT action, producer, retention, seq FROM audit_logs"
	const want = "action,producer,retention,seq\ninvoice.create,billing,long,0\n"
	for _, args := range [][]string{{"--url", d.URL, "--token-file", token}, {"--config", s.config}} {
		got := run(t, exitOK, append([]string{"query", "--format", "csv", sql}, args...)...)
		if strings.ReplaceAll(got.out, "\r\n", "\n") != want {
			t.Errorf("%v: got %q, want %q", args, got.out, want)
		}
	}
	run(t, exitFailure, "query", "--url", d.URL, sql).wants(t, "token")
	run(t, exitFailure, "serve", "--config", s.config).wants(t, "locked by another process")
	d.stop(t)
	s3.stop(t)
}

func postAs(t *testing.T, url, token string, body []byte) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// TestListeners: a socket works, also where a killed server left one behind; what
// other machines could reach does not start without TLS and tokens.
func TestListeners(t *testing.T) {
	s3 := startDev(t, t.TempDir())
	socket := filepath.Join(t.TempDir(), "a.sock")
	s := newSite(t, s3, "sockets", "unix:"+socket, fmt.Sprintf("tokens:\n  - {name: local-app, scopes: [ingest, query], sha256: %s}\n", tokenHash("t")))
	s.init(t)
	token := filepath.Join(s.dir, "token")
	if err := os.WriteFile(token, []byte("t"), 0o600); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	for round := range 2 {
		d := startServe(t, s.config)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/v1/events",
			strings.NewReader(`{"action":"a","actor":{"id":"b","type":"user"},"resource":{"type":"c"},"outcome":"success"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer t")
		if got, err := send(client, req); err != nil || got.Events[0].Seq != int64(round) {
			t.Fatalf("round %d: %+v, %v", round, got, err)
		}
		client.CloseIdleConnections()
		got := run(t, exitOK, "query", "--url", "unix:"+socket, "--token-file", token, "--format", "csv", "SELECT max(seq), max(producer) FROM audit_logs")
		if want := fmt.Sprintf("%d,local-app\n", round); !strings.HasSuffix(strings.ReplaceAll(got.out, "\r\n", "\n"), want) {
			t.Errorf("round %d: %q", round, got.out)
		}
		if round == 0 {
			d.kill(t)
		} else {
			d.stop(t)
		}
	}
	s.edit(t, "listen: unix:"+socket, "listen: 0.0.0.0:0")
	run(t, exitUsage, "serve", "--config", s.config).wants(t, "not loopback", "tls")
	s.edit(t, "\ntokens:\n", "\nheartbeat: 1h\nunused:\n")
	run(t, exitUsage, "serve", "--config", s.config).wants(t, "unused", "scope ingest", "line ")
	s3.stop(t)
}

// TestCloneStops runs a copy of a data folder. Whoever comes second finds the
// other's commit at its index and stops; nothing that was acknowledged goes away.
func TestCloneStops(t *testing.T) {
	s3 := startDev(t, t.TempDir())
	s := newSite(t, s3, "clones", "127.0.0.1:0", "")
	s.init(t)
	first := startServe(t, s.config)
	first.stored(t, some(3)...)
	first.stop(t)

	clone := &site{dir: t.TempDir()}
	clone.config = filepath.Join(clone.dir, "archiver.yaml")
	if out, err := exec.Command("cp", "-a", s.dir+"/.", clone.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	first = startServe(t, s.config) // the same inode: no note, nothing committed
	second := startServe(t, clone.config)
	second.stored(t, some(2)...) // takes the index, and the seq numbers
	second.waitArchived(t)

	first.stored(t, event("", "kept.action", "someone", "thing", "", "success"))
	first.waitStopped(t)
	if err := first.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := first.ended(t)
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != exitFailure {
		t.Errorf("the cloned server ended with %v, want exit code 1\n%s", err, first.log)
	}
	if !strings.Contains(first.log.String(), "foreign") && !strings.Contains(first.log.String(), "conflict") {
		t.Errorf("it does not say why:\n%s", first.log)
	}
	run(t, exitFailure, "serve", "--config", s.config).wants(t, "00000000000000000")
	found := false
	for name, content := range s.files(t) {
		found = found || strings.HasSuffix(name, ".wal") && strings.Contains(content, "kept.action")
	}
	if !found {
		t.Error("the event that the stopped server acknowledged is in no file of its folder")
	}
	if n := second.queryBucket(t, countSQL).one(t); n != "5" {
		t.Errorf("%s rows in the bucket, want the 3 before and the 2 of the clone", n)
	}
	second.stop(t)
	s3.stop(t)
}

// waitStopped waits until a server says that it takes no more events for good, and
// demands that it refuses them and still answers queries.
func (d *dev) waitStopped(t testing.TB) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for stopped := false; !stopped; {
		resp, err := http.Get(d.URL + "/readyz")
		if err != nil {
			t.Fatalf("%v\n%s", err, d.log)
		}
		raw, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
		stopped = resp.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(raw), "stopped")
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it is still ready: %s\n%s", raw, d.log)
		}
	}
	body, err := json.Marshal(some(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.post(t.Context(), "application/json", body); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("an event after the stop: %v", err)
	}
	if n := d.query(t, countSQL).one(t); n != "4" {
		t.Errorf("%s rows after the stop, want the 3 archived ones and the one in the WAL", n)
	}
}

// ended waits until a server ends.
func (d *dev) ended(t testing.TB) error {
	t.Helper()
	select {
	case err := <-d.done:
		return err
	case <-time.After(time.Minute):
		t.Fatalf("it does not end:\n%s", d.log)
		return nil
	}
}
