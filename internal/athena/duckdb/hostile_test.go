//go:build cgo && linux

package duckdb

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/sandbox"
)

// A hostile worker runs whatever SQL a test gives it: the dialect is not asked. Only
// the test program can be one, by its own second name.
const hostileCommand = "hostile-worker"

// others are what this program is under other names.
var others = map[string]func() int{
	hostileCommand: func() int { return work(os.Stdin, os.Stdout, sandbox.Enter, hostile) },
	wallessCommand: walless,
	holderCommand:  holdEngine,
}

// Modes of a hostile job, in job.Types.
const (
	locked = "locked" // as a query's database is: what must be passed are DuckDB's settings and the kernel
	bare   = "bare"   // with external access, nothing locked: only the kernel is in the way
	crash  = "crash"  // what follows happens to the process itself
	look   = "look"   // says where it is
)

// said is what became of one statement.
type said struct {
	SQL, Text, Err string
}

// hostile is a jobFunc: job.Names are the statements.
func hostile(ctx context.Context, s *server, j *job) error {
	switch j.Types[0] {
	case locked:
		if err := j.prepare(ctx, s); err != nil {
			return err
		}
	case crash:
		return crashed(ctx, s, j)
	case look:
		return s.out.sendJSON(kindText, lookAround())
	}
	answers := make([]said, 0, len(j.Names))
	for _, statement := range j.Names {
		one := said{SQL: statement}
		text, err := everything(ctx, s, statement)
		if one.Text = text; err != nil {
			one.Err = err.Error()
		}
		answers = append(answers, one)
	}
	return s.out.sendJSON(kindText, answers)
}

// crashed does to the process, or to the frames, what job.Names[0] says.
func crashed(_ context.Context, s *server, j *job) error {
	signal := func(sig syscall.Signal) error {
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			return err
		}
		select {} // until it arrives
	}
	garbage := func(bytes string) error {
		_, err := os.Stdout.WriteString(bytes)
		return err
	}
	columns := func() error { return s.out.sendJSON(kindColumns, []athena.Column{{Name: "x", Type: "bigint"}}) }
	switch what := j.Names[0]; what {
	case "segmentation fault":
		return signal(syscall.SIGSEGV)
	case "abort":
		return signal(syscall.SIGABRT)
	case "killed":
		return signal(syscall.SIGKILL)
	case "killed in the middle of a frame":
		return errors.Join(garbage("C\x00\x00\x00\xffhalf"), signal(syscall.SIGKILL))
	case "silent end":
		os.Exit(0)
	case "end in the middle of an answer":
		_ = columns()
		os.Exit(0)
	case "no frames":
		return garbage("HTTP/1.1 200 OK\r\n\r\n")
	case "endless frame":
		return garbage("W\xff\xff\xff\xff")
	case "unknown frame":
		return garbage("?\x00\x00\x00\x00")
	case "torn row":
		return errors.Join(columns(), s.out.send(kindRows, []byte{byte(tagText), 200, 1}))
	case "deep row":
		return errors.Join(columns(), s.out.send(kindRows, []byte(strings.Repeat(string([]byte{byte(tagList), 1}), 1000))))
	case "rows that are not counted":
		return errors.Join(columns(), s.out.send(kindRows, []byte{byte(tagInt), 2}), s.out.sendJSON(kindEnd, jobStats{Rows: 2}))
	case "more rows than asked for":
		return errors.Join(columns(), s.out.send(kindRows, []byte(strings.Repeat(string([]byte{byte(tagInt), 2}), 20))))
	case "another number of columns":
		return s.out.sendJSON(kindColumns, []athena.Column{})
	case "hang":
		select {}
	}
	return errors.New("unknown crash")
}

// everything runs a statement and returns the beginning of what it gives.
func everything(ctx context.Context, s *server, statement string) (_ string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	rows, err := s.conn.QueryContext(ctx, statement)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	cols, err := rows.Columns()
	if err != nil {
		return "", err
	}
	raw, refs := make([]any, len(cols)), make([]any, len(cols))
	for i := range raw {
		refs[i] = &raw[i]
	}
	var text strings.Builder
	for rows.Next() && text.Len() < 16<<10 {
		if err := rows.Scan(refs...); err != nil {
			return "", err
		}
		fmt.Fprintln(&text, raw...)
	}
	return text.String(), rows.Err()
}

// prison is a world with something to steal, to forge and to call.
type prison struct {
	t      *testing.T
	dir    string
	engine *Engine
	scan   jobScan // of the engine's files; what a job may read
	sum    map[string]string

	cached    string // a file of the job
	neighbour string // a file of the cache that is not the job's
	secret    string // a file outside, readable by everybody
	calls     chan string
	url       string
	socket    string
}

// secretWord must appear in no answer: it is in the file, in the neighbour and in the environment.
const secretWord = "correct-horse-battery-staple"

