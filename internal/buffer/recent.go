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
// holds at most Options.RetryIDs of them, those of earlier logs included, none much older
// than Options.RetryAge, and always a contiguous range of seqs that ends where the log
// ends. While a group is being stored it holds the group's marks besides: nothing is
// forgotten for what may come to nothing.
//
// Memory: 20 bytes a mark, and 5 to 8 bytes of index; both grow with use. At the
// default of 4,194,304 ids, and 20,000 in a group, that is 105 MiB.
type recent struct {
	most   int64
	places int64 // in the ring: most, and those of a group
	age    time.Duration

	// mu: Run writes, Release and Stats read.
	mu          sync.Mutex
	first, next int64      // seqs of the marks that are held
	placeBits   int        // of a slot, see shard
	ring        [][]mark   // the mark of seq s is at s % places, in pieces of ringPiece
	index       [256]shard // by a byte of the key
	times       []instant  // oldest first; the first one covers first
	earlier     *earlier   // of the logs that this one continues; nil: none
	touched     uint32     // means nothing, see touch
	wanes       bool       // nothing is added any more: memory is given back as marks go
}

const ringPiece = 1 << 16

// instant says that events from seq on, up to those of the next instant, were received
// at or after that time, and less than instantGap after it.
type instant struct{ seq, received int64 }

// instantGap is how finely times are kept, in milliseconds: marks are forgotten up to that
// much after they were RetryAge old, and never before, also after restarts and rotations.
const instantGap = int64(time.Minute / time.Millisecond)

// newRecent is a window of at most so many marks, beside those of a group.
func newRecent(most, group int64, age time.Duration) *recent {
	if most <= 0 {
		return &recent{age: age}
	}
	places := most + group
	return &recent{most: most, places: places, age: age, placeBits: bits.Len64(uint64(places)), ring: make([][]mark, (places+ringPiece-1)/ringPiece)}
}

func (t *recent) at(seq int64) *mark {
	p := seq % t.places
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
	limit := t.limit(now)
	for len(t.times) > 0 && t.times[0].received <= limit {
		if len(t.times) == 1 { // at once: after a quiet day it is the whole window
			t.clear(t.next)
			return
		}
		for t.first < t.times[1].seq {
			t.dropFirst()
			if t.wanes {
				t.giveBack()
			}
		}
		t.times = t.times[1:]
	}
}

// limit is when an instant began that is forgotten at now: its last mark may be younger by
// as much as instantGap.
func (t *recent) limit(now int64) int64 { return now - t.age.Milliseconds() - instantGap }

// held is how many marks there are.
func (t *recent) held() int64 { return t.next - t.first }

// dropFirst forgets the oldest mark.
func (t *recent) dropFirst() {
	t.shard(t.first).remove(t, t.first)
	t.first++
}

// dropOldest is dropFirst for want of room, and not of age.
func (t *recent) dropOldest() {
	t.dropFirst()
	if len(t.times) > 1 && t.times[1].seq <= t.first {
		t.times = t.times[1:]
	}
}

// giveBack frees what nobody needs any more, now that the oldest mark has gone. The ring
// of what wanes was filled once, from its beginning on.
func (t *recent) giveBack() {
	s := t.shard(t.first - 1)
	if t.first%ringPiece == 0 || t.held() == 0 {
		t.ring[(t.first-1)/ringPiece] = nil
	}
	if 3*s.used > 2*bucketFill*len(s.buckets) {
		return
	}
	if n := bucketsFor(s.used, 1); n < len(s.buckets) {
		s.resize(t, n)
	}
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
	t.push(m, received)
	return t.next - 1, m, true
}

// touchedAtOnce is for how many marks memory is asked for at a time: what comes stays
// in the nearest cache until it is used.
const touchedAtOnce = 64

// touch asks for the memory that adding marks will need, all of it at once: the index
// and the ring are larger than any cache, and to wait for one place after the other was
// most of the work of an add. It changes nothing that counts. The caller holds mu.
func (t *recent) touch(marks []mark) {
	sum := t.touchKeys(marks)
	if t.earlier != nil {
		sum += t.earlier.ids.touchKeys(marks)
	}
	t.touched = sum // or the compiler would leave it all out
}

// touchKeys touches where marks are looked for.
func (t *recent) touchKeys(marks []mark) (sum uint32) {
	for i := range marks {
		sum += t.index[marks[i].key[8]].touch(&marks[i].key)
	}
	return sum
}

