package parquet

import (
	"fmt"
	"sync"
)

// dictionary is the values of a dictionary page, one behind the other, each with its length before it. It does not change.
type dictionary struct {
	data  []byte
	count int
	marks []int32 // where each 16th value is
}

const markEvery = 16

func newDictionary(data []byte, count int) (*dictionary, error) {
	d := &dictionary{data: data, count: count, marks: make([]int32, 0, count/markEvery+1)}
	rest := data
	for id := range count {
		if id%markEvery == 0 {
			d.marks = append(d.marks, int32(len(data)-len(rest)))
		}
		var err error
		if _, rest, err = cutBytes(rest); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// at returns one value.
func (d *dictionary) at(id uint32) (v []byte, err error) {
	if int64(id) >= int64(d.count) {
		return nil, fmt.Errorf("%w: id %d of a dictionary of %d", errPage, id, d.count)
	}
	rest := d.data[d.marks[id/markEvery]:]
	for range id%markEvery + 1 {
		if v, rest, err = cutBytes(rest); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// which marks the values that are in is; nil when none is.
func (d *dictionary) which(is map[string]bool) ([]bool, error) {
	var found []bool
	rest := d.data
	for id := range d.count {
		v, after, err := cutBytes(rest)
		if err != nil {
			return nil, err
		}
		if rest = after; !is[string(v)] {
			continue
		}
		if found == nil {
			found = make([]bool, d.count)
		}
		found[id] = true
	}
	return found, nil
}

// Memory keeps dictionaries that were unpacked, up to a bound. Most of the work for a single row is unpacking the
// dictionaries of its row group. It is safe for concurrent use.
type Memory struct {
	most int64

	mu    sync.Mutex
	bytes int64
	held  map[dictionaryKey]*dictionary
}

type dictionaryKey struct {
	file   *Finder
	group  int
	column string
}

// NewMemory returns a Memory for at most so many bytes.
func NewMemory(most int64) *Memory {
	return &Memory{most: most, held: make(map[dictionaryKey]*dictionary)}
}

func (m *Memory) get(key dictionaryKey) *dictionary {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held[key]
}

// put makes room by forgetting any others. Questions go through all files in the same order, so forgetting the oldest
// would forget each just before it is wanted again.
func (m *Memory) put(key dictionaryKey, d *dictionary) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, here := m.held[key]; here || d.size() > m.most {
		return
	}
	for other, o := range m.held { // in no order
		if m.bytes+d.size() <= m.most {
			break
		}
		delete(m.held, other)
		m.bytes -= o.size()
	}
	m.held[key] = d
	m.bytes += d.size()
}

func (d *dictionary) size() int64 { return int64(len(d.data) + 4*len(d.marks) + 100) }
