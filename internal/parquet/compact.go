package parquet

import (
	"fmt"

	"github.com/parquet-go/parquet-go/format"
)

// A look-up reads a page here and a page there, and for each a header. These decoders take of the metadata what a
// look-up needs, without reflection and without allocating.

// pageHeader is what is used of a page's header.
type pageHeader struct {
	kind               format.PageType
	packed, size, crc  int32
	values             int32
	encoding, levels   format.Encoding
	hasData, hasValues bool // the struct for its kind was there
}

// parsePageHeader decodes the header at the start of data, which is n bytes long.
func parsePageHeader(data []byte) (h pageHeader, n int, err error) {
	s := thriftScan{data: data}
	err = s.fields(0, func(id int, typ byte) error {
		switch {
		case id <= 4 && typ == thriftI32:
			v, err := s.zigzag()
			switch id {
			case 1:
				h.kind = format.PageType(v)
			case 2:
				h.size = int32(v)
			case 3:
				h.packed = int32(v)
			case 4:
				h.crc = int32(v)
			}
			return err
		case (id == 5 || id == 7) && typ == thriftStruct:
			h.hasData, h.hasValues = h.hasData || id == 5, h.hasValues || id == 7
			return s.fields(1, func(id int, typ byte) error {
				if id > 3 || typ != thriftI32 {
					return s.skipField(typ, 1)
				}
				v, err := s.zigzag()
				switch id {
				case 1:
					h.values = int32(v)
				case 2:
					h.encoding = format.Encoding(v)
				case 3:
					h.levels = format.Encoding(v)
				}
				return err
			})
		}
		return s.skipField(typ, 0)
	})
	return h, s.pos, err
}

// parsePageIndex decodes an offset index and hands out its pages in order.
func parsePageIndex(data []byte, page func(off, size, first int64) error) error {
	s := thriftScan{data: data}
	return s.fields(0, func(id int, typ byte) error {
		if id != 1 || typ != thriftList {
			return s.skipField(typ, 0)
		}
		n, elem, err := s.listHead()
		if err != nil || elem != thriftStruct {
			return fmt.Errorf("%w: list of pages: %w", errThrift, err)
		}
		for range n {
			var l [3]int64
			err := s.fields(1, func(id int, typ byte) error {
				if id < 1 || id > 3 || typ != thriftI32 && typ != thriftI64 {
					return s.skipField(typ, 1)
				}
				l[id-1], err = s.zigzag()
				return err
			})
			if err != nil {
				return err
			}
			if err := page(l[0], l[1], l[2]); err != nil {
				return err
			}
		}
		return nil
	})
}

// fields calls f for each field of a struct; f reads or skips its value.
func (s *thriftScan) fields(depth int, f func(id int, typ byte) error) error {
	if depth > maxThriftDepth {
		return fmt.Errorf("%w: nested too deeply", errThrift)
	}
	id := 0
	for {
		head, err := s.byte()
		if err != nil {
			return err
		}
		if head == thriftStop {
			return nil
		}
		if step := int(head >> 4); step != 0 {
			id += step
		} else {
			v, err := s.zigzag()
			if err != nil {
				return err
			}
			id = int(int16(v))
		}
		if err := f(id, head&0x0f); err != nil {
			return err
		}
	}
}

// skipField goes over the value of a field, which for a boolean is in its type.
func (s *thriftScan) skipField(typ byte, depth int) error {
	if typ == thriftTrue || typ == thriftFalse {
		return nil
	}
	return s.value(typ, depth)
}

func (s *thriftScan) zigzag() (int64, error) {
	v, err := s.uvarint()
	return int64(v>>1) ^ -int64(v&1), err
}
