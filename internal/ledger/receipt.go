package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"
)

// A receipt shows that a stream took events: its key signed the root of a small
// tree, whose leaves are the requests that one group commit made durable. Whoever
// holds one can prove later that an event which is not in the archive was lost or
// left out. docs/format/proof.md describes it byte by byte.

// MaxReceiptBytes bounds a receipt: one request may have 10,000 events by default,
// which take a megabyte, and a multiple of it by configuration.
const MaxReceiptBytes = 16 << 20

const (
	magicReceipt = "archiver receipt v1\n"
	// magicTaken begins the leaf of a request, 16 bytes.
	magicTaken = "archiver taken\x00\x00"
)

// Taken is what one request added to a stream: events in a row.
type Taken struct {
	First        int64 // seq of the first one
	ReceivedAtMS int64 // of all of them, Unix milliseconds
	Leaves       []Hash
}

// leaf is the request's leaf in the tree that is signed.
func (t *Taken) leaf() Hash {
	var rows Tree
	for _, h := range t.Leaves {
		rows.Add(h)
	}
	root := rows.Root()
	b := make([]byte, 0, 76)
	b = append(b, magicTaken...)
	b = binary.BigEndian.AppendUint32(b, formatVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(t.ReceivedAtMS))
	b = binary.BigEndian.AppendUint64(b, uint64(t.First))
	b = binary.BigEndian.AppendUint64(b, uint64(len(t.Leaves)))
	return Hash(tlog.RecordHash(append(b, root[:]...)))
}

// receiptHead is the document that is signed.
type receiptHead struct {
	Version  int       `json:"version"`
	Archive  uuid.UUID `json:"archive"`
	Stream   uuid.UUID `json:"stream"`
	IssuedAt time.Time `json:"issued_at"` // whole milliseconds, UTC
	Size     int64     `json:"size"`      // requests in the tree
	Root     Hash      `json:"root"`
}

func (h *receiptHead) check(o *Open) error {
	switch {
	case h.Version != formatVersion:
		return fmt.Errorf("version is %d, want %d", h.Version, formatVersion)
	case h.Archive != o.Archive || h.Stream != o.Stream:
		return fmt.Errorf("is of stream %s of archive %s, the certificate of stream %s of archive %s", h.Stream, h.Archive, o.Stream, o.Archive)
	case h.Size < 1 || h.Size > maxInt:
		return fmt.Errorf("size is %d", h.Size)
	}
	if err := checkTime(h.IssuedAt, time.Millisecond); err != nil {
		return fmt.Errorf("issued_at %w", err)
	}
	return nil
}

// Receipt is the receipt of one request. As JSON, which Append writes, it stands
// for itself: CheckReceipt needs nothing but the root verifier key beside it.
type Receipt struct {
	Version    int       `json:"version"`
	Open       string    `json:"open"` // the stream's certificate
	Note       string    `json:"note"` // what was signed
	Index      int64     `json:"index"`
	Path       []Hash    `json:"path"` // from the request to the root in Note
	ReceivedAt time.Time `json:"received_at"`
	First      int64     `json:"first"`  // seq of the first event
	Leaves     []Hash    `json:"leaves"` // leaf hash of each event; their seqs have no gap
}

// Last is the seq of its last event.
func (r *Receipt) Last() int64 { return r.First + int64(len(r.Leaves)) - 1 }

// SignReceipts makes the receipts of requests with one signature. The signer is the
// stream's key, which the certificate names.
func SignReceipts(open []byte, o *Open, taken []Taken, at time.Time, signer Signer) ([]Receipt, error) {
	if len(taken) == 0 {
		return nil, errors.New("receipts: of nothing")
	}
	levels := requestTree(taken)
	head := receiptHead{Version: formatVersion, Archive: o.Archive, Stream: o.Stream,
		IssuedAt: at.UTC().Truncate(time.Millisecond), Size: int64(len(taken)), Root: Hash(levels[len(levels)-1][0])}
	if err := head.check(o); err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	signed, err := sealDocument(magicReceipt, head, signer)
	if err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	all := make([]Receipt, len(taken))
	certificate, note := string(open), string(signed) // shared by all
	for i := range taken {
		all[i] = Receipt{Version: formatVersion, Open: certificate, Note: note, Index: int64(i), Path: levels.path(i),
			ReceivedAt: time.UnixMilli(taken[i].ReceivedAtMS).UTC(), First: taken[i].First, Leaves: taken[i].Leaves}
	}
	return all, nil
}

// levels are all hashes of a small tree, the leaves first and the root last.
type levels [][]tlog.Hash

