// Command shares says what the server's CPU time of each shape of load is made of. It runs the real program under
// `perf record`, so the kernel's work is in it, and gives each sample to one part by the functions in its stack.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/audit-archiver/archiver/bench/load"
	"github.com/audit-archiver/archiver/bench/page"
	"github.com/audit-archiver/archiver/bench/proc"
	"github.com/audit-archiver/archiver/bench/sidecar"
)

type options struct {
	load.Options
	dir, binary string
	updateDocs  bool
}

// column is one load that is looked at.
type column struct {
	name  string
	shape load.Shape
	seal  sidecar.Seal

	cpu    float64 // seconds per million events, until everything was done
	counts []int   // samples of each part
	all    int     // samples
}

func main() {
	var o options
	flag.DurationVar(&o.Seconds, "seconds", 15*time.Second, "how long each load takes")
	flag.DurationVar(&o.Warmup, "warmup", 2*time.Second, "load before each of them")
	flag.StringVar(&o.dir, "dir", "/var/tmp", "where the data lies while it runs; must be a real disk")
	flag.StringVar(&o.binary, "archiver", "", "program to measure; built from the work tree when empty")
	flag.BoolVar(&o.updateDocs, "update-docs", false, "also write the table into ../docs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "shares:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if _, err := exec.LookPath("perf"); err != nil {
		return fmt.Errorf("%w: install it (Debian: linux-perf)", err)
	}
	if err := proc.RefuseMemory(o.dir); err != nil {
		return err
	}
	if o.dir, err = os.MkdirTemp(o.dir, "archiver-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	if o.binary == "" {
		if o.binary, err = sidecar.Build(ctx, o.dir); err != nil {
			return err
		}
	}
	columns := []*column{
		{name: "64 x 1, archiving", shape: load.Single(), seal: sidecar.Every(5 * time.Second)},
		{name: "8 x 500", shape: load.Batch(), seal: sidecar.Never()},
		{name: "8 x 500, archiving", shape: load.Batch(), seal: sidecar.Every(5 * time.Second)},
	}
	for i, c := range columns {
		if err := c.measure(ctx, o, filepath.Join(o.dir, strconv.Itoa(i))); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	text := table(o, columns)
	fmt.Print(text)
	if o.updateDocs {
		return page.Replace("../docs/performance.md", "shares", []byte(text))
	}
	return nil
}

// measure loads a server of its own until everything is archived.
func (c *column) measure(ctx context.Context, o options, dir string) (err error) {
	server, err := sidecar.Dev(o.binary, dir, c.seal)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Kill()) }()
	stacks, m, err := record(ctx, dir+".perf", server.Pid(), func() (load.Measurement, error) { return load.Run(ctx, o.Options, server, c.shape) })
	if err != nil {
		return err
	}
	c.cpu = m.CPUSettled
	c.counts, c.all, err = split(stacks)
	return err
}

func table(o options, columns []*column) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s. %s. %s of load each, the machine otherwise idle.\n\n| ", time.Now().UTC().Format(time.DateOnly), page.Machine(), o.Seconds)
	for _, c := range columns {
		b.WriteString("| " + c.name + " ")
	}
	b.WriteString("|\n|" + strings.Repeat("---|", len(columns)+1) + "\n| CPU s per M ")
	for _, c := range columns {
		b.WriteString("| " + page.Number(c.cpu) + " ")
	}
	b.WriteString("|\n")
	for i, p := range parts {
		b.WriteString("| " + p.name + " ")
		for _, c := range columns {
			b.WriteString("| " + percent(c.counts[i], c.all) + " ")
		}
		b.WriteString("|\n")
	}
	return b.String()
}

func percent(part, all int) string {
	if 200*part < all {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(part)/float64(all))
}
