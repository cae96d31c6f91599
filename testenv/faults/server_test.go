//go:build linux

package faults

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
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/testenv/faults/strike"
)

// patience is how long a test waits for what must come. Nothing waits as long
// when all is well.
const patience = 2 * time.Minute

// server is a running `archiver serve`.
type server struct {
	site  *site
	url   string
	cmd   *exec.Cmd
	log   *tail
	ready chan error // one: nil once it listens, or why it never will
	done  chan error // of Wait; closed
	hits  string     // log of strike
	armed string     // the file that arms it
}

// arm lets strike count from here on.
func (v *server) arm(t testing.TB) {
	t.Helper()
	if err := os.WriteFile(v.armed, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// how it is started.
type how struct {
	plan *strike.Plan
	wait bool     // the plan begins with arm
	wrap []string // a command that runs the server: prlimit, strace
}

// launch starts the server and does not wait for anything.
func (s *site) launch(t testing.TB, h how) *server {
	t.Helper()
	v := &server{site: s, log: new(tail), ready: make(chan error, 1), done: make(chan error, 1)}
	argv := slices.Concat(h.wrap, []string{binary(), "serve", "--config", s.config, "--json"})
	env := os.Environ()
	if h.plan != nil {
		if !strike.Supported {
			lacks(t, "strike works on linux/amd64 only")
		}
		p := *h.plan
		dir := t.TempDir()
		v.hits, v.armed = filepath.Join(dir, "hits"), filepath.Join(dir, "armed")
		p.Log = v.hits
		if h.wait {
			p.Armed = v.armed
		}
		var err error
		if argv, env, err = p.Command(argv[0], argv[1:]...); err != nil {
			t.Fatal(err)
		}
	}
	v.cmd = exec.Command(argv[0], argv[1:]...)
	v.cmd.Env, v.cmd.Stderr = env, v.log
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.kill(t) })
	go func() {
		var said struct{ Listen string }
		err := json.NewDecoder(out).Decode(&said)
		v.url = "http://" + said.Listen
		v.ready <- err
		_, _ = io.Copy(io.Discard, out) // until nobody holds its end any more
		v.done <- v.cmd.Wait()
		close(v.done)
	}()
	return v
}

// start starts the server and waits until it listens.
func (s *site) start(t testing.TB, h how) *server {
	t.Helper()
	v := s.launch(t, h)
	if err := v.listens(t); err != nil {
		v.kill(t)
		t.Fatalf("it did not get ready: %v\n%s", err, v.log)
	}
	return v
}

// listens waits until the server listens, and returns an error if it ended before.
func (v *server) listens(t testing.TB) error {
	t.Helper()
	select {
	case err := <-v.ready:
		return err
	case <-time.After(patience):
		t.Fatalf("it is not ready after %s:\n%s", patience, v.log)
		return nil
	}
}

// kill ends the process and everything that it runs under, at once.
func (v *server) kill(t testing.TB) {
	t.Helper()
	select {
	case <-v.done: // closed: its group may be somebody else's by now
		return
	default:
	}
	if err := syscall.Kill(-v.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Error(err)
	}
	<-v.done
}

func (v *server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := v.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// stop ends the server in order and demands that it says so.
func (v *server) stop(t testing.TB) {
	t.Helper()
	v.signal(t, syscall.SIGTERM)
	if code := v.ended(t); code != 0 {
		t.Fatalf("it ended with code %d:\n%s", code, v.log)
	}
}

// ended waits until the server ends by itself and returns its exit code.
func (v *server) ended(t testing.TB) int {
	t.Helper()
	select {
	case <-v.done:
		return v.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("it does not end:\n%s", v.log)
		return 0
	}
}

// struck returns the calls that strike hit.
func (v *server) struck(t testing.TB) (hits []strike.Hit) {
	t.Helper()
	for _, h := range v.calls(t) {
		if h.Struck {
			hits = append(hits, h)
		}
	}
	return hits
}

// calls returns all that strike saw.
func (v *server) calls(t testing.TB) []strike.Hit {
	t.Helper()
	hits, err := strike.ReadLog(v.hits)
	if err != nil {
		t.Fatal(err)
	}
	return hits
}

// problem is an answer other than 200.
type problem struct {
	status int
	body   string
}

func (p *problem) Error() string { return fmt.Sprintf("status %d: %s", p.status, p.body) }

// statusOf is the HTTP status of an error of post; 0: there was no answer.
func statusOf(err error) int {
	var p *problem
	if errors.As(err, &p) {
		return p.status
	}
	return 0
}

// call sends one request and returns the body of a 200.
func (v *server) call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, v.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	return answerOf(req)
}

