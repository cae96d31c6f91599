//go:build linux

package faults

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/audit-archiver/archiver/testenv/faults/strike"
)

// fillUp sends events until the server says that there is no room, and demands that
// it says so properly.
func (v *server) fillUp(t testing.TB, pad int) {
	t.Helper()
	for range 10_000 {
		err := v.send(t, v.site.promise.Invent(10, pad))
		if err == nil {
			continue
		}
		if statusOf(err) != http.StatusServiceUnavailable || !strings.Contains(err.Error(), "problem:full") {
			t.Fatalf("want 503 and the problem full, got %v\n%s", err, v.log)
		}
		return
	}
	t.Fatal("it is never full: the test does not test what it should")
}

// TestFaultA10DiskFull: a disk of a few segments fills up while the bucket is away.
// What does not fit is refused and nothing of it stored; when the bucket is back
// the server goes on by itself.
func TestFaultA10DiskFull(t *testing.T) {
	s := newSite(t)
	d := tmpfs(t, "8m")
	s.moveTo(t, d.dir)
	v := s.start(t, how{})
	v.stored(t, 3)
	s.gate.set(true)
	v.fillUp(t, 20_000)
	if status, text := v.readyz(); status != http.StatusServiceUnavailable || !strings.Contains(text, "disk") {
		t.Errorf("a full disk: /readyz says %d %s", status, text)
	}
	s.gate.set(false)
	await(t, "it takes events again", func() (bool, string) {
		err := v.send(t, s.promise.Invent(1, 0))
		return err == nil, v.log.String()
	})
	v.again(t)
	v.archived(t)
	v.stop(t)
	d.grow(t) // for the answer of the query
	s.settle(t)
}

// TestFaultA10ShortRecord: the write of a record stops in its middle, with ENOSPC
// and without. It was not acknowledged and is not there; the server ends, because
// it does not know what is on its disk, and the next one goes on.
func TestFaultA10ShortRecord(t *testing.T) {
	for name, errno := range map[string]syscall.Errno{"ENOSPC": syscall.ENOSPC, "EIO": syscall.EIO} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.edit(t, "age: 200ms", "age: 1h")
			// The first write is cut in half, the one for the rest refused.
			v := s.start(t, how{wait: true, plan: &strike.Plan{Calls: []string{strike.Write}, Path: s.data + "/wal/0",
				N: 1, Every: true, Do: strike.Shorten, Errno: errno}})
			v.stored(t, 3)
			v.arm(t)
			if status := statusOf(v.send(t, s.promise.Invent(20, 1000))); status != http.StatusServiceUnavailable {
				t.Errorf("status %d, want 503", status)
			}
			if code := v.ended(t); code != 1 {
				t.Errorf("it ended with code %d, want 1\n%s", code, v.log)
			}
			if len(v.struck(t)) != 2 {
				t.Errorf("%d writes, want one that is short and one that fails", len(v.struck(t)))
			}
			s.settle(t)
		})
	}
}

// TestFaultA11SpoolFull: there is room for the log, but not for a batch as Parquet
// beside it. Nothing is lost or let go, and the batches before it still go out, so
// that there is room in the end.
func TestFaultA11SpoolFull(t *testing.T) {
	need(t, short)
	d := tmpfs(t, "12m")
	s := newSite(t)
	s.moveTo(t, d.dir)
	v := s.start(t, how{})
	v.stored(t, 3)
	v.archived(t)
	s.gate.set(true)
	var filler string
	for i := range 8 { // more batches than are spooled ahead, of different sizes
		v.noise(t, 5+10*i, 8_000)
		if i == 3 {
			await(t, "these are spooled", func() (bool, string) {
				plans, err := filepath.Glob(filepath.Join(s.data, "spool", "*", "plan.json"))
				return len(plans) == 4, fmt.Sprint(plans, err)
			})
			filler = d.fill(t, 300_000)
		}
	}
	before := v.metric("archiver_wal_first_seq")
	await(t, "the spool meets the full disk", func() (bool, string) {
		return strings.Contains(v.log.String(), "no space left"), v.log.String()
	})
	if now := v.metric("archiver_wal_first_seq"); now != before {
		t.Errorf("the log began with seq %s and now with %s, without a bucket", before, now)
	}
	s.gate.set(false)
	v.archived(t)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	v.again(t)
	v.stop(t)
	s.settle(t)
}

