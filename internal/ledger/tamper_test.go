package ledger

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/audit-archiver/archiver/internal/object"
)

// forge signs a manifest line without any check, as a broken or malicious writer
// that holds the stream's key could.
func forge(t testing.TB, h Head, m Manifest, line []byte) []byte {
	t.Helper()
	return forgeLine(t, h, m, line, streamKey(t, h.Stream))
}

// forgeBy signs a manifest without any check, with any key.
func forgeBy(t testing.TB, h Head, m Manifest, by Signer) []byte {
	t.Helper()
	line, err := encodeLine(m)
	if err != nil {
		t.Fatal(err)
	}
	return forgeLine(t, h, m, line, by)
}

func forgeLine(t testing.TB, h Head, m Manifest, line []byte, by Signer) []byte {
	t.Helper()
	tree := h.Tree
	tree.Add(Hash(tlog.RecordHash(record(&m, bytes.TrimSuffix(line, []byte("\n"))))))
	checkpoint, err := seal(checkpointText(StreamName(h.Archive, h.Stream), &tree), by)
	if err != nil {
		t.Fatal(err)
	}
	return formatCommit(line, checkpoint)
}

// second returns the head after two commits, and a filled-in third manifest.
func second(t testing.TB) (Head, Manifest) {
	t.Helper()
	_, heads := chain(t, newHead(t, testStream), 2)
	h := heads[2]
	m := batch(h, 10, "security", "standard")
	m.Version, m.Archive, m.Stream, m.Index, m.Prev, m.Notes = formatVersion, h.Archive, h.Stream, h.Index+1, h.Prev, []Note{}
	return h, m
}

// TestEveryByteCounts: whatever byte of a commit an attacker changes, drops or
// doubles, the commit is refused.
func TestEveryByteCounts(t *testing.T) {
	commits, heads := chain(t, newHead(t, testStream), 2)
	b, h := commits[1], heads[1]
	for i := range b {
		for _, bad := range [][]byte{
			append(append(bytes.Clone(b[:i]), b[i]^1), b[i+1:]...),
			append(append(bytes.Clone(b[:i]), b[i]^0x20), b[i+1:]...),
			append(bytes.Clone(b[:i]), b[i+1:]...),
			append(append(bytes.Clone(b[:i]), b[i]), b[i:]...),
			bytes.Clone(b[:i]),
		} {
			if bytes.Equal(bad, b) {
				continue // dropping and doubling can give the same back
			}
			if _, _, err := h.Verify(bad); err == nil {
				t.Fatalf("accepted with byte %d tampered with:\n%q", i, bad)
			}
		}
	}
	if _, _, err := h.Verify(append(bytes.Clone(b), '\n')); err == nil {
		t.Error("accepted with a trailing newline")
	}
}

