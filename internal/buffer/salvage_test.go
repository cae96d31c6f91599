package buffer

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

// salvaged salvages a log and returns the seqs that are in its batches; each seq from
// first on is in a batch, or in what is lost of one, once.
func salvaged(t *testing.T, fsys *crashfs.FS, first int) (held map[int64]bool, s *Salvaged) {
	t.Helper()
	before := content(t, fsys)
	s, err := Salvage(t.Context(), fsys, "/wal", ShippedOptions{Stream: testStream, NextSeq: int64(first), Through: time.Unix(0, 0), Retention: testRetention})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	held = make(map[int64]bool)
	next := int64(first)
	for _, b := range s.Batches {
		if b.First != next {
			t.Errorf("batch %d begins at seq %d, want %d", b.Number, b.First, next)
		}
		next = b.Last + 1
		count := int64(0)
		for e, err := range b.Scan(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if b.Lost {
				t.Errorf("seq %d is there and lost", e.Row.Seq)
			}
			if want := testEvent(int(e.Row.Seq)); held[e.Row.Seq] || e.Row.ID != want.ID {
				t.Errorf("seq %d: twice, or another event", e.Row.Seq)
			}
			held[e.Row.Seq] = true
			count++
		}
		if count != b.Count || !b.Lost && count != b.Last-b.First+1 {
			t.Errorf("batch %d: %d rows of seq %d to %d, lost %v", b.Number, count, b.First, b.Last, b.Lost)
		}
	}
	if after := content(t, fsys); after != before {
		t.Error("the log was changed")
	}
	return held, s
}

// TestSalvageIntact: of a log without damage everything is there.
func TestSalvageIntact(t *testing.T) {
	fsys, released, n := bigLog(t)
	held, s := salvaged(t, fsys, released)
	if len(held) != n-released || len(s.Damage) > 0 || s.Batches[len(s.Batches)-1].Last != int64(n-1) {
		t.Errorf("%d of %d rows, damage %v", len(held), n-released, s.Damage)
	}
}

// TestSalvageWithoutASegment: what was in it is lost, all else is there.
func TestSalvageWithoutASegment(t *testing.T) {
	whole, released, n := bigLog(t)
	entries, _ := whole.ReadDir("/wal")
	tried := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), segmentSuffix) {
			continue
		}
		tried++
		for _, how := range []string{"removed", "without its header"} {
			fsys := clone(whole)
			if how == "removed" {
				if err := fsys.Remove(path.Join("/wal", e.Name())); err != nil {
					t.Fatal(err)
				}
			} else {
				raw := file(t, fsys, e.Name())
				raw[100] ^= 1
				put(t, fsys, e.Name(), raw)
			}
			held, s := salvaged(t, fsys, released)
			if len(held) == 0 || len(held) == n-released && e.Name() != entries[0].Name() {
				t.Errorf("%s %s: %d of %d rows, damage %v", e.Name(), how, len(held), n-released, s.Damage)
			}
			atEnd := how != "removed" && e.Name() == lastOf(entries)
			if len(s.Damage) > 0 && s.Damage[0].AtEnd != atEnd || atEnd && len(s.Damage) == 0 {
				t.Errorf("%s %s: how much is lost at the end is not known, damage %v", e.Name(), how, s.Damage)
			}
		}
	}
	if tried < 3 {
		t.Fatalf("%d segments", tried)
	}
}

// lastOf is the name of the last segment.
func lastOf(entries []fs.DirEntry) (name string) {
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), segmentSuffix) && !strings.HasPrefix(e.Name(), sparePrefix) {
			name = e.Name()
		}
	}
	return name
}

// TestSalvageCutOff: how much followed in a segment whose end is gone cannot be told.
func TestSalvageCutOff(t *testing.T) {
	fsys, n := smallLog(t)
	raw := file(t, fsys, segmentName(0))
	offsets := frameOffsets(t, raw)
	put(t, fsys, segmentName(0), raw[:offsets[len(offsets)-2]])
	held, s := salvaged(t, fsys, 0)
	if len(held) >= n || len(s.Damage) != 1 || !s.Damage[0].AtEnd {
		t.Errorf("%d of %d rows, damage %v", len(held), n, s.Damage)
	}
}

// TestSalvageDamagedSectors: whichever sector is damaged, no more is lost than the
// frame that it is in, and the log's own batches stay what they were.
func TestSalvageDamagedSectors(t *testing.T) {
	whole, n := smallLog(t)
	_, was := salvaged(t, clone(whole), 0)
	name := segmentName(0)
	for at := headerBytes; at < len(file(t, whole, name)) && at < headerBytes+16*sector; at += sector {
		fsys := clone(whole)
		raw := file(t, fsys, name)
		raw[at+20] ^= 0x40
		put(t, fsys, name, raw)
		held, s := salvaged(t, fsys, 0)
		if len(held) < n-1 {
			t.Errorf("sector at %d: %d of %d rows", at, len(held), n)
		}
		if len(s.Damage) == 0 && len(held) < n-1 {
			t.Errorf("sector at %d: rows are lost, and no damage is told", at)
		}
		for _, b := range s.Batches {
			within := slices.ContainsFunc(was.Batches, func(w *ShippedBatch) bool {
				return w.First <= b.First && b.Last <= w.Last && w.SealedAt.Equal(b.SealedAt)
			})
			if b.Sealed && !within {
				t.Errorf("sector at %d: seq %d to %d is no part of a batch that was sealed at %s", at, b.First, b.Last, b.SealedAt)
			}
		}
	}
}

// TestSalvageIsTheSameTwice: names and dates follow from the log alone.
func TestSalvageIsTheSameTwice(t *testing.T) {
	fsys, released, _ := bigLog(t)
	raw := file(t, fsys, segmentName(2))
	raw[5*sector+9] ^= 1
	put(t, fsys, segmentName(2), raw)
	tell := func() (out string) {
		_, s := salvaged(t, fsys, released)
		for _, b := range s.Batches {
			out += fmt.Sprint(b.First, b.Last, b.Count, b.Lost, b.SealedAt, b.RetainUntil, "\n")
		}
		return out
	}
	if a, b := tell(), tell(); a != b {
		t.Errorf("%s\n%s", a, b)
	}
}
