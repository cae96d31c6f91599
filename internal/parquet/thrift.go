package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Bounds on the metadata that the library may decode. It allocates what a length says before it reads
// the content and recurses into what it does not know, so both are checked first.
const (
	maxThriftDepth = 16
	maxThriftItems = 200_000 // list elements in one footer; 512 row groups have 10,240 column chunks
)

var errThrift = errors.New("malformed metadata")

// Types of the Thrift compact protocol.
const (
	thriftStop = iota
	thriftTrue
	thriftFalse
	thriftByte
	thriftI16
	thriftI32
	thriftI64
	thriftDouble
	thriftBinary
	thriftList
	thriftSet
	thriftMap
	thriftStruct
)

// thriftScan walks one encoded struct without building anything.
type thriftScan struct {
	data  []byte
	pos   int
	items int
}

// structLen returns the length of the struct at the start of data. A nil error means that each
// length in it fits into data, and that depth and number of items are bounded.
func structLen(data []byte) (int, error) {
	s := thriftScan{data: data}
	if err := s.structure(0); err != nil {
		return 0, err
	}
	return s.pos, nil
}

func (s *thriftScan) structure(depth int) error {
	if depth > maxThriftDepth {
		return fmt.Errorf("%w: nested too deeply", errThrift)
	}
	for {
		head, err := s.byte()
		if err != nil {
			return err
		}
		typ := head & 0x0f
		if head == thriftStop {
			return nil
		}
		if head>>4 == 0 { // the field's id does not fit into the head
			if _, err := s.uvarint(); err != nil {
				return err
			}
		}
		if typ == thriftTrue || typ == thriftFalse {
			continue // the type is the value
		}
		if err := s.value(typ, depth); err != nil {
			return err
		}
	}
}

func (s *thriftScan) value(typ byte, depth int) error {
	switch typ {
	case thriftTrue, thriftFalse, thriftByte:
		return s.skip(1)
	case thriftI16, thriftI32, thriftI64:
		_, err := s.uvarint()
		return err
	case thriftDouble:
		return s.skip(8)
	case thriftBinary:
		n, err := s.uvarint()
		if err != nil {
			return err
		}
		return s.skip(n)
	case thriftList, thriftSet:
		return s.list(depth)
	case thriftStruct:
		return s.structure(depth + 1)
	default: // Parquet has no maps
		return fmt.Errorf("%w: type %d", errThrift, typ)
	}
}

func (s *thriftScan) list(depth int) error {
	if depth > maxThriftDepth {
		return fmt.Errorf("%w: nested too deeply", errThrift)
	}
	size, typ, err := s.listHead()
	if err != nil {
		return err
	}
	for range size {
		if err := s.value(typ, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// listHead returns how many elements of which type follow.
func (s *thriftScan) listHead() (size uint64, typ byte, err error) {
	head, err := s.byte()
	if err != nil {
		return 0, 0, err
	}
	size, typ = uint64(head>>4), head&0x0f
	if size == 15 {
		if size, err = s.uvarint(); err != nil {
			return 0, 0, err
		}
	}
	if size > uint64(len(s.data)-s.pos) || s.items+int(size) > maxThriftItems {
		return 0, 0, fmt.Errorf("%w: list of %d items", errThrift, size)
	}
	s.items += int(size)
	return size, typ, nil
}

func (s *thriftScan) byte() (byte, error) {
	if s.pos >= len(s.data) {
		return 0, fmt.Errorf("%w: ends early", errThrift)
	}
	b := s.data[s.pos]
	s.pos++
	return b, nil
}

func (s *thriftScan) uvarint() (uint64, error) {
	v, n := binary.Uvarint(s.data[s.pos:])
	if n <= 0 {
		return 0, fmt.Errorf("%w: number", errThrift)
	}
	s.pos += n
	return v, nil
}

func (s *thriftScan) skip(n uint64) error {
	if n > uint64(len(s.data)-s.pos) {
		return fmt.Errorf("%w: ends early", errThrift)
	}
	s.pos += int(n)
	return nil
}
