//go:build linux

package faults

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
)

// exhaust has idle connections take every file descriptor that the server may have, and
// more of them wait: they take what it gives back, which after a start is some, within a
// second. give ends them.
func exhaust(t *testing.T, v *server) (give func()) {
	t.Helper()
	pid := v.cmd.Process.Pid
	most := len(descriptors(t, pid)) + 20
	limit(t, pid, "--nofile="+strconv.Itoa(most))
	var idle []net.Conn
	for range 100 {
		c, err := net.Dial("tcp", strings.TrimPrefix(v.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	full := 0 // times, one after the other
	await(t, "no descriptor is left", func() (bool, string) {
		fds := len(descriptors(t, pid))
		if full++; fds < most {
			full = 0
		}
		return full == 150, fmt.Sprint(len(idle), " connections, ", fds, " of ", most, " descriptors")
	})
	return func() {
		for _, c := range idle {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func descriptors(t testing.TB, pid int) []os.DirEntry {
	t.Helper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return fds
}

// TestFaultA15NoDescriptors: idle connections take every file descriptor that the
// process may have. Who is connected is served, the log goes on, and so does
// everything else once they are gone.
func TestFaultA15NoDescriptors(t *testing.T) {
	need(t, short)
	s := newSite(t)
	s.edit(t, "age: 200ms", "age: 1h")
	v := s.start(t, how{})
	v.stored(t, 3) // this connection stays open
	give := exhaust(t, v)
	for range 5 {
		v.stored(t, 10)
	}
	give()
	v.stop(t) // seals and archives, for which it opens files and connections
	s.settle(t)
}

// TestFaultA15Rotation: meanwhile the log begins another segment, for which it opens
// nothing. The descriptor of the one before goes to the next spare, or to a connection
// that waits; then events are refused, until there are descriptors again.
func TestFaultA15Rotation(t *testing.T) {
	need(t, short)
	const segments = "/wal/0000000000000000000"
	s := newSite(t)
	s.edit(t, "age: 200ms", "age: 1h")
	v := s.start(t, how{})
	v.stored(t, 3) // this connection stays open
	has := func(parts ...string) bool {
		for _, f := range s.files(t, "wal") {
			found := true
			for _, part := range parts {
				found = found && strings.Contains(f, part)
			}
			if found {
				return true
			}
		}
		return false
	}
	await(t, "a spare segment is whole", func() (bool, string) {
		return has("/wal/spare-", " 1048576"), fmt.Sprint(s.files(t, "wal"))
	})
	give := exhaust(t, v)
	fill := func() error { return v.send(t, s.promise.InventNoise(20, 5000)) }
	for n := 0; !has(segments + "1.wal"); n++ {
		if err := fill(); err != nil {
			t.Fatalf("request %d, in the first segment or at its end: %v\n%s", n, err, v.log)
		}
	}
	var refused error
	for refused == nil && !has(segments+"2.wal") {
		refused = fill()
	}
	if refused != nil && statusOf(refused) != http.StatusServiceUnavailable {
		t.Fatalf("at the end of the second segment: %v\n%s", refused, v.log)
	}
	give()
	await(t, "events are taken again", func() (bool, string) {
		err := v.send(t, s.promise.Invent(1, 0))
		return err == nil, fmt.Sprint(err, "\n", v.log)
	})
	v.stop(t)
	s.settle(t)
}
