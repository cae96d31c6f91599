package buffer

import "math/bits"

// shard is a hash table from keys to places in the ring, with linear probing. It
// holds places only; the keys are in the ring. Many small tables instead of a big
// one, so that growing never makes everybody wait.
type shard struct {
	slots []uint32 // tag and place + 1; 0: empty
	used  int
}

// A slot has what bits the place leaves of its key beside it, so that looking for a key
// that is not there, as nearly always, does not touch the ring: a cache miss each time.

func (t *recent) slotOf(seq int64) uint32 {
	return uint32(seq%t.most) + 1 | t.tagOf(&t.at(seq).key)
}

func (t *recent) tagOf(key *[12]byte) uint32 { return uint32(le.Uint16(key[9:])) << t.placeBits }

func (t *recent) placeMask() uint32 { return 1<<t.placeBits - 1 }

// home is where looking for a key begins. The high half of a product spreads keys over
// any number of slots, as a remainder does, without a division.
func (s *shard) home(key *[12]byte) int {
	high, _ := bits.Mul64(le.Uint64(key[:8]), uint64(len(s.slots)))
	return int(high)
}

// after is the slot after i; the first one comes after the last.
func (s *shard) after(i int) int {
	if i++; i < len(s.slots) {
		return i
	}
	return 0
}

// steps is how many slots after from one comes to to.
func (s *shard) steps(from, to int) int {
	if to >= from {
		return to - from
	}
	return to - from + len(s.slots)
}

func (s *shard) touch(key *[12]byte) uint32 {
	if len(s.slots) == 0 {
		return 0
	}
	return s.slots[s.home(key)]
}

func (s *shard) find(t *recent, key *[12]byte) (seq int64, ok bool) {
	if s.used == 0 {
		return 0, false
	}
	tag, mask := t.tagOf(key), t.placeMask()
	for i := s.home(key); s.slots[i] != 0; i = s.after(i) {
		if s.slots[i]&^mask != tag {
			continue
		}
		if seq := t.seqAt(s.slots[i]); t.at(seq).key == *key {
			return seq, true
		}
	}
	return 0, false
}

// seqAt is the seq of the mark at a place: of those that are held, the one that
// lies there.
func (t *recent) seqAt(slot uint32) int64 {
	place := int64(slot&t.placeMask()) - 1
	seq := t.first - t.first%t.most + place
	if seq < t.first {
		seq += t.most
	}
	return seq
}

// slotsLeast is the size of the smallest table.
const slotsLeast = 16

// larger is the size of a table after one of that size: 16, 24, 32, 48 and so on, so
// that little of a table that has just grown is empty.
func larger(size int) int {
	if size&(size-1) == 0 {
		return size / 2 * 3
	}
	return size / 3 * 4
}

// crowded says that a table is too full for so many marks: it would take long to find
// an empty slot.
func crowded(used, size int) bool { return 4*used > 3*size }

func (s *shard) insert(t *recent, seq int64) {
	if crowded(s.used+1, len(s.slots)) {
		s.grow(t, max(slotsLeast, larger(len(s.slots))))
	}
	s.place(t, seq)
	s.used++
}

func (s *shard) place(t *recent, seq int64) {
	i := s.home(&t.at(seq).key)
	for s.slots[i] != 0 {
		i = s.after(i)
	}
	s.slots[i] = t.slotOf(seq)
}

func (s *shard) grow(t *recent, size int) {
	old := s.slots
	s.slots = make([]uint32, size)
	for _, slot := range old {
		if slot != 0 {
			s.place(t, t.seqAt(slot))
		}
	}
}

// remove closes the gap that it makes, so that no probe ends too early: what lies
// behind moves up unless that is before its home (Knuth, TAOCP 6.4, algorithm R).
func (s *shard) remove(t *recent, seq int64) {
	if s.used == 0 {
		return
	}
	want := t.slotOf(seq)
	gap := s.home(&t.at(seq).key)
	for s.slots[gap] != want {
		if s.slots[gap] == 0 {
			return // its key was found under an older seq
		}
		gap = s.after(gap)
	}
	for i := s.after(gap); s.slots[i] != 0; i = s.after(i) {
		home := s.home(&t.at(t.seqAt(s.slots[i])).key)
		if s.steps(home, i) >= s.steps(gap, i) {
			s.slots[gap], gap = s.slots[i], i
		}
	}
	s.slots[gap] = 0
	s.used--
}
