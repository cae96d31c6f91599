package buffer

import (
	"crypto/sha256"
	"math/bits"
	"slices"
	"sync"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
)

// mark is what is remembered of an event: enough to recognise it when it is sent
// again. Its seq follows from where the mark is kept.
type mark struct {
	key   [12]byte // of SHA-256 over producer and id: nobody finds two with one key
	print [8]byte  // event.Event.Fingerprint, little-endian; as bytes, so that a mark has no padding
}

// markBytes is how much one mark takes, here and in a file.
const markBytes = 20

func markOf(e *event.Event) mark {
	var room [320]byte
	p := le.AppendUint32(room[:0], uint32(len(e.Producer)))
	p = append(append(p, e.Producer...), e.ID...)
	sum := sha256.Sum256(p)
	m := mark{key: [12]byte(sum[:12])}
	le.PutUint64(m.print[:], e.Fingerprint)
	return m
}

// recent remembers the marks of the last events, so that a retry is recognised. It
// holds at most Options.RetryIDs of them, none older than Options.RetryAge, and
// always a contiguous range of seqs that ends where the log ends.
//
// Memory: 20 bytes a mark, and 5 to 11 bytes of index; both grow with use. At the
// default of 4,194,304 ids that is at most 124 MiB.
type recent struct {
	most int64
	age  time.Duration

	// mu: Run writes, Release and Stats read.
	mu          sync.Mutex
	first, next int64      // seqs of the marks that are held
	placeBits   int        // of a slot, see shard
	ring        [][]mark   // the mark of seq s is at s % most, in pieces of ringPiece
	index       [256]shard // by a byte of the key
	times       []instant  // oldest first; the first one covers first
	earlier     *earlier   // of the logs that this one continues; nil: none
	touched     uint32     // means nothing, see touch
}

const ringPiece = 1 << 16

// instant says that events from seq on were received at or after that time.
type instant struct{ seq, received int64 }

// instantGap is how finely times are kept, in milliseconds: marks are forgotten up
// to that much before they are RetryAge old.
const instantGap = int64(time.Minute / time.Millisecond)

func newRecent(most int64, age time.Duration) *recent {
	most = max(most, 0)
	return &recent{most: most, age: age, placeBits: bits.Len64(uint64(most)), ring: make([][]mark, (most+ringPiece-1)/ringPiece)}
}

func (t *recent) at(seq int64) *mark {
	p := seq % t.most
	return &t.ring[p/ringPiece][p%ringPiece]
}

// restart forgets everything; the next mark is that of seq.
func (t *recent) restart(seq int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clear(seq)
}

// clear is restart with mu held. It gives the memory back.
func (t *recent) clear(seq int64) {
	t.first, t.next, t.times = seq, seq, nil
	clear(t.index[:])
	clear(t.ring)
}

// expire forgets what is too old at now, in Unix milliseconds.
func (t *recent) expire(now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.earlier != nil {
		t.earlier.ids.expire(now)
	}
	limit := now - t.age.Milliseconds()
	for len(t.times) > 0 && t.times[0].received <= limit {
		if len(t.times) == 1 { // at once: after a quiet day it is the whole window
			t.clear(t.next)
			return
		}
		for t.first < t.times[1].seq {
			t.dropFirst()
		}
		t.times = t.times[1:]
	}
}

// dropFirst forgets the oldest mark.
func (t *recent) dropFirst() {
	t.shard(t.first).remove(t, t.first)
	t.first++
}

func (t *recent) shard(seq int64) *shard { return &t.index[t.at(seq).key[8]] }

// add remembers the mark of the next seq, unless one with its key is there: then
// it returns the seq and the mark of that one. The caller holds mu.
func (t *recent) add(m mark, received int64) (seq int64, held mark, fresh bool) {
	if t.most == 0 {
		t.first, t.next = t.next+1, t.next+1
		return t.next - 1, m, true
	}
	if seq, ok := t.index[m.key[8]].find(t, &m.key); ok {
		return seq, *t.at(seq), false
	}
	if t.earlier != nil {
		if seq, held, ok := t.earlier.find(&m.key); ok {
			return seq, held, false
		}
	}
	t.push(m, received, true)
	return t.next - 1, m, true
}

// touchedAtOnce is for how many marks memory is asked for at a time: what comes stays
// in the nearest cache until it is used.
const touchedAtOnce = 64

// touch asks for the memory that adding marks will need, all of it at once: the index
// and the ring are larger than any cache, and to wait for one place after the other was
// most of the work of an add. It changes nothing that counts. The caller holds mu.
func (t *recent) touch(marks []mark) {
	if t.most == 0 {
		return
	}
	sum := uint32(0)
	for i := range marks {
		sum += t.index[marks[i].key[8]].touch(&marks[i].key)
	}
	// What has to go for them: the neighbours in the index move up, and are looked at.
	for seq := t.first; seq < min(t.next+int64(len(marks))-t.most, t.next); seq++ {
		key := &t.at(seq).key
		s := &t.index[key[8]]
		if len(s.slots) == 0 {
			continue
		}
		for i, n := s.home(key), 0; n < 4 && s.slots[i] != 0; i, n = (i+1)&(len(s.slots)-1), n+1 {
			sum += uint32(t.at(t.seqAt(s.slots[i])).key[0])
		}
	}
	t.touched = sum // or the compiler would leave it all out
}

