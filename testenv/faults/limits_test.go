//go:build linux

package faults

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestFaultA27SlowDisk: every sync takes two seconds. Clients wait for it and share
// it, what waits is bounded, and the others are told 503 at once.
func TestFaultA27SlowDisk(t *testing.T) {
	need(t, short)
	if _, err := exec.LookPath("strace"); err != nil {
		lacks(t, "strace is not installed")
	}
	s := newSite(t)
	s.edit(t, "age: 200ms", "age: 1h")
	s.edit(t, "  reserve_bytes: 0", "  reserve_bytes: 0\n  queue_events: 100\nlimits: {request_events: 50}")
	v := s.start(t, how{wrap: []string{"strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null",
		"-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=2000000"}})
	var clients sync.WaitGroup
	var mu sync.Mutex
	answers := make(map[int]int)
	for range 40 {
		clients.Go(func() {
			err := v.send(t, s.promise.Invent(10, 0))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				answers[http.StatusOK]++
			} else {
				answers[statusOf(err)]++
			}
		})
	}
	clients.Wait()
	t.Logf("answers: %v", answers)
	if answers[200] == 0 || answers[503] == 0 || answers[200]+answers[503] != 40 {
		t.Errorf("40 requests of 10 events on a disk that takes 2 s, with room for 100 in the queue: %v", answers)
	}
	v.kill(t)
	s.settle(t)
}

// TestFaultA32Backlog: many small batches wait while the bucket is away. Memory and
// descriptors are bounded, and they drain oldest first.
func TestFaultA32Backlog(t *testing.T) {
	need(t, short)
	batches := map[level]int{short: 300, all: 5000}[levelOf(t)]
	s := newSite(t)
	s.edit(t, "age: 200ms", "age: 1h\n  rows: 1")
	v := s.start(t, how{})
	v.stored(t, 1)
	v.archived(t)
	s.gate.set(true)
	v.stored(t, 1)
	fds, memory := len(descriptors(t, v.cmd.Process.Pid)), v.memory(t)
	var clients sync.WaitGroup
	for client := range 8 {
		clients.Go(func() {
			for range (batches + client) / 8 {
				if err := v.send(t, s.promise.Invent(1, 0)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	clients.Wait()
	waiting, err := strconv.Atoi(v.metric("archiver_wal_sealed_batches"))
	if err != nil || waiting < batches*9/10 {
		t.Errorf("%d batches wait, %v: want about %d", waiting, err, batches)
	}
	s.gate.set(false)
	most, mostFDs := 0, 0
	v.drained(t, func() {
		most, mostFDs = max(most, v.memory(t)), max(mostFDs, len(descriptors(t, v.cmd.Process.Pid)))
	})
	t.Logf("%d batches; memory %d KiB before, at most %d; descriptors %d before, at most %d", waiting, memory, most, fds, mostFDs)
	if most > memory+100<<10 || mostFDs > fds+30 {
		t.Errorf("memory went from %d to %d KiB, descriptors from %d to %d", memory, most, fds, mostFDs)
	}
	v.stop(t)
	s.settle(t)
}

// memory is the resident memory of the server, in KiB.
func (v *server) memory(t testing.TB) int {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kib
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
