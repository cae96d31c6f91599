package main

import (
	"bytes"
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
	"github.com/audit-archiver/archiver/internal/event"
)

const postgresName = "postgres"

// errMissing says that a peer is not installed.
var errMissing = errors.New("not installed")

// The table, indexes and trigger that audit logs are usually kept in. Tenants of
// the generated events are no UUIDs, so organization_id is text here.
const postgresTable = `
CREATE TABLE audit_logs (
	id UUID PRIMARY KEY, timestamp TIMESTAMPTZ NOT NULL DEFAULT NOW(), action VARCHAR(100) NOT NULL,
	actor_id VARCHAR(255) NOT NULL, actor_type VARCHAR(50) NOT NULL, actor_email VARCHAR(255),
	resource_type VARCHAR(100) NOT NULL, resource_id VARCHAR(255), outcome VARCHAR(20) NOT NULL, reason TEXT,
	details JSONB, request_id VARCHAR(255), ip INET, user_agent TEXT, organization_id VARCHAR(255));
CREATE INDEX idx_audit_timestamp ON audit_logs(timestamp DESC);
CREATE INDEX idx_audit_actor ON audit_logs(actor_id, timestamp DESC);
CREATE INDEX idx_audit_resource ON audit_logs(resource_type, resource_id, timestamp DESC);
CREATE INDEX idx_audit_action ON audit_logs(action, timestamp DESC);
CREATE INDEX idx_audit_org ON audit_logs(organization_id, timestamp DESC);
CREATE FUNCTION prevent_audit_modification() RETURNS TRIGGER AS $$
	BEGIN RAISE EXCEPTION 'Audit logs cannot be modified or deleted'; END; $$ LANGUAGE plpgsql;
CREATE TRIGGER audit_immutable BEFORE UPDATE OR DELETE ON audit_logs
	FOR EACH ROW EXECUTE FUNCTION prevent_audit_modification();`

// postgres is a private server: own folder, own port, nothing shared with one
// that the machine may run.
type postgres struct {
	cmd       *exec.Cmd
	url       string
	peak      int64
	walBefore int64 // position of its log before the load
}

func startPostgres(ctx context.Context, _ options, dir string) (load.Server, error) {
	bin, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	as, err := unprivileged(dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "postgres")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C")
	initdb.SysProcAttr, initdb.Dir = as, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
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
		"-c", "synchronous_commit=on", "-c", "fsync=on", "-c", "shared_buffers=256MB", "-c", "max_wal_size=4GB")
	cmd.SysProcAttr, cmd.Dir, cmd.Stdout, cmd.Stderr = as, dir, logFile, logFile
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &postgres{cmd: cmd, url: "postgres://bench@127.0.0.1:" + port + "/postgres?sslmode=disable"}
	if err := p.create(ctx); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	if p.walBefore, err = p.ask(ctx, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// postgresPrograms finds the newest server that Debian's packages installed.
func postgresPrograms() (string, error) {
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
		return "", fmt.Errorf("PostgreSQL: %w (Debian: apt-get install postgresql)", errMissing)
	}
	return newest, nil
}

// unprivileged gives dir to the user that the server will run as: it refuses root.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
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

// create waits for the server and makes the table.
func (p *postgres) create(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		conn, err := pgconn.Connect(ctx, p.url)
		if err == nil {
			_, err = conn.Exec(ctx, postgresTable).ReadAll()
			return errors.Join(err, conn.Close(ctx))
		}
		if ctx.Err() != nil {
			return err
		}
		load.Pause(ctx, 50*time.Millisecond)
	}
}

// inserter inserts one event per transaction, as a prepared statement.
type inserter struct {
	ctx      context.Context
	conn     *pgconn.PgConn
	fresh    *load.Fresh
	messages []*load.Message
	columns  [][][]byte // parameters as text, parts of the messages
}

// copier copies a batch per transaction: the fastest way that PostgreSQL has.
type copier struct {
	ctx      context.Context
	conn     *pgconn.PgConn
	fresh    *load.Fresh
	messages []*load.Message
}

func (p *postgres) Connect(ctx context.Context, client int, requests [][]event.Event) (load.Sender, error) {
	conn, err := pgconn.Connect(ctx, p.url)
	if err != nil {
		return nil, err
	}
	var messages []*load.Message
	for _, events := range requests {
		m := &load.Message{}
		for i := range events {
			m.AppendColumns(&events[i])
		}
		messages = append(messages, m)
	}
	if len(requests[0]) > 1 {
		return &copier{ctx, conn, load.NewFresh(client), messages}, nil
	}
	s := &inserter{ctx: ctx, conn: conn, fresh: load.NewFresh(client), messages: messages}
	for _, m := range messages {
		s.columns = append(s.columns, m.Columns())
	}
	_, err = conn.Prepare(ctx, "insert", "INSERT INTO audit_logs VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)", nil)
	return s, err
}

func (s *inserter) Send(i int) error {
	s.fresh.Renew(s.messages[i])
	return s.conn.ExecPrepared(s.ctx, "insert", s.columns[i], nil, nil).Read().Err
}

func (s *inserter) Close() { _ = s.conn.Close(context.WithoutCancel(s.ctx)) }

func (s *copier) Send(i int) error {
	s.fresh.Renew(s.messages[i])
	_, err := s.conn.CopyFrom(s.ctx, bytes.NewReader(s.messages[i].Bytes), "COPY audit_logs FROM STDIN")
	return err
}

func (s *copier) Close() { _ = s.conn.Close(context.WithoutCancel(s.ctx)) }

// Usage is of the server and all its backends. Memory that they share counts once.
func (p *postgres) Usage() (proc.Usage, error) {
	pid := p.cmd.Process.Pid
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
	p.peak = max(p.peak, own+shared)
	return proc.Usage{CPU: cpu, Peak: p.peak}, nil
}

// Settle compares what was acknowledged with what the table holds.
func (p *postgres) Settle(ctx context.Context, acknowledged int64) (load.Kept, error) {
	held, err := p.ask(ctx, "SELECT count(*) FROM audit_logs")
	if err == nil && held != acknowledged {
		err = fmt.Errorf("%d events were acknowledged, but the table holds %d", acknowledged, held)
	}
	if err != nil {
		return load.Kept{}, err
	}
	stored, err := p.ask(ctx, "SELECT pg_total_relation_size('audit_logs')")
	if err != nil {
		return load.Kept{}, err
	}
	wal, err := p.ask(ctx, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
	return load.Kept{Stored: stored, Log: wal - p.walBefore}, err
}

// ask returns one number.
func (p *postgres) ask(ctx context.Context, sql string) (int64, error) {
	conn, err := pgconn.Connect(ctx, p.url)
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
func (p *postgres) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGQUIT); err != nil { // immediate shutdown
		return err
	}
	err := p.cmd.Wait()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return nil // how it ends does not matter, its data is thrown away
	}
	return err
}
