// Command peers measures how fast events become durable, with the same events: by the archiver, archiving to its
// embedded S3; by PostgreSQL with the append-only table that audit logs usually are; by NATS JetStream, synced; by a
// bare group-commit log; and by a bare HTTP handler that only reads the body.
//
// The promise: every number comes from the real program in its own process on an empty folder, and every system that
// keeps something is asked after the load whether it holds what it acknowledged. The price: see package load.
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
	"strings"
	"syscall"
	"time"

	"github.com/audit-archiver/archiver/bench/load"
	"github.com/audit-archiver/archiver/bench/pg"
	"github.com/audit-archiver/archiver/bench/proc"
	"github.com/audit-archiver/archiver/bench/sidecar"
)

type options struct {
	load.Options
	sustain    time.Duration
	rounds     int
	age        time.Duration // of a batch of the archiver
	dir        string        // of all data; removed at the end
	results    string
	binary     string
	only       []string // systems
	shapes     []load.Shape
	updateDocs bool
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == serveWord {
		fail(serve(os.Args[2:]))
		return
	}
	o, err := parseFlags()
	if err != nil {
		fail(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fail(run(ctx, o))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func parseFlags() (options, error) {
	var o options
	var only, shape string
	flag.DurationVar(&o.Seconds, "seconds", 10*time.Second, "how long each measurement takes")
	flag.DurationVar(&o.Warmup, "warmup", 2*time.Second, "load before each measurement")
	flag.DurationVar(&o.sustain, "sustain", 0, "instead: batches for so long, archiver and postgres, without warm-up; what counts is everything archived and committed at the end")
	flag.IntVar(&o.rounds, "rounds", 0, "how often every measurement is made, the systems taking turns; 0: three times, and once with -sustain")
	flag.DurationVar(&o.age, "seal-age", 5*time.Second, "after which the archiver seals a batch, if it has not 1 M rows or 256 MiB before")
	flag.StringVar(&o.dir, "dir", "/var/tmp", "where the servers' data lies while they run; must be a real disk")
	flag.StringVar(&o.results, "results", "results", "folder of the results")
	flag.BoolVar(&o.updateDocs, "update-docs", false, "also write the tables and the plot into ../docs")
	flag.StringVar(&o.binary, "archiver", "", "program to measure; built from the work tree when empty")
	flag.StringVar(&only, "only", "", "comma-separated systems: "+strings.Join(names(systems(o)), ", "))
	flag.StringVar(&shape, "shape", "", "single or batch; both when empty")
	flag.Parse()
	if flag.NArg() > 0 || o.Seconds <= 0 || o.Warmup < 0 || o.rounds < 0 || o.sustain < 0 || o.age <= 0 {
		return o, errors.New("see -help for the flags")
	}
	if o.updateDocs && (only != "" || shape != "") {
		return o, errors.New("-update-docs writes whole tables: not with -only or -shape")
	}
	rounds := 3
	if o.sustain > 0 {
		o.Seconds, o.Warmup, shape, o.Samples, rounds = o.sustain, 0, "batch", 10, 1
		if only == "" {
			only = archiverName + "," + postgresName
		}
	}
	if o.rounds == 0 {
		o.rounds = rounds
	}
	for _, sh := range []load.Shape{load.Single(), load.Batch()} {
		if shape == "" || shape == sh.Name {
			o.shapes = append(o.shapes, sh)
		}
	}
	if len(o.shapes) == 0 {
		return o, fmt.Errorf("-shape %s: there is no such shape", shape)
	}
	o.only = names(systems(o))
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	for _, name := range o.only {
		if !slices.Contains(names(systems(o)), name) {
			return o, fmt.Errorf("-only %s: there is no such system", name)
		}
	}
	return o, nil
}

// startFunc starts a system in an empty folder.
type startFunc func(context.Context, options, string) (load.Server, error)

// system is one thing to measure.
type system struct {
	name, what string
	start      startFunc
}

const (
	archiverName = "archiver"
	logOnlyName  = "archiver-log"
)

func systems(o options) []system {
	return []system{
		{archiverName, "archiver dev: log, Parquet, upload, commit", startSidecar(sidecar.Every(o.age))},
		{logOnlyName, "the same with sealing put off", startSidecar(sidecar.Never())},
		{postgresName, "the specification's table; COPY for batches", startPostgres},
		{natsName, "JetStream, sync_interval always", startNATS},
		{logName, "bare group-commit log", startBare(logName)},
		{handlerName, "net/http reads the body, nothing else", startBare(handlerName)},
	}
}

func names(all []system) []string {
	var list []string
	for _, s := range all {
		list = append(list, s.name)
	}
	return list
}

func startSidecar(s sidecar.Seal) startFunc {
	return func(_ context.Context, o options, dir string) (load.Server, error) {
		return sidecar.Dev(o.binary, filepath.Join(dir, "archiver"), s)
	}
}

func run(ctx context.Context, o options) (err error) {
	if err := proc.RefuseMemory(o.dir); err != nil {
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
		if o.binary, err = sidecar.Build(ctx, o.dir); err != nil {
			return err
		}
	}
	r, err := newReport(o)
	if err != nil {
		return err
	}
	list := systems(o)
	for round := range o.rounds {
		for _, sh := range o.shapes {
			for i := range list {
				sys := list[(i+round)%len(list)] // nobody always comes first
				if !slices.Contains(o.only, sys.name) {
					continue
				}
				m, err := measure(ctx, o, sys, sh, round)
				if errors.Is(err, pg.ErrMissing) {
					r.skip(sys.name, err)
					continue
				}
				if err != nil {
					return fmt.Errorf("%s, %s: %w", sys.name, sh.Name, err)
				}
				fmt.Fprintf(os.Stderr, "round %d  %-12s  %-6s  %s\n", round+1, sys.name, sh.Name, m)
				r.Runs = append(r.Runs, m)
			}
		}
	}
	return r.write(o)
}

// measure starts a system on an empty folder, loads it, and ends it.
func measure(ctx context.Context, o options, sys system, sh load.Shape, round int) (m load.Measurement, err error) {
	dir := filepath.Join(o.dir, "data")
	if err := os.Mkdir(dir, 0o711); err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	srv, err := sys.start(ctx, o, dir)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, srv.Stop()) }()
	m, err = load.Run(ctx, o.Options, srv, sh)
	m.System, m.Round = sys.name, round
	return m, err
}