// touchOldest touches what forgetting so many marks will need.
func (t *recent) touchOldest(n int64) {
	sum := uint32(0)
	for seq := t.first; seq < t.first+n; seq++ {
		key := &t.at(seq).key
		sum += t.index[key[8]].touch(key)
	}
	t.touched = sum
}

// restore remembers the mark of the next seq as it was. An event that was stored again,
// when it was too old or out of the window, has two: the newer one is found, for the older
// one is the first to go. The caller holds mu.
func (t *recent) restore(m mark, received int64) {
	s := &t.index[m.key[8]]
	if seq, known := s.find(t, &m.key); known {
		s.remove(t, seq)
	}
	t.makeRoom(1)
	t.push(m, received)
}

func (t *recent) push(m mark, received int64) {
	if t.held() == t.places {
		panic("bug: a group is larger than the queue")
	}
	seq := t.next
	piece := &t.ring[seq%t.places/ringPiece]
	if *piece == nil {
		*piece = make([]mark, min(ringPiece, t.places))
	}
	*t.at(seq) = m
	t.next++
	t.index[m.key[8]].insert(t, seq)
	if n := len(t.times); n == 0 || received-t.times[n-1].received >= instantGap {
		t.times = append(t.times, instant{seq, received})
	}
}

// makeRoom forgets the oldest marks until the window has room for so many more: those of
// the earlier logs, as long as there are any. The caller holds mu.
func (t *recent) makeRoom(more int64) {
	over := t.held() + more - t.most
	if t.earlier != nil {
		over += t.earlier.ids.held()
		over -= t.earlier.ids.dropMost(over)
	}
	t.dropMost(over)
}

// dropMost forgets the oldest marks, as many as that if there are so many, and says how
// many it forgot.
func (t *recent) dropMost(marks int64) int64 {
	marks = max(0, min(marks, t.held()))
	for left := marks; left > 0; {
		n := min(left, touchedAtOnce)
		t.touchOldest(n)
		for range n {
			t.dropOldest()
			if t.wanes {
				t.giveBack()
			}
		}
		left -= n
	}
	return marks
}

// receivedFrom notes what a record says of the marks that are restored next. To count
// them to the instant before, as push does if that is near, would add its error to the
// error that the record has.
func (t *recent) receivedFrom(received int64) {
	if n := len(t.times); n == 0 || received > t.times[n-1].received {
		t.times = append(t.times, instant{t.next, received})
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

// expect makes room for so many marks that are about to be restored, but for no more
// than a full window has: tables that double again and again move each of them twice.
func (t *recent) expect(marks int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.index {
		s := &t.index[i]
		used := int(min(int64(s.used*len(t.index))+marks, t.most)) / len(t.index)
		if n := bucketsFor(used, len(s.buckets)); n > len(s.buckets) {
			s.resize(t, n)
		}
	}
}

// copyOut appends the first marks of [from, to) that are held to dst: as many as one
// record has, and of one instant, for a record has one time. It says where they begin,
// and that time. Without a mark there are no more.
func (t *recent) copyOut(dst []mark, from, to int64) (_ []mark, first, received int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	first = max(from, t.first)
	end := min(to, t.next, first+marksPiece)
	i, _ := slices.BinarySearchFunc(t.times, first, func(at instant, seq int64) int {
		if at.seq <= seq {
			return -1
		}
		return 1
	})
	if i > 0 {
		received = t.times[i-1].received
	}
	if i < len(t.times) {
		end = min(end, t.times[i].seq)
	}
	for seq := first; seq < end; seq++ {
		dst = append(dst, *t.at(seq))
	}
	return dst, first, received
}

// reach says how many ids an event would be compared with that came now, and since when
// they are there; zero when there are none. It forgets nothing, as a start does not: the
// clock may be ahead for a moment, in which no event comes.
func (t *recent) reach(now int64) (ids int64, since time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	limit := t.limit(now)
	i := slices.IndexFunc(t.times, func(at instant) bool { return at.received > limit })
	if i >= 0 && t.held() > 0 {
		ids, since = t.next-max(t.first, t.times[i].seq), time.UnixMilli(t.times[i].received).UTC()
	}
	if t.earlier != nil {
		if n, at := t.earlier.ids.reach(now); n > 0 {
			return n + ids, at
		}
	}
	return ids, since
}
