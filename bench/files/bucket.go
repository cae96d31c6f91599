package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/parquet"
	"github.com/audit-archiver/archiver/testenv/gen"
)

const (
	class    = "standard"
	version  = "v"
	daysMost = 50
)

var (
	firstDay = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	stream   = uuid.MustParse("0198c0de-0000-7000-8000-000000000000")
)

// bucket is a folder that answers as slowly as a store far away.
type bucket struct {
	dir       string
	latency   time.Duration
	bandwidth int64

	files  []athena.File
	hints  []int64   // bytes of footer and filters, by file
	needle event.Row // what is looked for

	link    sync.Mutex // one sends at a time, so that all share the bandwidth
	fetched atomic.Int64
}

func makeBucket(dir string, o options, files int) (*bucket, error) {
	b := &bucket{dir: dir, latency: o.latency, bandwidth: o.bandwidth}
	days := min(files, daysMost)
	perDay := (files + days - 1) / days
	each := o.rows / files
	for i := range files {
		begin := firstDay.AddDate(0, 0, i/perDay).Add(time.Duration(i%perDay) * 24 * time.Hour / time.Duration(perDay))
		rate := each*perDay/86_400 + 1
		rows := gen.New(uint64(i+1), begin, rate).Rows(each, stream, int64(i)*int64(each))
		if i == files/2 {
			b.needle = rows[each/2]
		}
		if err := b.write(rows); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// write puts rows of one day under the name that they have in a bucket.
func (b *bucket) write(rows []event.Row) error {
	first, last := rows[0], rows[len(rows)-1]
	day := first.Day()
	if last.Day() != day {
		return fmt.Errorf("rows of %s and %s in one file", day, last.Day())
	}
	var file bytes.Buffer
	w := parquet.NewWriter(&file, parquet.Options{Stream: stream, Class: class, Day: day})
	if err := w.Write(rows...); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	r, err := parquet.Open(bytes.NewReader(file.Bytes()), int64(file.Len()), class)
	if err != nil {
		return err
	}
	about := r.Describe()
	hints := about.FooterBytes
	for _, c := range about.Columns {
		if c.Name == "id" {
			hints += c.BloomFilterBytes
		}
	}
	key := ledger.DataName(class, day, stream, first.Seq, last.Seq)
	path := filepath.Join(b.dir, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, file.Bytes(), 0o644); err != nil {
		return err
	}
	b.hints = append(b.hints, hints)
	b.files = append(b.files, athena.File{Key: key, VersionID: version, Size: int64(file.Len()), SHA256: sha256.Sum256(file.Bytes()), Class: class, Day: day,
		Rows: int64(len(rows)), RetainUntil: time.Now().AddDate(1, 0, 0), MinTimestampNS: first.TimestampNS, MaxTimestampNS: last.TimestampNS})
	return nil
}

// Files implements athena.Source.
func (b *bucket) Files(context.Context, athena.Bounds) (*athena.FileSet, error) {
	return &athena.FileSet{Files: slices.Clone(b.files)}, nil
}

// Get implements cache.Store.
func (b *bucket) Get(ctx context.Context, key, _ string) (io.ReadCloser, error) {
	raw, err := os.ReadFile(filepath.Join(b.dir, filepath.FromSlash(key)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", object.ErrNotFound, err)
	}
	time.Sleep(b.latency)
	b.link.Lock()
	time.Sleep(time.Duration(float64(len(raw)) / float64(b.bandwidth) * float64(time.Second)))
	b.link.Unlock()
	b.fetched.Add(int64(len(raw)))
	return io.NopCloser(bytes.NewReader(raw)), ctx.Err()
}

// Head implements cache.Store.
func (b *bucket) Head(context.Context, string, string) (object.Info, error) {
	return object.Info{}, object.ErrNotFound // nothing here has expired
}

// question is one in the language of users.
type question struct {
	name, sql string
	day       string    // "": any
	hour      time.Time // with which it begins; zero: any
}

// mayRead tells whether the question is about rows that f may have, as far as the ledger tells.
func (q *question) mayRead(f *athena.File) bool {
	end := q.hour.Add(time.Hour)
	return (q.day == "" || f.Day == q.day) && (q.hour.IsZero() || f.MaxTimestampNS >= q.hour.UnixNano() && f.MinTimestampNS < end.UnixNano())
}

func (b *bucket) questions() []question {
	n := &b.needle
	at := time.Unix(0, n.TimestampNS).UTC().Truncate(time.Hour)
	hour := fmt.Sprintf("timestamp >= timestamp '%s' AND timestamp < timestamp '%s'", at.Format(time.DateTime), at.Add(time.Hour).Format(time.DateTime))
	return []question{
		{name: "the event with an id", sql: "SELECT * FROM audit_logs WHERE id = '" + n.ID + "'"},
		{name: "the same, of a day", sql: "SELECT * FROM audit_logs WHERE id = '" + n.ID + "' AND dt = '" + n.Day() + "'", day: n.Day()},
		{name: "failures of an hour", sql: "SELECT * FROM audit_logs WHERE outcome = 'failure' AND " + hour, hour: at},
		{name: "count per action", sql: "SELECT action, count(*) FROM audit_logs GROUP BY action"},
	}
}
