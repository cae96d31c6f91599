package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	mathbits "math/bits"
)

// The decoders in this file produce one value per call and allocate nothing, so no count in a page can make them large.

var (
	errPage = errors.New("malformed page")
	errUTF8 = errors.New("text is not UTF-8")
)

// runs decodes Parquet's hybrid of run-length encoding and bit packing.
type runs struct {
	data   []byte
	width  int // bits per value, at most 32
	left   uint64
	packed bool
	value  uint32 // of a run
	bit    int    // next bit of a packed run in data
}

func newRuns(data []byte, width int) (runs, error) {
	if width > 32 {
		return runs{}, fmt.Errorf("%w: %d bits per value", errPage, width)
	}
	return runs{data: data, width: width}, nil
}

func (r *runs) next() (uint32, error) {
	for r.left == 0 {
		if err := r.start(); err != nil {
			return 0, err
		}
	}
	r.left--
	if !r.packed {
		return r.value, nil
	}
	v := bits(r.data, r.bit, r.width)
	r.bit += r.width
	if r.left == 0 {
		r.data = r.data[(r.bit+7)/8:]
	}
	return v, nil
}

// skip goes over n values.
func (r *runs) skip(n int) error {
	for n > 0 {
		if r.left == 0 {
			if err := r.start(); err != nil {
				return err
			}
			continue
		}
		some := int(min(r.left, uint64(n)))
		r.pass(some)
		n -= some
	}
	return nil
}

// count goes over n values of one bit, and returns how many of them are 1.
func (r *runs) count(n int) (ones int, _ error) {
	for n > 0 {
		if r.left == 0 {
			if err := r.start(); err != nil {
				return 0, err
			}
			continue
		}
		some := int(min(r.left, uint64(n)))
		if r.packed {
			ones += onesIn(r.data, r.bit, some)
		} else {
			ones += some * int(r.value)
		}
		r.pass(some)
		n -= some
	}
	return ones, nil
}

// onesIn counts the bits that are 1 among the n that start at bit at. They lie within data.
func onesIn(data []byte, at, n int) (ones int) {
	for n > 0 {
		some := min(n, 32)
		ones += mathbits.OnesCount32(bits(data, at, some))
		at += some
		n -= some
	}
	return ones
}

// pass goes over n values of the run at hand, which has as many.
func (r *runs) pass(n int) {
	r.left -= uint64(n)
	if !r.packed {
		return
	}
	r.bit += n * r.width
	if r.left == 0 {
		r.data = r.data[(r.bit+7)/8:]
	}
}

// start reads the head of the next run.
func (r *runs) start() error {
	head, n := binary.Uvarint(r.data)
	if n <= 0 {
		return fmt.Errorf("%w: run", errPage)
	}
	r.data = r.data[n:]
	if head&1 == 1 {
		groups := head >> 1 // of 8 values, which take width bytes
		if groups > uint64(len(r.data)) || int(groups)*r.width > len(r.data) {
			return fmt.Errorf("%w: packed run of %d groups", errPage, groups)
		}
		r.packed, r.left, r.bit = true, groups*8, 0
		return nil
	}
	size := (r.width + 7) / 8
	if len(r.data) < size {
		return fmt.Errorf("%w: run", errPage)
	}
	r.value = 0
	for i := range size {
		r.value |= uint32(r.data[i]) << (8 * i)
	}
	if uint64(r.value)>>r.width != 0 {
		return fmt.Errorf("%w: run of %d in %d bits", errPage, r.value, r.width)
	}
	r.data = r.data[size:]
	r.packed, r.left = false, head>>1
	return nil
}

// bits returns width bits, at most 32, that start at bit at. They lie within data.
func bits(data []byte, at, width int) uint32 {
	first, shift := at/8, at%8
	var word uint64
	if first+8 <= len(data) {
		word = binary.LittleEndian.Uint64(data[first:])
	} else {
		for i := 0; first+i < len(data); i++ {
			word |= uint64(data[first+i]) << (8 * i)
		}
	}
	return uint32(word >> shift & (1<<width - 1))
}

