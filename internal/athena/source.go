package athena

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// File is one Parquet file of the table.
//
// A committed file has a Key, a VersionID and a SHA256 from a signed manifest,
// and is fetched and checked before it is read. A hot file has a Path instead:
// its rows are still in the WAL, and this process wrote it.
type File struct {
	Key       string   // object key; "" for a hot file
	VersionID string   // version of Key that the manifest names
	Path      string   // local file; "" for a committed file
	Size      int64    // bytes
	SHA256    [32]byte // of the bytes; zero for a hot file
	Class     string   // retention class
	Day       string   // yyyy-MM-dd
	Rows      int64

	// RetainUntil is when the lock of a committed file ends. Until then it must be
	// there; later it may be gone, and that is no violation.
	RetainUntil time.Time

	// MinTimestampNS and MaxTimestampNS bound the rows' timestamp_ns, inclusive.
	MinTimestampNS, MaxTimestampNS int64
}

// OfOneDay reports whether all rows of f are of its day.
func (f *File) OfOneDay() bool {
	if event.DayNumber(f.MinTimestampNS) != event.DayNumber(f.MaxTimestampNS) {
		return false
	}
	var day [len(time.DateOnly)]byte // each query asks this of each file that it reads
	return string(time.Unix(0, f.MinTimestampNS).UTC().AppendFormat(day[:0], time.DateOnly)) == f.Day
}

// Within reports whether the timestamp of all rows of f is within the bounds, in Unix milliseconds, inclusive.
func (f *File) Within(minMS, maxMS int64) bool {
	return floorMS(f.MinTimestampNS) >= minMS && floorMS(f.MaxTimestampNS) <= maxMS
}

// FileSet is the table at one instant: every row is in exactly one file.
type FileSet struct {
	Files           []File
	CompleteThrough time.Time // every event received at or before it is in Files; zero: unknown
	Laggards        []string  // streams that hold CompleteThrough back

	// Release lets go of what keeps hot files alive. It is called once, after
	// the last read. nil when there is nothing to let go.
	Release func()
}

// Source says what the table consists of now.
type Source interface {
	// Files returns a consistent set: no row is missing or twice because it
	// moved from the WAL to the bucket while the set was made. hint tells what
	// the query can match; a source may leave out rows that it excludes.
	Files(ctx context.Context, hint Bounds) (*FileSet, error)
}

// Bounds is what is known about the rows a scan can match. The zero value is
// not useful: start from [Everything].
type Bounds struct {
	MinMS, MaxMS   int64    // of timestamp, Unix milliseconds, inclusive
	MinDay, MaxDay string   // of dt, inclusive; "" is open
	Days           []string // of dt; nil is any
	Classes        []string // of retention; nil is any

	// Where holds for every row that the scan can use. It says nothing about
	// files: whoever can look into them may leave out rows for which it fails.
	Where []Match
}

// Match is a condition on a row: the column, for which [Findable] is true, has one of the values, byte by byte.
type Match = parquet.Match

// Findable reports whether rows can be found by a value of the column without reading whole rows.
func Findable(column string) bool { return parquet.Findable(column) }

// Everything excludes nothing.
func Everything() Bounds {
	return Bounds{MinMS: math.MinInt64, MaxMS: math.MaxInt64}
}

// Bounded reports whether the timestamp is bounded from below and from above.
func (b Bounds) Bounded() (below, above bool) {
	return b.MinMS != math.MinInt64, b.MaxMS != math.MaxInt64
}

// Nanoseconds returns bounds of timestamp_ns, inclusive, that exclude no row within b.
func (b Bounds) Nanoseconds() (low, high int64) {
	low, high = math.MinInt64, math.MaxInt64
	const ns = 1_000_000
	if b.MinMS > math.MinInt64/ns {
		low = min(b.MinMS, math.MaxInt64/ns) * ns
	}
	if b.MaxMS < math.MaxInt64/ns {
		high = max(b.MaxMS, math.MinInt64/ns)*ns + ns - 1
	}
	return low, high
}

// Match reports whether f may hold a row within b. Doubt is true.
func (b Bounds) Match(f *File) bool {
	switch {
	case b.Classes != nil && !slices.Contains(b.Classes, f.Class):
		return false
	case b.Days != nil && !slices.Contains(b.Days, f.Day):
		return false
	case b.MinDay != "" && f.Day < b.MinDay:
		return false
	case b.MaxDay != "" && f.Day > b.MaxDay:
		return false
	}
	return floorMS(f.MaxTimestampNS) >= b.MinMS && floorMS(f.MinTimestampNS) <= b.MaxMS
}

// Union returns bounds that exclude only what both exclude.
func (b Bounds) Union(c Bounds) Bounds {
	u := Bounds{MinMS: min(b.MinMS, c.MinMS), MaxMS: max(b.MaxMS, c.MaxMS)}
	if b.MinDay != "" && c.MinDay != "" {
		u.MinDay = min(b.MinDay, c.MinDay)
	}
	if b.MaxDay != "" && c.MaxDay != "" {
		u.MaxDay = max(b.MaxDay, c.MaxDay)
	}
	u.Days = unionOf(b.Days, c.Days)
	u.Classes = unionOf(b.Classes, c.Classes)
	return u
}

func unionOf(a, b []string) []string {
	if a == nil || b == nil {
		return nil
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// floorMS is the table's timestamp of an instant.
func floorMS(ns int64) int64 {
	ms := ns / 1_000_000
	if ns%1_000_000 < 0 {
		ms--
	}
	return ms
}
