// Package mirror copies what the archive has committed to other systems.
//
// The promise: a [Target] gets the rows of every verified commit, stream by
// stream and commit by commit in the order of the ledger, until it has them all,
// however often it, the bucket or this process is away in between. The price: a
// mirror lags behind by the age of a batch. It reads the bucket, never the WAL, so
// nothing that a target does can delay or lose what the archive takes.
package mirror

import (
	"context"
	"iter"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
)

// Position is how far a target has come in one stream.
type Position struct {
	Index int64 // of the commit that it needs next; all before it are there
	Row   int64 // rows of that commit, in the order of Commit.Rows, that are there already
}

// Commit is one commit of a stream with the rows that it adds.
type Commit struct {
	Stream uuid.UUID
	Index  int64 // in the stream, from 0
	First  int64 // seq of the first row
	Count  int64 // rows; 0 for a heartbeat or notes

	// Rows yields every row of the commit: file after file in the order of the
	// manifest, and within a file as stored, which is by (timestamp_ns, seq). The
	// content was compared with the manifest's hash before the first row comes.
	// It may be called again, and yields the same rows. Strings of a row are valid
	// until the next one.
	Rows func(ctx context.Context) iter.Seq2[event.Row, error]
}

// Target is one system that is kept equal to the archive. It may be called by one
// goroutine at a time.
type Target interface {
	// Position returns the durable position in a stream; the zero value when the
	// target has nothing of it.
	Position(ctx context.Context, stream uuid.UUID) (Position, error)

	// Write takes the commit at the target's position. It returns nil once every
	// row of it is durable in the target and the position is at the next commit;
	// after an error the same commit is written again. What a target refuses for
	// good must not stop it: it counts such rows by reason and goes on.
	Write(ctx context.Context, c *Commit) error
}
