package parquet

import (
	"hash/maphash"
	mathbits "math/bits"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
)

// digestRows is how many rows apart a [Digest] keeps what it has come to: so far an error can be placed.
const digestRows = 4096

// Digest is what rows come to, column by column, in their order. A file is compared with it ([Reader.Compare])
// without making rows of what is in it, which would take twice as long.
//
// It is keyed by a random number that never leaves the process. One value that is lost, added or changed always
// changes the digest, or its hash collides (once in 2^64); so does any number of them, unless somebody knew the key.
type Digest struct {
	cols   []column
	seed   maphash.Seed
	null   uint64 // stands for NULL: the hash of what is no text
	factor uint64 // odd
	spread uint64 // odd: stands for 1 in the hash of a number
	sums   []uint64
	marks  [][]uint64 // sums after each digestRows rows
	rows   int
}

// NewDigest returns the digest of no rows.
func NewDigest() *Digest {
	cols, seed := columns(), maphash.MakeSeed()
	return &Digest{cols: cols, seed: seed, null: maphash.String(seed, "\xff"), factor: maphash.String(seed, "\xfe") | 1,
		spread: maphash.String(seed, "\xfd") | 1, sums: make([]uint64, len(cols))}
}

// next is the sum of a column after another value, given its hash. For the same sum, other hashes give other sums; and
// for the same hash, other sums do.
func (d *Digest) next(sum, hash uint64) uint64 {
	return mathbits.RotateLeft64(sum^hash, 29) * d.factor
}

// number is the hash of a number: other numbers have others. Without the factor, two numbers that differ in one bit each
// could give the same sum whatever the key is.
func (d *Digest) number(v int64) uint64 { return uint64(v) * d.spread }

// Add adds rows.
func (d *Digest) Add(rows ...event.Row) {
	for len(rows) > 0 {
		n := min(len(rows), digestRows-d.rows%digestRows)
		for i := range d.cols {
			d.sums[i] = d.add(&d.cols[i], d.sums[i], rows[:n])
		}
		rows = rows[n:]
		if d.rows += n; d.rows%digestRows == 0 {
			d.marks = append(d.marks, append([]uint64(nil), d.sums...))
		}
	}
}

func (d *Digest) add(c *column, sum uint64, rows []event.Row) uint64 {
	switch {
	case c.str != nil:
		for i := range rows {
			sum = d.next(sum, maphash.String(d.seed, *c.str(&rows[i])))
		}
	case c.text != nil:
		for i := range rows {
			h := d.null
			if t := c.text(&rows[i]); t.Valid {
				h = maphash.String(d.seed, t.S)
			}
			sum = d.next(sum, h)
		}
	case c.num != nil:
		for i := range rows {
			sum = d.next(sum, d.number(*c.num(&rows[i])))
		}
	case c.source == sourceMillis:
		for i := range rows {
			sum = d.next(sum, d.number(rows[i].TimestampMS()))
		}
	case c.source == sourceStream:
		var stream uuid.UUID
		var hash uint64
		for i := range rows {
			if i == 0 || rows[i].Stream != stream {
				stream = rows[i].Stream
				hash = maphash.String(d.seed, stream.String())
			}
			sum = d.next(sum, hash)
		}
	}
	return sum
}
