package archive

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"syscall"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// diskFails lets one of the next operations fail, done or not, or all from then on.
func (m *model) diskFails() {
	at := m.disk.Ops() + 1 + m.rng.IntN(60)
	fault := []*crashfs.Fault{
		nil, {Err: syscall.EIO}, {Err: syscall.EIO, Done: true}, {Err: syscall.ENOSPC, Part: 700}, {Err: syscall.EIO, Lost: true},
	}[m.rng.IntN(5)]
	m.disk.Inject(func(op crashfs.Op) error {
		switch {
		case op.N < at || fault != nil && op.N > at:
			return nil
		case fault == nil:
			m.broken.Store(true)
			if stop := m.power.Load(); stop != nil { // it does not outlive its machine
				(*stop)()
			}
			return off(op)
		default:
			m.broken.Store(true)
			if path.Base(op.Name) == "ids" || path.Base(path.Dir(op.Name)) == "ids" {
				m.forgets.Store(true) // which is said in the log
			}
			return fault
		}
	})
}

// bucketFails lets some of the next calls to the bucket fail, done or not, and some
// heads lie about the lock.
func (m *model) bucketFails() {
	left := 1 + m.rng.IntN(12)
	odds, persist, lies := 1+m.rng.IntN(4), m.rng.IntN(2) == 0, m.rng.IntN(3) == 0
	rng := rand.New(rand.NewPCG(m.rng.Uint64(), 2))
	m.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if m.auditing.Load() || left == 0 || rng.IntN(odds) > 0 {
			return nil
		}
		left--
		if lies && c.Op == "head" {
			return &memstore.Fault{Err: fmt.Errorf("%w: so it says", object.ErrUnlocked)}
		}
		return &memstore.Fault{Err: memstore.ErrLost, Persist: persist}
	})
}

// audit compares the real thing with the model.
func (m *model) audit(step int, what string) {
	m.auditing.Store(true)
	defer m.auditing.Store(false)
	fail := func(format string, args ...any) {
		m.t.Errorf("seed %d step %d, after %s: %s", m.seed, step, what, fmt.Sprintf(format, args...))
	}
	acked, most := int64(len(m.sent)), int64(len(m.sent))
	for _, group := range m.unsure {
		most += int64(len(group))
	}
	if m.p != nil && m.p.ctx.Err() == nil {
		s := m.p.buffer.Stats() // before the bucket is read: what is released now is in it then
		if s.NextSeq < acked || s.NextSeq > most {
			fail("the log ends before seq %d, acknowledged are %d, asked for %d", s.NextSeq, acked, most)
		}
		if s.FirstSeq < m.released || s.NextSeq-s.OpenRows < m.sealed {
			fail("released up to %d, sealed up to %d; before it was %d and %d", s.FirstSeq, s.NextSeq-s.OpenRows, m.released, m.sealed)
		}
		m.released, m.sealed = max(m.released, s.FirstSeq), max(m.sealed, s.NextSeq-s.OpenRows)
		m.keepBatches(fail)
	}
	view, err := m.reader.Refresh(context.Background())
	if err != nil || len(view.Findings) > 0 || len(view.Streams) > 1 {
		fail("an auditor finds %v, %v", view.Findings, err)
		return
	}
	if len(view.Streams) == 0 {
		return // the certificate is not there yet
	}
	committed := view.Streams[0].Head.NextSeq
	if committed < m.committed || committed < m.released || committed > most {
		fail("committed up to %d; before it was %d, released up to %d, asked for %d", committed, m.committed, m.released, most)
	}
	m.committed = committed
	for _, c := range view.Streams[0].Manifests {
		if c.Count > 0 && c.First < acked && c.Last >= most {
			fail("commit %d holds seqs %d to %d, asked for were %d", c.Index, c.First, c.Last, most)
		}
	}
}

// keepBatches demands that a batch stays what it was sealed as.
func (m *model) keepBatches(fail func(string, ...any)) {
	snap, err := m.p.buffer.Snapshot(context.Background())
	if err != nil {
		return // it has just ended
	}
	defer snap.Close()
	for _, b := range snap.Batches {
		was, known := m.batches[b.Number]
		now := buffer.Batch{Number: b.Number, First: b.First, Last: b.Last, Count: b.Count,
			SealedAt: b.SealedAt, Through: b.Through, RetainUntil: b.RetainUntil}
		if known && fmt.Sprint(was) != fmt.Sprint(now) {
			fail("batch %d was %v and is %v", b.Number, was, now)
		}
		m.batches[b.Number] = now
	}
}
