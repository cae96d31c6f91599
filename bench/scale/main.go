// Command scale measures whether taking and archiving an event costs more when there is much in the archive already,
// and when many processes write into one bucket.
//
// History up to -real events is loaded as real events; what is above is signed commits without their files, which
// is what a writer and a reader of the ledger could be slowed down by. The S3 endpoint is that of `archiver dev`, so
// its CPU time is part of the figures, and its listing is that of a folder on a disk, not Amazon's.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
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
	histories  []int64
	perCommit  int64
	real       int64
	streams    []int64
	age        time.Duration
	dir        string
	results    string
	binary     string
	updateDocs bool
}

func main() {
	o, err := parseFlags()
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func parseFlags() (options, error) {
	var o options
	flag.DurationVar(&o.Seconds, "seconds", 20*time.Second, "how long each measurement takes")
	flag.DurationVar(&o.Warmup, "warmup", 2*time.Second, "load before each measurement")
	histories := flag.String("events", "0,10M,100M", "events in the archive before, comma-separated; empty: do not measure that")
	perCommit := flag.String("per-commit", "10k", "events of one synthetic commit: 10k is what 11 events/s are in 15 minutes")
	real := flag.String("real", "10M", "up to so many events are real ones")
	streams := flag.String("streams", "1,4,16", "processes that write into one bucket, comma-separated; empty: do not measure that")
	flag.DurationVar(&o.age, "seal-age", 2*time.Second, "after which a batch is sealed")
	flag.StringVar(&o.dir, "dir", "/var/tmp", "where the data lies while it runs; must be a real disk")
	flag.StringVar(&o.results, "results", "results", "folder of the results")
	flag.StringVar(&o.binary, "archiver", "", "program to measure; built from the work tree when empty")
	flag.BoolVar(&o.updateDocs, "update-docs", false, "also write the table into ../docs")
	flag.Parse()
	if flag.NArg() > 0 || o.Seconds <= 0 || o.Warmup < 0 || o.age <= 0 {
		return o, errors.New("see -help for the flags")
	}
	var err1, err2, err3, err4 error
	o.histories, err1 = counts(*histories)
	o.streams, err2 = counts(*streams)
	o.perCommit, err3 = count(*perCommit)
	o.real, err4 = count(*real)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return o, err
	}
	if o.perCommit < 1 {
		return o, errors.New("-per-commit must be at least 1")
	}
	return o, nil
}

func counts(list string) ([]int64, error) {
	var all []int64
	for word := range strings.SplitSeq(list, ",") {
		if word == "" {
			continue
		}
		n, err := count(word)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

// count reads numbers such as 10k and 100M.
func count(word string) (int64, error) {
	digits, factor := word, int64(1)
	switch {
	case strings.HasSuffix(word, "k"):
		digits, factor = word[:len(word)-1], 1e3
	case strings.HasSuffix(word, "M"):
		digits, factor = word[:len(word)-1], 1e6
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > 1e12/factor {
		return 0, fmt.Errorf("%q is not a number such as 0, 10k or 100M", word)
	}
	return n * factor, nil
}

// written is one line of the results.
type written struct {
	load.Measurement
	Events       int64 // in the archive before
	Commits      int64
	Streams      int64
	Start        float64 // seconds until the server was ready
	ArchiveMean  float64 // seconds from the start of the upload of a batch to its confirmed commit
	LedgerCold   float64 // seconds to read all of the ledger
	LedgerAgain  float64 // and again, when nothing is new
	LedgerMB     float64 // memory that the reader of it has then
	QuerySeconds float64 // the first query about today
}

// results is what is kept.
type results struct {
	At        time.Time
	Machine   string
	Options   string
	Histories []written
	Streams   []written
}

func run(ctx context.Context, o options) (err error) {
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
	r := results{At: time.Now().UTC().Truncate(time.Second), Machine: page.Machine(),
		Options: fmt.Sprintf("Batches of 500 events for %v after %v of warm-up; sealed after %v", o.Seconds, o.Warmup, o.age)}
	for _, n := range o.histories {
		w, err := withHistory(ctx, o, n)
		if err != nil {
			return fmt.Errorf("with %d events: %w", n, err)
		}
		fmt.Fprintf(os.Stderr, "%12d events, %6d commits: %s\n", n, w.Commits, w)
		r.Histories = append(r.Histories, w)
	}
	for _, n := range o.streams {
		w, err := withStreams(ctx, o, n)
		if err != nil {
			return fmt.Errorf("%d streams: %w", n, err)
		}
		fmt.Fprintf(os.Stderr, "%4d streams: %s\n", n, w)
		r.Streams = append(r.Streams, w)
	}
	return r.write(o)
}

func (r *results) write(o options) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text := r.markdown()
	name := filepath.Join(o.results, r.At.Format("20060102T150405Z")+"-scale")
	err = errors.Join(os.MkdirAll(o.results, 0o755), os.WriteFile(name+".json", raw, 0o644), os.WriteFile(name+".md", text, 0o644))
	if err != nil {
		return err
	}
	if _, err := os.Stdout.Write(text); err != nil || !o.updateDocs {
		return err
	}
	return page.Replace("../docs/performance.md", "scale", text)
}

func (r *results) markdown() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s. %s. %s.\n", r.At.Format(time.DateOnly), r.Machine, r.Options)
	if len(r.Histories) > 0 {
		b.WriteString("\n| events before | commits | CPU s per M, all | events/s | upload to commit, mean s | p99 ms | start s | peak MB | ledger read s | again s | reader MB | first query s |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	}
	for _, w := range r.Histories {
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %.2f | %s | %.1f | %.0f | %.2f | %.2f | %.0f | %.2f |\n", page.Number(float64(w.Events)), w.Commits, page.Number(w.CPUSettled),
			page.Number(w.Rate()), w.ArchiveMean, page.Number(w.P99), w.Start, w.PeakMB, w.LedgerCold, w.LedgerAgain, max(w.LedgerMB, 0), w.QuerySeconds)
	}
	if len(r.Streams) > 0 {
		b.WriteString("\n| streams | CPU s per M, all, S3 included | events/s | upload to commit, mean s | p99 ms | peak MB, all |\n|---|---|---|---|---|---|\n")
	}
	for _, w := range r.Streams {
		fmt.Fprintf(&b, "| %d | %s | %s | %.2f | %s | %.0f |\n", w.Streams, page.Number(w.CPUSettled), page.Number(w.Rate()), w.ArchiveMean, page.Number(w.P99), w.PeakMB)
	}
	return []byte(b.String())
}
