package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/bench/sidecar"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/parquet"
	"github.com/audit-archiver/archiver/testenv/gen"
)

// putters is how many objects are on their way to the bucket at once.
const putters = 8

// build puts a stream of that shape into the archive. All events are of one day and class, so each commit has one file.
func build(parent context.Context, a *sidecar.Archive, s shape) error {
	key, open, err := a.Certify(parent)
	if err != nil {
		return err
	}
	head, err := ledger.NewHead(open, a.Root.VKey())
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Second)
	until := now.AddDate(0, 0, 2)
	day := now.AddDate(0, 0, -1).Truncate(24 * time.Hour)
	// 10,000 events a second fill a day with 864 million.
	events := gen.New(1, day, 10_000)
	g, ctx := errgroup.WithContext(parent)
	g.SetLimit(putters)
	files := make([]ledger.File, s.commits)
	for i := range files {
		first := int64(i) * int64(s.rows)
		rows := events.Rows(s.rows, head.Stream, first)
		g.Go(func() (err error) {
			files[i], err = put(ctx, a, rows, until)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("files: %w", err)
	}
	g, ctx = errgroup.WithContext(parent)
	g.SetLimit(putters)
	for _, f := range files {
		commit, next, err := head.Next(ledger.Manifest{First: f.FirstSeq, Last: f.LastSeq, Count: f.Rows, Through: now, SealedAt: now,
			Files: []ledger.File{f}, Writer: "bench"}, key)
		if err != nil {
			return err
		}
		name, end := ledger.CommitKey(a.Prefix, head.Stream, next.Index), head.RetainUntil
		g.Go(func() error { return a.Put(ctx, name, commit, end) })
		head = next
	}
	return g.Wait()
}

// put makes the file of one commit.
func put(ctx context.Context, a *sidecar.Archive, rows []event.Row, until time.Time) (ledger.File, error) {
	first, last := &rows[0], &rows[len(rows)-1]
	class, day := a.About.Default, first.Day()
	for i := range rows {
		rows[i].Retention = class
	}
	var body bytes.Buffer
	w := parquet.NewWriter(&body, parquet.Options{Stream: first.Stream, Class: class, Day: day})
	if err := w.Write(rows...); err != nil {
		return ledger.File{}, err
	}
	if err := w.Close(); err != nil {
		return ledger.File{}, err
	}
	var tree ledger.Tree
	for i := range rows {
		tree.Add(event.LeafHash(&rows[i]))
	}
	f := ledger.File{Key: ledger.DataName(class, day, first.Stream, first.Seq, last.Seq), Size: int64(body.Len()), SHA256: sha256.Sum256(body.Bytes()),
		Rows: int64(len(rows)), Root: tree.Root(), FirstSeq: first.Seq, LastSeq: last.Seq, MinTimestampNS: first.TimestampNS, MaxTimestampNS: last.TimestampNS,
		Class: class, Day: day, Mode: object.Compliance, RetainUntil: until}
	var err error
	f.VersionID, err = a.Store.Put(ctx, object.Put{Key: ledger.Join(a.Prefix, f.Key), Body: bytes.NewReader(body.Bytes()), Size: f.Size, SHA256: f.SHA256,
		ContentType: "application/vnd.apache.parquet", RetainUntil: until})
	return f, err
}
