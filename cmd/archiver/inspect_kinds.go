package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// kind is one format that inspect knows. read returns what can be shown, also
// beside an error.
type kind struct {
	name  string
	magic string
	read  func(r io.ReaderAt, size int64, rootVKey string) (any, error)
}

var kinds = []kind{
	{"wal", "AUDITWAL", func(r io.ReaderAt, size int64, _ string) (any, error) {
		d, err := buffer.Describe(r, size)
		if err == nil && d.Damage != "" {
			err = errors.New(d.Damage)
		}
		if d.Frames == nil {
			return nil, err
		}
		return d, err
	}},
	{"parquet", "PAR1", readParquet},
	{"shipment", "archiver wal ", readShipment},
	{"commit", "archiver commit ", readCommit},
	{"archive", "archiver archive ", readSigned(func(b []byte, vkey string) error {
		_, err := ledger.ParseArchive(b, vkey)
		return err
	})},
	{"open", "archiver open ", readSigned(func(b []byte, vkey string) error {
		_, err := ledger.ParseOpen(b, vkey)
		return err
	})},
}

func readParquet(r io.ReaderAt, size int64, _ string) (any, error) {
	// The class is not in the file but in its key; nothing that is shown depends on it.
	file, err := parquet.Open(r, size, "standard")
	if err != nil {
		return nil, err
	}
	return file.Describe(), nil
}

// signedDocument is an object that the root key signed.
type signedDocument struct {
	Document   json.RawMessage `json:"document"` // as it was signed
	Signatures []string        `json:"signatures"`
	Signature  string          `json:"signature"` // valid, invalid, not checked
}

// readSigned shows a signed note of one line of JSON below its magic, and checks
// it when there is a key to check it with.
func readSigned(check func(signed []byte, vkey string) error) func(io.ReaderAt, int64, string) (any, error) {
	return func(r io.ReaderAt, size int64, rootVKey string) (any, error) {
		signed, err := readSmall(r, size)
		if err != nil {
			return nil, err
		}
		text, signatures, ok := splitNote(signed)
		_, line, hasLine := bytes.Cut(text, []byte("\n"))
		if !ok || !hasLine || !json.Valid(line) {
			return nil, errors.New("not a signed line of JSON")
		}
		doc := signedDocument{Document: line, Signatures: signatures, Signature: "not checked"}
		if rootVKey == "" {
			return doc, nil
		}
		if err := check(signed, rootVKey); err != nil {
			doc.Signature = "invalid"
			return doc, err
		}
		doc.Signature = "valid"
		return doc, nil
	}
}

// shipmentDocument is a piece of a WAL that was copied to the bucket.
type shipmentDocument struct {
	signedDocument                           // not checked: it takes the stream's certificate
	Frames         []buffer.FrameDescription `json:"frames"`
}

func readShipment(r io.ReaderAt, size int64, _ string) (any, error) {
	head := make([]byte, min(size, ledger.MaxShipmentHead))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	signed, ok := ledger.ShipmentHead(head)
	if !ok {
		return nil, errors.New("not a signed line of JSON")
	}
	doc, err := readSigned(nil)(bytes.NewReader(signed), int64(len(signed)), "")
	if err != nil {
		return nil, err
	}
	d := shipmentDocument{signedDocument: doc.(signedDocument)}
	var about ledger.Shipment
	if err := json.Unmarshal(d.Document, &about); err != nil {
		return nil, fmt.Errorf("signed line: %w", err)
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, int64(len(signed)), size-int64(len(signed)))); err != nil {
		return nil, err
	}
	if about.SHA256 != ledger.Hash(h.Sum(nil)) {
		return d, errors.New("the frames are not those that were signed")
	}
	d.Frames, err = buffer.DescribeFrames(context.Background(), r, int64(len(signed)), size)
	return d, err
}

// commitDocument is a commit object taken apart.
type commitDocument struct {
	Manifest       json.RawMessage    `json:"manifest"` // as it was hashed
	ManifestSHA256 string             `json:"manifest_sha256"`
	Record         string             `json:"record"` // the log's leaf, in hex
	Checkpoint     checkpointDocument `json:"checkpoint"`
}

type checkpointDocument struct {
	Origin     string      `json:"origin"`
	Size       int64       `json:"size"`
	Root       ledger.Hash `json:"root"`
	Signatures []string    `json:"signatures"`
	Signature  string      `json:"signature"` // not checked: it takes the stream
}

func readCommit(r io.ReaderAt, size int64, _ string) (any, error) {
	raw, err := readSmall(r, size)
	if err != nil {
		return nil, err
	}
	c, err := ledger.ParseCommit(raw)
	if err != nil {
		return nil, err
	}
	_, signatures, _ := splitNote(c.Checkpoint)
	sum := sha256.Sum256(c.ManifestBytes)
	return commitDocument{
		Manifest:       c.ManifestBytes,
		ManifestSHA256: hex.EncodeToString(sum[:]),
		Record:         hex.EncodeToString(c.Record),
		Checkpoint: checkpointDocument{
			Origin: c.Origin, Size: c.Size, Root: c.Root,
			Signatures: signatures, Signature: "not checked",
		},
	}, nil
}

// readSmall reads a ledger object whole.
func readSmall(r io.ReaderAt, size int64) ([]byte, error) {
	if size > ledger.MaxCommitBytes {
		return nil, fmt.Errorf("%d bytes, more than any ledger object has", size)
	}
	raw := make([]byte, size)
	if _, err := r.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return raw, nil
}

// splitNote takes a signed note apart: its text, and a signature per line.
func splitNote(signed []byte) (text []byte, signatures []string, ok bool) {
	i := bytes.LastIndex(signed, []byte("\n\n"))
	if i < 0 {
		return nil, nil, false
	}
	for line := range strings.Lines(string(signed[i+2:])) {
		signatures = append(signatures, strings.TrimSuffix(strings.TrimPrefix(line, "— "), "\n"))
	}
	return signed[:i+1], signatures, true
}
