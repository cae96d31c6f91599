package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/athena/dialect"
	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/pack/export"
)

type exportFlags struct {
	config, where, from, to, out, workDir string
	whole, asJSON                         bool
	results                               map[string]string // by command: a file, runNow, or ""
	timeout                               time.Duration
}

func newExportCommand(a *app) *cobra.Command {
	var f exportFlags
	var doctor, verify string
	cmd := &cobra.Command{
		Use:   "export --config FILE --out FILE",
		Short: "Make an evidence pack: rows, and all that proves them, in one file",
		Long: `Copy rows of an archive into an evidence pack: a tar file with the rows as Parquet
and CSV, all signed commits, verifier keys, and the proofs that the rows are in
committed files. Whoever has the root verifier key checks it offline, without us:
archiver verify --pack FILE --root KEY, or the verifier in Python.

--where is a condition in Athena's SQL, as after WHERE; --from and --to bound the
events' timestamp. Without --where the pack proves by itself that no event of the
period is left out of files that lie within it; --whole-files adds the committed files
as a whole, so that this can be said of every file, and anybody can evaluate a
condition again. Whole files also have rows that were not asked for.

--verify and --doctor run these commands and add their reports, or add reports that
were made before.

Everything is verified before it goes in. It reads the bucket alone, by version, and
works beside a running server. The file is there as a whole, or not at all; beside it
there must be room for it twice. The SHA-256 that is printed stands for the pack:
register it if you need to prove later when it was made.

Exit codes:
  0  the pack is there
  1  it did not work, or the archive does not verify: archiver verify says more
  2  the command line, the configuration or the condition is wrong`,
		Example: `  archiver export --config archiver.yaml --from 2026-01-01 --to 2026-02-01 --out january.tar
  archiver export --config archiver.yaml --where "actor_id = 'user-123'" --whole-files --out user-123.tar
  archiver export --config archiver.yaml --from 2026-01-01 --verify --doctor --out pack.tar
  archiver export --config archiver.yaml --from 2026-01-01 --verify=report.json --out pack.tar`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("where") && f.where == "" {
				return usagef("--where is empty: leave it out to export every event of the period")
			}
			f.results = map[string]string{"doctor": doctor, "verify": verify}
			return runExport(cmd.Context(), a, f)
		},
	}
	addConfigFlag(cmd, &f.config)
	cmd.Flags().StringVar(&f.where, "where", "", "`condition` on the rows, in Athena's SQL")
	cmd.Flags().StringVar(&f.from, "from", "", "first `instant` of the events: yyyy-MM-dd or RFC 3339, UTC")
	cmd.Flags().StringVar(&f.to, "to", "", "`instant` before which the events are")
	cmd.Flags().StringVar(&f.out, "out", "", "`file` to make; it must not exist")
	cmd.Flags().StringVar(&f.workDir, "work-dir", "", "`folder` for temporary files (default: that of --out)")
	cmd.Flags().BoolVar(&f.whole, "whole-files", false, "add the committed files as a whole")
	for name, to := range map[string]*string{"doctor": &doctor, "verify": &verify} {
		cmd.Flags().StringVar(to, name, "", "add what archiver "+name+" --json says now, or has printed into `file`")
		cmd.Flags().Lookup(name).NoOptDefVal = runNow
	}
	cmd.Flags().DurationVar(&f.timeout, "timeout", time.Hour, "`time` for evaluating the condition")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

// exported is the answer in JSON.
type exported struct {
	File            string `json:"file"`
	SHA256          string `json:"sha256"`
	Bytes           int64  `json:"bytes"`
	Members         int    `json:"members"`
	Rows            int64  `json:"rows"`
	CompleteThrough string `json:"complete_through,omitempty"` // absent when all streams are closed
}