// TestInvariants changes one field at a time. Both who signs and who reads must
// refuse it, and say what it is about.
func TestInvariants(t *testing.T) {
	long := strings.Repeat("x", maxText+1)
	tests := []struct {
		name   string
		change func(m *Manifest)
		want   string
		filled bool // Next fills it in, so only Verify can object
	}{
		{"version", func(m *Manifest) { m.Version = 2 }, "version is 2", true},
		{"archive", func(m *Manifest) { m.Archive = otherStream }, "archive is", true},
		{"stream", func(m *Manifest) { m.Stream = otherStream }, "stream is", true},
		{"index ahead", func(m *Manifest) { m.Index++ }, "index is 3, want 2", true},
		{"index again", func(m *Manifest) { m.Index-- }, "index is 1, want 2", true},
		{"prev", func(m *Manifest) { m.Prev[0] ^= 1 }, "prev is", true},
		{"first ahead", func(m *Manifest) { m.First++ }, "first is", false},
		{"first back", func(m *Manifest) { m.First-- }, "first is", false},
		{"last", func(m *Manifest) { m.Last++ }, "count is", false},
		{"last before first", func(m *Manifest) { m.Last = m.First - 2 }, "last is", false},
		{"last too large", func(m *Manifest) { m.Last = maxInt }, "last is", false},
		{"count", func(m *Manifest) { m.Count-- }, "count is", false},
		{"through back", func(m *Manifest) { m.Through = opened.AddDate(-1, 0, 0) }, "through", false},
		{"through is missing", func(m *Manifest) { m.Through = time.Time{} }, "through", false},
		{"through too fine", func(m *Manifest) { m.Through = m.Through.Add(time.Microsecond) }, "through is not a multiple", false},
		{"sealed_at too fine", func(m *Manifest) { m.SealedAt = m.SealedAt.Add(time.Millisecond) }, "sealed_at is not a multiple", false},
		{"sealed_at is missing", func(m *Manifest) { m.SealedAt = time.Time{} }, "sealed_at is missing", false},
		{"writer is missing", func(m *Manifest) { m.Writer = "" }, "writer is missing", false},
		{"writer is long", func(m *Manifest) { m.Writer = long }, "writer has", false},
		{"a file dropped", func(m *Manifest) { m.Files = m.Files[1:] }, "rows, count is", false},
		{"a file twice", func(m *Manifest) { m.Files[1] = m.Files[0] }, "not in order", false},
		{"files swapped", func(m *Manifest) { m.Files[0], m.Files[1] = m.Files[1], m.Files[0] }, "not in order", false},
		{"too many files", func(m *Manifest) { m.Files = make([]File, MaxFiles+1) }, "65 files", false},
		{"nothing", func(m *Manifest) { m.Files, m.Count, m.Last = nil, 0, m.First-1 }, "neither files nor notes", false},
		{"key", func(m *Manifest) { m.Files[0].Key = prefix + "/" + m.Files[0].Key }, "file 0: key is", false},
		{"class", func(m *Manifest) { m.Files[0].Class = "other" }, "file 0: key is", false},
		{"class is bad", func(m *Manifest) { m.Files[0].Class = "../x" }, "file 0: class", false},
		{"day", func(m *Manifest) { m.Files[0].Day = "2026-11-24" }, "file 0: key is", false},
		{"day is bad", func(m *Manifest) { m.Files[0].Day = "2026-1-4" }, "file 0: day", false},
		{"rows", func(m *Manifest) { m.Files[0].Rows++ }, "rows", false},
		{"rows moved between files", func(m *Manifest) { m.Files[0].Rows += 5; m.Files[1].Rows -= 5 }, "file 1: rows is 0", false},
		{"rows beyond the range", func(m *Manifest) { m.Files[0].LastSeq = m.Files[0].FirstSeq }, "rows in the seq range", false},
		{"first_seq", func(m *Manifest) { m.Files[0].FirstSeq-- }, "file 0: seq range", false},
		{"last_seq", func(m *Manifest) { m.Files[1].LastSeq++ }, "file 1: seq range", false},
		{"timestamps swapped", func(m *Manifest) {
			f := &m.Files[0]
			f.MinTimestampNS, f.MaxTimestampNS = f.MaxTimestampNS, f.MinTimestampNS
		}, "min_timestamp_ns is after", false},
		{"timestamp on another day", func(m *Manifest) { m.Files[0].MinTimestampNS -= int64(day) }, "are not on 2026-11-23", false},
		{"root is missing", func(m *Manifest) { m.Files[0].Root = Hash{} }, "file 0: root", false},
		{"sha256 is missing", func(m *Manifest) { m.Files[0].SHA256 = Hash{} }, "file 0: sha256", false},
		{"size", func(m *Manifest) { m.Files[0].Size = 0 }, "file 0: size", false},
		{"version_id", func(m *Manifest) { m.Files[0].VersionID = "" }, "file 0: version_id", false},
		{"mode", func(m *Manifest) { m.Files[0].Mode = object.Governance }, "file 0: mode", false},
		{"no mode", func(m *Manifest) { m.Files[0].Mode = "" }, "file 0: mode", false},
		{"retain_until", func(m *Manifest) { m.Files[0].RetainUntil = time.Time{} }, "file 0: retain_until", false},
		{"aux under events", func(m *Manifest) {
			m.Files[0].Aux = []Aux{{Kind: "index", Key: "events/x"}}
		}, "auxiliary object 0", false},
		{"aux unlocked", func(m *Manifest) {
			m.Files[0].Aux = []Aux{{Kind: "index", Key: "index/x", VersionID: "v", Size: 1, SHA256: Hash{1}}}
		}, "auxiliary object 0: mode", false},
		{"too many notes", func(m *Manifest) { m.Notes = make([]Note, MaxNotes+1) }, "257 notes", false},
		{"note without a kind", func(m *Manifest) { m.Notes = []Note{{}} }, "note 0: kind", false},
		{"note is long", func(m *Manifest) { m.Notes = []Note{{Kind: NoteStop, Text: long}} }, "note 0: a text", false},
		{"gap without range", func(m *Manifest) { m.Notes = []Note{{Kind: NoteGap}} }, "note 0: gap", false},
		{"gap outside", func(m *Manifest) { m.Notes = []Note{{Kind: NoteGap, Range: &Range{m.First, m.Last + 1}}} }, "note 0: gap", false},
		{"gap not counted", func(m *Manifest) { m.Notes = []Note{{Kind: NoteGap, Range: &Range{m.First, m.First}}} }, "count is", false},
		{"gaps overlap", func(m *Manifest) {
			m.Notes = []Note{{Kind: NoteGap, Range: &Range{m.First, m.First + 1}}, {Kind: NoteGap, Range: &Range{m.First + 1, m.First + 2}}}
		}, "not in order", false},
		{"gap backwards", func(m *Manifest) { m.Notes = []Note{{Kind: NoteGap, Range: &Range{m.Last, m.First}}} }, "range", false},
		{"moved within the stream", func(m *Manifest) {
			m.Notes = []Note{{Kind: NoteMoved, Stream: m.Stream, Range: &Range{0, 1}, To: &Range{m.First, m.First + 1}}}
		}, "note 0: moved", false},
		{"moved with other length", func(m *Manifest) {
			m.Notes = []Note{{Kind: NoteMoved, Stream: otherStream, Range: &Range{0, 2}, To: &Range{m.First, m.First + 1}}}
		}, "note 0: moved", false},
		{"orphan of nothing", func(m *Manifest) { m.Notes = []Note{{Kind: NoteOrphan}} }, "note 0: orphan", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, m := second(t)
			tt.change(&m)
			if m.Files == nil {
				m.Files = []File{}
			}
			line, err := encodeLine(m)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := h.Verify(forge(t, h, m, line)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Verify: %v, want %q", err, tt.want)
			}
			if tt.filled {
				return
			}
			if _, _, err := h.Next(m, streamKey(t, testStream)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Next: %v, want %q", err, tt.want)
			}
		})
	}
}

