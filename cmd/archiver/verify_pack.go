package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/audit-archiver/archiver/internal/pack"
	"github.com/audit-archiver/archiver/internal/pack/export"
)

// verifyPack judges an evidence pack offline and prints what it found. With a
// configuration the root verifier key may come from there.
func verifyPack(ctx context.Context, a *app, f verifyFlags) error {
	root := f.root
	if root == "" && f.config != "" {
		c, err := loadConfig(f.config)
		if err != nil {
			return err
		}
		root = c.Archive.RootVKey
	}
	if root == "" {
		return usagef("--root is missing: the root verifier key, which must not come from the pack")
	}
	r, err := checkPack(ctx, f.pack, root)
	switch {
	case errors.Is(err, errIndeterminate) && f.asJSON:
		return errors.Join(err, printJSON(a.out, map[string]any{
			"result": "INDETERMINATE", "findings": []any{}, "unchecked": []any{map[string]any{"level": 1, "key": "", "version": "", "why": err.Error()}},
		}))
	case err != nil:
		return err
	case f.asJSON:
		err = printJSON(a.out, r)
	default:
		err = printPack(a, r)
	}
	if err == nil && r.Result != pack.OK {
		err = fmt.Errorf("verify pack: %w", errViolation)
	}
	return err
}

func checkPack(ctx context.Context, file, root string) (*pack.Report, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("verify pack: %w: %w", errIndeterminate, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, fmt.Errorf("verify pack %s: %w: %w", file, errIndeterminate, err)
	}
	if err := pack.CheckRoot(root); err != nil {
		return nil, usagef("--root: %w", err)
	}
	r, err := pack.Check(ctx, f, info.Size(), root, evaluateAgain)
	if err != nil {
		return nil, fmt.Errorf("verify pack %s: %w: %w", file, errIndeterminate, err)
	}
	return r, nil
}

// printPack says in words what was found, and what an OK is about.
func printPack(a *app, r *pack.Report) error {
	for i := range r.Findings {
		f := &r.Findings[i]
		if _, err := fmt.Fprintf(a.out, "%s  %q: %q\n", f.Kind, f.Key, f.Detail); err != nil {
			return err
		}
	}
	if r.More > 0 {
		fmt.Fprintf(a.out, "and %d findings more\n", r.More)
	}
	if s := r.Statement; s != nil {
		fmt.Fprintf(a.out, "archive %s: %d streams, %d commits%s\n", r.Archive, len(s.Streams), r.Commits, gapsOf(s))
		fmt.Fprintf(a.out, "asked for: %s\n", askedFor(s))
		if r.Evaluated {
			fmt.Fprintln(a.out, "the condition was evaluated again over the whole files")
		}
		fmt.Fprintf(a.out, "%d rows are those of committed files\n", r.Rows)
		fmt.Fprintf(a.out, "%d files of the period: of %d it is proved that no matching row is left out, of %d the exporter says so\n", len(s.Files), r.Complete, r.Open)
		if s.Through.IsZero() {
			fmt.Fprintln(a.out, "all streams are closed")
		} else {
			fmt.Fprintln(a.out, completeness(s.Through))
		}
	}
	_, err := fmt.Fprintln(a.out, r.Result)
	return err
}

// gapsOf says what signed notes admit to have lost; "" for nothing.
func gapsOf(s *pack.Statement) string {
	n := 0
	for i := range s.Streams {
		n += len(s.Streams[i].Gaps)
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d gaps (acknowledged and lost, as signed notes say)", n)
}

// askedFor is what the pack shall have: without it, an OK says nothing.
func askedFor(s *pack.Statement) string {
	const layout = "2006-01-02T15:04:05.999999999Z"
	period := "events"
	if s.FromNS != export.Earliest.UnixNano() {
		period += " from " + time.Unix(0, s.FromNS).UTC().Format(layout)
	}
	if s.ToNS != export.Latest.UnixNano() {
		period += " to before " + time.Unix(0, s.ToNS).UTC().Format(layout)
	}
	if s.Where != "" {
		return fmt.Sprintf("%s where %q", period, s.Where)
	}
	return "all " + period
}
