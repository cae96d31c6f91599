package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// rowSource reads the rows of a part from the WAL, in the order of its file.
type rowSource struct {
	batch      *buffer.Batch
	part       *part
	full, free chan []event.Row // some rows each; run closes full

	// Of all rows, when run has returned nil.
	tree   ledger.Tree
	digest *parquet.Digest

	leaf []byte // of one row
}

const (
	// sourceRows is how many rows are handed over at a time, sourceSets how many times as many there are.
	sourceRows = 512
	sourceSets = 3
)

func newRowSource(b *buffer.Batch, p *part) *rowSource {
	r := &rowSource{batch: b, part: p, digest: parquet.NewDigest(),
		full: make(chan []event.Row, sourceSets), free: make(chan []event.Row, sourceSets)}
	for range sourceSets {
		r.free <- make([]event.Row, 0, min(sourceRows, len(p.rows)))
	}
	return r
}

// run reads all rows.
func (r *rowSource) run(ctx context.Context) (err error) {
	defer close(r.full)
	log, err := r.batch.RowReader()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	for rest := range slices.Chunk(r.part.rows, sourceRows) {
		var rows []event.Row
		select {
		case rows = <-r.free:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if rows, err = r.read(log, rows, rest); err != nil {
			return err
		}
		r.full <- rows // it has room for all there are
	}
	return nil
}

// read reads the rows at places into rows.
func (r *rowSource) read(log buffer.RowReader, rows []event.Row, places []position) ([]event.Row, error) {
	rows = rows[:len(places)]
	for i := range places {
		if err := log.Read(places[i].ref, &rows[i]); err != nil {
			return nil, fmt.Errorf("the WAL: %w", err)
		}
		r.leaf = event.AppendPrefixed(r.leaf[:0], &rows[i])
		r.tree.Add(event.HashPrefixed(r.leaf))
	}
	r.digest.Add(rows...)
	return rows, nil
}