// TestNotes: what the later parts of the product will write is accepted now.
func TestNotes(t *testing.T) {
	h, m := second(t)
	m.Files = m.Files[:1]
	m.Files[0].Rows, m.Count = 7, 7
	m.Notes = []Note{
		{Kind: NoteStop, Text: "SIGTERM"},
		{Kind: NoteGap, Range: &Range{m.First, m.First}, Text: "segment 7 is damaged"},
		{Kind: NoteGap, Range: &Range{m.First + 3, m.First + 4}},
		{Kind: NoteMoved, Stream: otherStream, Range: &Range{100, 101}, To: &Range{m.First + 1, m.First + 2}},
		{Kind: NoteOrphan, Key: "events/x.parquet", VersionID: "v9"},
		{Kind: NoteOrphan, Stream: otherStream, Range: &Range{100, 101}},
		{Kind: "attestation", Text: "a kind of a later minor version"},
	}
	_, next := mustNext(t, h, m)
	if next.NextSeq != m.Last+1 || next.Closed {
		t.Errorf("next seq %d, closed %v", next.NextSeq, next.Closed)
	}
	_, next = mustNext(t, next, next.Empty(opened, "archiver test", Note{Kind: NoteRotate, Stream: otherStream}))
	if !next.Closed {
		t.Error("a rotate note did not close the stream")
	}
	if _, _, err := next.Next(next.Empty(opened, "archiver test", Note{Kind: NoteStart}), streamKey(t, testStream)); err == nil {
		t.Error("a commit after the stream was closed")
	}
	_, late := mustNext(t, h, h.Empty(opened, "archiver test", Note{Kind: NoteHeartbeat}))
	if late.NextSeq != h.NextSeq || late.Index != h.Index+1 {
		t.Errorf("a heartbeat moved the seq from %d to %d", h.NextSeq, late.NextSeq)
	}
}

