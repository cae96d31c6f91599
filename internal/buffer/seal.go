package buffer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// sealedBatch is what is kept in memory of a batch: little, because S3 may be
// away for long.
type sealedBatch struct {
	number, first, last int64
	sealedAt            int64    // Unix seconds
	start, end          position // its first frame; its seal frame
	written             int64    // Buffer.written after its seal
	payload             string   // of its seal frame
}

// sealOpen seals the events that wait for it, if there are any.
func (b *Buffer) sealOpen() error {
	if b.w.open.rows == 0 {
		return nil
	}
	err := b.seal()
	if errors.Is(err, ErrFull) {
		b.w.age.Reset(sealRetry)
	}
	return err
}

// seal writes and syncs a seal frame over the open batch, which may be empty.
func (b *Buffer) seal() error {
	w := &b.w
	s, err := b.fixSeal(b.o.Now())
	if err != nil {
		return b.fail(err)
	}
	if err := b.writeSeal(s); err != nil {
		return err
	}
	w.age.Stop()
	if b.o.Heartbeat > 0 {
		w.quiet.Reset(b.o.Heartbeat)
	}
	return nil
}

func (b *Buffer) writeSeal(s seal) error {
	w := &b.w
	payload := s.appendTo(nil)
	buf := append(w.buf[:0], make([]byte, frameHead)...)
	buf = append(buf, payload...)
	f := frame{kind: typeSeal, firstSeq: w.state.nextSeq}
	start, size, err := b.commit(buf, &f)
	if err != nil {
		return err
	}
	done := sealedBatch{
		number: s.number, first: s.first, last: s.last, sealedAt: s.sealedAt,
		start: w.open.start, end: start, payload: string(payload),
	}
	if s.count == 0 {
		done.start = start
	}
	w.state.nextBatch++
	w.state.batchFirst = w.state.nextSeq
	w.state.sealedAt, w.state.through = s.sealedAt, s.through
	w.open = openBatch{}
	clear(w.parts)
	b.publish(size, &done)
	return nil
}

// fixSeal decides everything about the batch that is never asked again. Neither
// sealed_at nor through goes back; every event so far was received at or before
// through, and every later one will be after it.
func (b *Buffer) fixSeal(now time.Time) (seal, error) {
	w := &b.w
	s := seal{
		number: w.state.nextBatch, first: w.state.batchFirst, last: w.state.nextSeq - 1, count: w.open.rows,
		sealedAt: max(now.Unix(), w.state.sealedAt, 0),
		through:  max(now.UnixMilli(), w.state.received, w.state.through, 0),
	}
	var classes []string
	for p := range w.parts {
		if !slices.Contains(classes, p.class) {
			classes = append(classes, p.class)
		}
	}
	slices.SortFunc(classes, strings.Compare)
	for _, class := range classes {
		period, ok := b.o.Retention(class)
		if !ok {
			return s, fmt.Errorf("seal batch %d: retention class %q is not known any more", s.number, class)
		}
		seconds := int64((period + time.Second - 1) / time.Second) // rounded up: never shorter than promised
		s.retain = append(s.retain, retainUntil{class, s.sealedAt + seconds})
	}
	return s, nil
}
