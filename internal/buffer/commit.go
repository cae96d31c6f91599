package buffer

import (
	"fmt"
	"io"
	"time"

	"github.com/audit-archiver/archiver/internal/durable"
)

// groupBytes is where a group stops growing. Beyond it a larger write does not
// make a sync cheaper per byte, and everybody in it would wait longer.
const groupBytes = 4 << 20

// bufferKept bounds the frame buffer that is kept between groups.
const bufferKept = 2 * groupBytes

// writer is what only Run touches.
type writer struct {
	file   durable.File
	header header // of the active segment
	offset int64  // where the next frame goes
	state  state
	open   openBatch
	parts  map[partition]bool // of the open batch
	buf    []byte

	age   *time.Timer // SealAge after the first unsealed event
	quiet *time.Timer // Heartbeat after the last seal
	first struct{ age, quiet time.Duration }
}

func (w *writer) startTimers(beats bool) {
	w.age, w.quiet = time.NewTimer(w.first.age), time.NewTimer(w.first.quiet)
	if w.open.rows == 0 {
		w.age.Stop()
	}
	if !beats {
		w.quiet.Stop()
	}
}

func (w *writer) stopTimers() {
	w.age.Stop()
	w.quiet.Stop()
}

// commitGroup writes the requests at the front of the queue as one frame, syncs
// it, and answers them. ErrFull has been answered already and is not for Run.
func (b *Buffer) commitGroup() error {
	g, sealFirst := b.takeGroup()
	if sealFirst {
		if err := b.sealOpen(); err != nil {
			// Nothing was taken, so nobody would get an answer.
			return b.refuseQueue(err)
		}
		g, _ = b.takeGroup()
	}
	if len(g.requests) == 0 {
		return nil
	}
	first := b.w.state.nextSeq
	b.recognise(&g)
	err := b.writeGroup(g)
	if err != nil {
		b.unrecognise(first)
	} else {
		b.recognised(&g)
	}
	stored := g.stored()
	for _, r := range g.requests {
		if err == nil && r.refused != nil {
			r.done <- r.refused
			continue
		}
		r.done <- err
	}
	if err != nil {
		for _, p := range g.parts {
			delete(b.w.parts, p)
		}
		return err
	}
	if len(stored) > 0 {
		b.o.Stored(stored)
	}
	if b.w.open.rows >= b.o.SealRows || b.w.open.bytes >= b.o.SealBytes {
		return b.sealOpen()
	}
	return nil
}

// group is what one frame will hold.
type group struct {
	requests    []*request
	rows, bytes int64
	parts       []partition // new to the open batch

	repeated, conflicts int64 // events, of its requests
}

// takeGroup takes from the queue what fits in one frame and in the open batch.
// It says when the batch has to be sealed before anything fits.
func (b *Buffer) takeGroup() (g group, sealFirst bool) {
	w := &b.w
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, r := range b.queue {
		if n > 0 && g.bytes+r.bytes() > min(groupBytes, b.o.appendBytesMax()) {
			break
		}
		rows := w.open.rows + g.rows
		if rows > 0 && (rows+r.count > b.o.SealRows || !w.fits(r, b.o.Partitions)) {
			sealFirst = n == 0
			break
		}
		for _, p := range r.parts {
			if !w.parts[p] {
				w.parts[p] = true
				g.parts = append(g.parts, p)
			}
		}
		n++
		g.rows += r.count
		g.bytes += r.bytes()
	}
	g.requests = b.queue[:n:n]
	b.queue = b.queue[n:]
	b.taken += int64(n)
	b.queuedEvents -= g.rows
	b.queuedBytes -= g.bytes
	if len(b.queue) > 0 && !sealFirst {
		poke(b.wake)
	}
	return g, sealFirst
}

// fits reports whether the open batch can take r's partitions.
func (w *writer) fits(r *request, most int) bool {
	n := len(w.parts)
	for _, p := range r.parts {
		if !w.parts[p] {
			n++
		}
	}
	return n <= most
}

// refuseQueue answers everybody in the queue with err.
func (b *Buffer) refuseQueue(err error) error {
	b.mu.Lock()
	queue := b.queue
	b.queue, b.queuedEvents, b.queuedBytes = nil, 0, 0
	b.taken += int64(len(queue))
	b.mu.Unlock()
	for _, r := range queue {
		r.done <- err
	}
	return err
}

func (b *Buffer) writeGroup(g group) error {
	w := &b.w
	if g.rows == 0 {
		return nil // everything was stored before, and is on disk
	}
	buf := append(w.buf[:0], make([]byte, frameHead)...)
	for _, r := range g.requests {
		buf = r.appendFresh(buf)
	}
	received, first := b.stamp(), w.open.rows == 0
	if err := b.writeEvents(buf, g.rows, received); err != nil {
		b.unstamp() // a full log wrote nothing; a broken one answers no Snapshot
		return err
	}
	if first {
		w.age.Reset(b.o.SealAge)
	}
	for _, r := range g.requests {
		r.at = received
	}
	return nil
}