// TestChainBreaks: true commits in the wrong place.
func TestChainBreaks(t *testing.T) {
	commits, heads := chain(t, newHead(t, testStream), 4)
	other, _ := chain(t, newHead(t, otherStream), 4)
	fresh := newHead(t, testStream)
	fresh.Prev[0] ^= 1 // as if the open object had other bytes
	for _, tt := range []struct {
		name   string
		head   Head
		commit []byte
	}{
		{"again", heads[2], commits[1]},
		{"one skipped", heads[1], commits[2]},
		{"from another stream", heads[1], other[1]},
		{"the first of another stream", heads[0], other[0]},
		{"after another open object", fresh, commits[0]},
	} {
		if _, _, err := tt.head.Verify(tt.commit); err == nil {
			t.Errorf("%s: accepted", tt.name)
		}
	}
	c, err := ParseCommit(commits[1])
	if err != nil {
		t.Fatal(err)
	}
	d, err := ParseCommit(commits[2])
	if err != nil {
		t.Fatal(err)
	}
	mixed := formatCommit(append(bytes.Clone(c.ManifestBytes), '\n'), d.Checkpoint)
	if _, _, err := heads[1].Verify(mixed); err == nil {
		t.Error("a manifest with the next commit's checkpoint: accepted")
	}
	if _, _, err := heads[1].Next(batch(heads[1], 3, "standard"), streamKey(t, otherStream)); err == nil {
		t.Error("Next signed with another stream's key")
	}
}

// TestSpelling: a manifest has one spelling, even for who holds the key. Only
// members that a later version appends to an object pass.
func TestSpelling(t *testing.T) {
	h, m := second(t)
	good, err := encodeLine(m)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, old, new string
		ok             bool
	}{
		{"as it is", "", "", true},
		{"unknown member at the end", `"writer":"archiver test"`, `"writer":"archiver test","later":{"a":[1,"ü"]}`, true},
		{"unknown member of a file", `"},{"key"`, `","later":1},{"key"`, true},
		{"unknown member in the middle", `"writer":`, `"later":1,"writer":`, false},
		{"space", `"version":1`, `"version": 1`, false},
		{"duplicate", `"version":1`, `"version":1,"version":1`, false},
		{"duplicate at the end", `"writer":"archiver test"`, `"writer":"archiver test","count":10`, false},
		{"unknown duplicate", `"writer":"archiver test"`, `"writer":"archiver test","x":1,"x":1`, false},
		{"missing member", `"version":1,`, ``, false},
		{"other case", `"version"`, `"Version"`, false},
		{"needless escape", `"archiver test"`, `"archiver\u0020test"`, false},
		{"fraction", `"count":10`, `"count":10.0`, false},
		{"exponent", `"count":10`, `"count":1e1`, false},
		{"null", `"notes":[]`, `"notes":null`, false},
		{"string for a number", `"count":10`, `"count":"10"`, false},
		{"number for a string", `"min_timestamp_ns":"`, `"min_timestamp_ns":`, false},
		{"upper-case uuid", `"stream":"0193a1b2`, `"stream":"0193A1B2`, false},
		{"upper-case hash", `"prev":"` + m.Prev.String(), `"prev":"` + strings.ToUpper(m.Prev.String()), false},
		{"offset", `"sealed_at":"2026-11-23T10:03:00Z"`, `"sealed_at":"2026-11-23T11:03:00+01:00"`, false},
		{"zero offset", `"sealed_at":"2026-11-23T10:03:00Z"`, `"sealed_at":"2026-11-23T10:03:00+00:00"`, false},
		{"needless fraction", `"sealed_at":"2026-11-23T10:03:00Z"`, `"sealed_at":"2026-11-23T10:03:00.000Z"`, false},
	}
	for _, tt := range tests {
		line := bytes.Replace(good, []byte(tt.old), []byte(tt.new), 1)
		if tt.old != "" && bytes.Equal(line, good) {
			t.Errorf("%s: the test changes nothing in %s", tt.name, good)
			continue
		}
		_, c, err := h.Verify(forge(t, h, m, line))
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.ok && err == nil && c.Manifest.Count != 10 {
			t.Errorf("%s: count %d", tt.name, c.Manifest.Count)
		}
	}
}
