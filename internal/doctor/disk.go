package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/audit-archiver/archiver/internal/durable"
)

const (
	syncs     = 200     // enough for a p99, and less than a second on most disks
	syncBytes = 4 << 10 // a small group commit
	// syncSlow: every acknowledgement waits for one sync, or for two.
	syncSlow = 100 * time.Millisecond
	syncFile = "doctor.tmp"
)

// Disk measures what every acknowledgement waits for, in the folder of the WAL. It
// writes one file there and removes it.
func Disk(fsys durable.FS, dir string) []Check {
	synced := Check{Name: "fsync", Level: Must, Do: "put data_dir on a local disk that works"}
	quick := Check{Name: "fsync-latency", Level: Should, Do: "put data_dir on a faster disk: every acknowledgement waits for it"}
	local := localDisk(dir)
	took, err := measure(fsys, filepath.Join(dir, syncFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		why := "data_dir does not exist yet: serve makes it"
		synced.Level = Should
		return []Check{synced.unknown(why), quick.unknown(why), local}
	case errors.Is(err, durable.ErrSync):
		return []Check{synced.fails(err.Error()), quick.unknown(err.Error()), local}
	case err != nil:
		return []Check{synced.unknown(err.Error()), quick.unknown(err.Error()), local}
	}
	slices.Sort(took)
	p50, p99 := took[len(took)/2], took[len(took)*99/100]
	seen := fmt.Sprintf("fdatasync of %d KiB: p50 %s, p99 %s", syncBytes>>10, p50.Round(time.Microsecond), p99.Round(time.Microsecond))
	if p99 > syncSlow {
		quick = quick.fails(seen)
	} else {
		quick = quick.passes(seen)
	}
	return []Check{synced.passes(fmt.Sprintf("%d of %d succeeded", syncs, syncs)), quick, local}
}

// measure writes into a file that has its blocks already, as the WAL does.
func measure(fsys durable.FS, name string) (took []time.Duration, err error) {
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, f.Close(), fsys.Remove(name)) }()
	if _, err := f.WriteAt(make([]byte, syncs*syncBytes), 0); err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	if err := f.Sync(); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, durable.ErrSync, err)
	}
	block := make([]byte, syncBytes)
	for i := range block {
		block[i] = byte(i) // zeros might be left out
	}
	for i := range syncs {
		start := time.Now()
		if _, err := f.WriteAt(block, int64(i)*syncBytes); err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
		if err := f.Sync(); err != nil {
			return nil, fmt.Errorf("%s: %w: %w", name, durable.ErrSync, err)
		}
		took = append(took, time.Since(start))
	}
	return took, nil
}

// localDisk looks what kind of file system it is: on some of them a sync does not
// mean that the bytes outlive this machine, or even this boot.
func localDisk(dir string) Check {
	c := Check{Name: "local-disk", Level: Should, Do: "put data_dir on a local disk: fsync does not mean there what it has to mean"}
	kind, known, err := fileSystem(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.unknown("data_dir does not exist yet: serve makes it")
	case err != nil:
		return c.unknown(err.Error())
	case !known:
		return c.notApplicable("this system does not say what file system it is")
	case kind != "":
		return c.fails("data_dir is on " + kind)
	}
	return c.passes("data_dir is on no memory, network or user-space file system")
}
