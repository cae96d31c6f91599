package ingest

import (
	"hash/maphash"
	"iter"

	"github.com/audit-archiver/archiver/internal/event"
)

// idSet finds ids that are in a request twice. It is a hash table of indices that keeps
// nothing but its memory between requests: a map of the ids would cost a batch as much
// as storing them. It is not safe for concurrent use.
type idSet struct {
	seed  maphash.Seed // nobody can send ids that all fall into one place
	slots []int32      // index of an event, plus one; 0: empty
}

func newIDSet() *idSet { return &idSet{seed: maphash.MakeSeed()} }

// repeated yields the index of each event whose id an event before it has, behind that
// of the first one that has it.
func (s *idSet) repeated(batch []event.Event) iter.Seq2[int, int] {
	return func(yield func(first, second int) bool) {
		if len(batch) < 2 {
			return
		}
		slots := s.room(2 * len(batch))
		for i := range batch {
			at := maphash.String(s.seed, batch[i].ID) & uint64(len(slots)-1)
			for slots[at] != 0 && batch[slots[at]-1].ID != batch[i].ID {
				at = (at + 1) & uint64(len(slots)-1)
			}
			if slots[at] == 0 {
				slots[at] = int32(i) + 1
			} else if !yield(int(slots[at])-1, i) {
				return
			}
		}
	}
}

// room returns n empty slots or more, as many as a power of two.
func (s *idSet) room(n int) []int32 {
	size := 16
	for size < n {
		size *= 2
	}
	if size > len(s.slots) {
		s.slots = make([]int32, size)
	}
	slots := s.slots[:size]
	clear(slots)
	return slots
}