// writeEvents writes the records in buf, behind room for a frame's head, as the next
// frame.
func (b *Buffer) writeEvents(buf []byte, rows, received int64) error {
	w := &b.w
	f := frame{kind: typeEvents, count: rows, firstSeq: w.state.nextSeq, received: received}
	start, size, err := b.commit(buf, &f)
	if err != nil {
		return err
	}
	w.state.nextSeq += rows
	w.state.received = received
	if w.open.rows == 0 {
		w.open.start, w.open.since = start, received
	}
	w.open.rows += rows
	w.open.bytes += size
	b.publish(size, nil)
	return nil
}

// receivedAt is the clock, except that it never goes back and is always after
// the Through of the last seal.
func (b *Buffer) receivedAt() int64 {
	at := max(b.o.Now().UnixMilli(), b.w.state.received, 0)
	if b.w.state.nextBatch > 0 {
		at = max(at, b.w.state.through+1)
	}
	return at
}

// stamp is receivedAt for the frame that is written next, which no Snapshot has yet:
// until it is published none of them reaches that far, and it is after all that any
// of them promised.
func (b *Buffer) stamp() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inFlight = max(b.receivedAt(), b.promised)
	return b.inFlight
}

func (b *Buffer) unstamp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inFlight = none
}

// reach returns how far a Snapshot reaches that is taken now, and keeps every later
// event behind that. It does not go back as long as we run. The caller holds mu.
func (b *Buffer) reach() int64 {
	at := max(b.o.Now().UnixMilli()-1, b.synced.received, b.promised-1)
	if b.synced.nextBatch > 0 {
		at = max(at, b.synced.through)
	}
	if b.inFlight != none {
		at = min(at, b.inFlight-1) // which is not before the last promise
	}
	b.promised = at + 1
	return at
}

// ReceiveAfter keeps every event that is not stored yet behind that instant: what a
// log continues reaches so far.
func (b *Buffer) ReceiveAfter(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.promised = max(b.promised, at.UnixMilli()+1)
}

// commit makes one frame durable. It is the only place that writes frames, and
// there is never more than one in flight: the next one is written only after the
// sync of this one, so that a frame that is whole proves all before it.
func (b *Buffer) commit(buf []byte, f *frame) (start position, size int64, err error) {
	w := &b.w
	size = padded(int64(len(buf)) + 4)
	limit := w.header.size - sector // room for the end mark
	if f.kind == typeEvents {
		limit -= sealBytesMax // so that what is in a full log can be sealed, and archived
	}
	if w.offset+size > limit {
		if err := b.rotate(); err != nil {
			return start, 0, err
		}
	}
	f.prev = w.state.chain
	buf, sum := finishFrame(buf, f, w.header.salt())
	buf = fillPage(buf, w.offset, w.header.size)
	if err := writeAll(w.file, buf, w.offset); err != nil {
		return start, 0, b.fail(fmt.Errorf("write segment %d at %d: %w", w.header.number, w.offset, err))
	}
	if err := w.file.Sync(); err != nil {
		return start, 0, b.fail(fmt.Errorf("sync segment %d at %d: %w", w.header.number, w.offset, err))
	}
	start = position{w.header.number, w.offset}
	w.offset += size
	w.state.chain = sum
	if w.buf = buf[:0]; cap(buf) > bufferKept {
		w.buf = nil
	}
	return start, size, nil
}

// page is the unit of the kernel's cache. A write that ends within a page makes it read
// the rest of that from the disk first, since new segments are not in the cache.
const page = 4096

// fillPage appends zeros to what is written at offset of a file of that size, up to the
// end of a page. There is nothing behind the end mark that anybody needs.
func fillPage(buf []byte, offset, size int64) []byte {
	var zeros [page]byte
	end := offset + int64(len(buf))
	return append(buf, zeros[:min((page-end%page)%page, size-end)]...)
}

// publish shows readers what the last sync made durable. It comes before the
// answers: whoever has one finds its events in the next Snapshot.
func (b *Buffer) publish(size int64, done *sealedBatch) {
	w := &b.w
	b.mu.Lock()
	defer b.mu.Unlock()
	b.synced, b.inFlight = w.state, none
	b.end = position{w.header.number, w.offset}
	b.written += size
	b.open = w.open
	if done != nil {
		done.written = b.written
		b.sealed = append(b.sealed, *done)
		b.broadcast()
	}
}

// writeAll treats a short write as the failure that it is.
func writeAll(f durable.File, p []byte, off int64) error {
	n, err := f.WriteAt(p, off)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}
