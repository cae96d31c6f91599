package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/audit-archiver/archiver/internal/event"
)

// A proof shows to whoever has the root verifier key, and nothing else, that one
// event is in the archive as it says: C2SP tlog-proof of the log record of the
// event's commit, with the way from the event to that record in the extra data.
// docs/format/proof.md describes it byte by byte.

// MaxProofBytes bounds a proof: an event of 64 KiB, 64 files, and every path.
const MaxProofBytes = 256 << 10

// ProofSuffix is what the names of files with proofs end in.
const ProofSuffix = ".tlog-proof"

const (
	proofFirstLine = "c2sp.org/tlog-proof@v1\n"
	magicProof     = "archiver proof\x00\x00" // of the extra data, 16 bytes
)

// proof is one taken apart. Nothing of it is believed until check has passed.
type proof struct {
	open       []byte      // the stream's certificate
	first      int64       // of the commit's record, with count
	count      int64       //
	manifest   Hash        //
	files      []proofFile // of the commit, in order
	file       int         // the one that has the event
	row        int64       // the event's place in it
	path       []Hash      // from the event to the file's root
	leaf       []byte      // the event
	index      int64       // of the commit
	log        []Hash      // from the record to the checkpoint's root
	checkpoint []byte
}

type proofFile struct {
	rows int64
	root Hash
}

// Proved is what a proof that was checked says.
type Proved struct {
	Row      event.Row
	LeafHash Hash
	Open     Open // the certificate of the stream

	File     int // the event's file, from 0, of the Files files of its commit
	Files    int
	FileRow  int64 // its place in the file, from 0
	FileRows int64
	FileRoot Hash

	Index    int64 // of the commit
	First    int64 // its first seq
	Count    int64 // its rows
	Manifest Hash  // SHA-256 of its manifest

	Size   int64  // commits that the checkpoint covers
	Root   Hash   // of the tree over them
	Signer string // name of the key that signed the checkpoint: the stream's, or the root key
}

// Prove returns the proof of a row of a file, up to the stream's latest checkpoint.
// The row was marked in paths, which all rows of the file were added to. What it
// returns has passed CheckProof.
func (s *Stream) Prove(index int64, file int, paths *Paths, mark int, row *event.Row) ([]byte, error) {
	fail := func(err error) ([]byte, error) {
		return nil, fmt.Errorf("prove seq %d of stream %s: %w", row.Seq, row.Stream, err)
	}
	if index < 0 || index >= int64(len(s.Manifests)) || file < 0 || file >= len(s.Manifests[index].Files) {
		return fail(fmt.Errorf("there is no file %d in commit %d", file, index))
	}
	m := &s.Manifests[index]
	line, err := encodeLine(m)
	if err != nil {
		return fail(err)
	}
	p := proof{open: s.openRaw, first: m.First, count: m.Count, manifest: sha256.Sum256(line[:len(line)-1]), file: file,
		leaf: event.AppendLeaf(nil, row), index: index, checkpoint: s.checkpoint}
	for i := range m.Files {
		p.files = append(p.files, proofFile{m.Files[i].Rows, m.Files[i].Root})
	}
	if p.path, err = paths.Hashes(mark); err != nil {
		return fail(err)
	}
	p.row = paths.Leaf(mark)
	var log Paths
	for i, leaf := range s.leaves {
		if int64(i) == index {
			log.Mark()
		}
		log.Add(leaf)
	}
	if p.log, err = log.Hashes(0); err != nil {
		return fail(err)
	}
	b := p.encode()
	if _, err := CheckProof(b, s.Head.Root); err != nil {
		return fail(err)
	}
	return b, nil
}

// CheckProof checks a proof with the root verifier key alone, which comes from the
// caller's own configuration. A proof has one spelling; every other one is refused.
func CheckProof(b []byte, rootVKey string) (*Proved, error) {
	p, err := parseProof(b)
	if err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	got, err := p.check(rootVKey)
	if err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	return got, nil
}