// answerOf sends a request and returns the body of a 200.
func answerOf(req *http.Request) ([]byte, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = &problem{resp.StatusCode, string(raw)}
	}
	return raw, err
}

// send posts a body of events and takes the promise, or keeps the body to be
// sent again.
func (v *server) send(t testing.TB, body []byte) error {
	raw, err := v.call(context.Background(), http.MethodPost, "/v1/events", body)
	if err != nil {
		v.site.promise.unanswered(body)
		return err
	}
	v.site.promise.take(t, raw)
	return nil
}

// stored sends n new events in one request, which must be taken.
func (v *server) stored(t testing.TB, n int) {
	t.Helper()
	if err := v.send(t, v.site.promise.Invent(n, 0)); err != nil {
		t.Fatalf("%v\n%s", err, v.log)
	}
}

// again sends what was not answered once more: it must be taken, whether or not
// it was stored the first time.
func (v *server) again(t testing.TB) {
	t.Helper()
	for _, body := range v.site.promise.takeUnanswered() {
		if err := v.send(t, body); err != nil {
			t.Fatalf("send again: %v\n%s", err, v.log)
		}
	}
}

// readyz is what /readyz says, whatever its status.
func (v *server) readyz() (status int, text string) {
	raw, err := v.call(context.Background(), http.MethodGet, "/readyz", nil)
	if p := new(problem); errors.As(err, &p) {
		return p.status, p.body
	}
	if err != nil {
		return 0, err.Error()
	}
	return http.StatusOK, string(raw)
}

// metric reads one metric without labels; "" when there is no answer.
func (v *server) metric(name string) string {
	raw, err := v.call(context.Background(), http.MethodGet, "/metrics", nil)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// drains waits until nothing is left in the WAL, and says false if the server
// ends before.
func (v *server) drains(t testing.TB) (ok bool) {
	t.Helper()
	await(t, "everything is archived", func() (bool, string) {
		first, next := v.metric("archiver_wal_first_seq"), v.metric("archiver_wal_next_seq")
		ok = first != "" && first == next
		select {
		case <-v.done:
			return true, ""
		default:
			return ok, fmt.Sprintf("the WAL holds [%s, %s)\n%s", first, next, v.log)
		}
	})
	return ok
}

// archived waits until nothing is left in the WAL.
func (v *server) archived(t testing.TB) {
	t.Helper()
	if !v.drains(t) {
		t.Fatalf("it ended\n%s", v.log)
	}
}

// drained waits until nothing is left in the WAL, which may take long, but never stands
// still. It looks at other things meanwhile.
func (v *server) drained(t testing.TB, look func()) {
	t.Helper()
	for before, done := "", false; !done; {
		await(t, "more is archived", func() (bool, string) {
			look()
			first, next := v.metric("archiver_wal_first_seq"), v.metric("archiver_wal_next_seq")
			moved := first != "" && first != before
			before, done = first, first != "" && first == next
			return moved || done, fmt.Sprintf("the WAL holds [%s, %s)\n%s", first, next, v.log)
		})
	}
}

// await asks until the answer is yes. ask also says how things stand.
func await(t testing.TB, what string, ask func() (bool, string)) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		ok, state := ask()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %s: %s; %s", patience, what, state)
		}
	}
}

// tail keeps the end of what a process says.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if over := len(l.text) - 1<<14; over > 0 {
		l.text = l.text[over:]
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
