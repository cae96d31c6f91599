//go:build linux

package faults

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/audit-archiver/archiver/testenv/faults/strike"
)

// TestFaultA07FsyncEIO: the sync of an acknowledgement fails once, and would
// succeed if it were asked again. Nobody is told 200, the process ends, and that
// file is not synced again.
func TestFaultA07FsyncEIO(t *testing.T) {
	s := newSite(t, "heartbeat: 1h")
	s.edit(t, "age: 200ms", "age: 1h")
	v := s.start(t, how{wait: true, plan: &strike.Plan{Calls: []string{strike.Sync}, Path: s.data + "/wal/0",
		N: 1, Do: strike.Refuse, Errno: syscall.EIO}})
	v.stored(t, 3)
	v.arm(t)
	err := v.send(t, s.promise.Invent(2, 0))
	if status := statusOf(err); status != http.StatusServiceUnavailable {
		t.Errorf("over a failed sync: %v, want a 503", err)
	}
	v.failedSync(t)
	s.settle(t)
}

// TestFaultA08FolderEIO: the same for the sync of a folder, of each that matters.
func TestFaultA08FolderEIO(t *testing.T) {
	for _, folder := range []string{"wal", "ledger"} {
		t.Run(folder, func(t *testing.T) {
			s := newSite(t)
			dir := s.data + "/" + folder
			v := s.start(t, how{wait: true, plan: &strike.Plan{Calls: []string{strike.Sync}, Path: dir, Not: dir + "/",
				N: 1, Do: strike.Refuse, Errno: syscall.EIO}})
			v.stored(t, 3)
			v.arm(t)
			// Sealed, spooled, journaled, released: each syncs folders.
			_ = v.send(t, s.promise.Invent(2, 0)) // 200 or 503: it is synced before the folder
			v.failedSync(t)
			s.settle(t)
		})
	}
	// What is in the spool is made again from the log, so there it is no reason to end.
	t.Run("spool", func(t *testing.T) {
		s := newSite(t)
		dir := s.data + "/spool"
		v := s.start(t, how{wait: true, plan: &strike.Plan{Calls: []string{strike.Sync}, Path: dir,
			N: 1, Do: strike.Refuse, Errno: syscall.EIO}})
		v.arm(t)
		v.stored(t, 5)
		v.archived(t)
		if len(v.struck(t)) != 1 {
			t.Error("no sync failed: the test does not test what it should")
		}
		v.stop(t)
		s.settle(t)
	})
}

// failedSync demands that the server ends with an error after the one sync that
// strike refused, without having synced that file or folder again.
func (v *server) failedSync(t *testing.T) {
	t.Helper()
	if code := v.ended(t); code != 1 {
		t.Errorf("it ended with code %d, want 1\n%s", code, v.log)
	}
	hits := v.struck(t)
	if len(hits) != 1 {
		t.Fatalf("%d syncs failed, want 1: the test does not test what it should", len(hits))
	}
	for _, h := range v.calls(t) {
		if h.Path == hits[0].Path && h.N > hits[0].N {
			t.Errorf("%s was synced again after a failed sync", h.Path)
		}
	}
}

// TestFaultA09WriteBack: the disk takes what is written and loses it while
// writing it back, and only a sync hears of it. Everything acknowledged is there
// when the disk is replaced.
func TestFaultA09WriteBack(t *testing.T) {
	need(t, short)
	d := ext4(t, "64m", "9m")
	s := newSite(t)
	s.moveTo(t, d.dir)
	v := s.start(t, how{})
	s.gate.set(true) // so that the log grows
	for {
		if err := v.send(t, s.promise.Invent(10, 20_000)); err != nil {
			t.Logf("refused: %v", err)
			break
		}
	}
	if code := v.ended(t); code != 1 {
		t.Errorf("it ended with code %d, want 1\n%s", code, v.log)
	}
	if !strings.Contains(v.log.String(), "sync") {
		t.Errorf("it does not say that a sync failed:\n%s", v.log)
	}
	s.gate.set(false)
	d.repair(t)
	s.settle(t)
}

// TestFaultA14ReadOnly: the file system becomes read-only under the server, as
// ext4 does when it finds an error.
func TestFaultA14ReadOnly(t *testing.T) {
	need(t, short)
	d := ext4(t, "64m", "80m")
	s := newSite(t)
	s.moveTo(t, d.dir)
	v := s.start(t, how{})
	v.stored(t, 3)
	v.archived(t)
	v.stored(t, 2)
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(d.loop), "trigger_fs_error")
	if err := os.WriteFile(trigger, []byte("test"), 0); err != nil {
		lacks(t, "no way to make the file system read-only: "+err.Error())
	}
	if err := os.WriteFile(filepath.Join(d.dir, "probe"), nil, 0o600); err == nil {
		t.Fatal("the file system is not read-only: the test does not test what it should")
	}
	if status := statusOf(v.send(t, s.promise.Invent(1, 0))); status != http.StatusServiceUnavailable && status != 0 {
		t.Errorf("status %d, want 503 or a server that is gone", status)
	}
	if code := v.ended(t); code != 1 {
		t.Errorf("it ended with code %d, want 1\n%s", code, v.log)
	}
	before := contents(t, s.data)
	again := s.launch(t, how{})
	if err := again.listens(t); err == nil {
		t.Error("it serves from a read-only disk")
	} else if again.ended(t) != 1 || !strings.Contains(again.log.String(), "read-only") {
		t.Errorf("it does not say what is wrong:\n%s", again.log)
	}
	kept(t, s.data, before)
	d.repair(t)
	s.settle(t)
}
