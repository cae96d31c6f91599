package buffer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/google/uuid"
)

// Sizes of the format, in bytes. docs/format/wal.md has the tables.
const (
	sector        = 512 // every frame starts on one, so that no write touches what an earlier one stored
	headerBytes   = sector
	frameHead     = 48
	frameOverhead = frameHead + 4 // head and checksum
	recordHead    = 8             // length and checksum of one event
	sealBytesMax  = 8 << 10       // a seal of partitionsMax classes, padded; kept free for seals in each segment
	classBytesMax = 32
	segmentMin    = 32 << 10
	segmentMax    = 1 << 30 // offsets fit in a Ref
)

const (
	segmentMagic  = "AUDITWAL"
	formatVersion = 1
)

// Frame types.
const (
	typeEvents = 1
	typeSeal   = 2
)

// readable says, with ErrNewer, that this program does not read a part of the log of
// that version. Version 0 differs in nothing but the number, and a log may hold both: it
// goes on where the last program stopped.
func readable(version uint32) error {
	if version > formatVersion {
		return fmt.Errorf("%w: format version %d, this one reads up to %d", ErrNewer, version, formatVersion)
	}
	return nil
}

var le = binary.LittleEndian

// checksum is CRC-32C, which common processors compute in hardware.
func checksum(p []byte) uint32 { return crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli)) }

// padded rounds n up to whole sectors.
func padded(n int64) int64 { return (n + sector - 1) / sector * sector }

// state is what the next frame has to continue: the log's memory. Each segment
// header holds the state at its start, so the log can lose released segments.
type state struct {
	nextSeq    int64
	nextBatch  int64
	batchFirst int64  // first seq of the batch that is open
	received   int64  // highest received_at so far, Unix milliseconds
	through    int64  // of the last seal, Unix milliseconds
	sealedAt   int64  // of the last seal, Unix seconds
	chain      uint32 // checksum of the last frame; of the segment header before the first one
}

// header is the first sector of a segment.
type header struct {
	version uint32 // as read; what is written has formatVersion
	stream  uuid.UUID
	number  int64
	size    int64     // of the file
	id      uuid.UUID // random, new at each use of the file
	state             // at the segment's start; chain: that of the previous segment's end
}

// salt marks the frames of this use of the file. Clients do not know it, so their bytes
// cannot pass for a frame; docs/format/wal.md says what is different when frames are shipped.
func (h *header) salt() uint64 { return le.Uint64(h.id[:]) }

// encode returns the header's sector; its checksum seeds the segment's chain.
func (h *header) encode() (b []byte, seed uint32) {
	b = make([]byte, headerBytes)
	copy(b, segmentMagic)
	le.PutUint32(b[8:], formatVersion)
	le.PutUint32(b[12:], headerBytes)
	copy(b[16:], h.stream[:])
	for i, v := range h.numbers() {
		le.PutUint64(b[32+8*i:], uint64(*v))
	}
	copy(b[96:], h.id[:])
	le.PutUint32(b[112:], h.chain)
	seed = checksum(b[:headerBytes-4])
	le.PutUint32(b[headerBytes-4:], seed)
	return b, seed
}

// numbers lists the integers in the order of the format.
func (h *header) numbers() [8]*int64 {
	return [...]*int64{
		&h.number, &h.size, &h.nextSeq, &h.nextBatch,
		&h.batchFirst, &h.received, &h.through, &h.sealedAt,
	}
}

func decodeHeader(b []byte) (h header, seed uint32, err error) {
	if string(b[:8]) != segmentMagic {
		return h, 0, errors.New("no segment header")
	}
	seed = le.Uint32(b[headerBytes-4:])
	if checksum(b[:headerBytes-4]) != seed {
		return h, 0, errors.New("header checksum is wrong")
	}
	h.version = le.Uint32(b[8:])
	if err := readable(h.version); err != nil {
		return h, 0, err
	}
	if n := le.Uint32(b[12:]); n != headerBytes {
		return h, 0, fmt.Errorf("header of %d bytes is unknown", n)
	}
	copy(h.stream[:], b[16:])
	for i, v := range h.numbers() {
		*v = int64(le.Uint64(b[32+8*i:]))
		if *v < 0 {
			return h, 0, fmt.Errorf("header number %d is negative", i)
		}
	}
	copy(h.id[:], b[96:])
	h.chain = le.Uint32(b[112:])
	if h.size < segmentMin || h.size > segmentMax {
		return h, 0, fmt.Errorf("segment size %d is out of range", h.size)
	}
	return h, seed, nil
}

