//go:build cgo

package duckdb

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"

	duck "github.com/duckdb/duckdb-go/v2"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/sandbox"
)

// Worker is the other side of an [Engine]: what the program does when it is started
// with the one argument [WorkerCommand]. It puts itself into the sandbox, serves one
// query over standard input and output, and returns the exit code. Only an engine
// starts it.
func Worker() int {
	return work(os.Stdin, os.Stdout, sandbox.Enter, func(ctx context.Context, s *server, j *job) error { return j.answer(ctx, s) })
}

// What tests do in another way.
type (
	enterFunc func(sandbox.Folders, sandbox.Limits) sandbox.Report
	jobFunc   func(ctx context.Context, s *server, j *job) error
)

func work(in, out *os.File, enter enterFunc, run jobFunc) int {
	s := &server{
		in:    frameReader{r: bufio.NewReader(in)},
		out:   frameWriter{bufio.NewWriter(out)},
		enter: enter, run: run,
	}
	switch err := s.serve(context.Background(), in); {
	case err == nil, errors.Is(err, io.EOF): // the engine needs no more
		return 0
	default:
		failed := failureOf(err)
		failed.Detail = s.outside(failed.Detail)
		if s.out.sendJSON(kindError, failed) != nil {
			fmt.Fprintln(os.Stderr, "query worker:", err)
		}
		return 1
	}
}

// server is a worker's state.
type server struct {
	in  frameReader
	out frameWriter

	enter enterFunc
	run   jobFunc

	base  []string // how the folders of files are called here
	roots []int
	dir   string
	dirFD int
	hello hello

	report sandbox.Report
	conn   *sql.Conn
	read   readCounter
}

// firstRoot is the descriptor of the first folder that the engine hands over.
const firstRoot = 3

func (s *server) serve(ctx context.Context, in io.Reader) error {
	k, body, err := s.in.next()
	if err != nil {
		return err
	}
	if k != kindHello {
		return fmt.Errorf("first frame is %c", k)
	}
	if err := json.Unmarshal(body, &s.hello); err != nil {
		return fmt.Errorf("decode hello: %w", err)
	}
	s.folders()
	if err := s.open(ctx); err != nil { // before the walls: it looks at /proc and /sys, and breaks where it may not
		return err
	}
	if err := s.warm(ctx); err != nil {
		return err
	}
	s.read = openReadCounter()
	s.report = s.enter(sandbox.Folders{Read: s.roots, Write: s.dirFD}, s.hello.Limits)
	if err := s.out.sendJSON(kindReady, s.report); err != nil {
		return err
	}
	for {
		k, body, err := s.in.next()
		if err != nil {
			return err
		}
		if k == kindJob {
			return s.job(ctx, body, in)
		}
		if err := s.reply(ctx, k, string(body)); err != nil {
			return err
		}
	}
}

// reply answers a frame that is no job.
func (s *server) reply(ctx context.Context, k kind, arg string) error {
	text, err := s.text(ctx, k, arg)
	if err != nil {
		return err
	}
	if err := s.out.send(kindText, []byte(text)); err != nil || k != kindPrint {
		return err
	}
	return s.reply(ctx, kindParse, text)
}

// folders finds out what the handed over folders are called.
func (s *server) folders() {
	s.dirFD = firstRoot + len(s.hello.Roots)
	for i, root := range s.hello.Roots {
		s.roots = append(s.roots, firstRoot+i)
		s.base = append(s.base, nameOf(firstRoot+i, root))
	}
	s.dir = nameOf(s.dirFD, s.hello.Dir)
	closeInherited(s.dirFD + 1)
}

// outside is text with the files called as the engine calls them.
func (s *server) outside(text string) string {
	for i, base := range s.base {
		text = strings.ReplaceAll(text, base+"/", s.hello.Roots[i]+"/")
	}
	return text
}

// text answers what the dialect asks for.
func (s *server) text(ctx context.Context, k kind, arg string) (text string, err error) {
	var query string
	switch k {
	case kindPing:
		return "", nil
	case kindParse:
		// json_serialize_sql takes a literal only; these are the two places where text is quoted.
		query = "SELECT CAST(json_serialize_sql(" + quote(arg) + ") AS VARCHAR)"
	case kindPrint:
		query = "SELECT json_deserialize_sql(" + quote(arg) + ")"
	default:
		return "", fmt.Errorf("unknown frame %c", k)
	}
	if err := s.conn.QueryRowContext(ctx, query).Scan(&text); err != nil {
		return "", duckError(err)
	}
	return text, nil
}

