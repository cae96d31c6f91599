package buffer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
)

// Description is what a segment holds, for people and for tools. It has no
// content of events.
type Description struct {
	Version   uint32             `json:"version"`
	Stream    uuid.UUID          `json:"stream"`
	Number    int64              `json:"number"` // of the segment, from 0
	Use       uuid.UUID          `json:"use"`    // random, new at each use of the file
	Size      int64              `json:"size"`   // bytes of the file, as its header says
	NextSeq   int64              `json:"next_seq"`
	NextBatch int64              `json:"next_batch"`
	Events    int64              `json:"events"` // in all frames
	Frames    []FrameDescription `json:"frames"`
	End       int64              `json:"end"`             // offset behind the last frame
	Reason    string             `json:"reason"`          // why no frame follows
	Damage    string             `json:"damage,omitzero"` // what says that frames are lost, if anything does
}

// FrameDescription is one frame: what one fdatasync made durable.
type FrameDescription struct {
	Offset     int64            `json:"offset"`
	Bytes      int64            `json:"bytes"` // without padding
	Type       string           `json:"type"`  // events, seal
	Checksum   string           `json:"checksum"`
	Events     int64            `json:"events,omitzero"`
	FirstSeq   int64            `json:"first_seq"`
	ReceivedAt string           `json:"received_at,omitzero"` // RFC 3339, milliseconds
	Seal       *SealDescription `json:"seal,omitzero"`
}

// SealDescription is a seal frame's content.
type SealDescription struct {
	Batch       int64             `json:"batch"`
	First       int64             `json:"first"`
	Last        int64             `json:"last"` // First-1 when the batch is empty
	Count       int64             `json:"count"`
	SealedAt    string            `json:"sealed_at"`
	Through     string            `json:"through"`
	RetainUntil map[string]string `json:"retain_until"` // by retention class
}

// Describe reads a segment of size bytes by itself, without the log that it is
// part of. An error means that it has no valid header or could not be read;
// damage behind the header is part of the description.
func Describe(r io.ReaderAt, size int64) (Description, error) {
	w := &window{r: r, size: size}
	raw, err := w.at(0, headerBytes)
	if err != nil {
		return Description{}, fmt.Errorf("segment header: %w", err)
	}
	h, seed, err := decodeHeader(raw)
	if err != nil {
		return Description{}, fmt.Errorf("segment header: %w", err)
	}
	d := Description{
		Version: h.version, Stream: h.stream, Number: h.number, Use: h.id, Size: h.size,
		NextSeq: h.nextSeq, NextBatch: h.nextBatch, Frames: []FrameDescription{},
	}
	st := h.state
	st.chain = seed
	t, err := walk(w, &h, headerBytes, min(size, h.size), &st, func(f *frame, s *seal) error {
		d.Frames = append(d.Frames, describeFrame(f, s))
		if s != nil {
			return nil
		}
		d.Events += f.count
		if err := f.records(func(int64, []byte) error { return nil }); err != nil {
			return &CorruptError{segmentName(h.number), f.offset, f.firstSeq, err}
		}
		return nil
	})
	d.End = t.end
	if err != nil {
		d.Reason, d.Damage = "damage", err.Error()
		return d, readError(err)
	}
	d.Reason = "end of log"
	if !errors.Is(t.stop, errEnd) {
		d.Reason = t.stop.Error() // a write that a crash cut short leaves this too
	}
	offset, found, err := later(w, &h, t.end)
	if err != nil {
		return d, err
	}
	if found {
		d.Damage = fmt.Sprintf("an intact frame follows at offset %d", offset)
	}
	return d, nil
}

// DescribeFrames describes frames that were shipped: they lie in r from start to end
// and nothing else does.
func DescribeFrames(ctx context.Context, r io.ReaderAt, start, end int64) ([]FrameDescription, error) {
	all := []FrameDescription{}
	err := eachFrame(ctx, r, start, end, func(f *frame) error {
		var s *seal
		if f.kind == typeSeal {
			decoded, err := decodeSeal(f.payload)
			if err != nil {
				return err
			}
			s = &decoded
		}
		all = append(all, describeFrame(f, s))
		return nil
	})
	return all, err
}

// readError keeps damage, which was described, apart from what kept us from reading.
func readError(err error) error {
	if errors.Is(err, ErrCorrupt) {
		return nil
	}
	return err
}

func describeFrame(f *frame, s *seal) FrameDescription {
	d := FrameDescription{
		Offset: f.offset, Bytes: f.length, Type: "events", FirstSeq: f.firstSeq,
		Checksum: fmt.Sprintf("%08x", f.sum),
	}
	if s == nil {
		d.Events, d.ReceivedAt = f.count, milliseconds(f.received)
		return d
	}
	d.Type = "seal"
	d.Seal = &SealDescription{
		Batch: s.number, First: s.first, Last: s.last, Count: s.count,
		SealedAt:    time.Unix(s.sealedAt, 0).UTC().Format(time.RFC3339),
		Through:     milliseconds(s.through),
		RetainUntil: make(map[string]string, len(s.retain)),
	}
	for _, r := range s.retain {
		d.Seal.RetainUntil[r.class] = time.Unix(r.until, 0).UTC().Format(time.RFC3339)
	}
	return d
}

func milliseconds(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}
