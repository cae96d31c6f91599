package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/cache"
	"github.com/audit-archiver/archiver/internal/athena/catalog"
	"github.com/audit-archiver/archiver/internal/athena/duckdb"
	"github.com/audit-archiver/archiver/internal/athena/httpapi"
	"github.com/audit-archiver/archiver/internal/athena/source"
	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ingest"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/internal/streams"
)

// queries is the SQL side of a process: engine, cache of files, scratch space.
type queries struct {
	engine  *duckdb.Engine
	catalog *catalog.Catalog
	files   *cache.Cache // what the engine reads of the bucket
	prefix  string
	reader  *ledger.Reader // what the engine takes for the archive
	limits  config.Query
	scratch string
	trusted bool      // whoever runs this writes the SQL: see Query.Isolation
	remove  bool      // scratch is ours alone and goes with us
	lock    io.Closer // of the folder; nil when it is inside one that is locked
	log     *slog.Logger
}

// openQueries opens the SQL side of a server. It uses folders below the data
// folder, whose lock the node holds.
func openQueries(n *node, log *slog.Logger) (*queries, error) {
	c := n.cfg
	q := &queries{limits: c.Query, prefix: c.S3.Prefix, scratch: filepath.Join(c.DataDir, "query"), log: log,
		trusted: c.Query.Isolation == config.IsolationBestEffort}
	// Hot files and spilled data of a process that was killed.
	if err := os.RemoveAll(q.scratch); err != nil {
		return nil, fmt.Errorf("query folder: %w", err)
	}
	reader, err := ledger.NewReader(n.store, c.S3.Prefix, c.Archive.RootVKey)
	if err != nil {
		return nil, err
	}
	q.reader = reader
	q.catalog = &catalog.Catalog{Locate: func(context.Context) (athena.TableOptions, error) { return tableOptions(n.about, c, "", ""), nil }}
	now := n.line.Current()
	live := source.NewLive(source.Options{Reader: reader, Prefix: c.S3.Prefix, Dir: q.hotDir(), Log: log,
		Stream: now.Open.Stream, Buffer: now.Buffer, Theirs: now.Theirs, Hold: n.heap.hold})
	n.line.OnSwitch(func(_, now *streams.Stream) { live.Follow(now.Open.Stream, now.Buffer, now.Theirs) })
	err = q.open(live, n.store, filepath.Join(c.DataDir, "cache"), n.heap.hold)
	if errors.Is(err, athena.ErrNoEngine) { // events are taken and archived all the same
		log.Warn("POST /v1/query is answered with 501", "reason", err)
		q.engine = new(duckdb.Engine)
		return q, nil
	}
	return q, err
}

// openBucketQueries opens the SQL side of a command that reads the bucket alone,
// beside a running server too: it keeps its own cache, and does without one when
// another command is using it.
func openBucketQueries(c config.Config, store *s3store.Store, log *slog.Logger) (_ *queries, err error) {
	q := &queries{limits: c.Query, prefix: c.S3.Prefix, log: log, trusted: true}
	reader, err := ledger.NewReader(store, c.S3.Prefix, c.Archive.RootVKey)
	if err != nil {
		return nil, err
	}
	q.reader = reader
	q.catalog = &catalog.Catalog{Locate: func(ctx context.Context) (athena.TableOptions, error) {
		about, _, err := fetchArchive(ctx, store, c)
		return tableOptions(about, c, "", ""), err
	}}
	dir := filepath.Join(c.DataDir, "cli-cache")
	if err := os.MkdirAll(dir, 0o700); err == nil {
		q.lock, err = durable.Lock(dir)
		if err != nil {
			q.lock = nil
		}
	}
	if q.scratch, err = os.MkdirTemp("", "archiver-query-"); err != nil {
		return nil, fmt.Errorf("query folder: %w", err)
	}
	q.remove = true
	files := filepath.Join(dir, "files")
	if q.lock == nil {
		files = filepath.Join(q.scratch, "files")
	}
	if err := q.open(source.NewBucket(reader, c.S3.Prefix, log), store, files, nil); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	return q, nil
}

// open opens the engine, which tells hold what memory it keeps.
func (q *queries) open(table athena.Source, store *s3store.Store, dir string, hold func(bytes int64)) error {
	work := filepath.Join(q.scratch, "work")
	for _, dir := range []string{q.hotDir(), work} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("query folder: %w", err)
		}
	}
	files, err := cache.Open(cache.Options{Dir: dir, Store: store, MaxBytes: int64(q.limits.CacheBytes), Now: time.Now, Log: q.log})
	if err != nil {
		return err
	}
	q.files = files
	q.engine, err = duckdb.Open(duckdb.Options{
		Source: table, Cache: files, Catalog: q.catalog, Roots: []string{dir, q.hotDir()}, Dir: work, BestEffort: q.trusted,
		MemoryBytes: int64(q.limits.MemoryBytes), TempBytes: int64(q.limits.TempBytes), ResultBytes: int64(q.limits.ResultBytes),
		Timeout: q.limits.Timeout, Running: q.limits.Concurrency, Hold: hold, Now: time.Now, Log: q.log,
	})
	return err
}

// hotDir is where rows lie that are not in the bucket yet. Queries may read all of it,
// so nothing else is there.
func (q *queries) hotDir() string { return filepath.Join(q.scratch, "hot") }

// checks say whether SQL is answered, and how. Events are taken either way.
func (q *queries) checks() []ingest.Check {
	return []ingest.Check{{Name: "query", Ready: func(context.Context) error {
		missing := q.engine.Isolation()
		switch {
		case missing == nil:
			return nil
		case q.trusted:
			return ingest.Degraded{Reason: "SQL runs without complete isolation (query.isolation): " + missing.Error()}
		}
		return ingest.Degraded{Reason: "SQL is refused: " + missing.Error()}
	}}}
}

// Close releases everything. No query may be running.
func (q *queries) Close() error {
	var errs []error
	if q.engine != nil {
		errs = append(errs, q.engine.Close())
	}
	if q.remove {
		errs = append(errs, os.RemoveAll(q.scratch))
	}
	if q.lock != nil {
		errs = append(errs, q.lock.Close())
	}
	return errors.Join(errs...)
}

// route is POST /v1/query.
func (q *queries) route() (ingest.Route, error) {
	h, err := httpapi.Handler(httpapi.Options{Engine: q.engine, Log: q.log, Dir: q.scratch, MaxRows: q.limits.MaxRows})
	if err != nil {
		return ingest.Route{}, err
	}
	timeout := q.limits.Timeout
	return ingest.Route{Method: http.MethodPost, Path: "/v1/query", Scope: ingest.ScopeQuery,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// A query may take longer than an ingest request, and its answer as well.
			deadline := time.Now().Add(2*timeout + time.Minute)
			if err := http.NewResponseController(w).SetWriteDeadline(deadline); err != nil {
				q.log.WarnContext(r.Context(), "write deadline of a query", "error", err)
			}
			h.ServeHTTP(w, r)
		})}, nil
}
