// Package postgres runs a PostgreSQL server for tests, from the programs that the
// system has installed, without Docker.
//
//	func TestMain(m *testing.M) { postgres.Main(m) }
//
//	func TestCopy(t *testing.T) {
//		dsn := postgres.Shared(t).Database(t)
//		…
//	}
//
// A server has a folder of its own and listens on a Unix socket in it, so it can
// collide with nobody. It trusts whoever reaches the socket, under any name.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/audit-archiver/archiver/testenv/proc"
)

const (
	// Superuser is the role that made the cluster.
	Superuser = "postgres"

	startTimeout = 2 * time.Minute
	pollEvery    = 20 * time.Millisecond
)

// Server is a PostgreSQL server of its own.
type Server struct {
	bin, dir string
	as       *syscall.Credential // nil: as we are

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// shared is the server of this test process.
var shared struct {
	sync.Mutex
	main   bool // Main runs the tests, so somebody will stop what we start
	server *Server
}

// Main runs the tests of a package and stops the shared server afterwards. It does
// not return.
func Main(m *testing.M) {
	shared.main = true
	code := m.Run()
	if shared.server != nil {
		if err := shared.server.Remove(); err != nil {
			fmt.Fprintln(os.Stderr, "testenv/postgres:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// Shared is the server of this test process, started by the first test that asks.
// A test that stops it starts it again.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.main {
		t.Fatal("testenv/postgres: the package needs `func TestMain(m *testing.M) { postgres.Main(m) }`")
	}
	if shared.server == nil {
		s, err := Run(need(t))
		if err != nil {
			t.Fatal(err)
		}
		shared.server = s
	}
	return shared.server
}

// Start runs a server for one test.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := Run(need(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Remove(); err != nil {
			t.Errorf("testenv/postgres: %v", err)
		}
	})
	return s
}

// need finds the programs of the newest version. Without them the test fails when
// CI is true; otherwise it is skipped, and the log says why.
func need(t testing.TB) (bin string) {
	t.Helper()
	if bin = programs(); bin == "" {
		proc.Missing(t, "PostgreSQL is not installed (Debian: apt-get install postgresql), so its half of the evidence is missing")
	}
	return bin
}

func programs() string {
	newest, version := "", 0.0
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // never an error: the pattern is well-formed
	for _, f := range found {
		bin := filepath.Dir(f)
		if v, err := strconv.ParseFloat(filepath.Base(filepath.Dir(bin)), 64); err == nil && v > version {
			newest, version = bin, v
		}
	}
	if newest == "" {
		if initdb, err := exec.LookPath("initdb"); err == nil {
			newest = filepath.Dir(initdb)
		}
	}
	return newest
}

// Run makes a cluster and starts its server.
func Run(bin string) (_ *Server, err error) {
	dir, err := os.MkdirTemp("", "archiver-pg-") // short: a socket's path has at most 107 bytes
	if err != nil {
		return nil, fmt.Errorf("run postgres: %w", err)
	}
	s := &Server{bin: bin, dir: dir}
	defer func() {
		if err != nil {
			err = fmt.Errorf("run postgres: %w", errors.Join(err, os.RemoveAll(dir)))
		}
	}()
	if os.Getuid() == 0 { // initdb refuses root
		if s.as, err = unprivileged(); err != nil {
			return nil, err
		}
		if err := os.Chown(dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			return nil, err
		}
	}
	initdb := s.command("initdb", "-D", s.data(), "-U", Superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return s, s.Start()
}

func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
	}
	return nil, errors.New("there is no user postgres or nobody to run it as")
}

func (s *Server) data() string    { return filepath.Join(s.dir, "data") }
func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

// Socket is the folder of the Unix socket; its port number is 5432.
func (s *Server) Socket() string { return s.dir }

// SocketFile is the Unix socket itself.
func (s *Server) SocketFile() string { return filepath.Join(s.dir, ".s.PGSQL.5432") }

func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = proc.DieWithParent(syscall.SIGQUIT)
	cmd.SysProcAttr.Credential = s.as
	return cmd
}

// Start starts the server again after Stop or Kill, and returns when it answers.
func (s *Server) Start() error {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	defer log.Close() // the server has its own copy
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		s.cmd = s.command("postgres", "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=40",
			"-c", "shared_buffers=32MB", "-c", "log_min_messages=warning")
		s.cmd.Stdout, s.cmd.Stderr = log, log
		if err := s.cmd.Start(); err != nil {
			return fmt.Errorf("start postgres: %w", err)
		}
		done := make(chan struct{})
		s.done = done
		go func(cmd *exec.Cmd) {
			defer close(done)
			_ = cmd.Wait() // how it ended is in its log
		}(s.cmd)
		err := s.waitReady(ctx)
		if err == nil {
			return nil
		}
		// After a kill it refuses to start while old backends still hold its memory.
		if ctx.Err() != nil || !s.ended() {
			tail, _ := os.ReadFile(s.logFile())
			return fmt.Errorf("start postgres: %w: %s", err, tail[max(0, len(tail)-2000):])
		}
	}
}

func (s *Server) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// waitReady asks until the server answers.
func (s *Server) waitReady(ctx context.Context) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.DSN(Superuser, "postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-tick.C:
		case <-s.done:
			return fmt.Errorf("it ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("it is not ready in time: %w", err)
		}
	}
}

// Stop ends the server as pg_ctl stop does: smart (SIGTERM), fast (SIGINT),
// immediate (SIGQUIT). It returns when the server has ended.
func (s *Server) Stop(how syscall.Signal) error {
	if err := s.cmd.Process.Signal(how); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop postgres: %w", err)
	}
	<-s.done
	return nil
}

// Kill ends the server and all its backends with SIGKILL, as a power failure or the
// kernel would.
func (s *Server) Kill() error {
	pid := s.cmd.Process.Pid
	backends, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("kill postgres: %w", err)
	}
	err = s.cmd.Process.Kill()
	<-s.done
	for _, field := range strings.Fields(string(backends)) {
		child, convErr := strconv.Atoi(field)
		if convErr != nil {
			return fmt.Errorf("kill postgres: %w", convErr)
		}
		if killErr := syscall.Kill(child, syscall.SIGKILL); killErr != nil && !errors.Is(killErr, syscall.ESRCH) {
			err = errors.Join(err, killErr)
		}
	}
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill postgres: %w", err)
	}
	return nil
}

// Remove stops the server and removes its folder.
func (s *Server) Remove() error {
	return errors.Join(s.Stop(syscall.SIGQUIT), os.RemoveAll(s.dir))
}

// DSN is for connecting as a role to a database.
func (s *Server) DSN(role, database string) string {
	return "postgres:///" + url.PathEscape(database) + "?host=" + url.QueryEscape(s.dir) + "&user=" + url.QueryEscape(role)
}

// Database makes a fresh database and returns its name. It goes with the test.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", time.Now().UnixNano())
	s.Exec(t, "postgres", `CREATE DATABASE "`+name+`"`)
	t.Cleanup(func() { s.Exec(t, "postgres", `DROP DATABASE "`+name+`" WITH (FORCE)`) })
	return name
}

// Exec runs statements as superuser.
func (s *Server) Exec(t testing.TB, database, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.DSN(Superuser, database))
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.PgConn().Exec(ctx, sql).ReadAll()
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
