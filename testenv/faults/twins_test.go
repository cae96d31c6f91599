//go:build linux

package faults

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/testenv/chaos"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

// TestFaultA24Rollback: the data folder comes back from a backup that is older than
// what is archived. Nothing is overwritten in the bucket and nothing acknowledged
// is taken under seqs that are given already: the server refuses to start.
func TestFaultA24Rollback(t *testing.T) {
	need(t, short)
	s := newSite(t)
	v := s.start(t, how{})
	v.stored(t, 3)
	v.stop(t)
	backup := t.TempDir()
	copyFolder(t, s.data, backup)
	v = s.start(t, how{})
	v.stored(t, 4)
	v.stop(t)
	before := s.verify(t)

	newer := t.TempDir()
	copyFolder(t, s.data, newer)
	replaceFolder(t, backup, s.data)
	v = s.launch(t, how{})
	if v.listens(t) == nil {
		t.Error("it serves from a folder that is older than its bucket")
	}
	if code := v.ended(t); code != 1 || !strings.Contains(v.log.String(), "rolled back") && !strings.Contains(v.log.String(), "foreign") {
		t.Errorf("it ended with code %d and does not say why:\n%s", code, v.log)
	}
	if after := s.verify(t); after != before {
		t.Errorf("%d events in the bucket, %d before", after, before)
	}
	replaceFolder(t, newer, s.data)
	v = s.launch(t, how{}) // another inode: a start note
	if err := v.listens(t); err != nil {
		t.Fatalf("the folder that belongs to the bucket: %v\n%s", err, v.log)
	}
	v.stop(t)
	s.settle(t)
}

func copyFolder(t testing.TB, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from+"/.", to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func replaceFolder(t testing.TB, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	copyFolder(t, from, to)
}

// TestFaultA25Clone: a copy of the data folder runs beside the original. Who comes
// second to an index finds the other's commit there and stops; in the bucket is
// one history, and what the stopped one took is still in its log.
func TestFaultA25Clone(t *testing.T) {
	need(t, short)
	s := newSite(t)
	v := s.start(t, how{})
	v.stored(t, 3)
	v.stop(t)
	twin := s.clone(t)
	first, second := s.start(t, how{}), twin.start(t, how{})
	second.stored(t, 2)
	second.archived(t)
	first.stopsTaking(t)
	if code := first.endsStopped(t); code != 1 {
		t.Errorf("the first ended with code %d, want 1\n%s", code, first.log)
	}
	if !strings.Contains(first.log.String(), "foreign object under our key") {
		t.Errorf("it does not say why:\n%s", first.log)
	}
	second.stop(t)
	if stored := twin.verify(t); stored != 5 {
		t.Errorf("%d events in the bucket, want the 3 before and the 2 of the second", stored)
	}
	twin.settle(t)
	if kept := s.keeps(t, twin); kept == 0 {
		t.Error("the first took nothing that the second does not have: the test does not test what it should")
	}
	s.comesBack(t, twin)
}

// keeps demands that what this one has acknowledged, and its twin has never seen, is in
// its log. It returns how many events that are.
func (s *site) keeps(t *testing.T, twin *site) (events int) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.data, "wal", "0*.wal")) // not the spares
	if err != nil {
		t.Fatal(err)
	}
	var log []byte
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, raw...)
	}
	for e := range s.promise.Promised() {
		if _, err := twin.promise.Find(e.ID); err == nil {
			continue
		}
		if events++; !bytes.Contains(log, []byte(e.ID)) {
			t.Errorf("event %s was acknowledged, is not archived, and is not in the log", e.ID)
		}
	}
	return events
}

// comesBack gives one that has lost its stream a successor. It archives there what only
// it has.
func (s *site) comesBack(t *testing.T, twin *site) {
	t.Helper()
	s.must(t, "stream", "next")
	v := s.start(t, how{})
	v.again(t)
	v.taken(t, 1)
	v.stop(t)
	s.onceEach(t, twin)
}

// stopsTaking sends events until the server says that it takes no more for good.
func (v *server) stopsTaking(t *testing.T) {
	t.Helper()
	await(t, "it stops", func() (bool, string) {
		_ = v.send(t, v.site.promise.Invent(1, 0))
		_, text := v.readyz()
		return strings.Contains(text, "stopped"), text
	})
}

func (v *server) endsStopped(t *testing.T) int {
	t.Helper()
	v.signal(t, syscall.SIGTERM)
	return v.ended(t)
}

// TestFaultA26TwoProcesses: the second process on a folder is refused, and the
// first does not notice.
func TestFaultA26TwoProcesses(t *testing.T) {
	s := newSite(t)
	v := s.start(t, how{})
	v.stored(t, 2)
	second := s.launch(t, how{})
	if second.listens(t) == nil || second.ended(t) != 1 || !strings.Contains(second.log.String(), "locked by another process") {
		t.Errorf("the second says\n%s", second.log)
	}
	v.stored(t, 2)
	v.stop(t)
	s.settle(t)
}

// TestFaultA29TermWithoutBucket: SIGTERM with half a batch, sealed batches and no
// bucket: it refuses connections, or takes every request and says nothing. The process
// ends inside its grace; the next one archives it.
func TestFaultA29TermWithoutBucket(t *testing.T) {
	need(t, short)
	const grace = 30 * time.Second
	for name, begin := range map[string]func(*testing.T) (s *site, away func() (back func())){
		"refused": func(t *testing.T) (*site, func() func()) {
			s := newSite(t)
			return s, func() func() {
				s.gate.set(true)
				return func() { s.gate.set(false) }
			}
		},
		"silent": func(t *testing.T) (*site, func() func()) {
			s, p := newSiteBehindChaos(t, s3test.Embedded(t))
			return s, func() func() { return p.Until(chaos.Any, chaos.BlackHole) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, away := begin(t)
			v := s.start(t, how{})
			v.stored(t, 3)
			v.archived(t)
			back := away()
			v.stored(t, 4)
			await(t, "a batch is sealed", func() (bool, string) {
				return v.metric("archiver_wal_sealed_batches") == "1", v.log.String()
			})
			v.stored(t, 5)
			begun := time.Now()
			v.stop(t) // code 0: everything acknowledged is on the disk
			if took := time.Since(begun); took > grace {
				t.Errorf("it took %s to end", took)
			}
			back()
			s.settle(t)
		})
	}
}

// TestFaultA30Paused: the process is stopped by SIGSTOP while it has something to
// commit, a copy of its folder commits at its index, and SIGCONT lets it go on. It
// finds out before it commits anything. (archive.TestFaultA30Paused is the same
// with ten minutes between, on a fake clock, at every call to the bucket.)
func TestFaultA30Paused(t *testing.T) {
	need(t, short)
	s := newSite(t)
	s.edit(t, "age: 200ms", "age: 2s")
	v := s.start(t, how{})
	v.stored(t, 3)
	v.archived(t)
	v.stored(t, 2) // on disk, not sealed
	v.signal(t, syscall.SIGSTOP)
	twin := s.clone(t) // of a folder that is as if it had been killed
	second := twin.start(t, how{})
	second.archived(t)
	v.signal(t, syscall.SIGCONT)
	v.stopsTaking(t)
	if code := v.endsStopped(t); code != 1 {
		t.Errorf("it ended with code %d, want 1\n%s", code, v.log)
	}
	second.stop(t)
	twin.settle(t)
	s.keeps(t, twin)
	s.comesBack(t, twin)
}
