package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"testing"

	"github.com/audit-archiver/archiver/internal/event"
)

// TestFaultA21Length: a length that says 4 GiB is damage like any other, in a middle
// segment and in the last one, and nobody asks for that much memory.
func TestFaultA21Length(t *testing.T) {
	good, released, n := bigLog(t)
	names := segmentsOf(t, good)
	for _, name := range []string{names[1], names[len(names)-1]} {
		segment := file(t, good, name)
		offsets := frameOffsets(t, segment)
		end := len(offsets) - 1
		for i, at := range offsets {
			t.Run(fmt.Sprintf("%s at %d", name, at), func(t *testing.T) {
				bad, fsys := bytes.Clone(segment), clone(good)
				le.PutUint32(bad[at:], math.MaxUint32)
				le.PutUint32(bad[at+4:], 0) // its complement
				put(t, fsys, name, bad)
				var b *Buffer
				var err error
				if used := allocated(func() { b, err = Open(smallOptions(fsys)) }); used > 16<<20 {
					t.Errorf("opening took %d bytes of memory", used)
				}
				// Behind the end of the log, and in place of its last frame, it is a torn write.
				if name == names[len(names)-1] && i >= end-1 {
					if err != nil {
						t.Fatal(err)
					}
					rest := n - released
					if got := len(rows(t, b)); i == end && got != rest || i < end && (got == 0 || got >= rest) {
						t.Errorf("%d of %d rows", got, rest)
					}
					if err := b.Close(); err != nil {
						t.Fatal(err)
					}
					return
				}
				if i == end {
					if err == nil {
						err = b.Close() // nothing is read behind a segment's end
					}
				} else if where := new(CorruptError); !errors.As(err, &where) || where.Segment != name || where.Offset != at {
					err = fmt.Errorf("want damage of %s at %d, got %w", name, at, err)
				} else {
					err = nil
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestFaultA21LengthOfARecord is the same for the length of one event, where rows are read
// by their place, without their frame.
func TestFaultA21LengthOfARecord(t *testing.T) {
	fsys, _ := smallLog(t)
	r := start(t, smallOptions(fsys))
	batch := sealed(t, r.Buffer)[0]
	for e, err := range batch.Scan(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, length := range []uint32{math.MaxUint32, segmentMax - recordHead} {
			f, err := fsys.OpenFile("/wal/"+segmentName(0), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.WriteAt(le.AppendUint32(nil, length), int64(e.Ref.offset))
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			reader, err := batch.RowReader()
			if err != nil {
				t.Fatal(err)
			}
			var row event.Row
			if used := allocated(func() { err = reader.Read(e.Ref, &row) }); !errors.Is(err, ErrCorrupt) || used > 16<<20 {
				t.Errorf("length %#x: %v, %d bytes of memory", length, err, used)
			}
			if err := reader.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.mustHalt(t)
}

// allocated is how much memory f asks for. No other test may run beside it.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
