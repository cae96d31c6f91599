package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	duck "github.com/duckdb/duckdb-go/v2"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/audit-archiver/archiver/bench/load"
	"github.com/audit-archiver/archiver/bench/pg"
	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/cache"
	"github.com/audit-archiver/archiver/internal/athena/duckdb"
)

const (
	archiverName = "archiver"
	postgresName = "PostgreSQL"
)

// system is one that answers questions.
type system interface {
	Name() string
	Ask(ctx context.Context, q question) (answer, error)
	Close() error
}

// start starts all systems. On an error it returns those that run.
func start(ctx context.Context, o options, dir string, d *data) (systems []system, _ error) {
	a, err := startArchiver(o, dir, d)
	if err != nil {
		return nil, fmt.Errorf("archiver: %w", err)
	}
	systems = append(systems, a)
	if o.duckdb {
		plain, err := startDuckDB(ctx, o, d)
		if err != nil {
			return systems, fmt.Errorf("DuckDB: %w", err)
		}
		systems = append(systems, plain)
	}
	if !o.postgres {
		return systems, nil
	}
	p, err := startPostgres(ctx, o, dir, d)
	if err != nil {
		return systems, fmt.Errorf("PostgreSQL: %w", err)
	}
	return append(systems, p), nil
}

// archiver is the embedded engine over a local cache.
type archiver struct {
	engine  *duckdb.Engine
	explain bool
	told    map[string]bool
}

