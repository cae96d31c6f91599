package buffer

import (
	"context"
	"errors"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
)

type Buffer struct{}

// Stats is a picture of the buffer for metrics and readiness.
type Stats struct {
	NextSeq, FirstSeq          int64 // FirstSeq: first seq not released
	QueuedEvents, QueuedBytes  int64
	UnreleasedBytes, FreeBytes int64
	Segments, Spares           int
	SealedBatches              int
	OpenRows, OpenBytes        int64
	OldestUnsealed             time.Time // zero when there is none
	Through                    time.Time // zero before the first seal
	Full                       string    // why ErrFull; "" when not full
	Damaged                    error
}

func Open(o Options) (*Buffer, error)            { return nil, errors.ErrUnsupported }
func (b *Buffer) Run(ctx context.Context) error  { return errors.ErrUnsupported }
func (b *Buffer) Close() error                   { return errors.ErrUnsupported }
func (b *Buffer) Seal(ctx context.Context) error { return errors.ErrUnsupported }
func (b *Buffer) Append(ctx context.Context, events []event.Event) (first int64, err error) {
	return 0, errors.ErrUnsupported
}
func (b *Buffer) Heartbeat(ctx context.Context) error             { return errors.ErrUnsupported }
func (b *Buffer) Next(ctx context.Context) (*Batch, error)        { return nil, errors.ErrUnsupported }
func (b *Buffer) Release(ctx context.Context, batch *Batch) error { return errors.ErrUnsupported }
func (b *Buffer) Snapshot(ctx context.Context) (*Snapshot, error) {
	return nil, errors.ErrUnsupported
}
func (b *Buffer) Stats() Stats { return Stats{} }
