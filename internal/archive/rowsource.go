package archive

import (
	"context"
	"errors"
	"fmt"

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
	// sourceBytes ends a set of large rows early: events may have a megabyte each.
	sourceBytes = 4 << 20
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
	for rest := r.part.rows; len(rest) > 0; {
		var rows []event.Row
		select {
		case rows = <-r.free:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if rows, err = r.read(log, rows, rest); err != nil {
			return err
		}
		rest = rest[len(rows):]
		r.full <- rows // it has room for all there are
	}
	return nil
}

// read reads as many of the rows at places as a set has, one at least, into rows.
func (r *rowSource) read(log buffer.RowReader, rows []event.Row, places []position) ([]event.Row, error) {
	rows = rows[:cap(rows)]
	n, size := 0, 0
	for n < min(len(places), len(rows)) && size < sourceBytes {
		row := &rows[n]
		if err := log.Read(places[n].ref, row); err != nil {
			return nil, fmt.Errorf("the WAL: %w", err)
		}
		r.leaf = event.AppendPrefixed(r.leaf[:0], row)
		r.tree.Add(event.HashPrefixed(r.leaf))
		size += len(r.leaf)
		n++
	}
	clear(rows[n:]) // what is behind them would keep the texts of earlier rows
	r.digest.Add(rows[:n]...)
	return rows[:n], nil
}
