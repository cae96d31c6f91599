package event

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
)

var update = flag.Bool("update", false, "rewrite the test vectors")

// vector is one file of testenv/vectors/event. Input is what was sent; the rest
// is what the archive adds to it.
type vector struct {
	About        string    `json:"about"`
	Input        string    `json:"input"`
	Now          time.Time `json:"now"`
	ID           string    `json:"id,omitempty"` // given when the input has none
	ReceivedAtMS int64     `json:"received_at_ms"`
	Producer     string    `json:"producer"`
	Stream       uuid.UUID `json:"stream"`
	Seq          int64     `json:"seq"`
	Retention    string    `json:"retention"`
	Binary       string    `json:"wal_hex"`
	Leaf         string    `json:"leaf_hex"`
	LeafHash     string    `json:"leaf_hash_hex"`
}

func TestVectors(t *testing.T) {
	files, err := filepath.Glob("../../testenv/vectors/event/*.json")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d vectors, want at least 5: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var v vector
			if err := json.Unmarshal(b, &v); err != nil {
				t.Fatal(err)
			}
			e, errs := Decode([]byte(v.Input), v.Now, DefaultLimits())
			if errs != nil {
				t.Fatal(errs)
			}
			if e.ID == "" {
				e.ID = v.ID
			}
			e.ReceivedAtMS, e.Producer, e.Retention = v.ReceivedAtMS, v.Producer, v.Retention
			r := Row{Event: e, Stream: v.Stream, Seq: v.Seq}
			hash := LeafHash(&r)
			got := v
			got.Binary = hex.EncodeToString(AppendBinary(nil, &e))
			got.Leaf = hex.EncodeToString(AppendLeaf(nil, &r))
			got.LeafHash = hex.EncodeToString(hash[:])
			if *update {
				writeVector(t, file, got)
				return
			}
			if got != v {
				t.Errorf("\n got %+v\nwant %+v", got, v)
			}
		})
	}
}

func writeVector(t *testing.T, file string, v vector) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
