// Command gen prints the events that every benchmark is fed with, one per line: `go run ./gen -n 1000 -seed 42`. The
// generator itself, with its distributions, is package testenv/gen of the module above: tests use it too, and a
// module cannot import one that is nested in it. With -stats it prints what the events are like instead.
package main

import (
	"bufio"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/testenv/gen"
)

func main() {
	n := flag.Int("n", 1000, "how many events")
	seed := flag.Uint64("seed", 42, "the same seed gives the same events")
	rate := flag.Int("rate", 50_000, "events per second of their timestamps")
	start := flag.String("start", "2026-11-01T00:00:00Z", "when the first one happened")
	stats := flag.Bool("stats", false, "print what the events are like")
	flag.Parse()
	if err := run(os.Stdout, *n, *seed, *rate, *start, *stats); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, n int, seed uint64, rate int, start string, stats bool) error {
	at, err := time.Parse(time.RFC3339, start)
	if err != nil {
		return fmt.Errorf("-start: %w", err)
	}
	if n < 1 || rate < 1 {
		return errors.New("-n and -rate must be at least 1")
	}
	g := gen.New(seed, at, rate)
	if stats {
		return describe(w, g, n)
	}
	out := bufio.NewWriterSize(w, 1<<20)
	var line []byte
	for range n {
		e := g.Event()
		line = append(gen.AppendJSON(line[:0], &e), '\n')
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

// describe prints, for each column, how many values there are and how much the most frequent ones have.
func describe(w io.Writer, g *gen.Generator, n int) error {
	columns := []struct {
		name string
		of   func(*event.Event) event.Text
		seen map[string]int
	}{
		{name: "id", of: func(e *event.Event) event.Text { return event.Str(e.ID) }},
		{name: "action", of: func(e *event.Event) event.Text { return event.Str(e.Action) }},
		{name: "actor_id", of: func(e *event.Event) event.Text { return event.Str(e.ActorID) }},
		{name: "actor_type", of: func(e *event.Event) event.Text { return event.Str(e.ActorType) }},
		{name: "actor_email", of: func(e *event.Event) event.Text { return e.ActorEmail }},
		{name: "resource_type", of: func(e *event.Event) event.Text { return event.Str(e.ResourceType) }},
		{name: "resource_id", of: func(e *event.Event) event.Text { return e.ResourceID }},
		{name: "outcome", of: func(e *event.Event) event.Text { return event.Str(e.Outcome) }},
		{name: "reason", of: func(e *event.Event) event.Text { return e.Reason }},
		{name: "details", of: func(e *event.Event) event.Text { return e.Details }},
		{name: "request_id", of: func(e *event.Event) event.Text { return e.RequestID }},
		{name: "ip", of: func(e *event.Event) event.Text { return e.IP }},
		{name: "user_agent", of: func(e *event.Event) event.Text { return e.UserAgent }},
		{name: "organization_id", of: func(e *event.Event) event.Text { return e.OrganizationID }},
	}
	size, length, absent := 0, make([]int, len(columns)), make([]int, len(columns))
	for range n {
		e := g.Event()
		size += len(gen.AppendJSON(nil, &e))
		for i := range columns {
			c := &columns[i]
			t := c.of(&e)
			if !t.Valid {
				absent[i]++
				continue
			}
			if c.seen == nil {
				c.seen = make(map[string]int)
			}
			c.seen[t.S]++
			length[i] += len(t.S)
		}
	}
	fmt.Fprintf(w, "%d events of %.1f bytes JSON\n\n| column | bytes | absent | values | first | first 10 | first 100 |\n|---|---|---|---|---|---|---|\n",
		n, float64(size)/float64(n))
	for i, c := range columns {
		counts := slices.SortedFunc(maps.Values(c.seen), func(a, b int) int { return cmp.Compare(b, a) })
		top := func(k int) float64 {
			sum := 0
			for _, v := range counts[:min(k, len(counts))] {
				sum += v
			}
			return 100 * float64(sum) / float64(n)
		}
		if _, err := fmt.Fprintf(w, "| %s | %.1f | %.1f %% | %d | %.2f %% | %.1f %% | %.1f %% |\n", c.name, float64(length[i])/float64(max(n-absent[i], 1)),
			100*float64(absent[i])/float64(n), len(counts), top(1), top(10), top(100)); err != nil {
			return err
		}
	}
	return nil
}