func (s *server) job(ctx context.Context, body []byte, in io.Reader) error {
	var j job
	if err := json.Unmarshal(body, &j); err != nil {
		return fmt.Errorf("decode job: %w", err)
	}
	s.read.begin()
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, in) // nothing comes any more: the engine is gone, or has enough
		os.Exit(0)
	}()
	if err := s.lend(&j); err != nil {
		return err
	}
	return s.run(ctx, s, &j)
}

// lend leaves of all files those of the job, which must be the very ones that the
// engine has looked at, and tells the job what they are called here.
func (s *server) lend(j *job) error {
	seen := make(map[jobFile]bool)
	var files []jobFile
	name := func(f jobFile) (string, error) {
		if f.Root < 0 || f.Root >= len(s.roots) {
			return "", errors.New("open job: a file is in no folder")
		}
		if !seen[f] {
			seen[f], files = true, append(files, f)
		}
		return s.base[f.Root] + "/" + f.Name, nil
	}
	for i := range j.Scans {
		scan := &j.Scans[i]
		for _, f := range scan.Files {
			path, err := name(f)
			if err != nil {
				return err
			}
			scan.paths = append(scan.paths, path)
		}
		if scan.Picked != nil {
			var err error
			if scan.picked, err = name(*scan.Picked); err != nil {
				return err
			}
		}
	}
	return sandbox.Narrow(s.report, s.opened(files), s.dirFD)
}

// opened opens files one after the other: there may be more of them than a process may
// have open.
func (s *server) opened(files []jobFile) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for _, f := range files {
			fd, err := openSame(s.roots[f.Root], s.base[f.Root], f)
			if err != nil {
				yield(-1, err)
				return
			}
			goOn := yield(fd, nil)
			if closeFile(fd); !goOn {
				return
			}
		}
	}
}

// open starts the one database of this process, before there is a query: it takes a
// good part of the time that a small query needs. What a query may not change is
// locked when its files are known.
func (s *server) open(ctx context.Context) error {
	connector, err := duck.NewConnector("", nil)
	if err != nil {
		return fmt.Errorf("start database: %w", err)
	}
	if s.conn, err = sql.OpenDB(connector).Conn(ctx); err != nil { // all of it ends with the process
		return fmt.Errorf("connect: %w", err)
	}
	return makeSettings(ctx, s.conn, s.settings())
}

type setting struct {
	name  string
	value string // as written in SET
	want  string // as current_setting prints it; "" is not compared
}

// settings are those that all queries have.
func (s *server) settings() []setting {
	h := &s.hello
	threads := strconv.Itoa(h.Threads)
	return []setting{
		{"TimeZone", "'UTC'", "UTC"},
		{"Calendar", "'gregorian'", "gregorian"},
		{"default_null_order", "'nulls_last'", "NULLS_LAST"},
		{"default_order", "'asc'", "ASC"},
		{"lambda_syntax", "'ENABLE_SINGLE_ARROW'", "ENABLE_SINGLE_ARROW"},
		{"ieee_floating_point_ops", "true", "true"},
		{"integer_division", "false", "false"}, // the dialect divides whole numbers itself
		{"scalar_subquery_error_on_multiple_rows", "true", "true"},
		{"old_implicit_casting", "false", "false"},
		{"preserve_insertion_order", "true", "true"},
		{"late_materialization_max_rows", "1000", "1000"},
		{"threads", threads, threads},
		{"memory_limit", fmt.Sprintf("'%dKiB'", h.MemoryBytes>>10), ""},
		{"temp_directory", quote(s.dir), s.dir},
		{"max_temp_directory_size", fmt.Sprintf("'%dKiB'", h.TempBytes>>10), ""},
		{"autoinstall_known_extensions", "false", "false"},
		{"autoload_known_extensions", "false", "false"},
		{"allow_community_extensions", "false", "false"},
		{"allow_unsigned_extensions", "false", "false"},
	}
}

func makeSettings(ctx context.Context, conn *sql.Conn, settings []setting) error {
	for _, set := range settings {
		statement := "SET " + set.name + " = " + set.value
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("prepare database: %s: %w", clip(statement), err)
		}
	}
	return nil
}

// duckError turns DuckDB's errors into the engine contract's.
func duckError(err error) error {
	var known *athena.Error
	var de *duck.Error
	if errors.As(err, &known) || !errors.As(err, &de) {
		return err
	}
	return kindOf(de)
}
