package clients_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sidecar is `archiver dev`, which may be killed and comes back at the same
// address with the same folder. One goroutine at a time.
type sidecar struct {
	URL    string `json:"url"`
	Config string `json:"config"`

	dir    string
	listen string // free at first, then that of URL
	cmd    *exec.Cmd
	log    *tail
	ended  <-chan struct{} // closed when the process is gone
}

// startSidecar starts one that seals soon, so that archiving is under way while
// everything is killed.
func startSidecar(t *testing.T) *sidecar {
	t.Helper()
	s := &sidecar{dir: t.TempDir(), listen: "127.0.0.1:0"}
	t.Cleanup(func() { s.kill() })
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// start starts the process and waits until it says that it is ready. While it was
// away, a client that knocked may have been given its port as its own: Linux
// connects a socket to itself. Such a port is free again in a moment.
func (s *sidecar) start() error {
	var err error
	for range 20 {
		if err = s.launch(); err == nil || !strings.Contains(s.log.String(), "address already in use") {
			return err
		}
		<-time.After(200 * time.Millisecond)
	}
	return err
}

func (s *sidecar) launch() error {
	s.log = new(tail)
	s.cmd = exec.Command(archiver(), "dev", "--dir", s.dir, "--listen", s.listen, "--s3-listen", "127.0.0.1:0", "--athena-listen", "",
		"--seal-age", "2s", "--json")
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ready := make(chan error, 1)
	s.ended = after(func() {
		ready <- json.NewDecoder(out).Decode(s)
		_, _ = io.Copy(io.Discard, out)
		_ = s.cmd.Wait() // how it ended is in ProcessState
	})
	select {
	case err = <-ready:
	case <-time.After(time.Minute):
		err = errors.New("not ready after a minute")
	}
	if err != nil {
		s.kill()
		return fmt.Errorf("archiver dev: %w\n%s", err, s.log)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return err
	}
	s.listen = u.Host
	return nil
}

// kill ends the process as a power failure would, if it still runs.
func (s *sidecar) kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may be gone
	<-s.ended
}

// stop ends the process in order: all that it holds is sealed and archived.
func (s *sidecar) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.ended:
		if !s.cmd.ProcessState.Success() {
			t.Fatalf("archiver dev ended with %v:\n%s", s.cmd.ProcessState, s.log)
		}
	case <-time.After(2 * time.Minute):
		t.Fatalf("archiver dev does not end:\n%s", s.log)
	}
}

// asker answers a query with rows; numbers stay text.
type asker func(sql string) ([][]any, error)

// query asks the server: what is archived, and what still waits.
func (s *sidecar) query(sql string) ([][]any, error) {
	body, err := json.Marshal(map[string]string{"sql": sql})
	if err != nil {
		return nil, err
	}
	client := http.Client{Timeout: time.Minute}
	resp, err := client.Post(s.URL+"/v1/query", "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d: %s", sql, resp.StatusCode, raw)
	}
	return rows(raw)
}

// queryBucket asks the archive alone. It needs the S3 endpoint, not the WAL.
func (s *sidecar) queryBucket(sql string) ([][]any, error) {
	cmd := exec.Command(archiver(), "query", "--config", s.Config, "--format", "json", sql)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("query --config: %w: %s", err, stderr.String())
	}
	return rows(raw)
}

func rows(raw []byte) ([][]any, error) {
	var answer struct{ Rows [][]any }
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err := d.Decode(&answer)
	return answer.Rows, err
}

// absent fails in CI, where everything must be checked, and skips loudly elsewhere.
func absent(t *testing.T, format string, args ...any) {
	t.Helper()
	message := fmt.Sprintf(format, args...)
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip("NOT CHECKED: " + message)
}
