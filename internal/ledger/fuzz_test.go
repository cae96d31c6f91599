package ledger

import (
	"bytes"
	"testing"
)

// seeds are the golden commits and the ones that must be refused.
func seeds(f *testing.F) (commits [][]byte, heads []Head) {
	commits, heads = vectorChain(f)
	for _, b := range commits {
		f.Add(b)
	}
	for _, r := range refused(f, commits, heads) {
		f.Add([]byte(r.Commit))
	}
	return commits, heads
}

// FuzzParseCommit: what is parsed can be put together again to the same bytes,
// so there is nothing in a commit that a reader does not see.
func FuzzParseCommit(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCommit(b)
		if err != nil {
			return
		}
		line, err := encodeLine(c.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(line, append(bytes.Clone(c.ManifestBytes), '\n')) {
			t.Errorf("the manifest is spelled %q, parsed as %q", c.ManifestBytes, line)
		}
		if again := formatCommit(line, c.Checkpoint); !bytes.Equal(again, b) {
			t.Errorf("%q was parsed as %q", b, again)
		}
		if len(c.Record) != 140 {
			t.Errorf("record of %d bytes", len(c.Record))
		}
	})
}

// FuzzVerify: at each place of a stream exactly one sequence of bytes is true.
func FuzzVerify(f *testing.F) {
	commits, heads := seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		for i, h := range heads {
			_, _, err := h.Verify(b)
			if err == nil && (i == len(commits) || !bytes.Equal(b, commits[i])) {
				t.Errorf("accepted as commit %d: %q", i, b)
			}
		}
	})
}
