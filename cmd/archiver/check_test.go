package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/source"
	"github.com/audit-archiver/archiver/internal/ingest"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// TestFalseReceiptsAndProofs: a script must be able to tell "it is a lie" from "it did
// not work", and the two commands must agree about it.
func TestFalseReceiptsAndProofs(t *testing.T) {
	frozen := filepath.Join("..", "..", "testenv", "archives", "v1")
	var about struct {
		Root string `json:"root_vkey"`
	}
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join(frozen, name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	if err := json.Unmarshal(read("expected.json"), &about); err != nil {
		t.Fatal(err)
	}
	flipped := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[len(b)/2] ^= 1
		return b
	}
	for command, name := range map[string]string{"check-receipt": "0.receipt.json", "check-proof": "0.tlog-proof"} {
		is := read(name)
		for _, tt := range []struct {
			name string
			body []byte
			code int
		}{
			{"true", is, exitOK},
			{"one bit", flipped(is), exitViolation},
			{"cut off", is[:len(is)-9], exitViolation},
			{"something else", []byte(`{"id": "no receipt"}`), exitViolation},
			{"nothing", nil, exitFailure},
		} {
			file := write(t, "file", string(tt.body))
			if got := runWith(t, command, "--root", about.Root, file); got.code != tt.code {
				t.Errorf("%s of %s: exit code %d, want %d: %s", command, tt.name, got.code, tt.code, got.err)
			}
		}
		if got := runWith(t, command, "--root", about.Root, filepath.Join(t.TempDir(), "none")); got.code != exitFailure {
			t.Errorf("%s without a file: exit code %d: %s", command, got.code, got.err)
		}
	}
	file := write(t, "answer.json", `{"receipts": [], "receipts_missing": "the key is away"}`)
	if got := runWith(t, "check-receipt", "--root", about.Root, file); got.code != exitFailure {
		t.Errorf("an answer that says that it has none: exit code %d: %s", got.code, got.err)
	}
}

// TestProveWithoutTheBucket: what cannot be looked at is neither there nor missing, and a
// script can tell that from a command that did not work.
func TestProveWithoutTheBucket(t *testing.T) {
	store := memstore.New(t, nil)
	store.Intercept(func(memstore.Call) *memstore.Fault { return &memstore.Fault{Err: memstore.ErrLost} })
	key, err := ledger.NewKey(ledger.RootName(uuid.New()))
	if err != nil {
		t.Fatal(err)
	}
	reader, err := ledger.NewReader(store, "", key.VKey())
	if err != nil {
		t.Fatal(err)
	}
	q := &queries{reader: reader}
	_, bySeq := q.find(t.Context(), ingest.ProofQuery{Stream: uuid.New(), Seq: 7})
	_, byReceipt := q.finder(t.Context())
	_, byID := source.NewBucket(reader, "", slog.New(slog.DiscardHandler)).Files(t.Context(), athena.Bounds{}) // as the engine sees it
	for name, err := range map[string]error{"by stream and seq": lookedUp(bySeq), "by receipt": byReceipt, "by id": lookedUp(byID)} {
		if code := exitCode(err); !errors.Is(err, memstore.ErrLost) || code != exitUnknown {
			t.Errorf("%s: exit code %d of %v", name, code, err)
		}
	}
}