func runExport(ctx context.Context, a *app, f exportFlags) error {
	c, o, err := f.options()
	if err != nil {
		return err
	}
	store, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	o.Store = store
	if o.Results, err = f.reports(ctx, a); err != nil {
		return err
	}
	if f.where != "" {
		c.Query.Timeout, c.Query.MaxRows = f.timeout, mostRows
		q, err := openBucketQueries(c, store, newLogger(a.err, c.Log))
		if err != nil {
			return err
		}
		defer func() {
			if err := q.Close(); err != nil {
				fmt.Fprintln(a.err, "archiver: close:", err)
			}
		}()
		o.Selected = (&selector{engine: q.engine, where: o.Where, from: o.From, to: o.To, dir: o.Temp}).rows
	}
	s, err := export.Export(ctx, o)
	if err != nil {
		return err
	}
	answer := exported{File: f.out, SHA256: s.SHA256.String(), Bytes: s.Bytes, Members: s.Members, Rows: s.Statement.Rows}
	if t := s.Statement.Through; !t.IsZero() {
		answer.CompleteThrough = t.Format(time.RFC3339Nano)
	}
	if f.asJSON {
		return printJSON(a.out, answer)
	}
	_, err = fmt.Fprintf(a.out, "%s: %d rows, %d members, %d bytes\nsha256 %s\n", f.out, answer.Rows, answer.Members, answer.Bytes, answer.SHA256)
	if err == nil && answer.CompleteThrough != "" {
		_, err = fmt.Fprintln(a.out, completeness(s.Statement.Through))
	}
	return err
}

// options checks the flags.
func (f *exportFlags) options() (c config.Config, o export.Options, err error) {
	o = export.Options{Writer: writer(), From: export.Earliest, To: export.Latest, WholeFiles: f.whole, Out: f.out, Temp: f.workDir, Now: time.Now}
	if c, err = loadConfig(f.config); err != nil {
		return c, o, err
	}
	if err := c.ForServe(f.config); err != nil {
		return c, o, err
	}
	o.Prefix, o.Root = c.S3.Prefix, c.Archive.RootVKey
	if f.out == "" {
		return c, o, usagef("--out is missing")
	}
	if _, err := os.Lstat(f.out); !errors.Is(err, fs.ErrNotExist) {
		return c, o, usagef("--out %s: is there already", f.out)
	}
	for flag, at := range map[string]*time.Time{"from": &o.From, "to": &o.To} {
		text := map[string]string{"from": f.from, "to": f.to}[flag]
		if text == "" {
			continue
		}
		if *at, err = parseInstant(text); err != nil {
			return c, o, usagef("--%s %s: must be yyyy-MM-dd or an instant as in RFC 3339, from 1678 to 2261", flag, text)
		}
	}
	if !o.From.Before(o.To) {
		return c, o, usagef("--from must be before --to")
	}
	if f.where != "" {
		if o.Where, err = dialect.Condition(f.where); err != nil {
			return c, o, usagef("--where: %w", err)
		}
	}
	return c, o, nil
}

// runNow is the value of --verify and --doctor without a file.
const runNow = "run it now"

// reports reads the results that go into the pack, or makes them.
func (f *exportFlags) reports(ctx context.Context, a *app) (map[string][]byte, error) {
	commands := map[string]func(*app) *cobra.Command{"doctor": newDoctorCommand, "verify": newVerifyCommand}
	reports := make(map[string][]byte)
	for _, name := range slices.Sorted(maps.Keys(f.results)) {
		file := f.results[name]
		if file == "" {
			continue
		}
		var report bytes.Buffer
		if file != runNow {
			raw, err := os.ReadFile(file)
			if err != nil {
				return nil, usagef("--%s: %w", name, err)
			}
			report.Write(raw)
		} else if err := f.runNow(ctx, a, commands[name], &report); err != nil {
			// What it found is in the report, and a pack may be made of any archive.
			fmt.Fprintf(a.err, "archiver: %s: %v\n", name, err)
		}
		if !json.Valid(report.Bytes()) {
			return nil, fmt.Errorf("%s: what it printed is no report", name)
		}
		reports[name] = report.Bytes()
	}
	return reports, nil
}

// runNow runs another command of ours for its JSON.
func (f *exportFlags) runNow(ctx context.Context, a *app, command func(*app) *cobra.Command, out io.Writer) error {
	cmd := command(&app{stdio{a.in, out, a.err}})
	cmd.SetArgs([]string{"--config", f.config, "--json"})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return cmd.ExecuteContext(ctx)
}

// parseInstant reads a day or an instant that nanoseconds since 1970 can hold.
func parseInstant(text string) (time.Time, error) {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		at, err = time.Parse(time.RFC3339Nano, text)
	}
	if err == nil && (at.Year() < 1678 || at.Year() > 2261) {
		err = errors.New("out of range")
	}
	return at.UTC(), err
}