func startArchiver(o options, dir string, d *data) (*archiver, error) {
	temp := filepath.Join(dir, "temp")
	if err := os.MkdirAll(temp, 0o755); err != nil {
		return nil, err
	}
	files, err := cache.Open(cache.Options{Dir: filepath.Join(dir, "cache"), Store: d, MaxBytes: 1 << 40, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	engine, err := duckdb.Open(duckdb.Options{Source: source(d.Files), Cache: files, Roots: []string{filepath.Join(dir, "cache")}, Dir: temp, Threads: o.threads,
		Now: time.Now, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	return &archiver{engine: engine, explain: o.explain, told: make(map[string]bool)}, err
}

// source is an archive that does not change.
type source []athena.File

func (s source) Files(context.Context, athena.Bounds) (*athena.FileSet, error) {
	return &athena.FileSet{Files: s}, nil
}

func (a *archiver) Name() string { return archiverName }

func (a *archiver) Ask(ctx context.Context, q question) (answer, error) {
	if a.explain && !a.told[q.name] {
		a.told[q.name] = true
		if err := a.print(ctx, q); err != nil {
			return answer{}, err
		}
	}
	r, err := a.engine.Query(ctx, athena.Query{SQL: q.sql})
	if err != nil {
		return answer{}, err
	}
	defer r.Close()
	places := q.places(len(r.Columns()), func(i int) string { return r.Columns()[i].Name })
	var out answer
	for {
		row, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			out.stats = r.Meta().Stats
			return out, nil
		}
		if err != nil {
			return answer{}, err
		}
		if out.rows = append(out.rows, line(row, places)); q.part && len(out.rows) == partRows {
			out.stats = r.Meta().Stats
			return out, nil
		}
	}
}

func (a *archiver) print(ctx context.Context, q question) error {
	r, err := a.engine.Query(ctx, athena.Query{SQL: q.sql, Explain: true})
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		row, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, row[0])
	}
}

func (a *archiver) Close() error { return a.engine.Close() }

// places are the columns whose values are compared.
func (q *question) places(n int, name func(int) string) []int {
	var at []int
	for i := range n {
		if !q.all || slices.Contains(compared, name(i)) {
			at = append(at, i)
		}
	}
	return at
}

// line writes values in a form that does not depend on the system.
func line(row []any, places []int) string {
	var b strings.Builder
	for _, i := range places {
		switch v := row[i].(type) {
		case time.Time:
			fmt.Fprintf(&b, "%s|", v.UTC().Format(time.DateTime))
		case nil:
			b.WriteString("NULL|")
		default:
			fmt.Fprintf(&b, "%v|", v)
		}
	}
	return b.String()
}

// plain is DuckDB without us.
type plain struct {
	db   *sql.DB
	conn *sql.Conn
}

func startDuckDB(ctx context.Context, o options, d *data) (*plain, error) {
	connector, err := duck.NewConnector("", nil)
	if err != nil {
		return nil, err
	}
	p := &plain{db: sql.OpenDB(connector)}
	if p.conn, err = p.db.Conn(ctx); err != nil {
		return nil, errors.Join(err, p.db.Close())
	}
	var paths []string
	for i := range d.Files {
		paths = append(paths, quote(filepath.Join(d.Dir, filepath.FromSlash(d.Files[i].Key))))
	}
	for _, s := range []string{
		fmt.Sprintf("SET threads = %d", o.threads), "SET TimeZone = 'UTC'",
		"CREATE VIEW audit_logs AS SELECT * FROM read_parquet([" + strings.Join(paths, ", ") + "], hive_partitioning = true)",
	} {
		if _, err := p.conn.ExecContext(ctx, s); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	return p, nil
}

func (p *plain) Name() string { return "DuckDB" }

func (p *plain) Ask(ctx context.Context, q question) (_ answer, err error) {
	rows, err := p.conn.QueryContext(ctx, strings.ReplaceAll(q.sql, "TIMESTAMP '", "TIMESTAMPTZ '"))
	if err != nil {
		return answer{}, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	names, err := rows.Columns()
	if err != nil {
		return answer{}, err
	}
	places := q.places(len(names), func(i int) string { return names[i] })
	row, refs := make([]any, len(names)), make([]any, len(names))
	for i := range row {
		refs[i] = &row[i]
	}
	var out answer
	for rows.Next() {
		if err := rows.Scan(refs...); err != nil {
			return answer{}, err
		}
		out.rows = append(out.rows, line(row, places))
	}
	return out, rows.Err()
}

func (p *plain) Close() error { return errors.Join(p.conn.Close(), p.db.Close()) }

// postgres is a server of its own.
type postgres struct {
	*pg.Server
	conn *pgconn.PgConn
}

func startPostgres(ctx context.Context, o options, dir string, d *data) (*postgres, error) {
	begun := time.Now()
	own := filepath.Join(dir, fmt.Sprintf("pg-%d-%d", o.rows, o.files))
	there := func(mark string) bool { _, err := os.Stat(filepath.Join(own, mark)); return err == nil }
	if !there(loadedMark) {
		if err := errors.Join(os.RemoveAll(own), os.Mkdir(own, 0o755)); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the server runs as another user
		return nil, err
	}
	server, err := pg.Start(ctx, own)
	if err != nil {
		return nil, err
	}
	p := &postgres{Server: server}
	p.conn, err = pgconn.Connect(ctx, server.URL)
	for _, step := range []struct {
		mark string
		do   func(context.Context, *data) error
	}{{loadedMark, p.fill}, {indexedMark, p.index}} {
		if err != nil || there(step.mark) {
			continue
		}
		if err = step.do(ctx, d); err == nil {
			err = os.WriteFile(filepath.Join(own, step.mark), nil, 0o644)
		}
	}
	if err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	fmt.Fprintf(os.Stderr, "PostgreSQL holds them after %s\n", time.Since(begun).Round(time.Second))
	return p, nil
}

// These files say what of a server that is kept was finished.
const (
	loadedMark  = "loaded"
	indexedMark = "indexed"
)

// fill loads the events that the files hold.
func (p *postgres) fill(ctx context.Context, d *data) error {
	if err := p.Run(ctx, pg.Table+"ALTER TABLE audit_logs DROP CONSTRAINT audit_logs_pkey;"); err != nil {
		return err
	}
	for day := range d.Files {
		events := d.seed(day)
		in, out := io.Pipe()
		go func() {
			var m load.Message
			for i := range d.each {
				e := events.Event()
				m.AppendColumns(&e)
				if len(m.Bytes) > 1<<20 || i == d.each-1 {
					if _, err := out.Write(m.Bytes); err != nil {
						break // what went wrong, the reader says
					}
					m = load.Message{Bytes: m.Bytes[:0]}
				}
			}
			_ = out.Close()
		}()
		_, err := p.conn.CopyFrom(ctx, in, "COPY audit_logs FROM STDIN")
		_ = in.Close() // ends the goroutine when copying did not
		if err != nil {
			return err
		}
	}
	return nil
}

// index makes the indexes and the statistics.
func (p *postgres) index(ctx context.Context, _ *data) error {
	if err := p.Run(ctx, "SET maintenance_work_mem = '1GB'; ALTER TABLE audit_logs ADD PRIMARY KEY (id);"+pg.Indexes); err != nil {
		return err
	}
	if err := p.Run(ctx, "VACUUM ANALYZE audit_logs"); err != nil {
		return err
	}
	return p.Run(ctx, "CHECKPOINT")
}

func (p *postgres) Name() string { return postgresName }

func (p *postgres) Ask(ctx context.Context, q question) (answer, error) {
	results, err := p.conn.Exec(ctx, q.sql).ReadAll()
	if err != nil {
		return answer{}, err
	}
	r := results[0]
	places := q.places(len(r.FieldDescriptions), func(i int) string { return r.FieldDescriptions[i].Name })
	var out answer
	for _, values := range r.Rows {
		row := make([]any, len(values))
		for i, v := range values {
			switch {
			case v == nil:
			case r.FieldDescriptions[i].DataTypeOID == timestamptzOID:
				at, err := time.Parse("2006-01-02 15:04:05.999999999Z07", string(v))
				if err != nil {
					return answer{}, err
				}
				row[i] = at
			default:
				row[i] = string(v)
			}
		}
		out.rows = append(out.rows, line(row, places))
	}
	return out, nil
}

const timestamptzOID = 1184

func (p *postgres) Close() error { return errors.Join(p.conn.Close(context.Background()), p.Stop()) }