// frame is one commit frame: what one fdatasync made durable.
type frame struct {
	offset   int64
	length   int64 // without padding
	kind     byte
	count    int64 // events
	firstSeq int64
	received int64 // Unix milliseconds; 0 in a seal
	prev     uint32
	sum      uint32
	payload  []byte // valid until the next frame is read
}

// next is the offset of the frame after f.
func (f *frame) next() int64 { return f.offset + padded(f.length) }

// finishFrame fills in head and checksum of the frame in b, whose payload is
// already there, pads it and appends the end mark: a sector of zeros, which says
// that nothing follows. It returns the frame's checksum.
func finishFrame(b []byte, f *frame, salt uint64) ([]byte, uint32) {
	length := uint32(len(b) + 4)
	le.PutUint32(b[0:], length)
	le.PutUint32(b[4:], ^length)
	le.PutUint64(b[8:], salt)
	b[16], b[17], b[18], b[19] = f.kind, 0, 0, 0
	le.PutUint32(b[20:], uint32(f.count))
	le.PutUint64(b[24:], uint64(f.firstSeq))
	le.PutUint64(b[32:], uint64(f.received))
	le.PutUint32(b[40:], f.prev)
	le.PutUint32(b[44:], 0)
	sum := checksum(b)
	b = le.AppendUint32(b, sum)
	var zeros [2 * sector]byte
	return append(b, zeros[:padded(int64(length))-int64(length)+sector]...), sum
}

// parseFrame checks the frame at offset of a file of which only the first size
// bytes may be used, and whose content is read by at. It knows nothing of the
// chain: apply does.
func parseFrame(at func(off, n int64) ([]byte, error), offset, size int64, salt uint64) (f frame, err error) {
	if offset+sector > size {
		return f, errEnd
	}
	head, err := at(offset, sector)
	if err != nil {
		return f, err
	}
	if isZero(head) {
		return f, errEnd
	}
	length := le.Uint32(head)
	if length != ^le.Uint32(head[4:]) {
		return f, badFrame("length and its complement differ")
	}
	// Checked before anything of that size is read: a damaged length must not
	// become an allocation.
	if length < frameOverhead || int64(length) > size-offset {
		return f, badFrame(fmt.Sprintf("length %d is out of range", length))
	}
	if le.Uint64(head[8:]) != salt {
		return f, badFrame("salt is not of this use of the segment")
	}
	b, err := at(offset, int64(length))
	if err != nil {
		return f, err
	}
	body := b[:length-4]
	sum := le.Uint32(b[length-4:])
	if checksum(body) != sum {
		return f, badFrame("checksum is wrong")
	}
	return frame{
		offset: offset, length: int64(length), kind: b[16], count: int64(le.Uint32(b[20:])),
		firstSeq: int64(le.Uint64(b[24:])), received: int64(le.Uint64(b[32:])),
		prev: le.Uint32(b[40:]), sum: sum, payload: body[frameHead:],
	}, nil
}

// errEnd: a sector of zeros, or no room for a frame: the log ends here.
var errEnd = fmt.Errorf("end of log: %w", io.EOF)

// badFrame says why the bytes at a place are not a frame.
type badFrame string

func (e badFrame) Error() string { return string(e) }

