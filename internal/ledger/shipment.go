package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Shipment is the head of an object that holds a piece of a stream's log, copied
// to the bucket before it is archived, so that it outlives its node. The stream's
// key signs it; without that, whoever may write to the bucket could slip events
// into a recovery.
//
// A place in a log is three numbers: how many events and how many batches are
// before it, and where the batch begins that is open there. Shipments are chained
// by these places: where one ends, the next one begins, unless the bucket had by
// then a commit of all that lies between, or it is empty batches.
type Shipment struct {
	Version    int       `json:"version"`
	Archive    uuid.UUID `json:"archive"`
	Stream     uuid.UUID `json:"stream"`
	First      int64     `json:"first"`       // seq of the next event where the piece begins
	Last       int64     `json:"last"`        // seq of its last event; First-1 when it has none
	Batch      int64     `json:"batch"`       // number of the batch that is open where it begins
	BatchFirst int64     `json:"batch_first"` // first seq of that
	ShippedAt  time.Time `json:"shipped_at"`  // whole seconds, UTC
	Size       int64     `json:"size"`        // bytes of the frames
	SHA256     Hash      `json:"sha256"`      // of the frames

	// Moved says which of its events were acknowledged by other streams: what the notes
	// of the commits that hold them would have said, if the node is lost before.
	Moved []MovedRun `json:"moved,omitzero"`
}

// MovedRun is a range of seqs that was moved from another stream as a whole.
type MovedRun struct {
	Stream uuid.UUID `json:"stream"` // where it was acknowledged
	Range  Range     `json:"range"`  // … as these seqs
	To     Range     `json:"to"`     // what it is here
}

// MaxShipmentHead bounds the signed part of a shipment, in bytes. MaxShipmentMoved,
// which is what one commit may have of them, and more, fits into it.
const (
	MaxShipmentHead  = 64 << 10
	MaxShipmentMoved = MaxNotes
)

// MaxShipmentBytes bounds a shipment: no frame is larger than a segment of the
// log, and a piece that has more than one frame is much smaller.
const MaxShipmentBytes = 1<<30 + MaxShipmentHead

const (
	walDir         = "wal/"
	shipmentSuffix = ".frames"
	shipmentDigits = 16
)

// WALPrefix is what the keys of a stream's shipments begin with.
func WALPrefix(prefix string, stream uuid.UUID) string {
	return Join(prefix, walDir+stream.String()+"/")
}

// ShipmentKey is the key of a shipment. It ends in the first half of 16 bytes of
// the whole object's SHA-256: so nobody can take the name beforehand, and what lies
// under a name either is the shipment or is seen not to be.
func ShipmentKey(prefix string, s *Shipment, sum Hash) string {
	return WALPrefix(prefix, s.Stream) + fmt.Sprintf("%020d-%020d-%s%s", s.First, s.Last, hex.EncodeToString(sum[:shipmentDigits/2]), shipmentSuffix)
}

// ShipmentName is a shipment's key taken apart.
type ShipmentName struct {
	First, Last int64
	sum         string
}

// Names reports whether an object of that SHA-256 may have the name.
func (n ShipmentName) Names(sum Hash) bool {
	return n.sum == hex.EncodeToString(sum[:shipmentDigits/2])
}

// ParseShipmentName takes apart what follows WALPrefix in a key. ok is false for a
// name that no archiver writes.
func ParseShipmentName(name string) (n ShipmentName, ok bool) {
	body, ok := strings.CutSuffix(name, shipmentSuffix)
	parts := strings.Split(body, "-")
	if !ok || len(parts) != 3 || len(parts[2]) != shipmentDigits {
		return n, false
	}
	var errs [2]error
	n.First, errs[0] = strconv.ParseInt(parts[0], 10, 64)
	n.Last, errs[1] = strconv.ParseInt(parts[1], 10, 64)
	n.sum = parts[2]
	again := fmt.Sprintf("%020d-%020d-%s%s", n.First, n.Last, n.sum, shipmentSuffix)
	return n, errors.Join(errs[:]...) == nil && again == name && validPiece(n.First, n.Last)
}

