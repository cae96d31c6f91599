package buffer

import (
	"context"
	"errors"
	"fmt"

	"github.com/audit-archiver/archiver/internal/event"
)

// Import begins a log with rows of another one: those of from that take wants, in
// their order. They get the seqs of the new log, and keep all else: also when they
// were received, and what a retry is recognised by. What was sealed is sealed at the
// same rows, as of now.
//
// The log of o must be new. If Import fails or we die in it, what is in the folder
// is a part of the rows: remove it before the next try.
func Import(ctx context.Context, o Options, from *Snapshot, take func(Entry) (bool, error)) (err error) {
	b, err := Open(o)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if b.w.state.nextSeq != b.o.FirstSeq || b.w.state.nextBatch > 0 {
		return fmt.Errorf("import: %s holds a log already", o.Dir)
	}
	defer b.startKeeper(ctx)()
	im := importer{b: b, take: take}
	for _, batch := range from.Batches {
		s, ok := batch.Rows.(*span)
		if !ok {
			panic("bug: a batch of a snapshot is no part of a log")
		}
		if err := im.rows(ctx, s); err != nil {
			return fmt.Errorf("import: %w", err)
		}
		if err := im.seal(batch.Through.UnixMilli()); err != nil {
			return fmt.Errorf("import: %w", err)
		}
	}
	if err := im.rows(ctx, &from.Open.span); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	return nil
}

// importer gathers rows that were received at the same time into frames.
type importer struct {
	b        *Buffer
	take     func(Entry) (bool, error)
	buf      []byte
	count    int64
	received int64
}

func (im *importer) rows(ctx context.Context, s *span) error {
	err := s.scan(ctx, func(ref Ref, raw []byte) error {
		row, err := rowOf(s.b.o.Stream, ref, string(raw))
		if err != nil {
			return err
		}
		wanted, err := im.take(Entry{ref, row})
		if err != nil || !wanted {
			return err
		}
		if most := im.b.o.appendBytesMax(); int64(recordHead+len(raw)) > most {
			return fmt.Errorf("event of seq %d: %d bytes, at most %d are in a segment of %d", ref.Seq(), recordHead+len(raw), most, im.b.o.SegmentBytes)
		}
		full := int64(len(im.buf)+recordHead+len(raw)) > min(groupBytes, im.b.o.appendBytesMax())
		if im.count > 0 && (ref.received != im.received || full) {
			if err := im.flush(); err != nil {
				return err
			}
		}
		im.add(ref, raw, &row.Event)
		return nil
	})
	if err != nil {
		return err
	}
	return im.flush()
}

func (im *importer) add(ref Ref, raw []byte, e *event.Event) {
	if im.count == 0 {
		im.buf, im.received = append(im.buf[:0], make([]byte, frameHead)...), ref.received
	}
	im.buf = le.AppendUint32(im.buf, uint32(len(raw)))
	im.buf = le.AppendUint32(im.buf, checksum(raw))
	im.buf = append(im.buf, raw...)
	im.count++
	im.b.w.parts[partitionOf(e)] = true
}

func (im *importer) flush() error {
	if im.count == 0 {
		return nil
	}
	n := im.count
	im.count = 0
	return im.b.writeEvents(im.buf, n, im.received)
}

// seal ends a batch where the other log did. Its through is that of the other log's
// seal, since what comes next was received after it.
func (im *importer) seal(through int64) error {
	if im.b.w.open.rows == 0 {
		return nil
	}
	s, err := im.b.fixSeal(im.b.o.Now())
	if err != nil {
		return err
	}
	s.through = max(through, im.b.w.state.received)
	return im.b.writeSeal(s)
}
