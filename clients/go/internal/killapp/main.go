// Killapp is killed by tests. It enqueues events as fast as KILLAPP_RATE allows,
// records every 50th, and writes the id of each event that was accepted to
// stdout: what a reader of the pipe has seen must be in the archive.
//
// With KILLAPP_DRAIN=1 it makes no events. It waits until everything that others
// left in the spool folder is delivered, and ends with 0, or with 1 after a minute.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	audit "github.com/audit-archiver/archiver/clients/go"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "killapp:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir := os.Getenv("ARCHIVER_SPOOL_DIR")
	if dir == "" {
		return errors.New("ARCHIVER_SPOOL_DIR is not set")
	}
	c, err := audit.New(audit.Options{})
	if err != nil {
		return err
	}
	if os.Getenv("KILLAPP_DRAIN") == "1" {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		return errors.Join(drain(ctx, dir), c.Close(ctx))
	}
	rate := 2000
	if s := os.Getenv("KILLAPP_RATE"); s != "" {
		if rate, err = strconv.Atoi(s); err != nil || rate < 1 {
			return fmt.Errorf("KILLAPP_RATE %q is not a number above 0", s)
		}
	}
	return load(ctx, c, os.Getenv("KILLAPP_NAME"), rate)
}

// load makes events until it is killed.
func load(ctx context.Context, c *audit.Client, name string, rate int) error {
	start := time.Now()
	for n := 1; ; n++ {
		e := audit.Event{
			ID:       audit.NewID(),
			Action:   "order.update",
			Actor:    audit.Actor{ID: name, Type: audit.TypeSystem},
			Resource: audit.Resource{Type: "order", ID: strconv.Itoa(n)},
			Outcome:  audit.OutcomeSuccess,
			Details:  map[string]any{"n": n},
		}
		accept := c.Enqueue
		if n%50 == 0 {
			accept = func(ctx context.Context, e audit.Event) error { return c.Record(ctx, e) }
		}
		// What the sidecar's absence refuses was not accepted, so it is not written.
		if err := accept(ctx, e); err == nil {
			if _, err := os.Stdout.WriteString(e.ID + "\n"); err != nil {
				return err
			}
		} else if !errors.Is(err, audit.ErrUnavailable) && !errors.Is(err, audit.ErrSpoolFull) {
			return err
		}
		<-time.After(time.Until(start.Add(time.Duration(n) * time.Second / time.Duration(rate))))
	}
}

// drain waits until the client's own sub-folder is the only one of this language.
func drain(ctx context.Context, dir string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := filepath.Glob(filepath.Join(dir, "go-*"))
		if err != nil || len(left) <= 1 {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d folders are left in %s: %w", len(left)-1, dir, context.Cause(ctx))
		}
	}
}
