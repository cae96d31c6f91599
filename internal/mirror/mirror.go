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
	Last   int64 // seq of the last row, inclusive; First-1 when the commit adds none
	Count  int64 // rows; 0 for a heartbeat or notes

	// Rows yields every row of the commit: file after file in the order of the
	// manifest, and within a file as stored, which is by (timestamp_ns, seq). The
	// content was compared with the manifest's hash before the first row comes.
	// It may be called again, and yields the same rows. Strings of a row are valid
	// until the next one. A target that resumes takes them through From.
	Rows func(ctx context.Context) iter.Seq2[event.Row, error]

	// Gone names the rows, by number and in order, that Rows leaves out: the lock of
	// their file has expired and the bucket no longer has it.
	Gone []RowRange
}

// RowRange is a range of rows of a commit by their numbers: [From, To).
type RowRange struct{ From, To int64 }

// Numbered is a row and its number in its commit: how many rows the manifest
// counts before it, those that are gone included. So a row keeps its number, and
// a Position its meaning, when a file before it vanishes.
type Numbered struct {
	event.Row
	Number int64
}

// From yields the rows whose number is at least row, with their numbers. Once the
// row of number n is durable, Position.Row is n+1.
func (c *Commit) From(ctx context.Context, row int64) iter.Seq2[Numbered, error] {
	return func(yield func(Numbered, error) bool) {
		gone, number := c.Gone, int64(0)
		for r, err := range c.Rows(ctx) {
			for len(gone) > 0 && number == gone[0].From {
				number, gone = gone[0].To, gone[1:]
			}
			if err == nil && number < row {
				number++
				continue
			}
			if !yield(Numbered{r, number}, err) || err != nil {
				return
			}
			number++
		}
	}
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

// Tidier is a [Target] that has work of its own between commits: dropping what it
// keeps no longer, say. Tidy is called once per round by the goroutine that calls
// the other methods; an error counts as one of the target.
type Tidier interface {
	Tidy(ctx context.Context) error
}
