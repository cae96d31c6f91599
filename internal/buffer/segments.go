package buffer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/audit-archiver/archiver/internal/durable"
)

const (
	segmentSuffix = ".wal"
	sparePrefix   = "spare-"
	sparesWanted  = 1           // ready before the active segment is full
	sparesMax     = 4           // more released segments than that are deleted
	keepPeriod    = time.Second // between looks at the disk's free space
	zeroChunk     = 8 << 20     // synced one by one, so that commits in between do not wait for the whole file
)

func segmentName(number int64) string { return fmt.Sprintf("%020d%s", number, segmentSuffix) }

func (b *Buffer) path(name string) string { return filepath.Join(b.o.Dir, name) }

// rotate begins a new segment. What is on disk if we die after each step:
//
//	header, sync    a spare with a header in it: spares are never read
//	rename          the new segment is there with its header, or still a spare;
//	                either way every acknowledged frame is in the segments before it
//	sync folder     the new segment is there, empty; frames may follow
//
// The name before the header, or no sync of the folder, could lose or hide
// frames that were acknowledged in it.
func (b *Buffer) rotate() error {
	w := &b.w
	sp, err := b.takeSpare()
	if err != nil {
		return err
	}
	h := header{stream: b.o.Stream, number: w.header.number + 1, size: b.o.SegmentBytes, state: w.state}
	name, seed, err := b.begin(sp, &h)
	if err != nil {
		return b.fail(errors.Join(err, sp.file.Close()))
	}
	old := w.file
	w.file, w.header, w.offset, w.state.chain = sp.file, h, headerBytes, seed
	b.mu.Lock()
	b.segments = append(b.segments, &segment{h, name})
	b.end = position{h.number, headerBytes}
	b.mu.Unlock()
	poke(b.keeperGo)
	if old == nil {
		return nil
	}
	if err := old.Close(); err != nil {
		return b.fail(fmt.Errorf("close segment %d: %w", h.number-1, err))
	}
	return nil
}

// begin turns a spare into the segment that h describes.
func (b *Buffer) begin(sp spare, h *header) (name string, seed uint32, err error) {
	name = b.path(segmentName(h.number))
	if _, err := rand.Read(h.id[:]); err != nil {
		return name, 0, fmt.Errorf("begin segment %d: %w", h.number, err)
	}
	sectors, seed := h.encode()
	sectors = append(sectors, make([]byte, sector)...) // end mark
	if err := writeAll(sp.file, sectors, 0); err != nil {
		return name, 0, fmt.Errorf("begin segment %d: write header: %w", h.number, err)
	}
	if err := sp.file.Sync(); err != nil {
		return name, 0, fmt.Errorf("begin segment %d: sync header: %w", h.number, err)
	}
	if err := b.o.FS.Rename(sp.name, name); err != nil {
		return name, 0, fmt.Errorf("begin segment %d: %w", h.number, err)
	}
	if err := b.dir.Sync(); err != nil {
		return name, 0, fmt.Errorf("begin segment %d: %w", h.number, err)
	}
	return name, seed, nil
}

// takeSpare waits until the keeper has a spare or says that there is no space.
func (b *Buffer) takeSpare() (spare, error) {
	for {
		b.mu.Lock()
		if b.broken != nil {
			defer b.mu.Unlock()
			return spare{}, b.broken
		}
		if len(b.spares) > 0 {
			defer b.mu.Unlock()
			sp := b.spares[0]
			b.spares = b.spares[1:]
			return sp, nil
		}
		reason := b.noSpare
		b.exhausted = reason != ""
		b.mu.Unlock()
		if reason != "" {
			poke(b.pressure)
			return spare{}, fmt.Errorf("%w: %s", ErrFull, reason)
		}
		poke(b.keeperGo)
		select {
		case <-b.spareGo:
		case <-b.damaged:
		}
	}
}

// keep prepares spares and recycles released segments beside the commits, so
// that these wait for neither.
func (b *Buffer) keep(ctx context.Context) {
	tick := time.NewTicker(keepPeriod)
	defer tick.Stop()
	for ctx.Err() == nil {
		full, noSpare, err := b.tidy(ctx)
		if err != nil {
			return // sticky: Run sees it
		}
		b.mu.Lock()
		changed := (b.full == "") != (full == "") || (b.noSpare == "") != (noSpare == "") // not when some bytes more are free
		b.full, b.noSpare = full, noSpare
		b.exhausted = b.exhausted && noSpare != ""
		now := b.o.Now()
		b.growth.add(now, b.written-b.released.written)
		if reason := b.whyFull(); reason == "" {
			b.refusing, b.denied = time.Time{}, 0
		} else {
			b.press(reason, 0) // nobody may come who would be refused
			if b.refusing.IsZero() {
				b.refusing = now
			}
		}
		b.mu.Unlock()
		if changed {
			b.o.Log.WarnContext(ctx, "space for the log changed", "full", full, "no_segment", noSpare)
		}
		poke(b.spareGo)
		select {
		case <-tick.C:
		case <-b.keeperGo:
		case <-ctx.Done():
		}
	}
}

