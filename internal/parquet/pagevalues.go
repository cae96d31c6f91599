package parquet

import (
	"encoding/binary"
	"fmt"

	"github.com/parquet-go/parquet-go/format"
)

// cutBytes takes one length-prefixed value off data.
func cutBytes(data []byte) (v, rest []byte, err error) {
	if len(data) < 4 {
		return nil, nil, fmt.Errorf("%w: too few values", errPage)
	}
	n := binary.LittleEndian.Uint32(data)
	if n > maxTextBytes || int(n) > len(data)-4 {
		return nil, nil, fmt.Errorf("%w: value of %d bytes", errPage, n)
	}
	return data[4 : 4+n], data[4+n:], nil
}

// values walks forward over the values of one page.
type values struct {
	nullable, coded, number bool

	at     int32 // row within the page
	levels runs
	ids    runs
	plain  []byte
	ints   deltas
}

// load reads data page n of a chunk. What it returns is good until the next call.
func (p *picker) load(c *chunk, n int) (*values, error) {
	h, data, err := p.unpack(c, c.pages[n].off, int64(c.pages[n].size))
	if err != nil {
		return nil, err
	}
	rows := c.rowsOf(n)
	if h.kind != format.DataPage || !h.hasData || h.values != rows.to-rows.from {
		return nil, fmt.Errorf("%w: page %d is not one of %d values", errPage, n, rows.to-rows.from)
	}
	v := &p.values
	*v = values{nullable: c.col.Nullable, number: c.col.kind != kindText}
	if v.nullable {
		if len(data) < 4 || h.levels != format.RLE {
			return nil, fmt.Errorf("%w: no levels", errPage)
		}
		size := int64(binary.LittleEndian.Uint32(data))
		if data = data[4:]; size > int64(len(data)) {
			return nil, fmt.Errorf("%w: %d bytes of levels", errPage, size)
		}
		if v.levels, err = newRuns(data[:size], 1); err != nil {
			return nil, err
		}
		data = data[size:]
	}
	switch {
	case v.number && h.encoding == format.DeltaBinaryPacked:
		v.ints, err = newDeltas(data)
	case !v.number && h.encoding == format.Plain:
		v.plain = data
	case !v.number && h.encoding == format.RLEDictionary:
		if v.coded = true; len(data) > 0 { // none: all NULL
			v.ids, err = newRuns(data[1:], int(data[0]))
		}
	default:
		return nil, fmt.Errorf("%w: encoding %s", errPage, h.encoding)
	}
	return v, err
}

// seek goes to a row of the page that is not before the one at hand.
func (v *values) seek(row int32) error {
	skip := row - v.at
	v.at = row
	if v.nullable && skip > 0 {
		ones, err := v.levels.count(int(skip))
		if err != nil {
			return err
		}
		skip = int32(ones)
	}
	switch {
	case v.number:
		return v.ints.skip(int(skip))
	case v.coded:
		return v.ids.skip(int(skip))
	default:
		for range skip {
			var err error
			if _, v.plain, err = cutBytes(v.plain); err != nil {
				return err
			}
		}
	}
	return nil
}

// present says whether the row at hand has a value, and goes to the next one.
func (v *values) present() (bool, error) {
	v.at++
	if !v.nullable {
		return true, nil
	}
	level, err := v.levels.next()
	return level == 1, err
}

// text is the value of the row at hand; valid is false for NULL. It is good until the next page is read.
func (v *values) text(dict *dictionary) (s []byte, valid bool, err error) {
	if valid, err = v.present(); err != nil || !valid {
		return nil, false, err
	}
	if !v.coded {
		s, v.plain, err = cutBytes(v.plain)
		return s, true, err
	}
	id, err := v.ids.next()
	if err != nil {
		return nil, false, err
	}
	s, err = dict.at(id)
	return s, err == nil, err
}
