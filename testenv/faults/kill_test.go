//go:build linux

package faults

import (
	"testing"

	"github.com/audit-archiver/archiver/testenv/faults/strike"
)

// TestFaultA02KillAtEveryCall kills the server at the n-th sync, write, rename or
// unlink of a run, before the call and after it, for every n: in recovery, in the
// start, at an acknowledgement, at a seal, while spooling, in the journal, at a
// release. The runs go on with each other's folder, so that every recovery is
// killed too.
func TestFaultA02KillAtEveryCall(t *testing.T) {
	stride := map[level]int{smoke: 23, short: 9, all: 1}[levelOf(t)]
	for _, do := range []strike.Action{strike.KillBefore, strike.KillAfter} {
		t.Run(string(do), func(t *testing.T) {
			s, struck := newSite(t), map[string]int{}
			n := stride
			for ; s.runAndDie(t, n, do, struck); n += stride {
				if t.Failed() {
					t.Fatalf("killed at call %d", n)
				}
			}
			if n < 60 || stride == 1 && len(struck) < 5 {
				t.Errorf("runs of %d calls, killed at %v: the script does not do what it should", n, struck)
			}
			t.Logf("%d calls in a run, killed at %v", n, struck)
			s.settle(t)
		})
	}
}

// runAndDie is one run that dies at the n-th call, or not if it has fewer.
func (s *site) runAndDie(t *testing.T, n int, do strike.Action, struck map[string]int) bool {
	t.Helper()
	v := s.launch(t, how{plan: &strike.Plan{Path: s.data, N: n, Do: do}})
	defer v.kill(t)
	if v.listens(t) != nil {
		return v.died(t, struck)
	}
	for _, body := range s.promise.takeUnanswered() {
		if v.send(t, body) != nil {
			return v.died(t, struck)
		}
	}
	for round := range 3 {
		for range 4 {
			if v.send(t, s.promise.Invent(1+round*20, 0)) != nil {
				return v.died(t, struck)
			}
		}
		if !v.drains(t) {
			return v.died(t, struck)
		}
	}
	v.stop(t)
	return false
}

// died demands that the server was killed, and not that it gave up. It counts the
// system call that it was killed at.
func (v *server) died(t *testing.T, struck map[string]int) bool {
	t.Helper()
	const killed = 128 + 9
	if code := v.ended(t); code != killed {
		t.Fatalf("it ended with code %d, want to see it killed\n%s", code, v.log)
	}
	for _, h := range v.struck(t) {
		struck[h.Call]++
	}
	return true
}
