package buffer

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
)

func TestFaultA23OtherStreamIsRefused(t *testing.T) {
	fsys, _ := smallLog(t)
	o := smallOptions(fsys)
	o.Stream = uuid.Max
	if _, err := Open(o); !errors.Is(err, ErrCorrupt) {
		t.Fatal(err)
	}
}

// TestFaultA18A19BlankLastSegment: a segment has its name only when its header is on the disk. If it
// is not there any more, nobody knows what else was: the segment is refused, and stays.
func TestFaultA18A19BlankLastSegment(t *testing.T) {
	for _, size := range []int{0, 100, segmentMin} {
		fsys, n := smallLog(t)
		put(t, fsys, segmentName(1), make([]byte, size))
		if err := mustRefuse(t, fsys, fmt.Sprintf("blank segment of %d bytes", size)); err.Segment != segmentName(1) || err.Offset != 0 || err.Seq != int64(n) {
			t.Errorf("%d bytes: error does not name the place: %v", size, err)
		}
		held, s := salvaged(t, fsys, 0)
		if len(held) != n || len(s.Damage) != 1 || s.Damage[0].Segment != segmentName(1) || !s.Damage[0].AtEnd {
			t.Errorf("%d bytes: %d of %d rows, damage %v", size, len(held), n, s.Damage)
		}
	}
	fsys := crashfs.New() // nothing but a blank segment: the log was begun
	if err := durable.MkdirAll(fsys, "/wal", 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, fsys, segmentName(0), nil)
	mustRefuse(t, fsys, "only a blank segment")
}

// TestFaultA22FirstSegmentIsPassedOver: wal.segment_bytes is raised before the first event, which is
// too large for the segment that is there. That one is empty, and stays until something is
// released: its absence would be damage.
func TestFaultA22FirstSegmentIsPassedOver(t *testing.T) {
	fsys := crashfs.New()
	o := smallOptions(fsys)
	start(t, o).mustHalt(t)
	o.SegmentBytes *= 4
	large := testEvent(0)
	large.Details = event.Str(strings.Repeat("x", segmentMin))
	r := start(t, o)
	r.mustAppend(t, large)
	r.settle()
	r.mustHalt(t)
	r = start(t, o)
	if got := rows(t, r.Buffer); len(got) != 1 {
		t.Errorf("%d rows", len(got))
	}
	r.archiveAll(t)
	r.settle()
	r.mustHalt(t)
	r = start(t, o)
	if seq := r.mustAppend(t, large); seq != 0 || logOf(t, fsys)[0] == segmentName(0) {
		t.Errorf("known as seq %d, the log is %v", seq, logOf(t, fsys))
	}
	r.mustHalt(t)
}

// TestFaultA23StaleFrames puts intact frames of an earlier use of a file where the log
// ends: they fit in length, place, seq and time, but they are not of this log.
func TestFaultA23StaleFrames(t *testing.T) {
	old, n := smallLog(t)
	r := start(t, smallOptions(old))
	r.mustAppend(t, testEvents(n, 1)...)
	r.mustHalt(t)
	stale := file(t, old, segmentName(0))

	fsys, n := smallLog(t)
	fresh := file(t, fsys, segmentName(0))
	end := frameOffsets(t, fresh)
	from := end[len(end)-1]
	copy(fresh[from:], stale[from:])
	put(t, fsys, segmentName(0), fresh)
	r = start(t, smallOptions(fsys))
	mustHold(t, r.Buffer, n)
	r.mustHalt(t)
}

// TestChain: a frame that is whole and of this use, but not the next one.
func TestChain(t *testing.T) {
	fsys, n := smallLog(t)
	segment := file(t, fsys, segmentName(0))
	offsets := frameOffsets(t, segment)
	end := offsets[len(offsets)-1]
	h, _, err := decodeHeader(segment)
	if err != nil {
		t.Fatal(err)
	}
	e := testEvent(n)
	payload := appendRecord(make([]byte, frameHead), &e)
	f := frame{kind: typeEvents, count: 1, firstSeq: int64(n), received: 1 << 50, prev: 0xBAD}
	b, _ := finishFrame(payload, &f, h.salt())
	copy(segment[end:], b)
	put(t, fsys, segmentName(0), segment)
	if err := mustRefuse(t, fsys, "wrong chain"); err.Offset != end || err.Seq != int64(n) {
		t.Errorf("error does not name the place: %v", err)
	}
}

func TestPartialSpareIsRemoved(t *testing.T) {
	fsys, n := smallLog(t)
	put(t, fsys, sparePrefix+"x"+segmentSuffix, make([]byte, 1000))
	b, err := Open(smallOptions(fsys))
	if err != nil {
		t.Fatal(err)
	}
	mustHold(t, b, n)
	if _, err := durable.ReadFile(fsys, "/wal/"+sparePrefix+"x"+segmentSuffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("partial spare: %v", err)
	}
}