func newPrison(t *testing.T) *prison {
	t.Helper()
	t.Setenv("ARCHIVER_TEST_SECRET", secretWord)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretWord)
	p := &prison{t: t, calls: make(chan string, 100)}
	var err error
	if p.dir, err = os.MkdirTemp("/tmp", "hostile-test-"); err != nil { // where nobody may come, unlike t.TempDir
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(p.dir) })
	files, _, c, cacheDir := committed(t, encode(t, sample()))
	spied := sample()[:1]
	spied[0].Action = secretWord
	parquet, err := os.ReadFile(encode(t, spied)[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	p.engine = engineOver(t, files, func(o *Options) { o.Cache, o.Roots, o.workerArgs = c, []string{cacheDir}, []string{hostileCommand} })
	p.neighbour = filepath.Join(cacheDir, "retention=secret", "dt=2026-11-24", "neighbour.parquet")
	p.secret = filepath.Join(p.dir, "secret.csv")
	err = errors.Join(athena.MakeFolder(cacheDir, filepath.Dir(p.neighbour)), os.Chmod(p.dir, 0o777),
		os.WriteFile(p.neighbour, parquet, 0o666), os.Chmod(p.neighbour, 0o666),
		os.WriteFile(p.secret, []byte("word\n"+secretWord+"\n"), 0o666), os.Chmod(p.secret, 0o666))
	if err != nil {
		t.Fatal(err)
	}
	paths, release, err := c.Pin(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	p.scan = jobScan{Name: "__audit_scan0", MinMS: athena.Everything().MinMS, MaxMS: athena.Everything().MaxMS}
	for _, path := range paths {
		f, err := p.engine.locate(path)
		if err != nil {
			t.Fatal(err)
		}
		p.scan.Files = append(p.scan.Files, f)
	}
	p.cached = paths[0]
	p.listen()
	if _, err := p.runOnce(bare, []string{"SELECT 1"}); err != nil { // the start of a worker closes the folders of its files
		t.Fatal(err)
	}
	p.sum = p.state()
	return p
}

// listen takes calls on TCP and on a socket; every one of them is an escape.
func (p *prison) listen() {
	p.socket = filepath.Join(p.dir, "socket")
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": p.socket} {
		l, err := net.Listen(network, address)
		if err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(func() { _ = l.Close() })
		if network == "tcp" {
			p.url = "http://" + l.Addr().String()
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				p.calls <- network
				_ = c.Close()
			}
		}()
	}
}

// state is all that a prisoner could change: names, modes and content.
func (p *prison) state() map[string]string {
	p.t.Helper()
	sum := map[string]string{}
	for _, dir := range append([]string{p.dir}, p.engine.o.Roots...) {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			text := info.Mode().String()
			if info.Mode().IsRegular() {
				data, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				text += fmt.Sprintf(" %x", sha256.Sum256(data))
			}
			sum[path] = text
			return nil
		})
		if err != nil {
			p.t.Fatal(err)
		}
	}
	return sum
}

// run lets a hostile worker run statements and returns what they gave. A worker that
// dies takes the rest of its statements with it, so those are given to another one.
func (p *prison) run(mode string, statements []string) (all []said) {
	p.t.Helper()
	for _, part := range slices.Collect(slices.Chunk(statements, 40)) {
		answers, err := p.runOnce(mode, part)
		if err == nil {
			all = append(all, answers...)
			continue
		}
		for _, one := range part {
			if answers, err = p.runOnce(mode, []string{one}); err != nil {
				answers = []said{{SQL: one, Err: err.Error()}}
			}
			all = append(all, answers...)
		}
	}
	return all
}

func (p *prison) runOnce(mode string, statements []string) (answers []said, err error) {
	p.t.Helper()
	return runIn(p.t, p.engine, &job{Names: statements, Types: []string{mode}, Scans: []jobScan{p.scan}})
}

// runIn runs a job of a hostile worker.
func runIn(t *testing.T, e *Engine, j *job) (answers []said, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w, err := e.workers.take(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	w.watch(ctx)
	if err := w.sendJob(j); err != nil {
		return nil, err
	}
	body, err := w.receive(kindText)
	if err != nil {
		return nil, err
	}
	return answers, json.Unmarshal(body, &answers)
}

// unharmed looks whether anything came of it.
func (p *prison) unharmed(answers []said) {
	p.t.Helper()
	for _, a := range answers {
		if strings.Contains(strings.ReplaceAll(a.Text+a.Err, a.SQL, ""), secretWord) {
			p.t.Errorf("%s: it says the secret: %s %s", a.SQL, clip(a.Text), clip(a.Err))
		}
	}
	now := p.state()
	for path, was := range p.sum {
		if now[path] != was {
			p.t.Errorf("%s was %s and is %q", path, was, now[path])
		}
	}
	for path := range maps.Keys(now) {
		if _, known := p.sum[path]; !known {
			p.t.Errorf("%s is new", path)
		}
	}
	select {
	case network := <-p.calls:
		p.t.Errorf("somebody called over %s", network)
	default:
	}
	// The answer of honest people.
	e := engineOver(p.t, nil, func(o *Options) { *o = p.engine.o; o.workerArgs = nil })
	if _, rows, err := answer(p.t, e, "SELECT count(*), sum(seq), min(action) FROM audit_logs"); err != nil || rows[0] != `[7,21,"order.update"]` {
		p.t.Errorf("afterwards: %v, %v", rows, err)
	}
}

// refused demands that each statement was an error.
func (p *prison) refused(mode string, answers []said) {
	p.t.Helper()
	for _, a := range answers {
		if a.Err == "" {
			p.t.Errorf("%s: %s: done: %s", mode, a.SQL, clip(a.Text))
		}
	}
}