func isZero(b []byte) bool {
	for len(b) >= 8 {
		if le.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// seal is the payload of a seal frame.
type seal struct {
	number, first, last, count int64
	sealedAt                   int64 // Unix seconds
	through                    int64 // Unix milliseconds
	retain                     []retainUntil
}

type retainUntil struct {
	class string // at most 255 bytes
	until int64  // Unix seconds
}

func (s *seal) appendTo(b []byte) []byte {
	for _, v := range [...]int64{s.number, s.first, s.last, s.count, s.sealedAt, s.through} {
		b = le.AppendUint64(b, uint64(v))
	}
	b = le.AppendUint32(b, uint32(len(s.retain)))
	for _, r := range s.retain {
		b = append(b, byte(len(r.class)))
		b = append(b, r.class...)
		b = le.AppendUint64(b, uint64(r.until))
	}
	return b
}

func (s *seal) retainUntil() map[string]time.Time {
	m := make(map[string]time.Time, len(s.retain))
	for _, r := range s.retain {
		m[r.class] = time.Unix(r.until, 0).UTC()
	}
	return m
}

func decodeSeal(b []byte) (s seal, err error) {
	const fixed = 6*8 + 4
	if len(b) < fixed {
		return s, errors.New("seal is too short")
	}
	for i, v := range [...]*int64{&s.number, &s.first, &s.last, &s.count, &s.sealedAt, &s.through} {
		*v = int64(le.Uint64(b[8*i:]))
	}
	n := int64(le.Uint32(b[fixed-4:]))
	b = b[fixed:]
	for range n {
		if len(b) == 0 || len(b) < 1+int(b[0])+8 {
			return s, errors.New("seal ends inside a class")
		}
		end := 1 + int(b[0])
		s.retain = append(s.retain, retainUntil{string(b[1:end]), int64(le.Uint64(b[end:]))})
		b = b[end+8:]
	}
	if len(b) != 0 {
		return s, errors.New("seal has bytes after its last class")
	}
	return s, nil
}

// apply checks that f continues the log at s, and moves s behind it. For a seal
// frame it returns the seal.
func (s *state) apply(f *frame) (*seal, error) {
	if f.prev != s.chain {
		return nil, badFrame("frame does not continue the one before it")
	}
	if f.firstSeq != s.nextSeq {
		return nil, fmt.Errorf("frame starts at seq %d, want %d", f.firstSeq, s.nextSeq)
	}
	switch f.kind {
	case typeEvents:
		if f.count < 1 || f.received < s.received || f.received <= s.through && s.nextBatch > 0 {
			return nil, fmt.Errorf("frame of %d events received at %d does not fit its predecessors", f.count, f.received)
		}
		s.nextSeq += f.count
		s.received = f.received
		s.chain = f.sum
		return nil, nil
	case typeSeal:
		sl, err := decodeSeal(f.payload)
		if err != nil {
			return nil, err
		}
		if sl.number != s.nextBatch || sl.first != s.batchFirst || sl.last != s.nextSeq-1 ||
			sl.count != sl.last-sl.first+1 || sl.sealedAt < s.sealedAt || sl.through < s.through || sl.through < s.received {
			return nil, fmt.Errorf("seal of batch %d does not fit the events before it", sl.number)
		}
		s.nextBatch++
		s.batchFirst = s.nextSeq
		s.through, s.sealedAt = sl.through, sl.sealedAt
		s.chain = f.sum
		return &sl, nil
	default:
		return nil, fmt.Errorf("frame type %d is unknown", f.kind)
	}
}

// records yields the offset and bytes of each event of an events frame.
func (f *frame) records(yield func(offset int64, b []byte) error) error {
	rest, offset := f.payload, f.offset+frameHead
	for range f.count {
		b, err := cutRecord(rest)
		if err != nil {
			return err
		}
		if err := yield(offset, b); err != nil {
			return err
		}
		n := recordHead + len(b)
		rest, offset = rest[n:], offset+int64(n)
	}
	if len(rest) != 0 {
		return errors.New("bytes after the last event of a frame")
	}
	return nil
}

// cutRecord returns the event at the front of b.
func cutRecord(b []byte) ([]byte, error) {
	if len(b) < recordHead {
		return nil, errors.New("event is cut off")
	}
	n := int64(le.Uint32(b))
	if n > int64(len(b)-recordHead) {
		return nil, fmt.Errorf("event of %d bytes is longer than its frame", n)
	}
	rec := b[recordHead : recordHead+n]
	if checksum(rec) != le.Uint32(b[4:]) {
		return nil, errors.New("event checksum is wrong")
	}
	return rec, nil
}
