package event

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// The first bytes of the two encodings. docs/format/event.md describes both.
const (
	leafMagic     = "aevleaf\x01" // the last byte is the version
	binaryVersion = 1
)

// leafPrefix separates leaves from inner nodes of a Merkle tree (RFC 6962, 2.1).
const leafPrefix = 0x00

// AppendLeaf appends the leaf bytes of r to dst: the canonical form of a row,
// which the evidence is made of. Equal rows have equal leaf bytes, different
// rows have different ones. The timestamp column is left out because it follows
// from timestamp_ns.
func AppendLeaf(dst []byte, r *Row) []byte {
	dst = append(dst, leafMagic...)
	dst = appendColumns(dst, &r.Event)
	dst = append(dst, r.Stream[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.Seq))
	return appendString(dst, r.Retention)
}

// LeafHash returns SHA-256(0x00 || leaf bytes), the RFC 6962 leaf hash of r.
func LeafHash(r *Row) [sha256.Size]byte {
	var room [1024]byte // most events fit; append grows past it for the others
	return HashPrefixed(AppendPrefixed(room[:0], r))
}

// AppendPrefixed appends what is hashed for the leaf of r: 0x00 || leaf bytes.
func AppendPrefixed(dst []byte, r *Row) []byte {
	return AppendLeaf(append(dst, leafPrefix), r)
}

// HashPrefixed is [LeafHash] of the row of which [AppendPrefixed] made b.
func HashPrefixed(b []byte) [sha256.Size]byte { return sha256.Sum256(b) }

// fingerprint returns the first 8 bytes of SHA-256 over the fields as they were
// sent: e without what the archive adds. Two events that differ may share one only
// by accident (once in 2^64) or because their sender looked for such a pair; then
// the second one, under the same id, counts as a repetition of the first.
// What is hashed is put into room, which is returned for the next one.
func fingerprint(room []byte, e *Event, timeSent bool) (uint64, []byte) {
	if e.ReceivedAtMS != 0 || e.Producer != "" {
		panic("bug: an event was completed before its fingerprint was taken")
	}
	at := e.TimestampNS
	room = append(room[:0], 1)
	if !timeSent {
		room[0], e.TimestampNS = 0, 0
	}
	room = appendColumns(room, e)
	e.TimestampNS = at
	sum := sha256.Sum256(room)
	return binary.BigEndian.Uint64(sum[:8]), room
}

// AppendBinary appends the WAL form of e to dst.
func AppendBinary(dst []byte, e *Event) []byte {
	dst = append(dst, binaryVersion)
	dst = appendColumns(dst, e)
	dst = appendString(dst, e.Retention)
	return binary.BigEndian.AppendUint64(dst, e.Fingerprint)
}

// DecodeBinary is the inverse of [AppendBinary]. It accepts nothing that the
// AppendBinary of this version, or of version 0, does not produce: an event has
// exactly one encoding in each.
func DecodeBinary(b []byte) (Event, error) {
	var e Event
	if err := e.DecodeBinary(string(b)); err != nil {
		return Event{}, err
	}
	return e, nil
}

// DecodeBinary is [DecodeBinary] into e, all of whose fields it sets, without a copy: its strings are parts of s.
// After an error e is of no use.
func (e *Event) DecodeBinary(s string) error {
	if err := checkBinary(s); err != nil {
		return err
	}
	r := reader{rest: s[1:]}
	r.columns(e)
	e.Retention = r.string("retention")
	e.Fingerprint = uint64(r.int64("fingerprint"))
	if r.err != nil {
		return fmt.Errorf("decode event: %w", r.err)
	}
	if len(r.rest) != 0 {
		return fmt.Errorf("decode event: %d bytes after the last field", len(r.rest))
	}
	return nil
}

func checkBinary[T string | []byte](b T) error {
	switch {
	case len(b) == 0:
		return errors.New("decode event: empty record")
	case b[0] > binaryVersion: // version 0 differs in nothing but the number
		return fmt.Errorf("decode event: version %d is unknown", b[0])
	}
	return nil
}

