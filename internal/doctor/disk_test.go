package doctor_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/audit-archiver/archiver/internal/doctor"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/testenv/proc"
)

func results(checks []doctor.Check) (all []string) {
	for _, c := range checks {
		all = append(all, c.Name+" "+string(c.Result))
	}
	return all
}

func TestDisk(t *testing.T) {
	dir := t.TempDir()
	got := doctor.Disk(durable.OS(), dir)
	if got[0].Result != doctor.Pass || got[1].Result == doctor.CouldNotLook {
		t.Errorf("%+v", got)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	want := []string{"fsync could_not_look", "fsync-latency could_not_look", "local-disk could_not_look"}
	missing := doctor.Disk(durable.OS(), filepath.Join(dir, "none"))
	if !slices.Equal(results(missing), want) {
		t.Errorf("no folder: %+v", missing)
	}
	if err := (doctor.Report{Checks: missing}).Err(); err != nil {
		t.Errorf("a folder that serve will make is an error: %v", err)
	}
}

func TestMemoryIsNoDisk(t *testing.T) {
	const dir = "/dev/shm"
	if _, err := os.Stat(dir); err != nil {
		proc.Missing(t, "this system has no /dev/shm: %v", err)
	}
	mine, err := os.MkdirTemp(dir, "doctor-")
	if err != nil {
		proc.Missing(t, "cannot write to /dev/shm: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(mine) })
	if got := results(doctor.Disk(durable.OS(), mine)); !slices.Contains(got, "local-disk fail") {
		t.Errorf("%s: %q", mine, got)
	}
}

// A disk whose sync fails is no disk for a WAL.
func TestBrokenDisk(t *testing.T) {
	checks := doctor.Disk(brokenFS{durable.OS()}, t.TempDir())
	if checks[0].Result != doctor.Fail || !errors.Is((doctor.Report{Checks: checks}).Err(), doctor.ErrUnfit) {
		t.Errorf("%+v", checks)
	}
}

type brokenFS struct{ durable.FS }

func (f brokenFS) OpenFile(name string, flag int, perm os.FileMode) (durable.File, error) {
	file, err := f.FS.OpenFile(name, flag, perm)
	return brokenFile{file}, err
}

type brokenFile struct{ durable.File }

func (brokenFile) Sync() error { return errors.New("input/output error") }
