package ledger

import (
	"bytes"
	"encoding/json"
	"testing"
)

// TestChain walks a stream as a writer and as an auditor: both must end with
// the same head, through the durable form as well.
func TestChain(t *testing.T) {
	h := newHead(t, testStream)
	commits, heads := chain(t, h, 20)
	for i, b := range commits {
		next, c, err := h.Verify(b)
		if err != nil {
			t.Fatal(err)
		}
		if next != heads[i+1] {
			t.Fatalf("commit %d: the auditor's head is not the writer's:\n got %+v\nwant %+v", i, next, heads[i+1])
		}
		if c.Manifest.Index != int64(i) || c.Size != int64(i+1) || c.Root != next.Tree.Root() {
			t.Errorf("commit %d: index %d, checkpoint size %d root %s", i, c.Manifest.Index, c.Size, c.Root)
		}
		if again := formatCommit(append(bytes.Clone(c.ManifestBytes), '\n'), c.Checkpoint); !bytes.Equal(again, b) {
			t.Errorf("commit %d: its parts do not make it up", i)
		}
		raw, err := MarshalHead(next)
		if err != nil {
			t.Fatal(err)
		}
		if h, err = ParseHead(raw); err != nil || h != next {
			t.Fatalf("commit %d: head after its round trip: %v\n got %+v\nwant %+v", i, err, h, next)
		}
	}
}

func TestNextIsDeterministicAndPure(t *testing.T) {
	h := newHead(t, testStream)
	m := batch(h, 7, "standard")
	before := h
	first, _ := mustNext(t, h, m)
	second, _ := mustNext(t, h, m)
	if !bytes.Equal(first, second) {
		t.Error("two commits from the same head and manifest differ")
	}
	if h != before {
		t.Error("Next changed its head")
	}
	if m.Stream == h.Stream || m.Version != 0 {
		t.Error("Next changed its manifest")
	}
}

// TestNextCleansTexts: a host that is named oddly keeps nothing from being committed.
func TestNextCleansTexts(t *testing.T) {
	h := newHead(t, testStream)
	b, next := mustNext(t, h, h.Empty(opened, "archiver\x1b[31m", Note{Kind: NoteStart, Host: "a\rb", Text: "one\ntwo\u202e", Key: "x\x07"}))
	_, c, err := h.Verify(b)
	if err != nil || next.Index != 0 {
		t.Fatal(err)
	}
	n := c.Manifest.Notes[0]
	if c.Manifest.Writer != "archiver\ufffd[31m" || n.Host != "a\ufffdb" || n.Text != "one\ntwo\ufffd" || n.Key != "x\x07" {
		t.Errorf("writer %q, note %+v", c.Manifest.Writer, n)
	}
}

func TestHeadNoticesDamage(t *testing.T) {
	_, heads := chain(t, newHead(t, testStream), 5)
	raw, err := MarshalHead(heads[5])
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		bad := bytes.Clone(raw)
		bad[i] ^= 1
		if h, err := ParseHead(bad); err == nil && h != heads[5] {
			t.Errorf("byte %d changed: parsed as another head", i)
		}
	}
}

func TestHeadWithinADocument(t *testing.T) {
	_, heads := chain(t, newHead(t, testStream), 3)
	type state struct{ Head Head }
	raw, err := json.MarshalIndent(state{heads[3]}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var s state
	if err := json.Unmarshal(raw, &s); err != nil || s.Head != heads[3] {
		t.Errorf("head within a document: %v\n got %+v\nwant %+v", err, s.Head, heads[3])
	}
}
