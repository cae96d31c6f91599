package parquet

import "sync"

// Memory keeps what every look into a row group needs, up to a bound: dictionaries that were unpacked, and where the
// pages are. Unpacking the dictionaries of its row group would be most of the work for a single row. It is safe for
// concurrent use.
type Memory struct {
	most int64

	mu    sync.Mutex
	bytes int64
	held  map[memoryKey]piece
}

// piece is kept of a column chunk. It does not change.
type piece interface{ size() int64 }

type memoryKey struct {
	file   *Finder
	group  int
	column int
	pages  bool // its pageList; otherwise its dictionary
}

// NewMemory returns a Memory for at most so many bytes.
func NewMemory(most int64) *Memory {
	return &Memory{most: most, held: make(map[memoryKey]piece)}
}

// Bytes is what it holds now.
func (m *Memory) Bytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes
}

// get returns nil for what is not there.
func (m *Memory) get(key memoryKey) piece {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held[key]
}

// put makes room by forgetting any others. Questions go through all files in the same order, so forgetting the oldest
// would forget each just before it is wanted again.
func (m *Memory) put(key memoryKey, p piece) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, here := m.held[key]; here || p.size() > m.most {
		return
	}
	for other, o := range m.held { // in no order
		if m.bytes+p.size() <= m.most {
			break
		}
		delete(m.held, other)
		m.bytes -= o.size()
	}
	m.held[key] = p
	m.bytes += p.size()
}
