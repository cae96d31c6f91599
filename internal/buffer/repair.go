package buffer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
)

// prepare changes the disk: it repairs the tail and makes everything that was
// read durable, because the last process may have died before it was.
func (r *recovery) prepare() error {
	b := r.b
	ctx := context.Background() // Open cannot be interrupted: it reads a bounded log
	if len(r.numbers) > 0 {
		if err := r.resume(ctx); err != nil {
			return err
		}
	}
	if err := b.syncDir(); err != nil {
		return err
	}
	b.synced, b.open = b.w.state, b.w.open
	b.end = position{b.w.header.number, b.w.offset}
	if err := r.adopt(); err != nil {
		return err
	}
	if len(r.numbers) == 0 {
		if err := b.begin0(ctx); err != nil {
			return err
		}
	}
	if err := b.recycle(); err != nil {
		return err
	}
	b.firstTimers()
	return nil
}

// resume opens the last segment for writing. The frame at its end may be whole
// in the page cache only, also when a sync failed: writing the same bytes once
// more makes the pages dirty again, and the sync after it tells the truth.
func (r *recovery) resume(ctx context.Context) error {
	b, w, t := r.b, &r.b.w, &r.tail
	f, err := b.o.FS.OpenFile(b.path(segmentName(w.header.number)), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	w.file, w.offset = f, t.end
	if !errors.Is(t.stop, errEnd) {
		if err := r.quarantine(ctx, f); err != nil {
			return err
		}
	}
	last := make([]byte, t.end-t.last, t.end-t.last+sector)
	if _, err := io.ReadFull(io.NewSectionReader(f, t.last, t.end-t.last), last); err != nil {
		return err
	}
	if t.end+sector <= w.header.size {
		last = append(last, make([]byte, sector)...) // end mark
	}
	if err := writeAll(f, last, t.last); err != nil {
		return err
	}
	if r.stored < w.header.size {
		b.o.Log.WarnContext(ctx, "cut segment filled up", "segment", w.header.number, "bytes", r.stored)
		if err := writeAll(f, make([]byte, w.header.size-r.stored), r.stored); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync segment %d: %w", w.header.number, err)
	}
	return r.readOpen()
}

// quarantineMax bounds the files in quarantine: a machine that crashes all day
// must not fill its disk with what nobody was promised.
const quarantineMax = 64

// quarantine keeps the bytes behind the last frame for people to look at.
func (r *recovery) quarantine(ctx context.Context, f durable.File) error {
	b, t := r.b, &r.tail
	dir := b.path("quarantine")
	if err := durable.MkdirAll(b.o.FS, dir, 0o700); err != nil {
		return err
	}
	entries, err := b.o.FS.ReadDir(dir)
	if err != nil {
		return err
	}
	w := &window{r: f, size: min(r.stored, b.w.header.size)}
	end, err := junkEnd(w, t.end)
	if err != nil {
		return err
	}
	attrs := []any{"segment", b.w.header.number, "offset", t.end, "bytes", end - t.end, "seq", b.w.state.nextSeq, "reason", t.stop.Error()}
	if len(entries) >= quarantineMax {
		b.o.Log.WarnContext(ctx, "torn end of log discarded: quarantine is full", attrs...)
		return nil
	}
	junk := make([]byte, end-t.end)
	if _, err := io.ReadFull(io.NewSectionReader(f, t.end, end-t.end), junk); err != nil {
		return err
	}
	name := filepath.Join(dir, fmt.Sprintf("%020d-%d-%d.torn", b.w.header.number, t.end, b.o.Now().UnixNano()))
	if err := durable.WriteFile(b.o.FS, name, junk, 0o600); err != nil {
		return err
	}
	b.o.Log.WarnContext(ctx, "torn end of log put into quarantine", append(attrs, "file", name)...)
	return nil
}

// readOpen learns the partitions of the batch that is not sealed yet.
func (r *recovery) readOpen() error {
	b := r.b
	if b.w.open.rows == 0 {
		return nil
	}
	b.synced, b.end = b.w.state, position{b.w.header.number, b.w.offset}
	s := span{b: b, start: b.w.open.start, end: b.end, first: b.w.state.batchFirst, last: b.w.state.nextSeq - 1}
	return s.eachRecord(context.Background(), func(_ Ref, raw []byte) error {
		e, err := event.DecodeBinary(raw)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if _, ok := b.o.Retention(e.Retention); !ok {
			return fmt.Errorf("the log has events of retention class %q, which is not known any more", e.Retention)
		}
		b.w.parts[partitionOf(&e)] = true
		return nil
	})
}

// adopt takes over the spares of the last run and deletes what is not whole.
func (r *recovery) adopt() error {
	b := r.b
	for _, name := range r.leftover {
		f, err := b.o.FS.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		size, err := f.Size()
		if err == nil && size == b.o.SegmentBytes && len(b.spares) < sparesMax {
			b.spares = append(b.spares, spare{f, name})
			continue
		}
		if err := errors.Join(err, f.Close(), b.o.FS.Remove(name)); err != nil {
			return err
		}
	}
	return nil
}

// begin0 begins the log.
func (b *Buffer) begin0(ctx context.Context) error {
	if len(b.spares) == 0 {
		sp, err := b.makeSpare(ctx)
		if err != nil {
			return err
		}
		b.addSpare(sp)
	}
	b.w.header.number = -1
	b.w.state = state{nextSeq: b.o.FirstSeq, batchFirst: b.o.FirstSeq}
	b.released = released{batch: -1, nextSeq: b.o.FirstSeq}
	if err := b.rotate(); err != nil {
		return err
	}
	b.synced = b.w.state
	return nil
}

// firstTimers sets the timers as if the process had not been away.
func (b *Buffer) firstTimers() {
	w, now := &b.w, b.o.Now()
	w.first.age, w.first.quiet = b.o.SealAge, b.o.Heartbeat
	if w.open.rows > 0 {
		w.first.age = rest(time.UnixMilli(w.open.since), b.o.SealAge, now)
	}
	if w.state.nextBatch > 0 {
		w.first.quiet = rest(time.Unix(w.state.sealedAt, 0), b.o.Heartbeat, now)
	}
}

// rest is what is left of a period that began at start. The clock may have been
// set meanwhile, so it is never more than the period.
func rest(start time.Time, period time.Duration, now time.Time) time.Duration {
	return min(max(0, start.Add(period).Sub(now)), max(0, period))
}
