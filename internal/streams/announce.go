package streams

import (
	"context"
	"sync"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/buffer"
)

// queue is where the archiver gets a log's batches from.
func (o *Options) queue(b *buffer.Buffer) archive.Queue {
	if o.Archiving == nil {
		return b
	}
	return &announced{Buffer: b, archiving: o.Archiving}
}

// announced is a log that tells what is archived of it.
type announced struct {
	*buffer.Buffer
	telling   sync.Mutex // held while archiving is called, and while it is found out whether something is left
	archiving func(rows int64)
}

// Next implements archive.Queue.
func (q *announced) Next(ctx context.Context, after int64) (*buffer.Batch, error) {
	b, err := q.Buffer.Next(ctx, after)
	if err == nil {
		q.telling.Lock()
		defer q.telling.Unlock()
		q.archiving(b.Count)
	}
	return b, err
}

// Release implements archive.Queue.
func (q *announced) Release(ctx context.Context, b *buffer.Batch) error {
	if err := q.Buffer.Release(ctx, b); err != nil {
		return err
	}
	q.telling.Lock()
	defer q.telling.Unlock()
	if q.Stats().SealedBatches == 0 { // one that is sealed from now on is told of by Next, after this
		q.archiving(0)
	}
	return nil
}