// SealShipment returns the head of a shipment, to be followed by its frames. It
// fills in Version, Size and SHA256. The signer is the stream's key.
func SealShipment(s Shipment, frames []byte, signer Signer) (head []byte, _ error) {
	s.Version, s.Size, s.SHA256 = formatVersion, int64(len(frames)), sha256.Sum256(frames)
	s.ShippedAt = s.ShippedAt.UTC().Truncate(time.Second)
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("shipment: %w", err)
	}
	head, err := sealDocument(magicShipment, s, signer)
	if err != nil {
		return nil, fmt.Errorf("shipment: %w", err)
	}
	return head, nil
}

// ParseShipment checks the head of a shipment of the stream that o certifies, and
// returns it with its length. b is the beginning of the object: all of it, or at
// least MaxShipmentHead bytes. That the frames, which follow, have its Size and
// SHA256 is for the caller to see.
func ParseShipment(b []byte, o *Open) (s Shipment, length int64, err error) {
	fail := func(err error) (Shipment, int64, error) { return Shipment{}, 0, fmt.Errorf("shipment: %w", err) }
	head, ok := ShipmentHead(b)
	if !ok {
		return fail(errors.New("does not begin with a signed note"))
	}
	if err := unsealDocument(magicShipment, head, o.VKey, &s); err != nil {
		return fail(err)
	}
	if err := s.check(); err != nil {
		return fail(err)
	}
	if s.Archive != o.Archive || s.Stream != o.Stream {
		return fail(fmt.Errorf("is of stream %s of archive %s", s.Stream, s.Archive))
	}
	return s, int64(len(head)), nil
}

// ShipmentHead returns the signed note that a shipment begins with, unchecked: two
// lines of text, an empty one, and one signature. The frames follow at once.
func ShipmentHead(b []byte) (head []byte, ok bool) {
	b = b[:min(len(b), MaxShipmentHead)]
	end := 0
	for range 4 {
		n := bytes.IndexByte(b[end:], '\n')
		if n < 0 {
			return nil, false
		}
		end += n + 1
	}
	return b[:end], true
}

// validPiece: a piece without an event has the seal of those before it, so nothing
// begins at seq 0 without one.
func validPiece(first, last int64) bool {
	return first >= 0 && last >= max(first-1, 0) && last < maxInt
}

func (s *Shipment) check() error {
	switch {
	case s.Version != formatVersion:
		return fmt.Errorf("version is %d, want %d", s.Version, formatVersion)
	case !validPiece(s.First, s.Last):
		return fmt.Errorf("seq range is %d-%d", s.First, s.Last)
	case s.Batch < 0 || s.Batch > maxInt || s.BatchFirst < 0 || s.BatchFirst > s.First:
		return fmt.Errorf("begins in batch %d with first seq %d, at seq %d", s.Batch, s.BatchFirst, s.First)
	case s.Size < 1 || s.Size > MaxShipmentBytes-MaxShipmentHead:
		return fmt.Errorf("%d bytes of frames", s.Size)
	}
	if err := checkTime(s.ShippedAt, time.Second); err != nil {
		return fmt.Errorf("shipped_at %w", err)
	}
	return s.checkMoved()
}

func (s *Shipment) checkMoved() error {
	if s.Moved != nil && len(s.Moved) == 0 || len(s.Moved) > MaxShipmentMoved {
		return fmt.Errorf("moved has %d ranges, want 1 to %d, or no such member", len(s.Moved), MaxShipmentMoved)
	}
	for i, r := range s.Moved {
		switch {
		case r.Stream == uuid.Nil || r.Stream == s.Stream:
			return fmt.Errorf("moved %d: needs another stream", i)
		case r.Range.First < 0 || r.Range.Last < r.Range.First || r.Range.Last >= maxInt:
			return fmt.Errorf("moved %d: range %d-%d", i, r.Range.First, r.Range.Last)
		case r.To.First < s.First || r.To.Last > s.Last || r.To.Last-r.To.First != r.Range.Last-r.Range.First:
			return fmt.Errorf("moved %d: is %d-%d, want as long a range within %d-%d", i, r.To.First, r.To.Last, s.First, s.Last)
		}
	}
	return nil
}
