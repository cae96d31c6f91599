package buffer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
)

// model is recent, slowly.
type model struct {
	most  int
	marks []mark // of the seqs before next
	next  int64
	at    []int64
}

func (m *model) find(k [12]byte) (int64, bool) {
	for i := range m.marks {
		if m.marks[i].key == k {
			return m.next - int64(len(m.marks)-i), true
		}
	}
	return 0, false
}

// cut takes the marks from the n-th on back.
func (m *model) cut(n int) {
	m.next -= int64(len(m.marks) - n)
	m.marks, m.at = m.marks[:n], m.at[:n]
}

// expire forgets what the window forgot, which now holds so many marks, and demands that
// this was old, and nothing else is.
func (m *model) expire(t *testing.T, seed uint64, now, held int64) {
	t.Helper()
	gone := len(m.marks) - int(held)
	for i, at := range m.at {
		checkAge(t, seed, i, now-at, time.Hour, i < gone)
	}
	m.marks, m.at = m.marks[gone:], m.at[gone:]
}

// checkAge demands that a mark is known until it is so old, and forgotten at most
// instantGap later.
func checkAge(t *testing.T, seed uint64, i int, old int64, most time.Duration, forgotten bool) {
	t.Helper()
	if late := old - most.Milliseconds(); forgotten && late < 0 || !forgotten && late >= instantGap {
		t.Fatalf("seed %d: mark %d, received %d ms ago: forgotten %v", seed, i, old, forgotten)
	}
}

// crowded is the mark of one of 400 keys that begin in three places of one table.
func crowded(rnd *rand.Rand) mark {
	n := rnd.Uint64N(400)
	var m mark
	le.PutUint64(m.key[:], n%3*(1<<62))
	le.PutUint16(m.key[9:], uint16(n/3)) // some have the same tag
	m.key[11] = byte(n >> 8)
	m.print[0] = byte(rnd.Uint64N(2))
	return m
}

// paired is the mark of one of 400 keys that begin in the first or the last bucket of one
// table.
func paired(rnd *rand.Rand) mark {
	n := rnd.Uint64N(400)
	var m mark
	le.PutUint64(m.key[:], -(n % 2))
	m.key[8] = 0
	le.PutUint16(m.key[9:], uint16(n))
	return m
}

// scattered is the mark of one of 400 events.
func scattered(rnd *rand.Rand) mark {
	return markOf(&event.Event{ID: fmt.Sprint(rnd.IntN(400)), Fingerprint: rnd.Uint64N(2)})
}

// TestRecentAgainstModel: whatever is added in groups that are stored or refused, taken back
// and grows old, what is found is what a list would find.
func TestRecentAgainstModel(t *testing.T) {
	draws := []func(*rand.Rand) mark{scattered, crowded, paired}
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		draw := draws[seed%3]
		most := 1 + rnd.IntN(200)
		if seed%2 == 1 {
			most = 13 + rnd.IntN(18) // tables of two buckets and of three
		}
		first, group := rnd.Int64N(1000), 1+rnd.IntN(40)
		r, m := newRecent(int64(most), int64(group), time.Hour), &model{most: most, next: first}
		r.restart(first)
		now := int64(1_700_000_000_000)
		for range 300 {
			now += rnd.Int64N(200_000)
			r.expire(now)
			m.expire(t, seed, now, r.held())
			before := len(m.marks)
			for range 1 + rnd.IntN(group) {
				mk := draw(rnd)
				want, known := m.find(mk.key)
				if !known {
					want = m.next
					m.marks, m.at, m.next = append(m.marks, mk), append(m.at, now), m.next+1
				}
				seq, held, fresh := r.add(mk, now)
				if seq != want || fresh == known || held.key != mk.key || !fresh && held != m.marks[len(m.marks)-int(m.next-want)] {
					t.Fatalf("seed %d: got %d fresh %v, want %d known %v", seed, seq, fresh, want, known)
				}
			}
			if rnd.IntN(4) == 0 { // some of it is refused, or all
				m.cut(before + rnd.IntN(len(m.marks)-before+1))
				r.forget(m.next)
			}
			r.makeRoom(0)
			m.marks, m.at = m.marks[max(0, len(m.marks)-most):], m.at[max(0, len(m.at)-most):]
			if r.next != m.next || r.next-r.first != int64(len(m.marks)) {
				t.Fatalf("seed %d: [%d, %d), want %d before %d", seed, r.first, r.next, len(m.marks), m.next)
			}
		}
		r.forget(r.first)
		for i := range r.index {
			if s := &r.index[i]; s.used != 0 || slices.ContainsFunc(s.buckets, func(b bucket) bool { return b != bucket{} }) {
				t.Fatalf("seed %d: all are forgotten, and table %d holds %d: %v", seed, i, s.used, s.buckets)
			}
		}
	}
}

