package pack

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
)

const block = 512

// Header returns the header of a member: one or the other bit in it would be
// another pack, so there is nothing to choose. Names have at most 255 bytes.
func Header(name string, size int64) ([]byte, error) {
	var b bytes.Buffer
	h := tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
	if err := tar.NewWriter(&b).WriteHeader(&h); err != nil {
		return nil, fmt.Errorf("tar header of %s: %w", name, err)
	}
	if b.Len() != block {
		return nil, fmt.Errorf("tar header of %s: %d bytes", name, b.Len())
	}
	return b.Bytes(), nil
}

// Padding is how many zero bytes follow a member of size bytes.
func Padding(size int64) int64 { return -size & (block - 1) }

// EndBytes is the length of the zeros that end a pack.
const EndBytes = 2 * block

// place is where a member's content is in the pack.
type place struct{ offset, size int64 }

// index finds all members of the tar file of size bytes in r. It takes only what
// package export writes: plain files in order of names, headers in the one
// spelling, zeros where there is nothing, and two blocks of zeros at the end.
func index(r io.ReaderAt, size int64) (names []string, members map[string]place, err error) {
	members = make(map[string]place)
	buf := make([]byte, block)
	at, last := int64(0), ""
	for {
		if _, err := io.ReadFull(io.NewSectionReader(r, at, block), buf); err != nil {
			return nil, nil, short(at, err)
		}
		if isZero(buf) {
			break
		}
		h, err := tar.NewReader(bytes.NewReader(buf)).Next()
		if err != nil {
			return nil, nil, altered("tar header at byte %d: %v", at, err)
		}
		want, err := Header(h.Name, h.Size)
		switch {
		case err != nil || !bytes.Equal(want, buf):
			return nil, nil, altered("tar header at byte %d: not as a pack has it", at)
		case h.Name <= last:
			return nil, nil, altered("member %q after %q: out of order or twice", clip(h.Name), clip(last))
		case h.Size > size-at-block:
			return nil, nil, altered("member %q: the pack ends within it", clip(h.Name))
		case len(names) == MaxMembers:
			return nil, nil, altered("more than %d members", MaxMembers)
		}
		names, last = append(names, h.Name), h.Name
		members[h.Name] = place{at + block, h.Size}
		at += block + h.Size
		if at, err = zeros(r, at, Padding(h.Size)); err != nil {
			return nil, nil, err
		}
	}
	if at, err = zeros(r, at, EndBytes); err != nil {
		return nil, nil, err
	}
	if at != size {
		return nil, nil, altered("%d bytes after the end", size-at)
	}
	return names, members, nil
}

func zeros(r io.ReaderAt, at, n int64) (int64, error) {
	buf := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(r, at, n), buf); err != nil {
		return 0, short(at, err)
	}
	if !isZero(buf) {
		return 0, altered("bytes %d to %d are not zero", at, at+n-1)
	}
	return at + n, nil
}

func isZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// short tells a pack that was cut off from one that cannot be read.
func short(at int64, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return altered("the pack ends at byte %d", at)
	}
	return fmt.Errorf("read pack at byte %d: %w", at, err)
}

// clip keeps what an attacker wrote from flooding a message.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
