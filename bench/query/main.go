// Command query measures how fast questions are answered, each over the same events: by the archiver's embedded
// engine, by DuckDB alone over the same Parquet files, and by PostgreSQL with the indexes of the specification.
//
// The promise: the three give the same answer to every question, or the run fails; everything is warm, and all rows of
// an answer are read. DuckDB keeps its connection and its settings from question to question; the archiver starts a
// database for each, checks the SQL and finds the files, since that is what its users wait for. A question comes some
// time after the last answer, as people ask: what a system does meanwhile counts as its CPU time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/audit-archiver/archiver/bench/page"
	"github.com/audit-archiver/archiver/internal/athena/duckdb"
)

type options struct {
	rows, files int
	runs        int
	threads     int
	pause       time.Duration
	dir         string
	keep        bool
	only        *regexp.Regexp
	duckdb      bool
	postgres    bool
	explain     bool
	updateDocs  bool
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
		fmt.Fprintln(os.Stderr, "query:", err)
		os.Exit(1)
	}
}

func parseFlags() (o options, err error) {
	flag.IntVar(&o.rows, "rows", 10_000_000, "events in all files together")
	flag.IntVar(&o.files, "files", 10, "files, one for each day")
	flag.IntVar(&o.runs, "runs", 7, "times that each question is asked; the median counts")
	flag.IntVar(&o.threads, "threads", 2, "of the archiver's engine and of DuckDB")
	flag.DurationVar(&o.pause, "pause", 150*time.Millisecond, "between an answer and the next question")
	flag.StringVar(&o.dir, "dir", "/var/tmp", "where the data lies while it runs")
	flag.BoolVar(&o.keep, "keep", false, "leave all data in -dir/archiver-query, and use what is there")
	only := flag.String("only", "", "regular expression: ask only the questions whose names it matches")
	flag.BoolVar(&o.duckdb, "duckdb", true, "ask DuckDB alone too")
	flag.BoolVar(&o.postgres, "postgres", true, "ask PostgreSQL too; loading it takes minutes")
	flag.BoolVar(&o.explain, "explain", false, "print what the archiver's engine does for each question")
	flag.BoolVar(&o.updateDocs, "update-docs", false, "also write the table into ../docs")
	flag.Parse()
	if flag.NArg() > 0 || o.rows < o.files || o.files < 1 || o.files > 28 || o.runs < 1 {
		return o, errors.New("see -help for the flags")
	}
	o.only, err = regexp.Compile(*only)
	return o, err
}

func run(ctx context.Context, o options) (err error) {
	dir, err := folder(o)
	if err != nil {
		return err
	}
	if !o.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	data, err := makeFiles(filepath.Join(dir, fmt.Sprintf("bucket-%d-%d", o.rows, o.files)), o)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d rows in %d files, %.1f bytes per event\n", o.rows, o.files, float64(data.bytes())/float64(o.rows))
	systems, err := start(ctx, o, dir, data)
	defer func() {
		for _, s := range systems {
			err = errors.Join(err, s.Close())
		}
	}()
	if err != nil {
		return err
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%s. %s. %s events in %d files, %.1f bytes per event; %d threads; medians of %d, in ms.\n\n", time.Now().UTC().Format(time.DateOnly),
		page.Machine(), page.Number(float64(o.rows)), o.files, float64(data.bytes())/float64(o.rows), o.threads, o.runs)
	header(&table, systems)
	for _, q := range data.questions() {
		if !o.only.MatchString(q.name) {
			continue
		}
		if err := ask(ctx, o, systems, q, &table); err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
	}
	fmt.Print(table.String())
	if o.updateDocs {
		return page.Replace("../docs/performance.md", "query", []byte(table.String()))
	}
	return nil
}

func folder(o options) (string, error) {
	if !o.keep {
		return os.MkdirTemp(o.dir, "archiver-query-")
	}
	dir := filepath.Join(o.dir, "archiver-query")
	return dir, os.MkdirAll(dir, 0o755)
}

func header(table *strings.Builder, systems []system) {
	table.WriteString("| question | rows | target |")
	for _, s := range systems {
		fmt.Fprintf(table, " %s |", s.Name())
	}
	columns := 3 + len(systems) + 2
	for _, s := range systems {
		if s.Name() != postgresName {
			fmt.Fprintf(table, " CPU: %s |", s.Name())
			columns++
		}
	}
	table.WriteString(" files read | bytes read |\n|" + strings.Repeat("---|", columns) + "\n")
}

// ask puts one question to every system in turn, so that what else the machine does hits all of them.
func ask(ctx context.Context, o options, all []system, q question, table *strings.Builder) error {
	systems := all
	if q.part {
		systems = slices.DeleteFunc(slices.Clone(all), func(s system) bool { return s.Name() != archiverName })
	}
	answers := make([]answer, len(systems))
	took, cpu := make([][]float64, len(systems)), make([][]float64, len(systems))
	for round := range 1 + o.runs {
		for i, s := range systems {
			begun, used := time.Now(), cpuTime()
			a, err := s.Ask(ctx, q)
			if err != nil {
				return fmt.Errorf("%s: %w", s.Name(), err)
			}
			waited := time.Since(begun)
			time.Sleep(o.pause)
			if round > 0 { // the first warms up
				took[i] = append(took[i], float64(waited.Microseconds())/1000)
				cpu[i] = append(cpu[i], float64((cpuTime()-used).Microseconds())/1000)
			}
			answers[i] = a
		}
	}
	for i, a := range answers[1:] {
		if err := q.same(answers[0], a); err != nil {
			return fmt.Errorf("%s and %s: %w", systems[0].Name(), systems[1+i].Name(), err)
		}
	}
	target := "-"
	if q.target > 0 {
		target = fmt.Sprint(q.target)
	}
	fmt.Fprintf(table, "| %s | %s | %s |", q.name, page.Number(float64(len(answers[0].rows))), target)
	for _, s := range all {
		fmt.Fprintf(table, " %s |", median(systems, s, took))
	}
	for _, s := range all {
		if s.Name() != postgresName {
			fmt.Fprintf(table, " %s |", median(systems, s, cpu))
		}
	}
	first := answers[slices.IndexFunc(systems, func(s system) bool { return s.Name() == archiverName })]
	fmt.Fprintf(table, " %d of %d | %s |\n", first.stats.FilesRead, first.stats.FilesTotal, page.Number(float64(first.stats.BytesRead)))
	return nil
}

// median is of the figures of one of the systems that were asked, if it was.
func median(asked []system, of system, figures [][]float64) string {
	i := slices.Index(asked, of)
	if i < 0 {
		return "-"
	}
	return page.Number(page.Median(figures[i]))
}

// cpuTime is that of this process and of those that it started and that have ended.
func cpuTime() (sum time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}
