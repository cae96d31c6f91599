// Command verify measures how long `archiver verify` takes: of an archive with many small commits and of one with
// few large ones, a first run, one that finds nothing new, and one over everything again.
//
// The archives are written straight into the bucket of `archiver dev`, signed and chained like any other, with files
// of real rows. That bucket's process works on the same machine meanwhile.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/audit-archiver/archiver/bench/page"
	"github.com/audit-archiver/archiver/bench/proc"
	"github.com/audit-archiver/archiver/bench/sidecar"
)

type options struct {
	shapes     []shape
	dir        string
	binary     string
	updateDocs bool
}

// shape is one archive.
type shape struct {
	commits int
	rows    int // of each commit
}

func main() {
	o, err := parseFlags()
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "verify:", err)
		os.Exit(1)
	}
}

func parseFlags() (options, error) {
	var o options
	shapes := flag.String("shapes", "10000x200,20x250000", "archives, as commits x events of each, comma-separated")
	flag.StringVar(&o.dir, "dir", "/var/tmp", "where the data lies while it runs; must be a real disk")
	flag.StringVar(&o.binary, "archiver", "", "program to measure; built from the work tree when empty")
	flag.BoolVar(&o.updateDocs, "update-docs", false, "also write the table into ../docs")
	flag.Parse()
	if flag.NArg() > 0 {
		return o, errors.New("see -help for the flags")
	}
	for word := range strings.SplitSeq(*shapes, ",") {
		var s shape
		if n, err := fmt.Sscanf(word, "%dx%d", &s.commits, &s.rows); n != 2 || err != nil || s.commits < 1 || s.rows < 1 {
			return o, fmt.Errorf("-shapes: %q is not commits x events, such as 100x5000", word)
		}
		o.shapes = append(o.shapes, s)
	}
	return o, nil
}

func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp(o.dir, "archiver-verify-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if o.binary == "" {
		if o.binary, err = sidecar.Build(ctx, dir); err != nil {
			return err
		}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%s. %s.\n\n", time.Now().UTC().Format(time.DateOnly), page.Machine())
	table.WriteString("| commits | events | run | seconds | events/s | CPU s | peak MB | commits read before |\n|---|---|---|---|---|---|---|---|\n")
	for i, s := range o.shapes {
		if err := measure(ctx, o.binary, filepath.Join(dir, fmt.Sprint(i)), s, &table); err != nil {
			return err
		}
	}
	fmt.Print(table.String())
	if o.updateDocs {
		return page.Replace("../docs/performance.md", "verify", []byte(table.String()))
	}
	return nil
}

// measure makes one archive and verifies it.
func measure(ctx context.Context, binary, dir string, s shape, table *strings.Builder) (err error) {
	dev, err := sidecar.Dev(binary, dir, sidecar.Every(time.Hour))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dev.Stop(), os.RemoveAll(dir)) }()
	a, err := sidecar.OpenArchive(ctx, dev)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := build(ctx, a, s); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d commits of %d events made in %s\n", s.commits, s.rows, time.Since(begun).Round(time.Second))
	config, state := filepath.Join(dir, "verify.yaml"), filepath.Join(dir, "verify-state")
	if err := a.Configure(config, dev); err != nil {
		return err
	}
	for _, r := range []struct {
		name string
		args []string
	}{{"first", nil}, {"nothing new", nil}, {"--full", []string{"--full"}}} {
		args := append([]string{"verify", "--config", config, "--state", state, "--levels", "1-3", "--json"}, r.args...)
		took, err := verify(ctx, binary, args)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		rate := "-"
		if took.rows > 0 {
			rate = page.Number(float64(took.rows) / took.wall.Seconds())
		}
		fmt.Fprintf(table, "| %s | %s | %s | %.1f | %s | %.1f | %s | %s |\n", page.Count(int64(s.commits)), page.Count(int64(s.commits)*int64(s.rows)),
			r.name, took.wall.Seconds(), rate, took.cpu.Seconds(), page.Number(float64(took.peak)/1e6), page.Count(took.reused))
	}
	return nil
}

// took is what a run took.
type took struct {
	wall, cpu    time.Duration
	peak         int64 // bytes
	rows, reused int64
}

func verify(ctx context.Context, binary string, args []string) (took, error) {
	cmd := exec.CommandContext(ctx, binary, args...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return took{}, err
	}
	// The resource usage of a child knows the peak of its parent too: watch its own.
	var t took
	ended := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { t.peak = peak(cmd.Process.Pid, ended) })
	err := cmd.Wait()
	t.wall = time.Since(begun)
	close(ended)
	watch.Wait()
	if err != nil {
		return t, fmt.Errorf("%w: %s %s", err, log.String(), out.String())
	}
	t.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	var report struct {
		Result string
		Levels []struct{ Rows, Reused int64 }
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		return t, err
	}
	if report.Result != "OK" {
		return t, fmt.Errorf("result is %s: %s", report.Result, out.String())
	}
	t.rows, t.reused = report.Levels[3].Rows, report.Levels[3].Reused
	return t, nil
}

// peak is the most memory that a process had, as long as it was there.
func peak(pid int, ended <-chan struct{}) (bytes int64) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if n, err := proc.Status(pid, "VmHWM"); err == nil {
			bytes = max(bytes, n)
		}
		select {
		case <-ended:
			return bytes
		case <-tick.C:
		}
	}
}