// PartitionOfBinary returns what decides where the event of a WAL form goes, without
// decoding the rest: its retention class, as a part of b, and its timestamp. It looks
// at lengths only, so b may still be refused by [DecodeBinary].
func PartitionOfBinary(b []byte) (class []byte, timestampNS int64, err error) {
	if err := checkBinary(b); err != nil {
		return nil, 0, err
	}
	s := skipper{rest: b[1:]}
	for _, nullable := range [...]bool{false, false, false, false, true, false, true, false, true, true, true, true, true, true} {
		if !nullable || s.take(1)[0] != 0 {
			s.take(s.length())
		}
	}
	s.take(8) // received_at
	s.take(s.length())
	ns := binary.BigEndian.Uint64(s.take(8))
	class = s.take(s.length())
	if s.short {
		return nil, 0, errors.New("decode event: it is cut off")
	}
	return class, int64(ns), nil
}

// skipper takes bytes off the front of rest. When there are too few it gives zeros.
type skipper struct {
	rest  []byte
	short bool
}

func (s *skipper) take(n int) []byte {
	if n > len(s.rest) {
		s.rest, s.short = nil, true
		return make([]byte, min(n, 8)) // the most that anybody looks at
	}
	b := s.rest[:n]
	s.rest = s.rest[n:]
	return b
}

func (s *skipper) length() int { return int(binary.BigEndian.Uint32(s.take(4))) }

// appendColumns is the one list of columns that both encodings share: all of
// the schema before stream, in its order.
func appendColumns(dst []byte, e *Event) []byte {
	dst = appendString(dst, e.ID)
	dst = appendString(dst, e.Action)
	dst = appendString(dst, e.ActorID)
	dst = appendString(dst, e.ActorType)
	dst = appendText(dst, e.ActorEmail)
	dst = appendString(dst, e.ResourceType)
	dst = appendText(dst, e.ResourceID)
	dst = appendString(dst, e.Outcome)
	dst = appendText(dst, e.Reason)
	dst = appendText(dst, e.Details)
	dst = appendText(dst, e.RequestID)
	dst = appendText(dst, e.IP)
	dst = appendText(dst, e.UserAgent)
	dst = appendText(dst, e.OrganizationID)
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.ReceivedAtMS))
	dst = appendString(dst, e.Producer)
	return binary.BigEndian.AppendUint64(dst, uint64(e.TimestampNS))
}

// columns mirrors appendColumns.
func (r *reader) columns(e *Event) {
	e.ID = r.string("id")
	e.Action = r.string("action")
	e.ActorID = r.string("actor_id")
	e.ActorType = r.string("actor_type")
	e.ActorEmail = r.text("actor_email")
	e.ResourceType = r.string("resource_type")
	e.ResourceID = r.text("resource_id")
	e.Outcome = r.string("outcome")
	e.Reason = r.text("reason")
	e.Details = r.text("details")
	e.RequestID = r.text("request_id")
	e.IP = r.text("ip")
	e.UserAgent = r.text("user_agent")
	e.OrganizationID = r.text("organization_id")
	e.ReceivedAtMS = r.int64("received_at")
	e.Producer = r.string("producer")
	e.TimestampNS = r.int64("timestamp_ns")
}

func appendString(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}

func appendText(dst []byte, t Text) []byte {
	if !t.Valid {
		return append(dst, 0)
	}
	return appendString(append(dst, 1), t.S)
}

// reader takes fields off the front of rest until the first error.
type reader struct {
	rest string
	err  error
}

func (r *reader) take(n int, column string) string {
	if r.err == nil && n > len(r.rest) {
		r.err = fmt.Errorf("%s: %d bytes, want %d", column, len(r.rest), n)
	}
	if r.err != nil {
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) string(column string) string {
	s := r.take(4, column)
	if r.err != nil {
		return ""
	}
	n := uint32(s[0])<<24 | uint32(s[1])<<16 | uint32(s[2])<<8 | uint32(s[3])
	return r.take(int(n), column)
}

func (r *reader) text(column string) Text {
	presence := r.take(1, column)
	switch {
	case r.err != nil || presence == "\x00":
		return Text{}
	case presence != "\x01":
		r.err = fmt.Errorf("%s: presence byte %#x", column, presence[0])
		return Text{}
	}
	return Text{S: r.string(column), Valid: true}
}

func (r *reader) int64(column string) int64 {
	s := r.take(8, column)
	if r.err != nil {
		return 0
	}
	var n uint64
	for i := range 8 {
		n = n<<8 | uint64(s[i])
	}
	return int64(n)
}
