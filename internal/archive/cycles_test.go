package archive

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/audit-archiver/archiver/testenv/proc"
)

// TestCyclesAreFlat seals, archives and releases one batch after the other, and wants
// as many open files and as many files in the log at the end as after a few. CYCLES
// says how often; `make cycles` says 10,000.
func TestCyclesAreFlat(t *testing.T) {
	cycles := 120
	if text := os.Getenv("CYCLES"); text != "" {
		cycles = must(strconv.Atoi(text))
	}
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		proc.Missing(t, "open files cannot be counted without /proc: %v", err)
	}
	w := newWorld(t)
	p := must(w.start())
	count := func() (open, log, spool int) {
		return entries(t, "/proc/self/fd"), entries(t, filepath.Join(w.dir, "wal")), entries(t, filepath.Join(w.dir, "spool"))
	}
	const settled = 50 // by then segments were used again and the handles of readers are full
	var openThen, logThen int
	for i := range cycles {
		if err := p.send(w.events(1)...); err != nil {
			t.Fatal(err)
		}
		if err := p.drain(); err != nil {
			t.Fatal(err)
		}
		open, log, spool := count()
		switch {
		case i == settled:
			openThen, logThen = open, log
		case i > settled && (open > openThen+2 || log > logThen+1 || spool > 1):
			t.Fatalf("cycle %d: %d open files, %d in the log, %d batches in the spool; after %d cycles %d and %d", i, open, log, spool, settled, openThen, logThen)
		}
		if i%max(cycles/10, 1) == 0 || i == cycles-1 {
			t.Logf("cycle %6d: %d open files, %d in the log, %d batches in the spool", i, open, log, spool)
		}
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
}

func entries(t *testing.T, dir string) int {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return len(names)
}
