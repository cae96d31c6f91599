package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/testenv/promise"
)

// devArgs are those of startDev, for starts that must fail.
func devArgs(dir string, more ...string) []string {
	return append([]string{"dev", "--dir", dir, "--listen", "127.0.0.1:0", "--s3-listen", "127.0.0.1:0", "--athena-listen", "127.0.0.1:0", "--json"}, more...)
}

func TestDevRefusesForeignFolders(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, exitUsage, devArgs(dir)...).wants(t, "thesis.txt")
	run(t, exitUsage, devArgs("")...).wants(t, "--dir")
	run(t, exitFailure, devArgs(filepath.Join(dir, "thesis.txt"))...).wants(t, "thesis.txt")
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestSecondDevLeavesTheFirstAlone: the folder's S3 endpoint, its configuration and
// its data go on as if nobody had tried.
func TestSecondDevLeavesTheFirstAlone(t *testing.T) {
	dir := t.TempDir()
	d := startDev(t, dir, "--seal-age", "200ms")
	config, err := os.ReadFile(d.Config)
	if err != nil {
		t.Fatal(err)
	}
	run(t, exitFailure, devArgs(dir)...).wants(t, "locked by another process", fmt.Sprint("pid ", d.cmd.Process.Pid))
	if after, err := os.ReadFile(d.Config); err != nil || !bytes.Equal(after, config) {
		t.Errorf("archiver.yaml is now %s, %v", after, err)
	}
	d.stored(t, some(2)...)
	d.waitArchived(t)
	if n := d.queryBucket(t, countSQL).one(t); n != "2" {
		t.Errorf("%s rows", n)
	}
	d.stop(t)
}

