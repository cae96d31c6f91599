package buffer

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
)

// Frame is one part of a segment file as Inspect shows it.
type Frame struct {
	// Kind is segment (the header, always first), events, seal, end (nothing
	// follows) or damage (what follows is not a frame).
	Kind   string `json:"kind"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes,omitempty"` // without padding

	Segment *SegmentInfo `json:"segment,omitempty"` // of a segment

	FirstSeq   int64       `json:"first_seq"` // of events; of the others: the next seq
	Count      int64       `json:"count,omitempty"`
	ReceivedAt *time.Time  `json:"received_at,omitempty"`
	Rows       []event.Row `json:"-"` // of events; for the caller to render

	Seal *SealInfo `json:"seal,omitempty"`

	Reason   string `json:"reason,omitempty"`    // of damage
	IntactAt int64  `json:"intact_at,omitempty"` // of damage: a later frame that is whole, so this is not the end of the log
}

// SegmentInfo is the content of a segment's header.
type SegmentInfo struct {
	Version   uint32    `json:"version"`
	Stream    uuid.UUID `json:"stream"`
	Number    int64     `json:"number"`
	Size      int64     `json:"size"`
	ID        uuid.UUID `json:"id"`
	NextBatch int64     `json:"next_batch"`
	Through   time.Time `json:"through"`
}

// SealInfo is the content of a seal.
type SealInfo struct {
	Batch       int64                `json:"batch"`
	First       int64                `json:"first"`
	Last        int64                `json:"last"`
	Count       int64                `json:"count"`
	SealedAt    time.Time            `json:"sealed_at"`
	Through     time.Time            `json:"through"`
	RetainUntil map[string]time.Time `json:"retain_until"`
}

// Inspect shows what is in a segment file of size bytes, part by part. It needs
// nothing but the file and changes nothing. Damage is a Frame, not an error;
// errors are those of reading and of emit, and that r is no segment.
func Inspect(r io.ReaderAt, size int64, emit func(Frame) error) error {
	w := &window{r: r, size: size}
	raw, err := w.at(0, headerBytes)
	if err != nil {
		return fmt.Errorf("inspect segment: header: %w", err)
	}
	h, seed, err := decodeHeader(raw)
	if err != nil {
		return fmt.Errorf("inspect segment: %w", err)
	}
	st := h.state
	st.chain = seed
	if err := emit(Frame{Kind: "segment", Bytes: headerBytes, FirstSeq: h.nextSeq, Segment: &SegmentInfo{
		Version: h.version, Stream: h.stream, Number: h.number, Size: h.size, ID: h.id,
		NextBatch: h.nextBatch, Through: time.UnixMilli(h.through).UTC(),
	}}); err != nil {
		return err
	}
	t, err := walk(w, &h, headerBytes, min(size, h.size), &st, func(f *frame, s *seal) error {
		shown, err := show(f, s, h.stream)
		if err != nil {
			return err
		}
		return emit(shown)
	})
	var bad *CorruptError
	if err != nil && !errors.As(err, &bad) {
		return err
	}
	last := Frame{Kind: "damage", Offset: t.end, FirstSeq: st.nextSeq}
	if bad != nil {
		last.Reason = bad.Err.Error()
		return emit(last)
	}
	if last.IntactAt, _, err = later(w, &h, t.end+sector); err != nil {
		return err
	}
	switch {
	case !errors.Is(t.stop, errEnd):
		last.Reason = t.stop.Error()
	case last.IntactAt > 0:
		last.Reason = "zeros before an intact frame"
	case size < h.size && t.end+sector > size:
		last.Reason = "file is cut off before its end mark"
	default:
		last.Kind = "end"
	}
	return emit(last)
}

func show(f *frame, s *seal, stream uuid.UUID) (Frame, error) {
	out := Frame{Kind: "events", Offset: f.offset, Bytes: f.length, FirstSeq: f.firstSeq, Count: f.count}
	if s != nil {
		out.Kind = "seal"
		out.Seal = &SealInfo{
			Batch: s.number, First: s.first, Last: s.last, Count: s.count,
			SealedAt: time.Unix(s.sealedAt, 0).UTC(), Through: time.UnixMilli(s.through).UTC(),
			RetainUntil: s.retainUntil(),
		}
		return out, nil
	}
	at := time.UnixMilli(f.received).UTC()
	out.ReceivedAt = &at
	err := f.records(func(_ int64, b []byte) error {
		e, err := event.DecodeBinary(b)
		if err != nil {
			return err
		}
		e.ReceivedAtMS, e.Fingerprint = f.received, 0
		out.Rows = append(out.Rows, event.Row{Event: e, Stream: stream, Seq: f.firstSeq + int64(len(out.Rows))})
		return nil
	})
	if err != nil {
		return out, &CorruptError{Offset: f.offset, Seq: f.firstSeq, Err: err}
	}
	return out, nil
}
