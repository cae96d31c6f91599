package source

import (
	"cmp"
	"context"
	"iter"
	"log/slog"
	"slices"
	"sync"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/hot"
	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/event"
)

// hotRows are the rows of a log as Parquet files, which queries share. take and drop
// are for one goroutine at a time; what take gave out is released by any.
type hotRows struct {
	dir string
	log *slog.Logger

	hold func(bytes int64) // see Options; may be nil

	chunks []*chunk // ordered; within a batch contiguous from its first row

	mu sync.Mutex // guards users and stale of chunks
}

// chunk is a range of log rows as Parquet files. It never crosses the end of a
// batch, so it is needed as a whole or not at all.
type chunk struct {
	first, next int64
	set         *hot.Set
	users       int  // queries that read it
	stale       bool // no longer in chunks: the last user closes it
}

// chunksMost is how many chunks one batch may be in before they are made one:
// each query that finds new rows adds one.
const chunksMost = 16

// take returns files with all rows of snap. They stay until release is called.
func (h *hotRows) take(ctx context.Context, snap *buffer.Snapshot) (files []athena.File, release func(), _ error) {
	h.drop(func(c *chunk) bool { return c.next <= snap.FirstSeq }) // in the bucket by now
	for _, b := range snap.Batches {
		if err := h.cover(ctx, b.First, b.Last+1, b.Scan); err != nil {
			return nil, nil, err
		}
	}
	if err := h.cover(ctx, snap.Open.First, snap.Open.Last+1, snap.Open.Scan); err != nil {
		return nil, nil, err
	}
	used := slices.Clone(h.chunks)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range used {
		files = append(files, c.set.Files...)
		c.users++
	}
	return files, sync.OnceFunc(func() { h.release(used) }), nil
}

// cover makes sure that the rows [first, next) of one batch are in chunks.
func (h *hotRows) cover(ctx context.Context, first, next int64, scan func(context.Context) iter.Seq2[buffer.Entry, error]) error {
	begin, _ := slices.BinarySearchFunc(h.chunks, first, func(c *chunk, seq int64) int { return cmp.Compare(c.first, seq) })
	from, held := first, 0
	for _, c := range h.chunks[begin:] {
		if c.next > next {
			break
		}
		from = c.next
		held++
	}
	if from >= next {
		return nil
	}
	if held >= chunksMost {
		h.drop(func(c *chunk) bool { return c.first >= first && c.next <= next })
		from = first
	}
	rows := func(yield func(event.Row, error) bool) {
		for e, err := range scan(ctx) {
			if err == nil && e.Row.Seq < from {
				continue
			}
			if !yield(e.Row, err) {
				return
			}
		}
	}
	if h.hold != nil {
		h.hold(hot.PortionBytes)
		defer h.hold(-hot.PortionBytes)
	}
	encoded, err := hot.Encode(ctx, rows, h.dir)
	if err != nil {
		return err
	}
	h.chunks = append(h.chunks, &chunk{first: from, next: next, set: encoded})
	return nil
}

// drop takes chunks out. Who reads one may finish.
func (h *hotRows) drop(which func(*chunk) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := h.chunks[:0]
	for _, c := range h.chunks {
		if !which(c) {
			kept = append(kept, c)
			continue
		}
		c.stale = true
		h.closeUnused(c)
	}
	clear(h.chunks[len(kept):])
	h.chunks = kept
}

func (h *hotRows) release(used []*chunk) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range used {
		c.users--
		h.closeUnused(c)
	}
}

func (h *hotRows) closeUnused(c *chunk) {
	if !c.stale || c.users > 0 {
		return
	}
	if err := c.set.Close(); err != nil {
		h.log.Warn("hot files stay behind until the next start", "error", err)
	}
}
