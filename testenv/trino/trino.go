// Package trino runs a Trino server for tests, without Docker: the reference for the
// SQL that users write.
//
//	s3 := s3test.MinIO(t)
//	server := trino.Start(t, trino.Storage{Endpoint: s3.Endpoint, …})
//	engine := server.Engine(t, "audit")
//
// The server is one process with one catalog, hive, whose tables are Parquet files in
// an S3 bucket and whose metastore is a folder. It listens on a free loopback port.
// Trino and, where the system has none, a Java runtime are fetched at first use; see
// [Install].
package trino

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/trino"
	"github.com/audit-archiver/archiver/testenv/proc"
)

const (
	// Version is published as a Maven artifact with its server; not every version is.
	Version = "476"
	// Catalog is the one that a server has.
	Catalog = "hive"
	// User is whom queries run as; the server believes every name.
	User = "tester"

	startTimeout = 8 * time.Minute // half a minute on a machine that does nothing else
	stopTimeout  = 20 * time.Second
	pollEvery    = 200 * time.Millisecond
)

// Storage is the S3 endpoint that the tables are in.
type Storage struct{ Endpoint, Region, AccessKey, SecretKey string }

// Server is a running Trino.
type Server struct {
	URL string

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended; err is final then
	err  error
	log  string
}

// Need returns Trino and a Java, which it installs if it must. If that does not work,
// the test fails when CI is true; otherwise it is skipped, and the log says why.
func Need(t testing.TB) Programs {
	t.Helper()
	p, err := Install(context.Background())
	if err != nil {
		proc.Missing(t, "Trino cannot be installed, so nothing is compared with it: %v", err)
	}
	return p
}

// Start runs a Trino for one test.
func Start(t testing.TB, s Storage) *Server {
	t.Helper()
	server, err := Run(Need(t), t.TempDir(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Errorf("stop trino: %v", err)
		}
	})
	return server
}

// Engine is our own engine on the server, with schema as the place of tables.
func (s *Server) Engine(t testing.TB, schema string) athena.Engine {
	t.Helper()
	e, err := trino.Open(trino.Options{Server: s.URL, User: User, Catalog: Catalog, Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// Run starts a server with everything of its own in dir, and returns when it answers.
func Run(p Programs, dir string, s Storage) (*Server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, fmt.Errorf("run trino: %w", err)
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("run trino: %w", err)
	}
	if err := configure(p.Home, dir, port, s); err != nil {
		return nil, fmt.Errorf("run trino: %w", err)
	}
	server := &Server{URL: "http://" + addr, done: make(chan struct{}), log: filepath.Join(dir, "trino.log")}
	log, err := os.Create(server.log)
	if err != nil {
		return nil, fmt.Errorf("run trino: %w", err)
	}
	defer func() { _ = log.Close() }() // the process has its own descriptor
	server.cmd = exec.Command(p.Java, javaArgs(p.Home, dir)...)
	server.cmd.Dir = dir
	server.cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir, "LANG=C.UTF-8"}
	server.cmd.Stdout, server.cmd.Stderr = log, log
	server.cmd.SysProcAttr = proc.DieWithParent(syscall.SIGKILL)
	if err := server.cmd.Start(); err != nil {
		return nil, fmt.Errorf("run trino: %w", err)
	}
	go func() {
		defer close(server.done)
		server.err = server.cmd.Wait()
	}()
	if err := server.waitReady(); err != nil {
		_ = server.cmd.Process.Kill()
		<-server.done
		return nil, fmt.Errorf("run trino: %w: %s", err, server.tail())
	}
	return server, nil
}

// tail is the end of the log.
func (s *Server) tail() []byte {
	const most = 4000
	text, _ := os.ReadFile(s.log)
	return text[max(0, len(text)-most):]
}

// waitReady asks the server until it says that it takes queries.
func (s *Server) waitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if s.ready(ctx) {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.done:
			return fmt.Errorf("ended at once: %w", s.err)
		case <-ctx.Done():
			return errors.New("not ready in time")
		}
	}
}

func (s *Server) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/v1/info", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var info struct {
		Starting bool `json:"starting"`
	}
	return resp.StatusCode == http.StatusOK && json.NewDecoder(resp.Body).Decode(&info) == nil && !info.Starting
}

// Stop ends the server. Nothing of it is worth an orderly end.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.done:
		return nil // how it says good-bye does not matter
	case <-time.After(stopTimeout):
		return errors.New("trino did not end when killed")
	}
}

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}
