package buffer

import (
	"fmt"

	"github.com/audit-archiver/archiver/internal/event"
)

// ConflictError says which events of an Append have an id that another event of
// the same producer has, with other content. It matches ErrConflict.
type ConflictError struct {
	Index []int   // of the events in the Append
	Seq   []int64 // of the events that have their ids
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%v: that of event %d is the id of seq %d, with other content (%d such events)",
		ErrConflict, e.Index[0], e.Seq[0], len(e.Index))
}

func (e *ConflictError) Unwrap() error { return ErrConflict }

// recognise gives every event of the group its seq: that of its first copy, or the
// next one. What it has met before is on disk, or in this group: so whoever waits
// for a copy waits for the sync of the first one too. It leaves in the group what is
// to be written.
func (b *Buffer) recognise(g *group) {
	now := b.receivedAt()
	b.recent.expire(now)
	next := b.w.state.nextSeq
	b.recent.mu.Lock()
	for _, r := range g.requests {
		repeated, conflicts := b.recent.take(r, now)
		g.repeated += repeated
		g.conflicts += conflicts
	}
	g.rows = b.recent.next - next
	b.recent.mu.Unlock()
	if g.repeated+g.conflicts > 0 {
		b.recount(g)
	}
}

// take remembers the events of r that are new. The caller holds mu.
func (t *recent) take(r *request, received int64) (repeated, conflicts int64) {
	r.fresh = t.next
	var taken *ConflictError
	for i := range r.marks {
		if i%touchedAtOnce == 0 {
			t.touch(r.marks[i:min(i+touchedAtOnce, len(r.marks))])
		}
		seq, held, fresh := t.add(r.marks[i], received)
		r.seqs[i] = seq
		switch {
		case fresh:
		case held.print == r.marks[i].print:
			repeated++
		default:
			if taken == nil {
				taken = &ConflictError{}
			}
			taken.Index, taken.Seq = append(taken.Index, i), append(taken.Seq, seq)
		}
	}
	r.known = repeated > 0
	if taken != nil {
		t.forget(r.fresh)
		r.refused = taken
		return 0, int64(len(taken.Index))
	}
	return repeated, 0
}

// recognised is for a group that is stored: now others are forgotten for it, and what was
// in it is counted. Of a group that was refused neither would be true.
func (b *Buffer) recognised(g *group) {
	b.recent.mu.Lock()
	b.recent.makeRoom(0)
	b.recent.mu.Unlock()
	if g.repeated+g.conflicts == 0 {
		return
	}
	b.mu.Lock()
	b.repeated += g.repeated
	b.conflicts += g.conflicts
	b.mu.Unlock()
}

// unrecognise forgets a group that was not written.
func (b *Buffer) unrecognise(first int64) {
	b.recent.mu.Lock()
	defer b.recent.mu.Unlock()
	b.recent.forget(first)
}

// recount finds the partitions of a group of which not everything is written: the
// seal names classes that have rows, and no others.
func (b *Buffer) recount(g *group) {
	for _, p := range g.parts {
		delete(b.w.parts, p)
	}
	g.parts = g.parts[:0]
	for _, r := range g.requests {
		for _, p := range r.freshParts() {
			if !b.w.parts[p] {
				b.w.parts[p] = true
				g.parts = append(g.parts, p)
			}
		}
	}
}

// appendFresh appends the records that are to be written: all, but for what is
// stored already.
func (r *request) appendFresh(dst []byte) []byte {
	switch {
	case r.refused != nil:
		return dst
	case !r.known:
		return append(dst, r.payload...)
	}
	r.eachFresh(func(record []byte) { dst = append(dst, record...) })
	return dst
}

func (r *request) freshParts() []partition {
	switch {
	case r.refused != nil:
		return nil
	case !r.known:
		return r.parts
	}
	var parts []partition
	r.eachFresh(func(record []byte) {
		e, err := event.DecodeBinary(record[recordHead:])
		if err != nil {
			panic("bug: a record of our own does not decode: " + err.Error())
		}
		parts = append(parts, partitionOf(&e))
	})
	return parts
}

// eachFresh visits the records of new events: each seq once, also when an id is
// twice in the request.
func (r *request) eachFresh(visit func(record []byte)) {
	rest, next := r.payload, r.fresh
	for _, seq := range r.seqs {
		n := recordHead + int(le.Uint32(rest))
		if seq >= next {
			visit(rest[:n])
			next = seq + 1
		}
		rest = rest[n:]
	}
}

// remember is recognise for what recovery reads: what the files of marks do not
// have, the log has.
func (r *recovery) remember(f *frame) error {
	t := r.b.recent
	if t.most <= 0 || f.firstSeq+f.count <= t.next {
		return nil
	}
	if f.firstSeq > t.next {
		t.restart(f.firstSeq)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	seq := f.firstSeq
	return f.records(func(_ int64, raw []byte) error {
		e, err := event.DecodeBinary(raw)
		if err != nil {
			return &CorruptError{segmentName(r.b.w.header.number), f.offset, seq, err}
		}
		if seq == t.next {
			t.restore(markOf(&e), f.received)
		}
		seq++
		return nil
	})
}
