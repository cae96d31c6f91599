// Command ingest measures how fast events become durable: by the archiver, and in the same run by a bare
// group-commit log (a ceiling: nobody who syncs before answering does less) and by PostgreSQL with the
// append-only table that audit logs usually are.
//
// The promise: every number comes from the real program in its own process, an event counts when its answer
// has arrived, and what the archiver acknowledged is compared with what its log holds. The price: the load
// generator runs on the same machine, so rates are those of a machine shared by both; its CPU time is shown.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type options struct {
	seconds time.Duration // of one measurement
	warmup  time.Duration
	rounds  int
	dir     string // of all data; removed at the end
	results string
	binary  string
	only    string
	micro   bool
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == ceilingWord {
		fail(serveCeiling(os.Args[2], os.Args[3]))
		return
	}
	o, err := parseFlags()
	if err != nil {
		fail(err)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fail(run(ctx, o))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseFlags() (options, error) {
	var o options
	seconds := 10.0
	if s := os.Getenv("BENCH_SECONDS"); s != "" {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || v <= 0 {
			return o, fmt.Errorf("BENCH_SECONDS=%q is not a number of seconds", s)
		}
		seconds = v
	}
	flag.Float64Var(&seconds, "seconds", seconds, "of each measurement; BENCH_SECONDS sets it too")
	warmup := flag.Float64("warmup", 2, "seconds of load before each measurement")
	flag.IntVar(&o.rounds, "rounds", 2, "how often every measurement is made, interleaved")
	flag.StringVar(&o.dir, "dir", "/var/tmp", "where the servers' data lies while they run; must be a real disk")
	flag.StringVar(&o.results, "results", "results", "folder of the results")
	flag.StringVar(&o.binary, "archiver", "", "program to measure; built from the work tree when empty")
	flag.StringVar(&o.only, "only", "", "comma-separated names of the systems to measure: "+strings.Join(names(systems()), ", "))
	flag.BoolVar(&o.micro, "packages", true, "also run the benchmarks of the packages parquet and buffer")
	flag.Parse()
	if flag.NArg() > 0 || seconds <= 0 || *warmup < 0 || o.rounds < 1 {
		return o, errors.New("see -help for the flags")
	}
	o.seconds = time.Duration(seconds * float64(time.Second))
	o.warmup = time.Duration(*warmup * float64(time.Second))
	for _, name := range o.names() {
		if !slices.Contains(names(systems()), name) {
			return o, fmt.Errorf("-only %s: there is no such system", name)
		}
	}
	return o, nil
}

func (o options) names() []string {
	if o.only == "" {
		return names(systems())
	}
	return strings.Split(o.only, ",")
}

// system is one thing to measure.
type system struct {
	name  string
	start func(context.Context, options, string) (server, error) // in an empty folder
}

func systems() []system {
	return []system{
		{"archiver", startArchiver(neverSeal)},
		{"archiver-archiving", startArchiver(sealEachSecond)},
		{"ceiling", startCeiling},
		{"postgres", startPostgres},
	}
}

func names(all []system) []string {
	var list []string
	for _, s := range all {
		list = append(list, s.name)
	}
	return list
}

func run(ctx context.Context, o options) (err error) {
	if err := refuseMemory(o.dir); err != nil {
		return err
	}
	o.dir, err = os.MkdirTemp(o.dir, "archiver-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	// PostgreSQL runs as somebody else and must get to its folder.
	if err := os.Chmod(o.dir, 0o711); err != nil {
		return err
	}
	if o.binary == "" {
		if o.binary, err = buildArchiver(ctx, o.dir); err != nil {
			return err
		}
	}
	r := newReport(o)
	for round := range o.rounds {
		for _, sh := range shapes() {
			for _, sys := range systems() {
				if !slices.Contains(o.names(), sys.name) {
					continue
				}
				m, err := measure(ctx, o, sys, sh, round)
				if errors.Is(err, errMissing) {
					r.skip(sys.name, err)
					continue
				}
				if err != nil {
					return fmt.Errorf("%s, %s: %w", sys.name, sh.name, err)
				}
				fmt.Fprintf(os.Stderr, "round %d  %-18s  %-8s  %s\n", round+1, sys.name, sh.name, m)
				r.add(m)
			}
		}
	}
	if o.micro {
		if err := r.packages(ctx); err != nil {
			return err
		}
	}
	return r.write(o.results)
}

// measure starts a system on an empty folder, loads it, and ends it.
func measure(ctx context.Context, o options, sys system, sh shape, round int) (m measurement, err error) {
	dir := filepath.Join(o.dir, "data")
	if err := os.Mkdir(dir, 0o711); err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	srv, err := sys.start(ctx, o, dir)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	m, err = load(ctx, o, srv, sh)
	m.System, m.Shape, m.Round = sys.name, sh.name, round
	return m, err
}