// TestEveryBucketWasPassed: in a small table it may come to be that marks went past every
// bucket, and looking for a key that is not there ends nevertheless.
func TestEveryBucketWasPassed(t *testing.T) {
	r, n := newRecent(22, 1, time.Hour), uint16(0)
	next := func(home uint64) mark { // of one table, in its bucket 0 or 1
		var m mark
		le.PutUint64(m.key[:], home<<63)
		le.PutUint16(m.key[9:], n)
		n++
		return m
	}
	for _, home := range []uint64{0, 1} { // what comes last is pushed on; the first go
		for range bucketSlots + 1 - home {
			r.add(next(home), 0)
			r.makeRoom(0)
		}
	}
	if b := r.index[0].buckets; len(b) != 2 || b[0][wentPast] == 0 || b[1][wentPast] == 0 {
		t.Fatalf("not every bucket was passed: %v", b)
	}
	for _, home := range []uint64{0, 1} {
		m := next(home)
		seq, _, fresh := r.add(m, 0)
		r.makeRoom(0)
		if !fresh {
			t.Errorf("a new key of bucket %d is known as %d", home, seq)
		}
		if got, _, fresh := r.add(m, 0); fresh || got != seq {
			t.Errorf("%d again: got %d, fresh %v", seq, got, fresh)
		}
	}
}

// TestQuietDayIsTold: while no event comes, ids that are too old are not said to be known.
// They are not forgotten either: who asks may do so while the clock is ahead for a moment.
func TestQuietDayIsTold(t *testing.T) {
	clock := newHands(time.UnixMilli(1_763_900_000_000))
	o := testOptions(crashfs.New(), "/wal")
	o.Now = clock.now
	r := start(t, o)
	r.mustAppend(t, testEvents(0, 10)...)
	clock.advance(24 * time.Hour)
	if s := r.Stats(); s.RecentIDs != 10 {
		t.Errorf("%d ids, want 10", s.RecentIDs)
	}
	clock.advance(time.Minute)
	if s := r.Stats(); s.RecentIDs != 0 || !s.RecentSince.IsZero() {
		t.Errorf("%d ids are said to be known since %v", s.RecentIDs, s.RecentSince)
	}
	clock.advance(-time.Hour)
	if seq := r.mustAppend(t, testEvent(3)); seq != 3 {
		t.Errorf("with the clock right again a retry is stored, as seq %d", seq)
	}
	r.mustHalt(t)
}

// TestQuietDay: when all ids are too old their memory is given back, and what comes then
// is found as ever.
func TestQuietDay(t *testing.T) {
	const n = 3 * ringPiece / 2
	r := newRecent(4*ringPiece, 0, time.Hour)
	marks := make([]mark, n)
	for i := range marks {
		e := testEvent(i)
		marks[i] = markOf(&e)
	}
	day := int64(24 * time.Hour / time.Millisecond)
	for now := day; now < 4*day; now += day {
		r.expire(now)
		for i, piece := range r.ring {
			if piece != nil {
				t.Errorf("day %d: piece %d of the window is held", now/day, i)
			}
		}
		for s := range r.index {
			if r.index[s].buckets != nil {
				t.Fatalf("day %d: a part of the index is held", now/day)
			}
		}
		for i := range marks {
			if _, _, fresh := r.add(marks[i], now); !fresh {
				t.Fatalf("day %d: mark %d is known", now/day, i)
			}
		}
		for i := range marks {
			if seq, _, fresh := r.add(marks[i], now); fresh || seq != r.first+int64(i) {
				t.Fatalf("day %d: mark %d is seq %d, fresh %v; want %d", now/day, i, seq, fresh, r.first+int64(i))
			}
		}
	}
}
