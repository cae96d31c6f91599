// Package pg runs a private PostgreSQL server: own folder, own port, nothing shared with one that the machine may run.
package pg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/audit-archiver/archiver/bench/load"
	"github.com/audit-archiver/archiver/bench/proc"
)

// ErrMissing says that PostgreSQL is not installed.
var ErrMissing = errors.New("not installed")

// Table is what audit logs are usually kept in. Tenants of the generated events are
// no UUIDs, so organization_id is text here.
const Table = `
CREATE TABLE audit_logs (
	id UUID PRIMARY KEY, timestamp TIMESTAMPTZ NOT NULL DEFAULT NOW(), action VARCHAR(100) NOT NULL,
	actor_id VARCHAR(255) NOT NULL, actor_type VARCHAR(50) NOT NULL, actor_email VARCHAR(255),
	resource_type VARCHAR(100) NOT NULL, resource_id VARCHAR(255), outcome VARCHAR(20) NOT NULL, reason TEXT,
	details JSONB, request_id VARCHAR(255), ip INET, user_agent TEXT, organization_id VARCHAR(255));`

// Indexes are the specification's five, and its trigger.
const Indexes = `
CREATE INDEX idx_audit_timestamp ON audit_logs(timestamp DESC);
CREATE INDEX idx_audit_actor ON audit_logs(actor_id, timestamp DESC);
CREATE INDEX idx_audit_resource ON audit_logs(resource_type, resource_id, timestamp DESC);
CREATE INDEX idx_audit_action ON audit_logs(action, timestamp DESC);
CREATE INDEX idx_audit_org ON audit_logs(organization_id, timestamp DESC);
CREATE FUNCTION prevent_audit_modification() RETURNS TRIGGER AS $$
	BEGIN RAISE EXCEPTION 'Audit logs cannot be modified or deleted'; END; $$ LANGUAGE plpgsql;
CREATE TRIGGER audit_immutable BEFORE UPDATE OR DELETE ON audit_logs
	FOR EACH ROW EXECUTE FUNCTION prevent_audit_modification();`

// Server is one that runs.
type Server struct {
	URL  string
	cmd  *exec.Cmd
	peak int64
}

// Start makes a database cluster below dir, unless there is one, starts a server on it and waits until it answers.
func Start(ctx context.Context, dir string) (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	as, err := unprivileged(dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "postgres")
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		return start(ctx, bin, dir, data, as)
	}
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C")
	initdb.SysProcAttr, initdb.Dir = as, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return start(ctx, bin, dir, data, as)
}

func start(ctx context.Context, bin, dir, data string, as *syscall.SysProcAttr) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	logFile, err := os.Create(filepath.Join(dir, "postgres.log"))
	if err != nil {
		return nil, err
	}
	defer logFile.Close() // the server has its own copy
	cmd := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", port, "-h", "127.0.0.1", "-k", "",
		"-c", "synchronous_commit=on", "-c", "fsync=on", "-c", "shared_buffers=256MB", "-c", "max_wal_size=4GB", "-c", "TimeZone=UTC")
	cmd.SysProcAttr, cmd.Dir, cmd.Stdout, cmd.Stderr = as, dir, logFile, logFile
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &Server{cmd: cmd, URL: "postgres://bench@127.0.0.1:" + port + "/postgres?sslmode=disable"}
	if err := s.wait(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// programs finds the newest server that Debian's packages installed.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	newest, version := "", 0
	for _, f := range found {
		bin := filepath.Dir(f)
		if v, err := strconv.Atoi(filepath.Base(filepath.Dir(bin))); err == nil && v > version {
			newest, version = bin, v
		}
	}
	if newest == "" {
		return "", fmt.Errorf("PostgreSQL: %w (Debian: apt-get install postgresql)", ErrMissing)
	}
	return newest, nil
}

// Version is the name and number of the server that Start starts.
func Version() (string, error) {
	bin, err := programs()
	if err != nil {
		return "", err
	}
	out, err := exec.Command(filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return "", err
	}
	// "postgres (PostgreSQL) 15.14 (Debian …)"
	number, _, _ := strings.Cut(strings.TrimPrefix(string(out), "postgres (PostgreSQL) "), " ")
	return "PostgreSQL " + strings.TrimSpace(number), nil
}

// unprivileged gives dir to the user that the server will run as: it refuses root.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil { // the programs were unpacked, not installed
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// wait waits until the server answers.
func (s *Server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		conn, err := pgconn.Connect(ctx, s.URL)
		if err == nil {
			return conn.Close(ctx)
		}
		if ctx.Err() != nil {
			return err
		}
		load.Pause(ctx, 50*time.Millisecond)
	}
}

// Run executes statements.
func (s *Server) Run(ctx context.Context, sql string) error {
	conn, err := pgconn.Connect(ctx, s.URL)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql).ReadAll()
	return errors.Join(err, conn.Close(ctx))
}

// Usage is of the server and all its backends. Memory that they share counts once.
func (s *Server) Usage() (proc.Usage, error) {
	pid := s.cmd.Process.Pid
	cpu, err := proc.CPU(pid, true)
	if err != nil {
		return proc.Usage{}, err
	}
	own, err := proc.Status(pid, "RssAnon")
	if err != nil {
		return proc.Usage{}, err
	}
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return proc.Usage{}, err
	}
	var shared int64
	for _, field := range strings.Fields(string(raw)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			return proc.Usage{}, err
		}
		used, err := proc.CPU(child, true)
		if err != nil {
			continue // it has just ended; the server counts it
		}
		cpu += used
		anonymous, err1 := proc.Status(child, "RssAnon")
		common, err2 := proc.Status(child, "RssShmem")
		if err1 == nil && err2 == nil {
			own += anonymous
			shared = max(shared, common)
		}
	}
	s.peak = max(s.peak, own+shared)
	return proc.Usage{CPU: cpu, Peak: s.peak}, nil
}

// Ask returns one number.
func (s *Server) Ask(ctx context.Context, sql string) (int64, error) {
	conn, err := pgconn.Connect(ctx, s.URL)
	if err != nil {
		return 0, err
	}
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(results[0].Rows[0][0]), 10, 64)
}

// Stop lets the server end its backends: killing it would leave them behind.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGQUIT); err != nil { // immediate shutdown
		return err
	}
	err := s.cmd.Wait()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return nil // how it ends does not matter, its data is thrown away
	}
	return err
}
