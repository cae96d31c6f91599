package buffer

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
)

var update = flag.Bool("update", false, "rewrite the golden files of testenv/vectors/wal")

const vectorDir = "../../testenv/vectors/wal"

// vectorSegment is made of constants only: a frame of two events, a seal, a frame
// of one event, a heartbeat is not in it, and the end.
func vectorSegment() []byte {
	h := header{
		stream: testStream, number: 7, size: segmentMin, id: uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff"),
		state: state{nextSeq: 40, nextBatch: 2, batchFirst: 38, received: 1_763_900_000_000, through: 1_763_899_999_000,
			sealedAt: 1_763_899_999, chain: 0xDEADBEEF},
	}
	out, chain := h.encode()
	add := func(f frame, payload []byte) {
		f.prev = chain
		var b []byte
		b, chain = finishFrame(append(make([]byte, frameHead), payload...), &f, h.salt())
		out = append(out, b[:len(b)-sector]...) // the next one overwrites the end mark
	}
	one, two, three := testEvent(0), testEvent(1), testEvent(2)
	two.Retention, two.Reason, two.IP = "long", event.Str(""), event.Str("2001:db8::1")
	add(frame{kind: typeEvents, count: 2, firstSeq: 40, received: 1_763_900_000_123},
		appendRecord(appendRecord(nil, &one), &two))
	s := seal{number: 2, first: 38, last: 41, count: 4, sealedAt: 1_763_900_001, through: 1_763_900_001_500,
		retain: []retainUntil{{"long", 1_764_764_002}, {"standard", 1_763_986_401}}}
	add(frame{kind: typeSeal, firstSeq: 42}, s.appendTo(nil))
	add(frame{kind: typeEvents, count: 1, firstSeq: 42, received: 1_763_900_001_501}, appendRecord(nil, &three))
	return append(out, make([]byte, segmentMin-len(out))...)
}

// vectorMarks are the ids of the events that vectorSegment has, as they are kept when
// its batch is released.
func vectorMarks() []byte {
	one, two := testEvent(0), testEvent(1)
	one.Fingerprint, two.Fingerprint = 0x0123456789abcdef, 0xfedcba9876543210
	return appendMarks(nil, testStream, 40, 1_763_900_000_123, []mark{markOf(&one), markOf(&two)})
}

// shownFrame is how the vector tells a frame: all that Inspect says, with the
// leaf bytes of the rows in their own field.
type shownFrame struct {
	Frame
	Leaves [][]byte `json:"leaves,omitempty"` // event.AppendLeaf, base64
}

