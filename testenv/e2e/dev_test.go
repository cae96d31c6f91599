// Package e2e runs the real binary and looks at it from outside.
package e2e

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
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/testenv/promise"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "archiver-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "archiver")
	build := exec.Command("go", "build", "-o", binary, "../../cmd/archiver")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build archiver:", err)
		return 1
	}
	return m.Run()
}

// dev is a running `archiver dev` or, with less in it, `archiver serve`.
type dev struct {
	Listen      string `json:"listen"` // serve only
	URL         string `json:"url"`
	Athena      string `json:"athena_url"`
	S3          string `json:"s3_endpoint"`
	Bucket      string `json:"bucket"`
	Config      string `json:"config"`
	Credentials string `json:"credentials"`
	RootVKey    string `json:"root_vkey"`

	cmd  *exec.Cmd
	log  *logBuffer
	done chan error // of Wait
}

// logBuffer keeps the end of what a process says.
type logBuffer struct {
	mu   sync.Mutex
	text []byte
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if over := len(l.text) - 1<<16; over > 0 {
		l.text = l.text[over:]
	}
	return len(p), nil
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// startDev starts dev on free ports and returns when it says that it is ready.
func startDev(t testing.TB, dir string, args ...string) *dev {
	t.Helper()
	return launch(t, append([]string{"dev", "--dir", dir, "--listen", "127.0.0.1:0",
		"--s3-listen", "127.0.0.1:0", "--athena-listen", "127.0.0.1:0", "--json"}, args...)...)
}

// startServe starts serve and returns when it says that it listens.
func startServe(t testing.TB, config string) *dev {
	t.Helper()
	d := launch(t, "serve", "--config", config, "--json")
	d.URL, d.Config = "http://"+d.Listen, config
	return d
}

// startsWithin is how long a start may take on a machine that does ten other things:
// reading a full window of ids back is a second of processor time.
const startsWithin = 5 * time.Minute

// launch starts a server that prints one JSON document when it is ready.
func launch(t testing.TB, args ...string) *dev {
	t.Helper()
	d := &dev{log: new(logBuffer), done: make(chan error, 1)}
	d.cmd = exec.Command(binary, args...)
	d.cmd.Stderr = d.log
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.kill(t) })
	ready := make(chan error, 1)
	go func() {
		ready <- json.NewDecoder(out).Decode(d)
		_, _ = io.Copy(io.Discard, out)
		d.done <- d.cmd.Wait()
		close(d.done)
	}()
	select {
	case err := <-ready:
		if err != nil {
			d.kill(t)
			t.Fatalf("it did not get ready: %v\n%s", err, d.log)
		}
	case <-time.After(startsWithin):
		t.Fatalf("it is not ready after %s:\n%s", startsWithin, d.log)
	}
	return d
}

// kill ends the process as a power failure would.
func (d *dev) kill(t testing.TB) {
	t.Helper()
	if err := d.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	<-d.done
}

// stop ends the process in order and demands that it says so.
func (d *dev) stop(t testing.TB) {
	t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-d.done:
		if err != nil {
			t.Fatalf("it ended with %v:\n%s", err, d.log)
		}
	case <-time.After(time.Minute):
		t.Fatalf("it does not end:\n%s", d.log)
	}
}

// answer of POST /v1/events.
type answer struct {
	Stream string           `json:"stream"`
	Events []promise.Stored `json:"events"`
}

// refusal is any answer but 200.
type refusal struct {
	status int
	body   []byte
}

func (r *refusal) Error() string { return fmt.Sprintf("status %d: %s", r.status, r.body) }

// post sends events and returns the answer, or an error for any other outcome.
func (d *dev) post(ctx context.Context, contentType string, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL+"/v1/events", bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", contentType)
	return send(http.DefaultClient, req)
}

// send sends a request with events and returns the answer, or an error for any
// other outcome.
func send(client *http.Client, req *http.Request) (answer, error) {
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return answer{}, &refusal{resp.StatusCode, raw}
	}
	var a answer
	return a, json.Unmarshal(raw, &a)
}

// table is an answer of POST /v1/query. Numbers stay text.
type table struct {
	Columns []struct{ Name, Type string }
	Rows    [][]any
	Through time.Time `json:"complete_through"`
}

func (d *dev) query(t testing.TB, sql string) table {
	t.Helper()
	body, err := json.Marshal(map[string]string{"sql": sql})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(d.URL+"/v1/query", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v: %s\n%s", sql, resp.StatusCode, err, raw, d.log)
	}
	return decodeTable(t, raw)
}

// queryBucket asks the archive itself, without the server.
func (d *dev) queryBucket(t testing.TB, sql string) table {
	t.Helper()
	cmd := exec.Command(binary, "query", "--config", d.Config, "--format", "json", sql)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("query --config: %v: %s", err, stderr.String())
	}
	return decodeTable(t, raw)
}

func decodeTable(t testing.TB, raw []byte) table {
	t.Helper()
	var tb table
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&tb); err != nil {
		t.Fatalf("answer %.200s: %v", raw, err)
	}
	return tb
}

// one is the only value of an answer, as text.
func (tb table) one(t testing.TB) string {
	t.Helper()
	if len(tb.Rows) != 1 || len(tb.Rows[0]) != 1 {
		t.Fatalf("want one value, got %v", tb.Rows)
	}
	return fmt.Sprint(tb.Rows[0][0])
}

// metric reads one metric without labels.
func (d *dev) metric(t testing.TB, name string) string {
	t.Helper()
	resp, err := http.Get(d.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	t.Fatalf("there is no metric %s", name)
	return ""
}

// waitArchived returns when nothing is left in the WAL.
func (d *dev) waitArchived(t testing.TB) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(2 * time.Minute)
	for d.metric(t, "archiver_wal_first_seq") != d.metric(t, "archiver_wal_next_seq") {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not archived in time:\n%s", d.log)
		}
	}
}
