package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Magic of the two kinds of leaves, 16 bytes each. The leaves of a file's own
// tree are rows, with a magic of their own.
const (
	magicFile   = "archiver file\x00\x00\x00"
	magicRecord = "archiver record\x00"
)

// filesRoot is the root over a commit's file roots. Each leaf binds a file's
// row count beside its root, without which a path in the file's tree would not
// say which row it leads to.
func filesRoot(files []File) Hash {
	var t Tree
	for i := range files {
		t.Add(Hash(tlog.RecordHash(fileLeaf(&files[i]))))
	}
	return t.Root()
}

func fileLeaf(f *File) []byte {
	b := make([]byte, 0, 60)
	b = append(b, magicFile...)
	b = binary.BigEndian.AppendUint32(b, formatVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(f.Rows))
	return append(b, f.Root[:]...)
}

// record is the log's leaf for a manifest, 140 bytes.
func record(m *Manifest, manifest []byte) []byte { return recordOf(m, sha256.Sum256(manifest)) }

func recordOf(m *Manifest, sum Hash) []byte {
	files := filesRoot(m.Files)
	b := make([]byte, 0, 140)
	b = append(b, magicRecord...)
	b = binary.BigEndian.AppendUint32(b, formatVersion)
	b = append(b, m.Archive[:]...)
	b = append(b, m.Stream[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Index))
	b = binary.BigEndian.AppendUint64(b, uint64(m.First))
	b = binary.BigEndian.AppendUint64(b, uint64(m.Count))
	b = append(b, files[:]...)
	return append(b, sum[:]...)
}

// checkpointText is the C2SP tlog-checkpoint of a tree.
func checkpointText(origin string, t *Tree) []byte {
	root := t.Root()
	return fmt.Appendf(nil, "%s\n%d\n%s\n", origin, t.Size(), base64.StdEncoding.EncodeToString(root[:]))
}

// parseCheckpoint takes a checkpoint's text apart. It wants the spelling of
// checkpointText: no extension lines, no leading zeros.
func parseCheckpoint(text []byte) (origin string, size int64, root Hash, err error) {
	lines := strings.Split(string(text), "\n")
	if len(lines) != 4 || lines[3] != "" {
		return "", 0, Hash{}, errors.New("want three lines: origin, size, root")
	}
	size, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || size > maxInt || strconv.FormatInt(size, 10) != lines[1] {
		return "", 0, Hash{}, fmt.Errorf("size %q", clip(lines[1]))
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(raw) != len(root) || base64.StdEncoding.EncodeToString(raw) != lines[2] {
		return "", 0, Hash{}, fmt.Errorf("root %q", clip(lines[2]))
	}
	return lines[0], size, Hash(raw), nil
}

// Commit is a commit object taken apart. ParseCommit checks its form alone;
// only one that Head.Verify returned is true.
type Commit struct {
	Manifest      Manifest
	ManifestBytes []byte // the line without its newline: what Prev and the record hash
	Record        []byte // the log's leaf, re-derived
	Checkpoint    []byte // the signed note
	Origin        string // what the checkpoint says
	Size          int64
	Root          Hash
}

func formatCommit(manifestLine, checkpoint []byte) []byte {
	return bytes.Join([][]byte{[]byte(magicCommit), manifestLine, []byte("\n"), checkpoint}, nil)
}

// ParseCommit takes a commit object apart. It checks no signature and no chain.
func ParseCommit(b []byte) (Commit, error) {
	if len(b) > MaxCommitBytes {
		return Commit{}, fmt.Errorf("commit: %d bytes, want at most %d", len(b), MaxCommitBytes)
	}
	rest, ok := bytes.CutPrefix(b, []byte(magicCommit))
	if !ok {
		return Commit{}, fmt.Errorf("commit: does not start with %q", magicCommit)
	}
	end := bytes.IndexByte(rest, '\n')
	if end < 0 || end+1 == len(rest) || rest[end+1] != '\n' {
		return Commit{}, errors.New("commit: want a line of JSON, an empty line, and a checkpoint")
	}
	c := Commit{ManifestBytes: rest[:end:end], Checkpoint: rest[end+2:]}
	if err := decodeLine(rest[:end+1], &c.Manifest); err != nil {
		return Commit{}, fmt.Errorf("commit: manifest: %w", err)
	}
	split := bytes.LastIndex(c.Checkpoint, []byte("\n\n")) // as package note splits it
	if split < 0 {
		return Commit{}, errors.New("commit: checkpoint: not a signed note")
	}
	var err error
	if c.Origin, c.Size, c.Root, err = parseCheckpoint(c.Checkpoint[:split+1]); err != nil {
		return Commit{}, fmt.Errorf("commit: checkpoint: %w", err)
	}
	c.Record = record(&c.Manifest, c.ManifestBytes)
	return c, nil
}