// check goes from the root key down to the stream's key and its checkpoint, and
// from the event up to the same checkpoint.
func (p *proof) check(rootVKey string) (*Proved, error) {
	open, err := ParseOpen(p.open, rootVKey)
	if err != nil {
		return nil, fmt.Errorf("certificate of the stream: %w", err)
	}
	size, root, signer, err := checkpointOf(p.checkpoint, &open, rootVKey)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	row, err := event.DecodeLeaf(p.leaf)
	if err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	if row.Stream != open.Stream || row.Seq < p.first {
		return nil, fmt.Errorf("event: seq %d of stream %s, the commit is of stream %s and begins at seq %d", row.Seq, row.Stream, open.Stream, p.first)
	}
	leaf, file := Hash(event.LeafHash(&row)), p.files[p.file]
	if err := checkPath(p.path, leaf, p.row, file.rows, file.root); err != nil {
		return nil, fmt.Errorf("from the event to its file: %w", err)
	}
	record, err := p.record(&open)
	if err != nil {
		return nil, err
	}
	if err := checkPath(p.log, Hash(tlog.RecordHash(record)), p.index, size, root); err != nil {
		return nil, fmt.Errorf("from the commit to the checkpoint: %w", err)
	}
	return &Proved{Row: row, LeafHash: leaf, Open: open,
		File: p.file, Files: len(p.files), FileRow: p.row, FileRows: file.rows, FileRoot: file.root,
		Index: p.index, First: p.first, Count: p.count, Manifest: p.manifest,
		Size: size, Root: root, Signer: signer}, nil
}

// record is the log record of the event's commit, made anew.
func (p *proof) record(o *Open) ([]byte, error) {
	m := Manifest{Archive: o.Archive, Stream: o.Stream, Index: p.index, First: p.first, Count: p.count}
	rows := int64(0)
	for _, f := range p.files {
		m.Files = append(m.Files, File{Rows: f.rows, Root: f.root})
		rows += f.rows // cannot overflow: MaxFiles * maxInt < 2^63
	}
	if rows != p.count {
		return nil, fmt.Errorf("the files have %d rows, the commit %d", rows, p.count)
	}
	return recordOf(&m, p.manifest), nil
}

// checkpointOf checks a checkpoint of a stream: signed by its key or, in a
// recovery, by the root key.
func checkpointOf(note []byte, o *Open, rootVKey string) (size int64, root Hash, signer string, err error) {
	signer = StreamName(o.Archive, o.Stream)
	text, err := unseal(note, o.VKey)
	if err != nil {
		var second error
		if text, second = unseal(note, rootVKey); second != nil {
			return 0, Hash{}, "", err
		}
		signer = RootName(o.Archive)
	}
	origin, size, root, err := parseCheckpoint(text)
	if err == nil && origin != StreamName(o.Archive, o.Stream) {
		err = fmt.Errorf("is of %q", clip(origin))
	}
	return size, root, signer, err
}

// encode spells a proof.
func (p *proof) encode() []byte {
	b := append([]byte(nil), proofFirstLine...)
	b = append(b, "extra "...)
	b = base64.StdEncoding.AppendEncode(b, p.extra())
	b = fmt.Appendf(b, "\nindex %d\n", p.index)
	for i := range p.log {
		b = base64.StdEncoding.AppendEncode(b, p.log[i][:])
		b = append(b, '\n')
	}
	b = append(b, '\n')
	return append(b, p.checkpoint...)
}

func (p *proof) extra() []byte {
	b := append([]byte(nil), magicProof...)
	b = binary.BigEndian.AppendUint32(b, formatVersion)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.open)))
	b = append(b, p.open...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.first))
	b = binary.BigEndian.AppendUint64(b, uint64(p.count))
	b = append(b, p.manifest[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.files)))
	for i := range p.files {
		b = binary.BigEndian.AppendUint64(b, uint64(p.files[i].rows))
		b = append(b, p.files[i].root[:]...)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(p.file))
	b = binary.BigEndian.AppendUint64(b, uint64(p.row))
	for i := range p.path {
		b = append(b, p.path[i][:]...)
	}
	return append(b, p.leaf...)
}

