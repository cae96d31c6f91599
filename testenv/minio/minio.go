// Package minio runs a MinIO server for tests and for hand use, without Docker.
//
// The server is the last community version, built by `go install` into the
// repository's .tools folder (git-ignored) at first use: some four minutes on two
// cores, once. It listens on a free loopback port, with its own data folder and
// random credentials.
package minio

import (
	"context"
	"crypto/rand"
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

	"github.com/audit-archiver/archiver/testenv/proc"
)

const (
	// Version is the pinned version of github.com/minio/minio.
	Version = "v0.0.0-20260212201848-7aac2a2c5b7c"
	// Region that requests are signed for.
	Region = "us-east-1"

	startTimeout = 60 * time.Second
	stopTimeout  = 20 * time.Second
	pollEvery    = 50 * time.Millisecond
)

// Server is a running MinIO.
type Server struct {
	Endpoint, AccessKey, SecretKey string

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended; err is final then
	err  error
}

// Need returns the path of the MinIO binary, which it builds if it must. If that
// does not work, the test fails when CI is true; otherwise it is skipped, and the
// log says why.
func Need(t testing.TB) string {
	t.Helper()
	binary, err := Build(context.Background())
	if err != nil {
		proc.Missing(t, "MinIO cannot be built, so its half of the evidence is missing: %v", err)
	}
	return binary
}

// Start runs a MinIO for one test.
func Start(t testing.TB) *Server {
	t.Helper()
	srv, err := Run(Need(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Stop(); err != nil {
			t.Errorf("stop minio: %v", err)
		}
	})
	return srv
}

// Run starts the binary with its data in dir and returns when it is ready.
func Run(binary, dir string) (*Server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("run minio: %w", err)
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, fmt.Errorf("run minio: %w", err)
	}
	srv := &Server{
		Endpoint: "http://" + addr, AccessKey: rand.Text(), SecretKey: rand.Text(),
		done: make(chan struct{}),
	}
	log, err := os.Create(filepath.Join(dir, "minio.log"))
	if err != nil {
		return nil, fmt.Errorf("run minio: %w", err)
	}
	defer func() { _ = log.Close() }() // the process has its own descriptor
	srv.cmd = exec.Command(binary, "server", "--quiet", "--address", addr,
		"--certs-dir", filepath.Join(dir, "certs"), filepath.Join(dir, "data"))
	srv.cmd.Env = []string{
		"MINIO_ROOT_USER=" + srv.AccessKey, "MINIO_ROOT_PASSWORD=" + srv.SecretKey,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off",
		"MINIO_CI_CD=1", // allows a data folder on the system's disk
		"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(),
	}
	srv.cmd.Stdout, srv.cmd.Stderr = log, log
	srv.cmd.SysProcAttr = proc.DieWithParent(syscall.SIGKILL)
	if err := srv.cmd.Start(); err != nil {
		return nil, fmt.Errorf("run minio: %w", err)
	}
	go func() {
		defer close(srv.done)
		srv.err = srv.cmd.Wait()
	}()
	if err := srv.waitReady(); err != nil {
		_ = srv.cmd.Process.Kill()
		<-srv.done
		tail, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("run minio: %w: %s", err, tail)
	}
	return srv, nil
}

// waitReady asks the server until it says that it is ready.
func (s *Server) waitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/minio/health/ready", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
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

// Stop ends the server.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.done:
		return nil // how it says good-bye does not matter
	case <-time.After(stopTimeout):
		err := s.cmd.Process.Kill()
		<-s.done
		return errors.Join(errors.New("minio did not stop when asked"), err)
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