// tidy does what there is to do. It says why nothing more can be taken and why
// no segment can be had; its error is final.
func (b *Buffer) tidy(ctx context.Context) (full, noSpare string, err error) {
	if err := b.recycle(); errors.Is(err, ErrDamaged) {
		return "", "", err
	} else if err != nil {
		b.o.Log.WarnContext(ctx, "released segment not recycled", "err", err)
	}
	free, err := b.o.FS.Free(b.o.Dir)
	if err != nil {
		return err.Error(), err.Error(), nil //nolint:nilerr // it passes; not knowing is no reason to go on meanwhile
	}
	if free < b.o.Reserve {
		full = fmt.Sprintf("disk: %d bytes are free, %d are reserved", free, b.o.Reserve)
	}
	b.mu.Lock()
	have := len(b.spares)
	b.mu.Unlock()
	if have >= sparesWanted {
		return full, "", nil
	}
	if free-b.o.SegmentBytes < b.o.Reserve {
		return full, fmt.Sprintf("disk: %d bytes are free, a segment of %d would use the reserve of %d",
			free, b.o.SegmentBytes, b.o.Reserve), nil
	}
	sp, err := b.makeSpare(ctx)
	if errors.Is(err, ErrDamaged) {
		return "", "", err
	}
	if err != nil { // as long as that lasts the text is the same
		reason := strings.ReplaceAll(err.Error(), filepath.Base(sp.name), sparePrefix+"*"+segmentSuffix)
		return full, reason, nil // no space, no handles: that passes
	}
	b.addSpare(sp)
	return full, "", nil
}

func (b *Buffer) addSpare(sp spare) {
	b.mu.Lock()
	b.spares = append(b.spares, sp)
	b.mu.Unlock()
}

// makeSpare writes a file full of zeros: a later write into it moves no metadata
// of the file system, which makes its sync much faster, and needs no new space.
// Only a failed sync is final, and a disk that has become read-only; without space it
// removes what it began. With an error the spare has a name and nothing else.
func (b *Buffer) makeSpare(ctx context.Context) (spare, error) {
	name := b.path(sparePrefix + rand.Text() + segmentSuffix)
	f, err := b.o.FS.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		err = fmt.Errorf("create segment: %w", err)
		if errors.Is(err, syscall.EROFS) { // what a file system does that has lost something
			err = b.fail(err)
		}
		return spare{name: name}, err
	}
	err = b.zero(ctx, f, b.o.SegmentBytes)
	if err == nil {
		return spare{f, name}, nil
	}
	err = fmt.Errorf("create segment: %w", err)
	if err = errors.Join(err, f.Close()); errors.Is(err, durable.ErrSync) {
		return spare{name: name}, b.fail(err)
	}
	return spare{name: name}, errors.Join(err, b.o.FS.Remove(name))
}

// zero writes zeros up to size.
func (b *Buffer) zero(ctx context.Context, f durable.File, size int64) error {
	for off := int64(0); off < size; off += zeroChunk {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := f.WriteZeros(off, min(zeroChunk, size-off)); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return fmt.Errorf("%w: %w", durable.ErrSync, err)
		}
	}
	return nil
}

// recycle turns released segments that nobody reads into spares, oldest first.
// The release note is durable before, so it does not matter which of the names
// survives a crash. The folder is synced after each one: the file must have lost
// its old name for good before rotate writes another header into it, and without
// a gap in the numbers, because a gap means loss.
func (b *Buffer) recycle() error {
	for {
		old := b.recyclable()
		if old == nil {
			return nil
		}
		if err := b.files.evict(old.number); err != nil {
			return err
		}
		b.mu.Lock()
		keep := len(b.spares) < sparesMax && old.size == b.o.SegmentBytes
		b.mu.Unlock()
		if err := b.retire(old.name, keep); err != nil {
			return err
		}
		b.mu.Lock()
		b.segments = b.segments[1:]
		b.mu.Unlock()
	}
}

// recyclable returns the oldest segment if nobody needs it any more. Until something is
// released that is none: without a release note the log begins with segment 0, also when
// the first event was too large for that.
func (b *Buffer) recyclable() *segment {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.released.batch < 0 || len(b.segments) < 2 || b.segments[0].number >= b.firstNeeded() {
		return nil
	}
	return b.segments[0]
}

// firstNeeded is the number of the oldest segment that holds something not
// released or that is pinned. The caller holds mu.
func (b *Buffer) firstNeeded() int64 {
	first := b.firstHeld()
	for p := range b.pins {
		first = min(first, p.segment)
	}
	return first
}

// firstHeld is the number of the oldest segment that holds something not
// released. The caller holds mu.
func (b *Buffer) firstHeld() int64 {
	switch {
	case len(b.sealed) > 0:
		return b.sealed[0].start.segment
	case b.open.rows > 0:
		return b.open.start.segment
	}
	return b.end.segment
}

// retire makes a spare of the file name, or deletes it.
func (b *Buffer) retire(name string, keep bool) error {
	if !keep {
		if err := b.o.FS.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove released segment: %w", err)
		}
		return b.syncDir()
	}
	f, err := b.o.FS.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("recycle segment: %w", err)
	}
	sp := spare{f, b.path(sparePrefix + rand.Text() + segmentSuffix)}
	if err := b.o.FS.Rename(name, sp.name); err != nil {
		return errors.Join(fmt.Errorf("recycle segment: %w", err), f.Close())
	}
	if err := b.syncDir(); err != nil {
		return errors.Join(err, f.Close())
	}
	b.addSpare(sp)
	return nil
}

func (b *Buffer) syncDir() error {
	if err := b.dir.Sync(); err != nil {
		return b.fail(fmt.Errorf("log %s: %w", b.o.Dir, err))
	}
	return nil
}
