package buffer

import "math/bits"

// shard is a hash table from keys to places in the ring. It holds places only; the keys
// are in the ring. Many small tables instead of a big one, so that growing never makes
// everybody wait.
//
// A mark is put into the first bucket with room from its home on, and stays in it. When
// one goes, no other has to be moved nearer to its home, for which one would have to ask
// the ring where that is: a cache miss for each mark that is asked for. (Buckets with a
// count of what went past them are those of F14, Bronson and Shi,
// engineering.fb.com/2019/04/25/developer-tools/f14.)
type shard struct {
	buckets []bucket
	used    int
}

// bucket is a cache line: slots, filled from the front, and behind them how many marks
// went past it as it was full. Where none did, looking for a key ends. That may be nowhere:
// marks that are gone made room in a bucket that others had gone past, until each of a
// small table has such a count. So looking also ends when every bucket was seen.
//
// A slot is a tag and the place + 1; 0 is empty. The tag is what bits of the key there
// is room for beside the place, so that looking for a key that is not there, as nearly
// always, does not touch the ring.
type bucket [bucketSlots + 1]uint32

const (
	bucketSlots = 15
	bucketFill  = 12 // as many are in a bucket on average when the table grows: few have to go past it
	wentPast    = bucketSlots
)

func (t *recent) slotOf(seq int64) uint32 {
	return uint32(seq%t.places) + 1 | t.tagOf(&t.at(seq).key)
}

func (t *recent) tagOf(key *[12]byte) uint32 { return uint32(le.Uint16(key[9:])) << t.placeBits }

func (t *recent) placeMask() uint32 { return 1<<t.placeBits - 1 }

// seqAt is the seq of the mark at a place: of those that are held, the one that
// lies there.
func (t *recent) seqAt(slot uint32) int64 {
	place := int64(slot&t.placeMask()) - 1
	seq := t.first - t.first%t.places + place
	if seq < t.first {
		seq += t.places
	}
	return seq
}

// home is the bucket where looking for a key begins. The high half of a product spreads
// keys over any number of buckets, as a remainder does, without a division.
func (s *shard) home(key *[12]byte) int {
	high, _ := bits.Mul64(le.Uint64(key[:8]), uint64(len(s.buckets)))
	return int(high)
}

// after is the bucket after g; the first one comes after the last.
func (s *shard) after(g int) int {
	if g++; g < len(s.buckets) {
		return g
	}
	return 0
}

// touch reads what a look at a key begins with.
func (s *shard) touch(key *[12]byte) uint32 {
	if s.used == 0 {
		return 0
	}
	return s.buckets[s.home(key)][0]
}

func (s *shard) find(t *recent, key *[12]byte) (seq int64, ok bool) {
	if s.used == 0 {
		return 0, false
	}
	tag, mask := t.tagOf(key), t.placeMask()
	i := s.home(key)
	for range s.buckets {
		g := &s.buckets[i]
		for _, slot := range g[:bucketSlots] {
			if slot == 0 {
				break
			}
			if slot&^mask != tag {
				continue
			}
			if seq := t.seqAt(slot); t.at(seq).key == *key {
				return seq, true
			}
		}
		if g[wentPast] == 0 {
			break
		}
		i = s.after(i)
	}
	return 0, false
}

// bucketsFor is how many buckets a table for so many marks has: one, two, three, four, six,
// eight, twelve and so on, so that little of a table that has just grown is empty. It is
// never less than before.
func bucketsFor(marks, before int) int {
	n := max(1, before)
	for marks > bucketFill*n {
		switch {
		case n == 1:
			n = 2
		case n&(n-1) == 0:
			n = n / 2 * 3
		default:
			n = n / 3 * 4
		}
	}
	return n
}

func (s *shard) insert(t *recent, seq int64) {
	if n := bucketsFor(s.used+1, len(s.buckets)); n > len(s.buckets) {
		s.resize(t, n)
	}
	s.place(t, seq)
	s.used++
}

// place finds room, within one lap: a table has more slots than marks.
func (s *shard) place(t *recent, seq int64) {
	for i := s.home(&t.at(seq).key); ; i = s.after(i) {
		g := &s.buckets[i]
		for k, slot := range g[:bucketSlots] {
			if slot == 0 {
				g[k] = t.slotOf(seq)
				return
			}
		}
		g[wentPast]++
	}
}

func (s *shard) resize(t *recent, size int) {
	old := s.buckets
	s.buckets = make([]bucket, size)
	for i := range old {
		for _, slot := range old[i][:bucketSlots] {
			if slot == 0 {
				break
			}
			s.place(t, t.seqAt(slot))
		}
	}
}

// remove forgets where the mark of seq lies, if that is known: its key may be found
// under a newer seq instead.
func (s *shard) remove(t *recent, seq int64) {
	if s.used == 0 {
		return
	}
	home, want := s.home(&t.at(seq).key), t.slotOf(seq)
	i := home
	for range s.buckets {
		if s.buckets[i].remove(want) {
			for ; home != i; home = s.after(home) {
				s.buckets[home][wentPast]--
			}
			s.used--
			return
		}
		if s.buckets[i][wentPast] == 0 {
			return
		}
		i = s.after(i)
	}
}

// remove takes a slot out and moves the last one of the bucket to where it was.
func (b *bucket) remove(slot uint32) bool {
	at, last := -1, -1
	for k, have := range b[:bucketSlots] {
		if have == 0 {
			break
		}
		if last = k; have == slot {
			at = k
		}
	}
	if at < 0 {
		return false
	}
	b[at], b[last] = b[last], 0
	return true
}