func requestTree(taken []Taken) levels {
	below := make([]tlog.Hash, len(taken))
	for i := range taken {
		below[i] = tlog.Hash(taken[i].leaf())
	}
	all := levels{below}
	for len(below) > 1 {
		var level []tlog.Hash
		for i := 0; i < len(below); i += 2 {
			if i+1 == len(below) { // it has no sibling, and goes up as it is
				level = append(level, below[i])
				break
			}
			level = append(level, tlog.NodeHash(below[i], below[i+1]))
		}
		all, below = append(all, level), level
	}
	return all
}

// path leads from a leaf to the root.
func (l levels) path(leaf int) []Hash {
	way := []Hash{}
	for at, level := leaf, 0; len(l[level]) > 1; at, level = at/2, level+1 {
		if sibling := at ^ 1; sibling < len(l[level]) {
			way = append(way, Hash(l[level][sibling]))
		}
	}
	return way
}

// Append appends a receipt as JSON, in the order of its members. It is put together
// by hand: one request may have thousands of leaves.
func (r *Receipt) Append(dst []byte) []byte {
	dst = fmt.Appendf(dst, `{"version":%d,"open":`, r.Version)
	dst = appendQuoted(dst, r.Open)
	dst = appendQuoted(append(dst, `,"note":`...), r.Note)
	dst = fmt.Appendf(dst, `,"index":%d,"path":`, r.Index)
	dst = appendHashes(dst, r.Path)
	dst = fmt.Appendf(dst, `,"received_at":"%s","first":%d,"leaves":`, r.ReceivedAt.UTC().Format("2006-01-02T15:04:05.000Z"), r.First)
	return append(appendHashes(dst, r.Leaves), '}')
}

func appendQuoted(dst []byte, s string) []byte {
	quoted, err := jsontext.AppendQuote(dst, s)
	if err != nil {
		panic("bug: a signed note is not UTF-8: " + err.Error())
	}
	return quoted
}

func appendHashes(dst []byte, hashes []Hash) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '[')
	for i := range hashes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		for _, b := range hashes[i] {
			dst = append(dst, digits[b>>4], digits[b&15])
		}
		dst = append(dst, '"')
	}
	return append(dst, ']')
}

// Received is what a receipt that was checked says: that the stream took the events
// First to Last, with these leaf hashes.
type Received struct {
	Receipt
	Certificate Open
	IssuedAt    time.Time
}

// CheckReceipt checks a receipt with the root verifier key alone, which comes from
// the caller's own configuration. Unlike a proof it may be spelled in any way that
// JSON allows: what it says is bound by the signature.
func CheckReceipt(b []byte, rootVKey string) (*Received, error) {
	fail := func(err error) (*Received, error) { return nil, fmt.Errorf("receipt: %w", err) }
	if len(b) > MaxReceiptBytes {
		return fail(fmt.Errorf("%d bytes, want at most %d", len(b), MaxReceiptBytes))
	}
	got := &Received{}
	r := &got.Receipt
	if err := json.Unmarshal(b, r, rejectUnknown); err != nil {
		return fail(fmt.Errorf("decode: %w", err))
	}
	if err := r.check(); err != nil {
		return fail(err)
	}
	var err error
	if got.Certificate, err = ParseOpen([]byte(r.Open), rootVKey); err != nil {
		return fail(fmt.Errorf("certificate of the stream: %w", err))
	}
	var head receiptHead
	if err := unsealDocument(magicReceipt, []byte(r.Note), got.Certificate.VKey, &head); err != nil {
		return fail(fmt.Errorf("note: %w", err))
	}
	if err := head.check(&got.Certificate); err != nil {
		return fail(fmt.Errorf("note: %w", err))
	}
	taken := Taken{First: r.First, ReceivedAtMS: r.ReceivedAt.UnixMilli(), Leaves: r.Leaves}
	if err := checkPath(r.Path, taken.leaf(), r.Index, head.Size, head.Root); err != nil {
		return fail(fmt.Errorf("from the events to what was signed: %w", err))
	}
	got.IssuedAt = head.IssuedAt
	return got, nil
}

func (r *Receipt) check() error {
	switch {
	case r.Version != formatVersion:
		return fmt.Errorf("version is %d, want %d", r.Version, formatVersion)
	case len(r.Leaves) == 0:
		return errors.New("it is of no event")
	case r.First < 0 || r.First > maxInt-int64(len(r.Leaves)):
		return fmt.Errorf("first is %d", r.First)
	case len(r.Path) > treeLevels:
		return fmt.Errorf("a path of %d hashes", len(r.Path))
	}
	if err := checkTime(r.ReceivedAt, time.Millisecond); err != nil {
		return fmt.Errorf("received_at %w", err)
	}
	return nil
}
