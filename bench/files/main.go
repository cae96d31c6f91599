// Command files measures what a question costs when the archive has 1, 10, 100 or 1,000 files: files and row groups
// that are read, bytes, time with a warm cache, and bytes and time with an empty one over a link like that to a store
// far away.
//
// The same number of events is in all archives. The last column is the least that anybody would have to fetch who
// decides by footers and filters which files to read: it says what a cache of whole files costs.
package main

import (
	"context"
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

	"github.com/audit-archiver/archiver/bench/page"
	"github.com/audit-archiver/archiver/internal/athena/duckdb"
)

type options struct {
	rows       int
	files      []int
	runs       int
	latency    time.Duration
	bandwidth  int64 // bytes per second
	dir        string
	updateDocs bool
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == duckdb.WorkerCommand { // the engine starts this program for each question
		os.Exit(duckdb.Worker())
	}
	o, err := parseFlags()
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "files:", err)
		os.Exit(1)
	}
}

func parseFlags() (o options, err error) {
	flag.IntVar(&o.rows, "rows", 1_000_000, "events in all files together")
	files := flag.String("files", "1,10,100,1000", "files, comma-separated: one archive for each number")
	flag.IntVar(&o.runs, "runs", 5, "times that each question is asked with a warm cache; the median counts")
	flag.DurationVar(&o.latency, "latency", 30*time.Millisecond, "until the first byte of a request to the store")
	mbits := flag.Int64("mbits", 1000, "of the link to the store, per second")
	flag.StringVar(&o.dir, "dir", "/var/tmp", "where the data lies while it runs")
	flag.BoolVar(&o.updateDocs, "update-docs", false, "also write the table into ../docs")
	flag.Parse()
	o.bandwidth = *mbits * 1e6 / 8
	for word := range strings.SplitSeq(*files, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > o.rows {
			return o, fmt.Errorf("-files %s: is no number of files", word)
		}
		o.files = append(o.files, n)
	}
	if flag.NArg() > 0 || o.runs < 1 || o.bandwidth < 1 {
		return o, errors.New("see -help for the flags")
	}
	return o, nil
}

func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp(o.dir, "archiver-files-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var table strings.Builder
	fmt.Fprintf(&table, "%s. %s. %s events; the store answers after %s with %d Mbit/s; medians of %d.\n\n", time.Now().UTC().Format(time.DateOnly),
		page.Machine(), page.Number(float64(o.rows)), o.latency, o.bandwidth*8/1e6, o.runs)
	table.WriteString("| files | question | files read | row groups read | bytes read | ms, warm | bytes fetched | ms, empty cache | footers and filters, bytes |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, n := range o.files {
		b, err := makeBucket(filepath.Join(dir, fmt.Sprint("bucket-", n)), o, n)
		if err != nil {
			return err
		}
		for _, q := range b.questions() {
			m, err := measure(ctx, o, b, q, filepath.Join(dir, "engine"))
			if err != nil {
				return fmt.Errorf("%d files, %s: %w", n, q.name, err)
			}
			s := m.stats
			fmt.Fprintf(&table, "| %s | %s | %d of %d | %d of %d | %s | %s | %s | %s | %s |\n", strconv.Itoa(n), q.name,
				s.FilesRead, s.FilesTotal, s.RowGroupsRead, s.RowGroupsTotal, page.Number(float64(m.read)), page.Number(m.warm),
				page.Number(float64(m.fetched)), page.Number(m.cold), page.Number(float64(m.hints)))
		}
	}
	fmt.Print(table.String())
	if o.updateDocs {
		return page.Replace("../docs/performance.md", "files", []byte(table.String()))
	}
	return nil
}