// deltas decodes DELTA_BINARY_PACKED integers.
type deltas struct {
	data      []byte
	perMini   int // values per mini-block
	minis     int // mini-blocks per block
	remaining uint64
	started   bool
	last      int64

	minDelta int64
	widths   []byte // of the mini-blocks that follow in this block
	width    int    // of the current one
	left     int    // values left in it
	bit      int
}

func newDeltas(data []byte) (deltas, error) {
	var head [3]uint64
	for i := range head {
		v, n := binary.Uvarint(data)
		if n <= 0 {
			return deltas{}, fmt.Errorf("%w: delta head", errPage)
		}
		head[i], data = v, data[n:]
	}
	first, n := binary.Varint(data)
	block, minis := head[0], head[1]
	if n <= 0 || block > 1<<16 || minis == 0 || minis > 1<<10 || block%minis != 0 || block/minis%32 != 0 {
		return deltas{}, fmt.Errorf("%w: delta head", errPage)
	}
	return deltas{
		data:      data[n:],
		perMini:   int(block / minis),
		minis:     int(minis),
		remaining: head[2],
		last:      first,
	}, nil
}

func (d *deltas) next() (int64, error) {
	if d.remaining == 0 {
		return 0, fmt.Errorf("%w: too few values", errPage)
	}
	d.remaining--
	if !d.started {
		d.started = true
		return d.last, nil
	}
	for d.left == 0 {
		if err := d.start(); err != nil {
			return 0, err
		}
	}
	d.left--
	d.last += d.minDelta + int64(bits64(d.data, d.bit, d.width)) // wraps around, as the format says
	d.bit += d.width
	if d.left == 0 {
		d.data = d.data[d.perMini*d.width/8:]
	}
	return d.last, nil
}

// skip goes over n values.
func (d *deltas) skip(n int) error {
	for n > 0 {
		if !d.started || d.left == 0 {
			if _, err := d.next(); err != nil {
				return err
			}
			n--
			continue
		}
		some := min(n, d.left)
		if uint64(some) > d.remaining {
			return fmt.Errorf("%w: too few values", errPage)
		}
		d.last += int64(some)*d.minDelta + int64(sumOf(d.data, d.bit, d.width, some))
		d.bit += some * d.width
		d.left -= some
		d.remaining -= uint64(some)
		if d.left == 0 {
			d.data = d.data[d.perMini*d.width/8:]
		}
		n -= some
	}
	return nil
}

// sumOf adds up n numbers of width bits, at most 64, that start at bit at. They lie within data.
func sumOf(data []byte, at, width, n int) (sum uint64) {
	if width == 0 { // as of numbers that count
		return 0
	}
	const room = 64 - 7 // bits of a word, wherever in a byte the first number starts
	each, mask := room/width, uint64(1)<<width-1
	for width <= room && n >= each && at/8+8 <= len(data) {
		word := binary.LittleEndian.Uint64(data[at/8:]) >> (at % 8)
		for range each {
			sum += word & mask
			word >>= width
		}
		at += each * width
		n -= each
	}
	for range n {
		sum += bits64(data, at, width)
		at += width
	}
	return sum
}

// start moves to the next mini-block.
func (d *deltas) start() error {
	if len(d.widths) == 0 {
		low, n := binary.Varint(d.data)
		if n <= 0 || len(d.data)-n < d.minis {
			return fmt.Errorf("%w: delta block", errPage)
		}
		d.minDelta = low
		d.widths = d.data[n : n+d.minis]
		d.data = d.data[n+d.minis:]
	}
	d.width, d.widths = int(d.widths[0]), d.widths[1:]
	if d.width > 64 || d.perMini*d.width/8 > len(d.data) {
		return fmt.Errorf("%w: delta block", errPage)
	}
	d.left, d.bit = d.perMini, 0
	return nil
}

// bits64 returns width bits, at most 64, that start at bit at. They lie within data.
func bits64(data []byte, at, width int) uint64 {
	if width <= 32 {
		return uint64(bits(data, at, width))
	}
	return uint64(bits(data, at, 32)) | uint64(bits(data, at+32, width-32))<<32
}