// parseProof takes a proof apart and demands that it is spelled as encode spells it.
func parseProof(b []byte) (*proof, error) {
	if len(b) > MaxProofBytes {
		return nil, fmt.Errorf("%d bytes, want at most %d", len(b), MaxProofBytes)
	}
	rest, ok := bytes.CutPrefix(b, []byte(proofFirstLine))
	if !ok {
		return nil, fmt.Errorf("does not begin with the line %q", proofFirstLine[:len(proofFirstLine)-1])
	}
	head, note, ok := bytes.Cut(rest, []byte("\n\n"))
	if !ok {
		return nil, errors.New("want lines, an empty line, and a checkpoint")
	}
	lines := bytes.Split(head, []byte("\n"))
	extra, ok := bytes.CutPrefix(lines[0], []byte("extra "))
	if !ok || len(lines) < 2 {
		return nil, errors.New("want a line of extra data, and one with the index")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(string(extra))
	if err != nil {
		return nil, fmt.Errorf("extra data: %w", err)
	}
	p := &proof{checkpoint: note}
	if err := p.parseExtra(raw); err != nil {
		return nil, fmt.Errorf("extra data: %w", err)
	}
	index, ok := bytes.CutPrefix(lines[1], []byte("index "))
	if p.index, err = strconv.ParseInt(string(index), 10, 64); !ok || err != nil || p.index < 0 || p.index >= maxInt {
		return nil, fmt.Errorf("index: %q", clip(lines[1]))
	}
	for _, line := range lines[2:] {
		raw, err := base64.StdEncoding.Strict().DecodeString(string(line))
		if err != nil || len(raw) != len(Hash{}) {
			return nil, fmt.Errorf("hash: %q", clip(line))
		}
		p.log = append(p.log, Hash(raw))
	}
	if !bytes.Equal(p.encode(), b) {
		return nil, errors.New("not the canonical spelling")
	}
	return p, nil
}

func (p *proof) parseExtra(raw []byte) error {
	r := fields{rest: raw}
	if magic := r.take(len(magicProof)); string(magic) != magicProof {
		return errors.New("does not begin with its magic")
	}
	if version := r.number(4); version != formatVersion {
		return fmt.Errorf("version is %d, want %d", version, formatVersion)
	}
	p.open = r.take(int(min(r.number(4), maxNoteBytes)))
	p.first, p.count = r.number(8), r.number(8)
	p.manifest = r.hash()
	files := r.number(4)
	if r.short || files < 1 || files > MaxFiles {
		return fmt.Errorf("%d files, want 1 to %d", files, MaxFiles)
	}
	for range files {
		p.files = append(p.files, proofFile{r.number(8), r.hash()})
	}
	file, row := r.number(4), r.number(8)
	switch {
	case r.short:
		return errors.New("cut short")
	case file >= files:
		return fmt.Errorf("file %d of %d", file, files)
	}
	rows := p.files[file].rows
	for _, f := range p.files {
		if f.rows < 1 || f.rows > maxInt {
			return fmt.Errorf("a file of %d rows", f.rows)
		}
	}
	if row < 0 || row >= rows || p.first < 0 || p.first >= maxInt || p.count < 1 || p.count > maxInt {
		return fmt.Errorf("row %d of %d, first seq %d, %d rows in the commit", row, rows, p.first, p.count)
	}
	p.file, p.row = int(file), row
	for range pathLength(row, rows) {
		p.path = append(p.path, r.hash())
	}
	if r.short {
		return errors.New("cut short")
	}
	p.leaf = r.rest
	return nil
}

// fields takes fields off the front of rest; short says that there were too few bytes.
type fields struct {
	rest  []byte
	short bool
}

func (f *fields) take(n int) []byte {
	if n < 0 || n > len(f.rest) {
		f.short, f.rest = true, nil
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

// number reads an unsigned number; one that is too large for an int64 is negative.
func (f *fields) number(size int) (n int64) {
	for _, b := range f.take(size) {
		n = n<<8 | int64(b)
	}
	return n
}

func (f *fields) hash() (h Hash) {
	copy(h[:], f.take(len(h)))
	return h
}
