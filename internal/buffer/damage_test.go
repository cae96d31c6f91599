package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

// clone copies a file system of which everything is synced.
func clone(fsys *crashfs.FS) *crashfs.FS { return fsys.Crash(rand.New(rand.NewPCG(1, 1)), 100) }

// smallLog returns a log of events 0 to n-1 in two batches and an open tail.
func smallLog(t testing.TB) (fsys *crashfs.FS, n int) {
	t.Helper()
	fsys = crashfs.New()
	r := start(t, smallOptions(fsys))
	for range 3 {
		r.mustAppend(t, testEvents(n, 1)...)
		n++
		if n < 3 {
			r.mustSeal(t)
		}
	}
	r.mustHalt(t)
	dropSpares(t, fsys)
	return clone(fsys), n
}

func smallOptions(fsys durable.FS) Options {
	o := testOptions(fsys, "/wal")
	o.SegmentBytes = segmentMin
	return o
}

// bigLog returns a log over several segments, of which batch 0 is released.
func bigLog(t testing.TB) (fsys *crashfs.FS, released, n int) {
	t.Helper()
	fsys = crashfs.New()
	r := start(t, smallOptions(fsys))
	for i := range 20 {
		r.mustAppend(t, testEvents(n, 25)...)
		n += 25
		if i%3 == 0 {
			r.mustSeal(t)
		}
	}
	batch, err := r.Next(t.Context(), -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Release(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	r.mustHalt(t)
	dropSpares(t, fsys)
	return clone(fsys), int(batch.Last) + 1, n
}

func dropSpares(t testing.TB, fsys *crashfs.FS) {
	t.Helper()
	entries, err := fsys.ReadDir("/wal")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), sparePrefix) {
			if err := fsys.Remove(path.Join("/wal", e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func file(t testing.TB, fsys durable.FS, name string) []byte {
	t.Helper()
	data, err := durable.ReadFile(fsys, path.Join("/wal", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func put(t testing.TB, fsys durable.FS, name string, data []byte) {
	t.Helper()
	if err := durable.WriteFile(fsys, path.Join("/wal", name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// content is everything in the folder, to see that nothing changed.
func content(t testing.TB, fsys *crashfs.FS) string {
	t.Helper()
	entries, err := fsys.ReadDir("/wal")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, e := range entries {
		if e.IsDir() {
			fmt.Fprintln(&out, e.Name())
			continue
		}
		fmt.Fprintf(&out, "%s %x\n", e.Name(), checksum(file(t, fsys, e.Name())))
	}
	return out.String()
}

// mustRefuse opens a damaged log and wants a CorruptError, and nothing changed.
func mustRefuse(t testing.TB, fsys *crashfs.FS, what string) *CorruptError {
	t.Helper()
	before := content(t, fsys)
	b, err := Open(smallOptions(fsys))
	if err == nil {
		t.Fatalf("%s: opened with next seq %d", what, b.Stats().NextSeq)
	}
	if !errors.Is(err, ErrCorrupt) {
		t.Fatalf("%s: %v", what, err)
	}
	if after := content(t, fsys); after != before {
		t.Fatalf("%s: refused, but changed the folder from\n%sto\n%s", what, before, after)
	}
	var where *CorruptError
	if !errors.As(err, &where) {
		return new(CorruptError)
	}
	return where
}

// frameOffsets lists where the frames of a segment begin, and their end.
func frameOffsets(t testing.TB, segment []byte) (offsets []int64) {
	t.Helper()
	err := Inspect(bytes.NewReader(segment), int64(len(segment)), func(f Frame) error {
		if f.Kind != "segment" {
			offsets = append(offsets, f.Offset)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return offsets
}

// TestFaultA20EveryBitFlip flips each bit of a small log. It is refused, or it was in the
// last frame or behind it: then the log ends before that frame. Never a wrong row.
func TestFaultA20EveryBitFlip(t *testing.T) {
	t.Parallel()
	fsys, n := smallLog(t)
	name := segmentName(0)
	good := file(t, fsys, name)
	offsets := frameOffsets(t, good)
	last, end := offsets[len(offsets)-2], offsets[len(offsets)-1]
	refused, cut := 0, 0
	for at := int64(0); at < end+sector; at += stride {
		for bit := range 8 {
			after := clone(fsys)
			bad := bytes.Clone(good)
			bad[at] ^= 1 << bit
			put(t, after, name, bad)
			b, err := Open(smallOptions(after))
			switch {
			case errors.Is(err, ErrCorrupt):
				refused++
				if at >= end {
					t.Fatalf("byte %d bit %d is behind the log: %v", at, bit, err)
				}
				continue
			case err != nil:
				t.Fatalf("byte %d bit %d: %v", at, bit, err)
			case b.Stats().NextSeq == int64(n):
				mustHold(t, b, n) // padding, or the sector behind the log
			case b.Stats().NextSeq == int64(n-1) && at >= last:
				mustHold(t, b, n-1)
				cut++
			default:
				t.Fatalf("byte %d bit %d: next seq %d", at, bit, b.Stats().NextSeq)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if refused == 0 || cut == 0 {
		t.Errorf("%d refused, %d cut", refused, cut)
	}
}

// TestEveryTruncation cuts the last segment at each byte. Segments have their
// full size before they are used, so a short one was damaged: unless the end mark
// is left, which proves that no frame is missing, the log is refused.
func TestEveryTruncation(t *testing.T) {
	fsys, n := smallLog(t)
	name := segmentName(0)
	good := file(t, fsys, name)
	offsets := frameOffsets(t, good)
	end := offsets[len(offsets)-1]
	for size := 0; size < len(good); size += 1 + size/int(end+2*sector)*97 {
		after := clone(fsys)
		put(t, after, name, good[:size])
		if int64(size) < end+sector {
			mustRefuse(t, after, fmt.Sprintf("cut to %d", size))
			continue
		}
		r := start(t, smallOptions(after))
		mustHold(t, r.Buffer, n)
		r.mustHalt(t)
		if got := len(file(t, after, name)); got != len(good) {
			t.Fatalf("cut to %d: file has %d bytes after repair", size, got)
		}
	}
}

// TestFaultA05TornTail writes only some sectors of the frame after the last one.
func TestFaultA05TornTail(t *testing.T) {
	fsys, n := smallLog(t)
	r := start(t, smallOptions(clone(fsys)))
	r.mustAppend(t, testEvents(n, 16)...)
	r.mustHalt(t)
	before, after := file(t, fsys, segmentName(0)), file(t, r.o.FS, segmentName(0))
	end := frameOffsets(t, before)
	from := end[len(end)-1]
	to := frameOffsets(t, after)
	sectors := int((to[len(to)-1] - from) / sector)
	if sectors < 4 {
		t.Fatalf("frame of %d sectors", sectors)
	}
	for mask := range 1 << sectors {
		torn := bytes.Clone(before)
		for s := range sectors {
			if at := from + int64(s*sector); mask>>s&1 == 1 {
				copy(torn[at:at+sector], after[at:])
			}
		}
		fsys := clone(fsys)
		put(t, fsys, segmentName(0), torn)
		r := start(t, smallOptions(fsys))
		want := n
		if mask == 1<<sectors-1 {
			want = n + 16 // it was whole, only nobody was told
		}
		mustHold(t, r.Buffer, want)
		entries, err := fsys.ReadDir("/wal/quarantine")
		if kept := mask&1 == 1 && want == n; kept != (len(entries) == 1) {
			t.Fatalf("mask %b: %d files in quarantine, %v", mask, len(entries), err)
		}
		r.mustAppend(t, testEvents(want, 2)...)
		r.mustHalt(t)
		r = start(t, smallOptions(fsys))
		mustHold(t, r.Buffer, want+2)
		r.mustHalt(t)
	}
}

func TestDamageInside(t *testing.T) {
	good, _, _ := bigLog(t)
	names := segmentsOf(t, good)
	last := len(names) - 1
	tests := []struct {
		name  string
		spoil func(fsys *crashfs.FS)
		where string // segment named by the error
	}{
		{"A22 middle segment deleted", func(f *crashfs.FS) { remove(t, f, names[2]) }, names[2]},
		{"A22 first segment deleted", func(f *crashfs.FS) { remove(t, f, names[0]) }, ""},
		{"A23 segments swapped", func(f *crashfs.FS) {
			a, b := file(t, f, names[1]), file(t, f, names[2])
			put(t, f, names[1], b)
			put(t, f, names[2], a)
		}, names[1]},
		{"A23 segment copied to the next number", func(f *crashfs.FS) {
			var n int64
			fmt.Sscanf(names[last], "%d", &n)
			put(t, f, segmentName(n+1), file(t, f, names[last]))
		}, ""},
		{"A18 middle segment empty", func(f *crashfs.FS) { put(t, f, names[2], nil) }, names[2]},
		{"A19 middle segment zeros", func(f *crashfs.FS) { put(t, f, names[2], make([]byte, segmentMin)) }, names[2]},
		{"A19 page of a middle segment zeros", func(f *crashfs.FS) {
			b := file(t, f, names[2])
			clear(b[4096:8192])
			put(t, f, names[2], b)
		}, names[2]},
		{"A19 end of a middle segment zeros", func(f *crashfs.FS) {
			b := file(t, f, names[2])
			offsets := frameOffsets(t, b)
			clear(b[offsets[len(offsets)-2]:])
			put(t, f, names[2], b)
		}, names[2]},
		{"A19 frame in the last segment zeros", func(f *crashfs.FS) {
			b := file(t, f, names[last])
			offsets := frameOffsets(t, b)
			clear(b[offsets[0]:offsets[1]])
			put(t, f, names[last], b)
		}, names[last]},
		{"A19 header of the last segment zeros", func(f *crashfs.FS) {
			b := file(t, f, names[last])
			clear(b[:headerBytes])
			put(t, f, names[last], b)
		}, names[last]},
		{"note ahead of the log", func(f *crashfs.FS) {
			put(t, f, noteName, encodeNote(testStream, released{batch: 1000, nextSeq: 100_000}))
		}, ""},
		{"note with a wrong seq", func(f *crashfs.FS) {
			put(t, f, noteName, encodeNote(testStream, released{batch: 1, nextSeq: 26}))
		}, ""},
		{"note of another stream", func(f *crashfs.FS) {
			put(t, f, noteName, encodeNote(uuid.Max, released{batch: 0, nextSeq: 25}))
		}, ""},
		{"note lost", func(f *crashfs.FS) { remove(t, f, noteName); remove(t, f, names[0]) }, ""},
		{"note garbled", func(f *crashfs.FS) { put(t, f, noteName, make([]byte, noteBytes)) }, ""},
		{"note without segments", func(f *crashfs.FS) {
			for _, name := range names {
				remove(t, f, name)
			}
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := clone(good)
			tt.spoil(fsys)
			err := mustRefuse(t, fsys, tt.name)
			if tt.where != "" && err.Segment != tt.where {
				t.Errorf("error names segment %q, want %s: %v", err.Segment, tt.where, err)
			}
		})
	}
}

// segmentsOf are the names of the segments of bigLog.
func segmentsOf(t testing.TB, fsys *crashfs.FS) []string {
	t.Helper()
	names := logOf(t, fsys)
	if len(names) < 4 {
		t.Fatalf("only %d segments", len(names))
	}
	return names
}

func remove(t testing.TB, fsys *crashfs.FS, name string) {
	t.Helper()
	if err := fsys.Remove(path.Join("/wal", name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}
