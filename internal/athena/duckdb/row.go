//go:build cgo

package duckdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

// A row crosses the border as its values, one after the other; a value as one byte
// of tag and what it needs. Integers are varints, texts have their length before them.

type tag byte

const (
	tagNull tag = iota
	tagFalse
	tagTrue
	tagInt
	tagReal
	tagDouble
	tagText
	tagJSON
	tagDecimal
	tagTime // Unix seconds, nanoseconds
	tagList // length, values
	tagMap  // length, keys and values in turn
)

func appendRow(dst []byte, row []any) ([]byte, error) {
	for _, v := range row {
		var err error
		if dst, err = appendValue(dst, v); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func appendValue(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, byte(tagNull)), nil
	case bool:
		if v {
			return append(dst, byte(tagTrue)), nil
		}
		return append(dst, byte(tagFalse)), nil
	case int64:
		return binary.AppendVarint(append(dst, byte(tagInt)), v), nil
	case float32:
		return binary.BigEndian.AppendUint32(append(dst, byte(tagReal)), math.Float32bits(v)), nil
	case float64:
		return binary.BigEndian.AppendUint64(append(dst, byte(tagDouble)), math.Float64bits(v)), nil
	case string:
		return appendText(dst, tagText, v), nil
	case athena.JSON:
		return appendText(dst, tagJSON, string(v)), nil
	case athena.Decimal:
		return appendText(dst, tagDecimal, string(v)), nil
	case time.Time:
		dst = binary.AppendVarint(append(dst, byte(tagTime)), v.Unix())
		return binary.AppendUvarint(dst, uint64(v.Nanosecond())), nil
	case []any:
		return appendRow(binary.AppendUvarint(append(dst, byte(tagList)), uint64(len(v))), v)
	case athena.Map:
		dst = binary.AppendUvarint(append(dst, byte(tagMap)), uint64(len(v)))
		for _, e := range v {
			var err error
			if dst, err = appendRow(dst, []any{e.Key, e.Value}); err != nil {
				return nil, err
			}
		}
		return dst, nil
	}
	return nil, fmt.Errorf("value of Go type %T cannot be sent", v)
}

func appendText(dst []byte, t tag, s string) []byte {
	return append(binary.AppendUvarint(append(dst, byte(t)), uint64(len(s))), s...)
}

// rowDecoder reads what a worker sent, which may be anything: memory follows from
// the bytes that are there, never from lengths that they claim.
type rowDecoder struct{ rest []byte }

var errRow = errors.New("the worker sent a row that is none")

// depthMost bounds how far values are in one another.
const depthMost = 64

// row fills dst.
func (d *rowDecoder) row(dst []any) error {
	for i := range dst {
		var err error
		if dst[i], err = d.value(0); err != nil {
			return err
		}
	}
	return nil
}

func (d *rowDecoder) value(depth int) (any, error) {
	if len(d.rest) == 0 || depth > depthMost {
		return nil, errRow
	}
	t := tag(d.rest[0])
	d.rest = d.rest[1:]
	switch t {
	case tagNull:
		return nil, nil //nolint:nilnil // NULL
	case tagFalse, tagTrue:
		return t == tagTrue, nil
	case tagInt:
		return d.varint()
	case tagReal:
		b, err := d.take(4)
		if err != nil {
			return nil, err
		}
		return math.Float32frombits(binary.BigEndian.Uint32(b)), nil
	case tagDouble:
		b, err := d.take(8)
		if err != nil {
			return nil, err
		}
		return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
	case tagTime:
		return d.time()
	case tagList, tagMap:
		return d.nested(t, depth)
	}
	n, err := d.length()
	if err != nil {
		return nil, err
	}
	b, err := d.take(n)
	if err != nil {
		return nil, err
	}
	switch t {
	case tagText:
		return string(b), nil
	case tagJSON:
		return athena.JSON(b), nil
	case tagDecimal:
		return athena.Decimal(b), nil
	}
	return nil, errRow
}

func (d *rowDecoder) nested(t tag, depth int) (any, error) {
	n, err := d.length()
	if err != nil {
		return nil, err
	}
	if t == tagList {
		list := make([]any, 0, min(n, 1024))
		for range n {
			v, err := d.value(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	}
	m := make(athena.Map, 0, min(n, 1024))
	for range n {
		var e athena.Entry
		if e.Key, err = d.value(depth + 1); err != nil {
			return nil, err
		}
		if e.Value, err = d.value(depth + 1); err != nil {
			return nil, err
		}
		m = append(m, e)
	}
	return m, nil
}

func (d *rowDecoder) time() (any, error) {
	seconds, err := d.varint()
	if err != nil {
		return nil, err
	}
	nanos, n := binary.Uvarint(d.rest)
	if n <= 0 || nanos >= 1e9 {
		return nil, errRow
	}
	d.rest = d.rest[n:]
	return time.Unix(seconds, int64(nanos)).UTC(), nil
}

func (d *rowDecoder) varint() (int64, error) {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		return 0, errRow
	}
	d.rest = d.rest[n:]
	return v, nil
}

// length is one that the rest can have: each element takes a byte at least.
func (d *rowDecoder) length() (int, error) {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || v > uint64(len(d.rest)-n) {
		return 0, errRow
	}
	d.rest = d.rest[n:]
	return int(v), nil
}

func (d *rowDecoder) take(n int) ([]byte, error) {
	if n > len(d.rest) {
		return nil, errRow
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b, nil
}
