// Command ledger measures what share of the CPU time of batch ingest is work for the ledger, and what share is work
// for receipts. It runs BenchmarkBatches of ../cmd/archiver, the whole program in one process with batches over HTTP
// until everything is archived, and reads its CPU profile. There is no program without a ledger to compare with.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/audit-archiver/archiver/bench/page"
)

type options struct {
	requests   int
	updateDocs bool
}

// loads are the sub-benchmarks, and the names of the load in the table.
var loads = []struct{ bench, name string }{
	{"events$", "batches"},
	{`events\?receipt=1$`, "batches, each with a receipt"},
}

func main() {
	var o options
	flag.IntVar(&o.requests, "requests", 6000, "`number` of requests with 500 events each")
	flag.BoolVar(&o.updateDocs, "update-docs", false, "also write the table into ../docs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "ledger:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "archiver-ledger-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var table strings.Builder
	fmt.Fprintf(&table, "%s. %s. %s requests of 500 events.\n\n", time.Now().UTC().Format(time.DateOnly), page.Machine(), page.Count(int64(o.requests)))
	table.WriteString("| load | server's CPU s per M | ledger | receipts |\n|---|---|---|---|\n")
	for _, load := range loads {
		profile, err := measure(ctx, dir, load.bench, o.requests)
		if err != nil {
			return fmt.Errorf("%s: %w", load.name, err)
		}
		s := split(profile)
		if s.server() == 0 {
			return fmt.Errorf("%s: no sample of the server in the profile", load.name)
		}
		fmt.Fprintf(&table, "| %s | %.1f | %.1f %% | %.1f %% |\n", load.name,
			s.server().Seconds()/float64(o.requests*500)*1e6, percent(s[ofLedger], s.server()), percent(s[ofReceipts], s.server()))
	}
	fmt.Print(table.String())
	if o.updateDocs {
		return page.Replace("../docs/performance.md", "ledger", []byte(table.String()))
	}
	return nil
}

func percent(part, of time.Duration) float64 { return 100 * part.Seconds() / of.Seconds() }

// measure runs one sub-benchmark and returns the stacks of its profile as text.
func measure(ctx context.Context, dir, bench string, requests int) ([]byte, error) {
	profile, binary := filepath.Join(dir, "cpu"), filepath.Join(dir, "test")
	test := exec.CommandContext(ctx, "go", "test", "./cmd/archiver", "-run", "^$", "-bench", "Batches/"+bench, "-benchtime", fmt.Sprintf("%dx", requests),
		"-cpuprofile", profile, "-o", binary)
	test.Dir, test.Stdout, test.Stderr = "..", os.Stderr, os.Stderr
	if err := test.Run(); err != nil {
		return nil, err
	}
	traces := exec.CommandContext(ctx, "go", "tool", "pprof", "-traces", binary, profile)
	var said bytes.Buffer
	traces.Stderr = &said
	out, err := traces.Output()
	if err != nil {
		return nil, fmt.Errorf("pprof: %w: %s", err, said.Bytes())
	}
	return out, nil
}
