//go:build linux

package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/audit-archiver/archiver/testenv/faults/strike"
)

// TestFaultA17OutOfMemory: the process is killed while it encodes a batch, and may
// have less memory than it would like when it comes back. It spools and commits
// the same batch within that: there is no loop of deaths.
func TestFaultA17OutOfMemory(t *testing.T) {
	need(t, short)
	const events, pad = 60, 20_000 // per request
	s := newSite(t)
	s.edit(t, "age: 200ms", "age: 1h\n  bytes: 64MiB")
	s.edit(t, "segment_bytes: 1MiB", "segment_bytes: 16MiB")
	v := s.start(t, how{plan: &strike.Plan{Calls: []string{strike.Write}, Path: s.data + "/spool", N: 3, Do: strike.KillBefore}})
	for range 60 { // 72 MB in the log
		if v.send(t, s.promise.InventNoise(events, pad)) != nil {
			break
		}
	}
	if code := v.ended(t); code != 128+int(syscall.SIGKILL) {
		t.Fatalf("it ended with code %d, want to see it killed while it encodes\n%s", code, v.log)
	}
	const most = 350 << 20 // of private writable memory: Go runtime, query engine and all
	again := s.launch(t, how{wrap: memoryLimit(t, most)})
	if err := again.listens(t); err != nil {
		t.Fatalf("%v\n%s", err, again.log)
	}
	again.again(t)
	await(t, "the batch is archived", func() (bool, string) {
		first := again.metric("archiver_wal_first_seq")
		return first != "" && first != "0", again.log.String()
	})
	again.stop(t)
	s.settle(t)
}

// memoryLimit is a command that runs another one with so much memory: in a cgroup
// of its own if version 2 is here and writable, by RLIMIT_DATA otherwise, where
// asking for more fails instead of killing.
func memoryLimit(t testing.TB, bytes int) []string {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		own, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok {
			continue
		}
		group := filepath.Join("/sys/fs/cgroup", own, fmt.Sprint("archiver-faults-", os.Getpid()))
		if os.Mkdir(group, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { _ = os.Remove(group) })
		if os.WriteFile(filepath.Join(group, "memory.max"), []byte(strconv.Itoa(bytes)), 0) == nil {
			return []string{"sh", "-c", `echo $$ > "` + group + `/cgroup.procs" && exec "$@"`, "sh"}
		}
	}
	t.Log("no writable memory.max of cgroup v2: RLIMIT_DATA instead")
	return []string{"prlimit", "--data=" + strconv.Itoa(bytes)}
}