func inspectAll(t testing.TB, segment []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	err := Inspect(bytes.NewReader(segment), int64(len(segment)), func(f Frame) error {
		shown := shownFrame{Frame: f}
		for i := range f.Rows {
			shown.Leaves = append(shown.Leaves, event.AppendLeaf(nil, &f.Rows[i]))
		}
		return enc.Encode(shown)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestVector pins the format: version 1 must be written and read like this for
// as long as it exists. The segment is stored without its zeros at the end.
func TestVector(t *testing.T) {
	note := encodeNote(testStream, released{batch: 2, nextSeq: 42})
	segment := vectorSegment()
	for name, got := range map[string][]byte{
		"segment.bin":  bytes.TrimRight(segment, "\x00"),
		"segment.json": inspectAll(t, segment),
		"released.bin": note,
		"ids.bin":      vectorMarks(),
	} {
		golden(t, name, got)
	}
	stream, r, err := decodeNote(note)
	if err != nil || stream != testStream || r.batch != 2 || r.nextSeq != 42 {
		t.Errorf("note: %v %+v %v", stream, r, err)
	}
}

// TestFaultA28Version0 reads what was written before version 1: the same but for the number.
func TestFaultA28Version0(t *testing.T) {
	read := func(name string) []byte {
		t.Helper()
		raw, err := os.ReadFile(filepath.Join(vectorDir, "v0", name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	segment := read("segment.bin")
	segment = append(segment, make([]byte, segmentMin-len(segment))...)
	want := bytes.Replace(inspectAll(t, vectorSegment()), []byte(`"version": 1`), []byte(`"version": 0`), 1)
	if got := inspectAll(t, segment); !bytes.Equal(got, want) {
		t.Errorf("segment:\n%s\nwant:\n%s", got, want)
	}
	stream, r, err := decodeNote(read("released.bin"))
	if err != nil || stream != testStream || r.batch != 2 || r.nextSeq != 42 {
		t.Errorf("note: %v %+v %v", stream, r, err)
	}
	seen := newRecent(10, 0, time.Hour)
	seen.restart(40)
	ids, err := parseMarks(read("ids.bin"))
	if err == nil {
		err = seen.load(testStream, &ids, 42)
	}
	if err != nil || seen.next != 42 {
		t.Errorf("ids: next seq %d, %v", seen.next, err)
	}
	later := bytes.Clone(vectorMarks())
	later[8]++
	le.PutUint32(later[len(later)-4:], checksum(later[:len(later)-4]))
	if _, err := parseMarks(later); !errors.Is(err, ErrNewer) {
		t.Errorf("ids of a later version: %v", err)
	}
}

// TestFaultA28NewerVersion: what a newer program wrote is refused, and called that and
// not damage, and nothing is changed. Salvage does not give it up either.
func TestFaultA28NewerVersion(t *testing.T) {
	good, released, n := bigLog(t)
	names := segmentsOf(t, good)
	newer := func(raw []byte, version int, sum int) []byte {
		le.PutUint32(raw[version:], formatVersion+1)
		le.PutUint32(raw[sum:], checksum(raw[:sum]))
		return raw
	}
	for _, name := range []string{names[0], names[2], names[len(names)-1], noteName} {
		t.Run(name, func(t *testing.T) {
			fsys, sum := clone(good), headerBytes-4
			if name == noteName {
				sum = noteBytes - 4
			}
			put(t, fsys, name, newer(file(t, fsys, name), 8, sum))
			before := content(t, fsys)
			_, err := Open(smallOptions(fsys))
			if !errors.Is(err, ErrNewer) || errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), name) ||
				!strings.Contains(err.Error(), fmt.Sprintf("version %d", formatVersion+1)) {
				t.Errorf("open: %v", err)
			}
			s, err := Salvage(t.Context(), fsys, "/wal", ShippedOptions{Stream: testStream, NextSeq: int64(released), Through: time.Unix(0, 0), Retention: testRetention})
			if name == noteName { // which nobody needs for that
				if err != nil || len(s.Damage) > 0 || s.Batches[len(s.Batches)-1].Last != int64(n)-1 {
					t.Errorf("salvage: %v", err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			} else if !errors.Is(err, ErrNewer) {
				t.Errorf("salvage: %v", err)
			}
			if err := Newer(fsys, "/wal"); errors.Is(err, ErrNewer) != (name != noteName) {
				t.Errorf("newer: %v", err)
			}
			if after := content(t, fsys); after != before {
				t.Errorf("the folder was changed from\n%sto\n%s", before, after)
			}
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join(vectorDir, name)
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs: %d bytes, want %d\n%s", name, len(got), len(want), got)
	}
}

// TestInspectDamage: damage is told, not returned.
func TestInspectDamage(t *testing.T) {
	last := func(segment []byte, size int) (f Frame) {
		t.Helper()
		if err := Inspect(bytes.NewReader(segment[:size]), int64(size), func(g Frame) error { f = g; return nil }); err != nil {
			t.Fatal(err)
		}
		return f
	}
	segment := vectorSegment()
	if f := last(segment, len(segment)); f.Kind != "end" || f.FirstSeq != 43 {
		t.Errorf("whole: %+v", f)
	}
	offsets := frameOffsets(t, segment)
	segment[offsets[1]+60] ^= 1
	if f := last(segment, len(segment)); f.Kind != "damage" || f.Offset != offsets[1] || f.IntactAt != offsets[2] || f.FirstSeq != 42 {
		t.Errorf("flipped: %+v", f)
	}
	segment = vectorSegment()
	if f := last(segment, int(offsets[2])+100); f.Kind != "damage" {
		t.Errorf("cut: %+v", f)
	}
	if err := Inspect(bytes.NewReader(nil), 0, func(Frame) error { return nil }); err == nil {
		t.Error("nothing is a segment")
	}
	if err := Inspect(bytes.NewReader(make([]byte, 4096)), 4096, func(Frame) error { return nil }); err == nil {
		t.Error("zeros are a segment")
	}
}

// FuzzSegment damages a segment anywhere and demands that what is read is a
// prefix of what was written: never another row, never one more.
func FuzzSegment(f *testing.F) {
	f.Add(uint32(0), []byte{}, uint32(segmentMin))
	f.Add(uint32(600), []byte{1}, uint32(segmentMin))
	f.Add(uint32(headerBytes), []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, uint32(segmentMin))
	f.Add(uint32(1024), make([]byte, 512), uint32(segmentMin))
	f.Add(uint32(100), []byte("AUDITWAL"), uint32(2000))
	whole := vectorSegment()
	var want [][]byte
	if err := Inspect(bytes.NewReader(whole), int64(len(whole)), func(g Frame) error {
		for i := range g.Rows {
			want = append(want, event.AppendLeaf(nil, &g.Rows[i]))
		}
		return nil
	}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, at uint32, damage []byte, size uint32) {
		bad := bytes.Clone(whole)[:min(int(size), len(whole))]
		if int(at) < len(bad) {
			for i, c := range damage[:min(len(damage), len(bad)-int(at))] {
				bad[int(at)+i] ^= c
			}
		}
		n := 0
		_ = Inspect(bytes.NewReader(bad), int64(len(bad)), func(g Frame) error {
			for i := range g.Rows {
				if n >= len(want) || !bytes.Equal(event.AppendLeaf(nil, &g.Rows[i]), want[n]) {
					t.Fatalf("row %d was never written: %+v", n, g.Rows[i])
				}
				n++
			}
			return nil
		})
	})
}

// FuzzFrame reads any bytes as a segment: an error or an end, and no allocation
// beyond the file.
func FuzzFrame(f *testing.F) {
	f.Add(vectorSegment()[:4096])
	f.Add([]byte{})
	f.Add(make([]byte, 1024))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = Inspect(bytes.NewReader(data), int64(len(data)), func(Frame) error { return nil })
		// The same behind a good header, so that the frames are reached.
		h, _ := (&header{size: segmentMin, number: 1}).encode()
		data = append(h, data...)
		_ = Inspect(bytes.NewReader(data), int64(len(data)), func(g Frame) error {
			if len(g.Rows) > len(data)/recordHead {
				t.Fatalf("%d rows of %d bytes", len(g.Rows), len(data))
			}
			return nil
		})
		if s, err := decodeSeal(data); err == nil && !bytes.Equal(s.appendTo(nil), data) {
			t.Fatal("a seal has two encodings")
		}
	})
}
