package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report collects what was measured.
type report struct {
	o       options
	At      time.Time
	Machine string
	Runs    []measurement
	Skipped map[string]string
	Package []string // lines of go test -bench
}

func newReport(o options) *report {
	return &report{o: o, At: time.Now().UTC().Truncate(time.Second), Machine: machine(), Skipped: make(map[string]string)}
}

func machine() string {
	cpu, memory := "unknown CPU", ""
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if m := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(raw); m != nil {
			cpu = string(m[1])
		}
	}
	if raw, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kb int64
		if _, err := fmt.Sscanf(string(raw), "MemTotal: %d kB", &kb); err == nil {
			memory = fmt.Sprintf(", %d GiB", (kb+1<<19)>>20)
		}
	}
	return fmt.Sprintf("%d x %s%s, %s/%s, %s", runtime.NumCPU(), cpu, memory, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func (r *report) add(m measurement) { r.Runs = append(r.Runs, m) }

// skip says loudly that a peer was not measured.
func (r *report) skip(name string, err error) {
	if r.Skipped[name] == "" {
		fmt.Fprintf(os.Stderr, "\n*** SKIPPED: %s was not measured: %v ***\n\n", name, err)
	}
	r.Skipped[name] = err.Error()
}

// packages runs the benchmarks that need no server.
func (r *report) packages(ctx context.Context) error {
	for _, args := range [][]string{
		{"-bench", "^Benchmark(Write|Read)$", "-benchtime", "5x", "./internal/parquet"},
		{"-bench", "^BenchmarkAppend$", "-benchtime", "3s", "./internal/buffer"},
	} {
		cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-run", "^$"}, args...)...)
		cmd.Dir = ".."
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, out)
		}
		for line := range strings.Lines(string(out)) {
			if strings.HasPrefix(line, "Benchmark") {
				r.Package = append(r.Package, strings.TrimSpace(line))
			}
		}
	}
	return nil
}

// write prints the table, and keeps it and every single measurement.
func (r *report) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text := r.markdown()
	name := filepath.Join(dir, r.At.Format("20060102T150405Z"))
	if err := os.WriteFile(name+".json", raw, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(name+".md", text, 0o644); err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}

func (r *report) markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s. %s. %d rounds of %v after %v of warm-up, interleaved.\n", r.At.Format(time.DateOnly), r.Machine, r.o.rounds, r.o.seconds, r.o.warmup)
	for _, sh := range shapes() {
		fmt.Fprintf(&b, "\n%d clients, %d event(s) per request:\n\n", sh.clients, sh.events)
		fmt.Fprintln(&b, "| system | events/s | per round | p50 ms | p99 ms | max ms | server CPU s per M | until settled | client CPU s per M | peak MB | errors | x ceiling | x postgres |")
		fmt.Fprintln(&b, "|---|---|---|---|---|---|---|---|---|---|---|---|---|")
		for _, sys := range systems() {
			if runs := r.of(sys.name, sh.name); len(runs) > 0 {
				r.row(&b, sys.name, sh.name, runs)
			}
		}
	}
	if len(r.Package) > 0 {
		fmt.Fprintf(&b, "\nPackages, without a server:\n\n```text\n%s\n```\n", strings.Join(r.Package, "\n"))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Skipped)) {
		fmt.Fprintf(&b, "\n**SKIPPED: %s: %s**\n", name, r.Skipped[name])
	}
	return b.Bytes()
}

// row is the mean over the rounds, except for what is a worst case.
func (r *report) row(b *bytes.Buffer, system, shape string, runs []measurement) {
	mean := func(of func(measurement) float64) float64 {
		var sum float64
		for _, m := range runs {
			sum += of(m)
		}
		return sum / float64(len(runs))
	}
	var each []string
	var worst, peak float64
	var errs int64
	for _, m := range runs {
		each = append(each, fmt.Sprintf("%.0f", m.rate()))
		worst, peak, errs = max(worst, m.Max), max(peak, m.PeakMB), errs+m.Errors
	}
	fmt.Fprintf(b, "| %s | %.0f | %s | %.2f | %.1f | %.0f | %.1f | %.1f | %.1f | %.0f | %d | %s | %s |\n", system,
		mean(measurement.rate), strings.Join(each, ", "),
		mean(func(m measurement) float64 { return m.P50 }), mean(func(m measurement) float64 { return m.P99 }), worst,
		mean(func(m measurement) float64 { return m.CPU }), mean(func(m measurement) float64 { return m.CPUSettled }),
		mean(func(m measurement) float64 { return m.ClientCPU }), peak, errs,
		r.ratio(system, "ceiling", shape), r.ratio(system, "postgres", shape))
}

// ratio compares rates round by round: what disturbs one disturbs the other.
func (r *report) ratio(system, peer, shape string) string {
	var list []string
	for _, m := range r.of(system, shape) {
		for _, p := range r.of(peer, shape) {
			if p.Round == m.Round && p.Events > 0 {
				list = append(list, fmt.Sprintf("%.2f", m.rate()/p.rate()))
			}
		}
	}
	return strings.Join(list, ", ")
}

func (r *report) of(system, shape string) []measurement {
	var list []measurement
	for _, m := range r.Runs {
		if m.System == system && m.Shape == shape {
			list = append(list, m)
		}
	}
	return list
}