// TestDevInOddFolders: names that shells, YAML and URLs take apart.
func TestDevInOddFolders(t *testing.T) {
	base := t.TempDir()
	if err := os.Mkdir(filepath.Join(base, "real"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(base, "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"with space é", `it's "q" #x: {y}`, "${HOME}$$", "link", "not/yet/there", strings.Repeat("long", 50)} {
		t.Run(name[:min(len(name), 20)], func(t *testing.T) {
			dir := filepath.Join(base, name)
			for round := range 2 {
				d := startDev(t, dir, "--seal-age", "200ms")
				d.stored(t, some(1)...)
				d.waitArchived(t)
				if n := d.queryBucket(t, countSQL).one(t); n != fmt.Sprint(round+1) {
					t.Errorf("start %d: %s rows in the bucket", round, n)
				}
				d.stop(t)
			}
		})
	}
}

// TestDevChanges: what people do to a folder between two starts.
func TestDevChanges(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "dev")
	d := startDev(t, dir)
	d.stored(t, some(5)...)
	d.stop(t)

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	run(t, exitFailure, devArgs(dir, "--listen", taken.Addr().String())...).wants(t, "address already in use", taken.Addr().String())
	run(t, exitFailure, devArgs(dir, "--s3-listen", taken.Addr().String())...).wants(t, "address already in use", taken.Addr().String())
	run(t, exitUsage, devArgs(dir, "--listen", "0.0.0.0:0")...).wants(t, "loopback")

	config := filepath.Join(dir, "archiver.yaml")
	good, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	for bad, says := range map[string]string{
		"nonsense: 1\n":         "nonsense",
		"data_dir: elsewhere\n": "data_dir", // twice
		"  :\t[\n":              "archiver.yaml",
	} {
		if err := os.WriteFile(config, append(bytes.Clone(good), bad...), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, exitUsage, devArgs(dir)...).wants(t, says, "line ")
	}
	commented := append([]byte("# mine\n"), bytes.Replace(good, []byte("heartbeat: 1h0m0s"), []byte("heartbeat: 2h"), 1)...)
	if err := os.WriteFile(config, commented, 0o600); err != nil {
		t.Fatal(err)
	}
	d = startDev(t, dir) // on other ports
	if after, err := os.ReadFile(config); err != nil || !bytes.Contains(after, []byte("heartbeat: 2h")) {
		t.Errorf("the setting that was changed is lost: %s, %v", after, err)
	}
	if n := d.queryBucket(t, countSQL).one(t); n != "5" {
		t.Errorf("%s rows after the changes", n)
	}
	d.stop(t)

	if err := os.Remove(filepath.Join(dir, "credentials")); err != nil {
		t.Fatal(err)
	}
	d = startDev(t, dir) // with new ones, as the message about broken ones promises
	if n := d.queryBucket(t, countSQL).one(t); n != "5" {
		t.Errorf("%s rows with new credentials", n)
	}
	d.stop(t)
}

// TestFirstStartIsKilled kills the very first start at another instant each time.
// The next start must need no help.
func TestFirstStartIsKilled(t *testing.T) {
	base := t.TempDir()
	for i := range 16 {
		dir := filepath.Join(base, fmt.Sprint(i))
		cmd := exec.Command(binary, devArgs(dir)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// From the first file to the last is about a tenth of a second.
		waitFor(t, filepath.Join(dir, []string{"lock", "root.key", "s3/data/audit", "node/wal"}[i%4]))
		if d := time.Duration(i/4) * 3 * time.Millisecond; d > 0 {
			<-time.After(d)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		var left []string
		_ = filepath.WalkDir(dir, func(name string, _ fs.DirEntry, _ error) error {
			left = append(left, strings.TrimPrefix(name, dir))
			return nil
		})
		d := startDev(t, dir)
		d.stored(t, some(1)...)
		d.stop(t)
		if t.Failed() {
			t.Fatalf("start %d, killed with %v", i, left)
		}
	}
}

func waitFor(t *testing.T, name string) {
	t.Helper()
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		if _, err := os.Lstat(name); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s does not appear", name)
		}
	}
}

// TestStopUnderLoad: SIGTERM while clients post. What was acknowledged is in the
// bucket when the process has ended, and the WAL is empty.
func TestStopUnderLoad(t *testing.T) {
	dir := t.TempDir()
	book := promise.New(time.Time{})
	for round := range 3 {
		d := startDev(t, dir, "--seal-age", "1h")
		if first, next := d.metric(t, "archiver_wal_first_seq"), d.metric(t, "archiver_wal_next_seq"); first != next {
			t.Errorf("round %d: the WAL holds [%s, %s) after an orderly end", round, first, next)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var load sync.WaitGroup
		for range clients {
			load.Go(func() { d.load(ctx, t, book, nil) })
		}
		<-time.After(300 * time.Millisecond)
		begun := time.Now()
		d.stop(t)
		if took := time.Since(begun); took > 25*time.Second {
			t.Errorf("round %d: it took %s to end", round, took)
		}
		cancel()
		load.Wait()
	}
	d := startDev(t, dir)
	check(t, "from the bucket", book, rowsOf("--config", d.Config))
	d.stop(t)
	if book.Acked() == 0 {
		t.Error("no load")
	}
}

// TestStopsAtOnce: a signal right after the first line must not be lost.
func TestStopsAtOnce(t *testing.T) {
	dir := t.TempDir()
	for range 5 {
		d := startDev(t, dir)
		d.stop(t)
	}
	// A second signal ends a process that has something to wait for, or is too late.
	d := startDev(t, dir)
	for range 2 {
		if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
	}
	_ = d.ended(t) // by the signal, or in order: both are fine
}

// TestDevFolderMoves: everything in the folder is relative to it.
func TestDevFolderMoves(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "before")
	d := startDev(t, dir)
	d.stored(t, some(1)...)
	d.stop(t)
	moved := filepath.Join(t.TempDir(), "after")
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	d = startDev(t, moved)
	if n := d.query(t, countSQL).one(t); n != "1" {
		t.Errorf("%s events after the move, want 1", n)
	}
	if n := d.queryBucket(t, countSQL).one(t); n != "1" {
		t.Errorf("%s events in the bucket after the move, want 1", n)
	}
	d.stop(t)
}
