package clients_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// life is one process from its start to its end: the ids that it printed, each
// after the client had accepted the event.
type life struct {
	actor string
	ids   []string
}

// witness is what the test saw while everything was killed.
type witness struct {
	lives       []life
	longOutages int // of the sidecar: each may have made one record of each life fail that was stored
}

// row of the archive.
type row struct {
	id, actor string
	seq       int64
}

// recordEvery is how often a killapp records instead of enqueues.
const recordEvery = 50

// judge compares what was accepted with what is archived, and returns every
// broken promise.
func judge(seen witness, archived []row) []string {
	var broken []string
	complain := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }

	seq := make(map[string]int64, len(archived))
	for _, r := range archived {
		if other, twice := seq[r.id]; twice {
			complain("event %s of %s is there twice, as seq %d and %d", r.id, r.actor, other, r.seq)
			continue
		}
		seq[r.id] = r.seq
	}
	accepted := make(map[string]bool)
	endings := make(map[string]int)
	for i, l := range seen.lives {
		endings[l.actor]++
		var order []int64
		for _, id := range l.ids {
			if accepted[id] {
				complain("%s accepted event %s twice", l.actor, id)
			}
			accepted[id] = true
			at, there := seq[id]
			if !there {
				complain("event %s of %s was accepted and is lost", id, l.actor)
			}
			order = append(order, at)
		}
		if seen.longOutages == 0 && !ordered(order) {
			complain("life %d, of %s: its events are not in the order of enqueue", i, l.actor)
		}
	}
	// A kill may come after the event was accepted and before its id was printed.
	unprinted := make(map[string]int)
	for _, r := range archived {
		if !accepted[r.id] {
			unprinted[r.actor]++
		}
	}
	for actor, n := range unprinted {
		if n > endings[actor]+seen.longOutages {
			complain("%d events of %s were never accepted; it ended %d times", n, actor, endings[actor])
		}
	}
	return broken
}

// ordered reports whether seqs only grow, but for every 50th, which was recorded
// and so overtook what waited in the spool: the first or the last of each 50. A
// record that failed was not printed, and those after it are elsewhere.
func ordered(seqs []int64) bool {
	for _, recorded := range []int{0, recordEvery - 1} {
		var enqueued []int64
		for i, s := range seqs {
			if i%recordEvery != recorded {
				enqueued = append(enqueued, s)
			}
		}
		if slices.IsSorted(enqueued) {
			return true
		}
	}
	return false
}

func TestTheJudgeCanFail(t *testing.T) {
	lives := []life{{"a", nil}, {"a", nil}, {"b", nil}}
	var archived []row
	for i := range 300 {
		l := &lives[i%3]
		id := fmt.Sprint("event ", i)
		l.ids = append(l.ids, id)
		archived = append(archived, row{id, l.actor, int64(i)})
	}
	late := slices.Clone(archived)
	late[3*49].seq, late[3*99].seq = 10_000, 0 // recorded, out of order
	inFlight := append(slices.Clone(archived), row{"x", "a", 300}, row{"y", "a", 301}, row{"z", "b", 302})
	for name, good := range map[string][]row{"plain": archived, "recorded": late, "in flight": inFlight} {
		if broken := judge(witness{lives: lives}, good); broken != nil {
			t.Errorf("%s: %q", name, broken)
		}
	}

	swapped := slices.Clone(archived)
	swapped[30].seq, swapped[60].seq = swapped[60].seq, swapped[30].seq
	for name, tt := range map[string]struct {
		lives    []life
		archived []row
		want     string
	}{
		"lost":              {lives, archived[1:], "event 0 of a was accepted and is lost"},
		"the last one lost": {lives, archived[:299], "event 299 of b was accepted and is lost"},
		"twice":             {lives, append(slices.Clone(archived), row{"event 5", "b", 300}), "event 5 of b is there twice"},
		"too many":          {lives, append(slices.Clone(inFlight), row{"w", "b", 303}), "2 events of b were never accepted; it ended 1 times"},
		"of a stranger":     {lives, append(slices.Clone(archived), row{"w", "c", 303}), "1 events of c were never accepted"},
		"out of order":      {lives, swapped, "not in the order of enqueue"},
		"accepted twice":    {append(lives, life{"b", []string{"event 2"}}), archived, "accepted event event 2 twice"},
	} {
		if got := strings.Join(judge(witness{lives: tt.lives}, tt.archived), "; "); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