// noise sends one batch of events that do not compress, and waits for its seal. A
// full disk may refuse it.
func (v *server) noise(t testing.TB, n, pad int) {
	t.Helper()
	if err := v.send(t, v.site.promise.InventNoise(n, pad)); err != nil && statusOf(err) != http.StatusServiceUnavailable {
		t.Fatal(err)
	}
	await(t, "it is sealed", func() (bool, string) {
		return v.metric("archiver_wal_open_rows") == "0", v.log.String()
	})
}

// TestFaultA12FullAtStart: there is no room when the server comes back, and it has
// a torn record to put aside. It says what is wrong, or goes on; it deletes nothing.
func TestFaultA12FullAtStart(t *testing.T) {
	need(t, short)
	d := tmpfs(t, "16m")
	s := newSite(t)
	s.moveTo(t, d.dir)
	s.gate.set(false)
	v := s.start(t, how{})
	v.stored(t, 3)
	v.archived(t)
	s.gate.set(true)
	v.stored(t, 5)
	v.kill(t)
	s.tear(t)
	before := contents(t, s.data)
	filler := d.fill(t, 0)
	again := s.launch(t, how{})
	if again.listens(t) == nil {
		t.Error("it serves without room for what it has to put aside")
	}
	if code := again.ended(t); code != 1 || !strings.Contains(again.log.String(), "no space left") {
		t.Errorf("it ended with code %d and does not say why:\n%s", code, again.log)
	}
	kept(t, s.data, before)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	s.gate.set(false)
	s.settle(t)
}

// tear writes the beginning of a record behind the last one.
func (s *site) tear(t testing.TB) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.data, "wal", "0*.wal"))
	if err != nil || len(names) == 0 {
		t.Fatal(err, names)
	}
	name := names[len(names)-1]
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	end := len(raw)
	for end > 0 && raw[end-1] == 0 {
		end--
	}
	const sector = 512
	end = (end + sector - 1) / sector * sector
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(strings.Repeat("torn", 300)), int64(end)); err != nil {
		t.Fatal(err)
	}
}

// TestFaultA13Reserve: somebody else fills the disk. The server refuses before the
// disk is full, says so, and takes events again when there is space.
func TestFaultA13Reserve(t *testing.T) {
	need(t, short)
	d := tmpfs(t, "40m")
	s := newSite(t)
	s.edit(t, "reserve_bytes: 0", "reserve_bytes: 16MiB")
	s.moveTo(t, d.dir)
	v := s.start(t, how{})
	v.stored(t, 3)
	filler := d.fill(t, 15<<20)
	await(t, "it is not ready", func() (bool, string) {
		status, text := v.readyz()
		return status == http.StatusServiceUnavailable && strings.Contains(text, "reserved"), text
	})
	if status := statusOf(v.send(t, s.promise.Invent(1, 0))); status != http.StatusServiceUnavailable {
		t.Errorf("below the reserve: status %d", status)
	}
	if _, err := v.call(t.Context(), http.MethodPost, "/v1/events", []byte("{not json")); statusOf(err) != http.StatusServiceUnavailable {
		t.Errorf("below the reserve something is decoded: %v", err)
	}
	v.archived(t) // what was taken is archived all the same
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	await(t, "it is ready again", func() (bool, string) {
		status, text := v.readyz()
		return status == http.StatusOK, text
	})
	v.again(t)
	v.stored(t, 1)
	v.stop(t)
	s.settle(t)
}

// TestFaultA16FileSize: no file may grow, or be written, beyond a limit that is set
// while the server runs. That is a write error like any other.
func TestFaultA16FileSize(t *testing.T) {
	need(t, short)
	s := newSite(t)
	s.edit(t, "age: 200ms", "age: 1h")
	v := s.start(t, how{})
	v.stored(t, 3)
	limit(t, v.cmd.Process.Pid, "--fsize=4096")
	if status := statusOf(v.send(t, s.promise.Invent(20, 1000))); status != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", status)
	}
	if code := v.ended(t); code != 1 || !strings.Contains(v.log.String(), "file too large") {
		t.Errorf("it ended with code %d, and says\n%s", code, v.log)
	}
	s.settle(t)
}

// limit sets a resource limit of a running process.
func limit(t testing.TB, pid int, args ...string) {
	t.Helper()
	args = append([]string{"--pid", strconv.Itoa(pid)}, args...)
	if out, err := exec.Command("prlimit", args...).CombinedOutput(); err != nil {
		lacks(t, "prlimit: "+string(out))
	}
}
