// Command decoders compares JSON decoders on the job that the archiver has: one event of NDJSON into its fields,
// details byte for byte, everything refused that two readers could understand in two ways. Each library is set as
// strict as its options allow; what it still takes is a column of the table.
//
// CPU time of this process is measured, the garbage collector's included, not the time of day.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/bench/load"
	"github.com/audit-archiver/archiver/bench/page"
	"github.com/audit-archiver/archiver/bench/proc"
	"github.com/audit-archiver/archiver/testenv/gen"
)

func main() {
	seconds := flag.Duration("seconds", time.Second, "how long each decoder decodes each kind of event, three times")
	update := flag.Bool("update-docs", false, "also write the tables into ../docs")
	results := flag.String("results", "results", "folder of the results")
	flag.Parse()
	if err := run(*seconds, *results, *update); err != nil {
		fmt.Fprintln(os.Stderr, "decoders:", err)
		os.Exit(1)
	}
}

// input is one kind of events.
type input struct {
	name   string
	events [][]byte
}

// cost is of one event.
type cost struct {
	Nanoseconds, Allocations, Bytes float64
}

// result is all about one decoder.
type result struct {
	Decoder, How string
	Cost         map[string]cost
	Fails        map[string]string // by what, for each probe that it does not pass
}

func run(d time.Duration, results string, update bool) error {
	inputs, err := inputs("../testenv/data/cloudtrail/events.ndjson.gz")
	if err != nil {
		return err
	}
	list, err := decoders()
	if err != nil {
		return err
	}
	now := time.Now()
	var all []result
	for _, dec := range list {
		r := result{Decoder: dec.name, How: dec.how, Cost: make(map[string]cost), Fails: make(map[string]string)}
		for _, in := range inputs {
			if r.Cost[in.name], err = measure(dec, in, d, now); err != nil {
				return fmt.Errorf("%s, %s: %w", dec.name, in.name, err)
			}
		}
		for _, p := range probes() {
			if ok, by := p.passes(dec, now); !ok {
				r.Fails[p.name] = by[:min(len(by), 200)]
			}
		}
		all = append(all, r)
	}
	return write(all, inputs, results, update)
}

func inputs(file string) ([]input, error) {
	g := gen.New(load.Seed, time.Now().Add(-time.Hour), 50_000)
	generated := input{name: "generated"}
	for range 10_000 {
		e := g.Event()
		generated.events = append(generated.events, gen.AppendJSON(nil, &e))
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	real := input{name: "CloudTrail", events: bytes.Split(bytes.TrimSpace(raw), []byte{'\n'})}
	return []input{generated, real}, nil
}

// measure is the best of three: what disturbs only ever adds.
func measure(dec decoder, in input, d time.Duration, now time.Time) (best cost, err error) {
	for round := range 3 {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		cpu := proc.OwnCPU()
		n := 0
		for begin := time.Now(); time.Since(begin) < d; {
			for _, raw := range in.events[:1000] {
				if _, err := dec.decode(raw, now); err != nil {
					return best, fmt.Errorf("%w: %s", err, raw)
				}
			}
			n += 1000
		}
		cpu = proc.OwnCPU() - cpu
		runtime.ReadMemStats(&after)
		c := cost{float64(cpu.Nanoseconds()) / float64(n), float64(after.Mallocs-before.Mallocs) / float64(n),
			float64(after.TotalAlloc-before.TotalAlloc) / float64(n)}
		if round == 0 || c.Nanoseconds < best.Nanoseconds {
			best = c
		}
	}
	return best, nil
}

func write(all []result, inputs []input, results string, update bool) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s. %s. CPU time; best of three.\n\n| decoder | how |", time.Now().UTC().Format(time.DateOnly), page.Machine())
	for _, in := range inputs {
		size := 0
		for _, raw := range in.events[:1000] {
			size += len(raw)
		}
		fmt.Fprintf(&b, " %s (%d B): ns/event | allocations | B |", in.name, size/1000)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", 3*len(inputs)) + "\n")
	for _, r := range all {
		fmt.Fprintf(&b, "| %s | %s |", r.Decoder, r.How)
		for _, in := range inputs {
			c := r.Cost[in.name]
			fmt.Fprintf(&b, " %s | %.0f | %s |", page.Number(c.Nanoseconds), c.Allocations, page.Number(c.Bytes))
		}
		b.WriteString("\n")
	}
	b.WriteString("\nWhat each refuses (details that are kept as sent, in the last two rows), set as strict as it goes:\n\n| |")
	for _, r := range all {
		fmt.Fprintf(&b, " %s |", r.Decoder)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(all)) + "\n")
	for _, p := range probes() {
		fmt.Fprintf(&b, "| %s |", p.name)
		for _, r := range all {
			word := "yes"
			if _, fails := r.Fails[p.name]; fails {
				word = "**no**"
			}
			fmt.Fprintf(&b, " %s |", word)
		}
		b.WriteString("\n")
	}
	raw, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(results, time.Now().UTC().Format("20060102T150405Z")+"-decoders")
	err = errors.Join(os.MkdirAll(results, 0o755), os.WriteFile(name+".json", raw, 0o644), os.WriteFile(name+".md", b.Bytes(), 0o644))
	if err != nil {
		return err
	}
	if _, err := os.Stdout.Write(b.Bytes()); err != nil || !update {
		return err
	}
	return page.Replace("../docs/decisions/0012-own-fast-decoder.md", "decoders", b.Bytes())
}