func (s *shard) touch(key *[12]byte) uint32 {
	if len(s.slots) == 0 {
		return 0
	}
	return s.slots[s.home(key)]
}

// restore remembers the mark of the next seq as it was. If another one has its key,
// as in a log that was written with a smaller window, the older one is found. The
// caller holds mu.
func (t *recent) restore(m mark, received int64) {
	_, known := t.index[m.key[8]].find(t, &m.key)
	t.push(m, received, !known)
}

func (t *recent) push(m mark, received int64, findable bool) {
	if t.next-t.first == t.most {
		t.dropFirst()
		if len(t.times) > 1 && t.times[1].seq <= t.first {
			t.times = t.times[1:]
		}
	}
	seq := t.next
	piece := &t.ring[seq%t.most/ringPiece]
	if *piece == nil {
		*piece = make([]mark, min(ringPiece, t.most))
	}
	*t.at(seq) = m
	t.next++
	if findable {
		t.index[m.key[8]].insert(t, seq)
	}
	if n := len(t.times); n == 0 || received-t.times[n-1].received >= instantGap {
		t.times = append(t.times, instant{seq, received})
	}
}

// forget takes the marks from seq on back: their events were not stored. The caller
// holds mu.
func (t *recent) forget(seq int64) {
	for t.next > max(seq, t.first) {
		t.next--
		if t.most > 0 {
			t.shard(t.next).remove(t, t.next)
		}
	}
	t.first, t.next = min(t.first, seq), seq
	for n := len(t.times); n > 0 && t.times[n-1].seq >= seq; n-- {
		t.times = t.times[:n-1]
	}
}

// copyOut appends the marks of [from, to) that are held to dst, and says where
// they begin and when the first one was received at the latest.
func (t *recent) copyOut(dst []mark, from, to int64) (_ []mark, first, received int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	first = max(from, t.first)
	for seq := first; seq < min(to, t.next); seq++ {
		dst = append(dst, *t.at(seq))
	}
	i, _ := slices.BinarySearchFunc(t.times, first, func(at instant, seq int64) int {
		if at.seq <= seq {
			return -1
		}
		return 1
	})
	if i > 0 {
		received = t.times[i-1].received
	}
	return dst, first, received
}

// reach says how many ids are remembered, and since when; zero when there are none.
func (t *recent) reach() (ids int64, since time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.times) > 0 && t.next > t.first {
		since = time.UnixMilli(t.times[0].received).UTC()
	}
	if t.earlier != nil {
		if n, at := t.earlier.ids.reach(); n > 0 {
			return n + t.next - t.first, at
		}
	}
	return t.next - t.first, since
}

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

func (s *shard) home(key *[12]byte) int { return int(le.Uint64(key[:8]) & uint64(len(s.slots)-1)) }

func (s *shard) find(t *recent, key *[12]byte) (seq int64, ok bool) {
	if s.used == 0 {
		return 0, false
	}
	tag, mask := t.tagOf(key), t.placeMask()
	for i := s.home(key); s.slots[i] != 0; i = (i + 1) & (len(s.slots) - 1) {
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

// expect makes room for so many marks that are about to be restored, but for no more
// than a full window has: tables that double again and again move each of them twice.
func (t *recent) expect(marks int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.index {
		s := &t.index[i]
		used := int(min(int64(s.used*len(t.index))+marks, t.most)) / len(t.index)
		size := max(slotsLeast, len(s.slots))
		for 4*used > 3*size {
			size *= 2
		}
		if size > len(s.slots) {
			s.grow(t, size)
		}
	}
}

func (s *shard) insert(t *recent, seq int64) {
	if 4*(s.used+1) > 3*len(s.slots) {
		s.grow(t, max(slotsLeast, 2*len(s.slots)))
	}
	s.place(t, seq)
	s.used++
}

func (s *shard) place(t *recent, seq int64) {
	i := s.home(&t.at(seq).key)
	for s.slots[i] != 0 {
		i = (i + 1) & (len(s.slots) - 1)
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
	mask := len(s.slots) - 1
	want := t.slotOf(seq)
	gap := s.home(&t.at(seq).key)
	for s.slots[gap] != want {
		if s.slots[gap] == 0 {
			return // its key was found under an older seq
		}
		gap = (gap + 1) & mask
	}
	for i := (gap + 1) & mask; s.slots[i] != 0; i = (i + 1) & mask {
		home := s.home(&t.at(t.seqAt(s.slots[i])).key)
		if (i-home)&mask >= (i-gap)&mask {
			s.slots[gap], gap = s.slots[i], i
		}
	}
	s.slots[gap] = 0
	s.used--
}
