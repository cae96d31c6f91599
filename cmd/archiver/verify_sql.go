package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/duckdb"
	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/verify"
)

// currentEngine is the embedded engine over what it must never read otherwise: the
// current versions of whatever lies under events/, as Athena finds it. It reads one
// object at a time, so it takes the disk of one.
type currentEngine struct {
	store  object.Store
	prefix string
	dir    string // scratch space
	engine *duckdb.Engine
	file   athena.File // what the table consists of while it is asked about
}

func openCurrent(c config.Config, store object.Store) (_ *currentEngine, err error) {
	e := &currentEngine{store: store, prefix: c.S3.Prefix}
	if e.dir, err = os.MkdirTemp("", "archiver-verify-"); err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	if err := os.Mkdir(e.files(), 0o700); err != nil {
		return nil, errors.Join(fmt.Errorf("verify: %w", err), os.RemoveAll(e.dir))
	}
	// The SQL is ours, the files are anybody's.
	e.engine, err = duckdb.Open(duckdb.Options{
		Source: (*oneFile)(e), Roots: []string{e.files()}, Dir: e.dir, BestEffort: true, MemoryBytes: int64(c.Query.MemoryBytes), Timeout: time.Hour, Running: 1,
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(e.dir))
	}
	return e, nil
}

// files is the folder of the one object.
func (e *currentEngine) files() string { return filepath.Join(e.dir, "files") }

// Close removes the scratch space.
func (e *currentEngine) Close() error {
	return errors.Join(e.engine.Close(), os.RemoveAll(e.dir))
}

// readByAthena is what a key below the prefix has to look like for a table with
// projected partitions to read it; Hive leaves out names that begin with a dot or an
// underscore.
var readByAthena = regexp.MustCompile(`^events/retention=([a-z][a-z0-9-]{0,31})/dt=([0-9]{4}-[0-9]{2}-[0-9]{2})/[^._/][^/]*$`)

// Files implements verify.SQL.
func (e *currentEngine) Files(ctx context.Context, want func(key string) bool) iter.Seq2[verify.SQLFile, error] {
	return func(yield func(verify.SQLFile, error) bool) {
		dir := ledger.Join(e.prefix, "")
		for info, err := range e.store.Versions(ctx, ledger.Join(e.prefix, "events/")) {
			if err != nil {
				yield(verify.SQLFile{}, err)
				return
			}
			parts := readByAthena.FindStringSubmatch(strings.TrimPrefix(info.Key, dir))
			if !info.IsLatest || info.DeleteMarker || info.Size == 0 || parts == nil || !want(info.Key) {
				continue
			}
			f := verify.SQLFile{Object: info}
			err := e.read(ctx, &f, parts[1], parts[2])
			if ctx.Err() != nil {
				return
			}
			if unread := new(unreadObject); errors.As(err, &unread) {
				yield(verify.SQLFile{}, err)
				return
			}
			if f.Err = err; !yield(f, nil) {
				return
			}
		}
	}
}

// unreadObject says that the bucket did not give the object; the engine is not to blame.
type unreadObject struct{ error }

func (e *unreadObject) Unwrap() error { return e.error }

// objectError is what the engine says, with the object's key in place of the file in
// which we gave it.
type objectError struct {
	text string
	error
}

func (e *objectError) Error() string { return e.text }
func (e *objectError) Unwrap() error { return e.error }

// read lets the engine answer about one object.
func (e *currentEngine) read(ctx context.Context, f *verify.SQLFile, class, day string) (err error) {
	local := filepath.Join(e.files(), "retention="+class, "dt="+day, "object.parquet")
	if err := e.download(ctx, f.Object, local); err != nil {
		return &unreadObject{err}
	}
	defer func() {
		if err != nil {
			err = &objectError{strings.ReplaceAll(err.Error(), local, f.Object.Key), err}
		}
		err = errors.Join(err, os.Remove(local))
	}()
	e.file = athena.File{Path: local, Size: f.Object.Size, Class: class, Day: day, MinTimestampNS: -1 << 63, MaxTimestampNS: 1<<63 - 1}
	const every = `SELECT id, timestamp, action, actor_id, actor_type, actor_email, resource_type, resource_id, outcome, reason, details,
		request_id, ip, user_agent, organization_id, received_at, producer, timestamp_ns, stream, seq, retention FROM audit_logs`
	result, err := e.engine.Query(ctx, athena.Query{SQL: every, MaxRows: 1 << 40})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, result.Close()) }()
	f.MinSeq, f.MaxSeq = 1<<63-1, -1
	for {
		values, err := result.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		row, err := rowOf(values)
		if err != nil {
			return err
		}
		f.Rows++
		f.MinSeq, f.MaxSeq = min(f.MinSeq, row.Seq), max(f.MaxSeq, row.Seq)
		f.Digest = f.Digest.Add(event.LeafHash(&row))
	}
}

func (e *currentEngine) download(ctx context.Context, info object.Info, local string) (err error) {
	if err := athena.MakeFolder(e.files(), filepath.Dir(local)); err != nil {
		return err
	}
	// Without naming the version, as other engines read: what the listing said may
	// have changed since, and then this is what they get.
	body, err := e.store.Get(ctx, info.Key, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	out, err := os.Create(local)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, body)
	return errors.Join(err, out.Chmod(0o444), out.Close())
}

// oneFile is the engine's table while it reads one object.
type oneFile currentEngine

// Files implements athena.Source.
func (e *oneFile) Files(context.Context, athena.Bounds) (*athena.FileSet, error) {
	return &athena.FileSet{Files: []athena.File{e.file}}, nil
}

// rowOf is a row of the query, as the leaf hash takes it.
func rowOf(v []any) (r event.Row, err error) {
	at, ok := v[1].(time.Time)
	if !ok {
		return r, errors.New("a timestamp is NULL")
	}
	received, ok := v[15].(time.Time)
	if !ok {
		return r, errors.New("a received_at is NULL")
	}
	r.ReceivedAtMS = received.UnixMilli()
	for i, to := range [...]*string{0: &r.ID, 2: &r.Action, 3: &r.ActorID, 4: &r.ActorType, 6: &r.ResourceType, 8: &r.Outcome, 16: &r.Producer, 20: &r.Retention} {
		if to == nil {
			continue
		}
		if *to, ok = v[i].(string); !ok {
			return r, fmt.Errorf("column %d is NULL", i+1)
		}
	}
	for i, to := range [...]*event.Text{5: &r.ActorEmail, 7: &r.ResourceID, 9: &r.Reason, 10: &r.Details, 11: &r.RequestID, 12: &r.IP, 13: &r.UserAgent, 14: &r.OrganizationID} {
		if to != nil {
			to.S, to.Valid = v[i].(string)
		}
	}
	for i, to := range [...]*int64{17: &r.TimestampNS, 19: &r.Seq} {
		if to == nil {
			continue
		}
		if *to, ok = v[i].(int64); !ok {
			return r, fmt.Errorf("column %d is NULL", i+1)
		}
	}
	text, _ := v[18].(string)
	if r.Stream, err = uuid.Parse(text); err != nil {
		return r, fmt.Errorf("stream %q: %w", text, err)
	}
	if at.UnixMilli() != r.TimestampMS() {
		return r, fmt.Errorf("timestamp of seq %d is not that of its timestamp_ns", r.Seq)
	}
	return r, nil
}
