package buffer

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
)

const (
	noteName  = "released"
	noteMagic = "AUDITREL"
	noteBytes = 48
)

// readNote returns what is released; nothing when there is no note.
func (b *Buffer) readNote() (released, error) {
	none := released{batch: -1}
	raw, err := durable.ReadFile(b.o.FS, b.path(noteName))
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	stream, r, err := decodeNote(raw)
	if errors.Is(err, ErrNewer) {
		return none, fmt.Errorf("%s: %w", noteName, err)
	}
	if err != nil {
		return none, fmt.Errorf("%w: %s: %w", ErrCorrupt, noteName, err)
	}
	if stream != b.o.Stream {
		return none, fmt.Errorf("%w: %s is of stream %s, want %s", ErrCorrupt, noteName, stream, b.o.Stream)
	}
	return r, nil
}

// writeNote replaces the note. Until it returned nil, the log still has
// everything that the old note leaves to it.
func (b *Buffer) writeNote(r released) error {
	return durable.WriteFile(b.o.FS, b.path(noteName), encodeNote(b.o.Stream, r), 0o600)
}

func encodeNote(stream uuid.UUID, r released) []byte {
	p := make([]byte, 0, noteBytes)
	p = append(p, noteMagic...)
	p = le.AppendUint32(p, formatVersion)
	p = append(p, stream[:]...)
	p = le.AppendUint64(p, uint64(r.batch))
	p = le.AppendUint64(p, uint64(r.nextSeq))
	return le.AppendUint32(p, checksum(p))
}

func decodeNote(p []byte) (stream uuid.UUID, r released, err error) {
	if len(p) != noteBytes || string(p[:8]) != noteMagic {
		return stream, r, errors.New("not a release note")
	}
	if checksum(p[:noteBytes-4]) != le.Uint32(p[noteBytes-4:]) {
		return stream, r, errors.New("checksum is wrong")
	}
	if err := readable(le.Uint32(p[8:])); err != nil {
		return stream, r, err
	}
	copy(stream[:], p[12:])
	r.batch, r.nextSeq = int64(le.Uint64(p[28:])), int64(le.Uint64(p[36:]))
	if r.batch < 0 || r.nextSeq < 0 {
		return stream, r, errors.New("negative number")
	}
	return stream, r, nil
}
