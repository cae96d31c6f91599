package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/bench/load"
	"github.com/audit-archiver/archiver/bench/page"
	"github.com/audit-archiver/archiver/bench/pg"
)

// report collects what was measured.
type report struct {
	At      time.Time
	Machine string
	Options string
	Sustain bool
	Runs    []load.Measurement
	Skipped map[string]string
}

func newReport(o options) (*report, error) {
	r := &report{At: time.Now().UTC().Truncate(time.Second), Machine: page.Machine(), Sustain: o.sustain > 0, Skipped: make(map[string]string)}
	warm := ""
	if o.Warmup > 0 {
		warm = fmt.Sprintf(" after %v of warm-up", o.Warmup)
	}
	r.Options = fmt.Sprintf("Medians of %d rounds of %v%s, the systems taking turns", o.rounds, o.Seconds, warm)
	if o.rounds == 1 {
		r.Options = fmt.Sprintf("One run of %v each%s", o.Seconds, warm)
	}
	r.Options += fmt.Sprintf("; the archiver seals after %v", o.age)
	if slices.Contains(o.only, postgresName) {
		version, err := pg.Version()
		if err != nil && !errors.Is(err, pg.ErrMissing) {
			return nil, err
		}
		if version != "" {
			r.Options += "; " + version
		}
	}
	if slices.Contains(o.only, natsName) {
		r.Options += "; NATS " + natsVersion
	}
	return r, nil
}

// skip says loudly that a peer was not measured.
func (r *report) skip(name string, err error) {
	if r.Skipped[name] == "" {
		fmt.Fprintf(os.Stderr, "\n*** SKIPPED: %s was not measured: %v ***\n\n", name, err)
	}
	r.Skipped[name] = err.Error()
}

// write prints the tables, keeps them and every single measurement, and updates the documentation when asked.
func (r *report) write(o options) error {
	if err := os.MkdirAll(o.results, 0o755); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text := r.markdown(o)
	name := filepath.Join(o.results, r.At.Format("20060102T150405Z")+"-peers")
	if err := os.WriteFile(name+".json", raw, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(name+".md", text, 0o644); err != nil {
		return err
	}
	if _, err := os.Stdout.Write(text); err != nil {
		return err
	}
	picture := page.SVG(r.charts(o))
	if err := os.WriteFile(name+".svg", picture, 0o644); err != nil || !o.updateDocs {
		return err
	}
	part := "peers"
	if r.Sustain {
		part = "sustained-" + o.sustain.String()
	} else if err := os.WriteFile("../docs/performance/peers.svg", picture, 0o644); err != nil {
		return err
	}
	return page.Replace("../docs/performance.md", part, text)
}

func (r *report) markdown(o options) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s. %s. %s.\n", r.At.Format(time.DateOnly), r.Machine, r.Options)
	for _, sh := range o.shapes {
		fmt.Fprintf(&b, "\n**%s**: %d clients, %d event(s) per request\n\n", sh.Name, sh.Clients, sh.Events)
		if r.Sustain {
			fmt.Fprintln(&b, "| system | events/s under load | each round | x postgres | events/s until all is archived and committed | x postgres | waited at the end, s | p50 ms | p99 ms | max ms | server CPU s per M, all | peak MB | stored B/event | refused |")
			fmt.Fprintln(&b, "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
		} else {
			fmt.Fprintln(&b, "| system | events/s | each round | x handler | x postgres | p50 ms | p99 ms | max ms | server CPU s per M: load | all | client | peak MB | stored B/event | log B/event | refused |")
			fmt.Fprintln(&b, "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
		}
		for _, sys := range systems(o) {
			runs := r.of(sys.name, sh.Name)
			switch {
			case len(runs) == 0:
			case r.Sustain:
				r.sustainedRow(&b, sys.name, sh.Name, runs)
			default:
				r.row(&b, sys.name, sh.Name, runs)
			}
		}
	}
	for _, m := range r.of(archiverName, load.Batch().Name) {
		if len(m.Samples) > 0 {
			fmt.Fprintln(&b, "\nResident memory and open files of the archiver over the run:", series(m.Samples)+".")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Skipped)) {
		fmt.Fprintf(&b, "\n**SKIPPED: %s: %s**\n", name, r.Skipped[name])
	}
	return b.Bytes()
}

// row is the medians of the rounds, except for what is a worst case.
func (r *report) row(b *bytes.Buffer, system, shape string, runs []load.Measurement) {
	median := func(of func(load.Measurement) float64) string { return page.Number(page.Median(each(runs, of))) }
	w := worst(runs)
	fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %.0f | %s | %s | %s | %.0f | %s | %s | %d |\n", system,
		median(load.Measurement.Rate), rates(runs), r.ratio(system, handlerName, shape, load.Measurement.Rate), r.ratio(system, postgresName, shape, load.Measurement.Rate),
		median(func(m load.Measurement) float64 { return m.P50 }), median(func(m load.Measurement) float64 { return m.P99 }), w.Max,
		median(func(m load.Measurement) float64 { return m.CPU }), median(func(m load.Measurement) float64 { return m.CPUSettled }),
		median(func(m load.Measurement) float64 { return m.ClientCPU }), w.PeakMB,
		bytesOr(page.Median(each(runs, func(m load.Measurement) float64 { return m.StoredBytes }))),
		bytesOr(page.Median(each(runs, func(m load.Measurement) float64 { return m.LogBytes }))), w.Refused)
}

// worst is what is not a median: the slowest answer and the highest memory of all rounds, and all that was refused.
func worst(runs []load.Measurement) (w load.Measurement) {
	for _, m := range runs {
		w.Max, w.PeakMB, w.Refused = max(w.Max, m.Max), max(w.PeakMB, m.PeakMB), w.Refused+m.Refused
	}
	return w
}

// rates are those of each round.
func rates(runs []load.Measurement) string {
	var parts []string
	for _, m := range runs {
		parts = append(parts, page.Number(m.Rate()))
	}
	return strings.Join(parts, " / ")
}

// bytesOr is a size, or a dash when the system keeps nothing of the kind.
func bytesOr(v float64) string {
	if v == 0 {
		return "-"
	}
	return page.Number(v)
}

func (r *report) sustainedRow(b *bytes.Buffer, system, shape string, runs []load.Measurement) {
	median := func(of func(load.Measurement) float64) float64 { return page.Median(each(runs, of)) }
	sustained := func(m load.Measurement) float64 { return m.Sustained }
	w := worst(runs)
	fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %.1f | %s | %s | %.0f | %s | %.0f | %s | %d |\n", system,
		page.Number(median(load.Measurement.Rate)), rates(runs), r.ratio(system, postgresName, shape, load.Measurement.Rate),
		page.Number(median(sustained)), r.ratio(system, postgresName, shape, sustained),
		median(func(m load.Measurement) float64 { return m.SettleSeconds }),
		page.Number(median(func(m load.Measurement) float64 { return m.P50 })), page.Number(median(func(m load.Measurement) float64 { return m.P99 })), w.Max,
		page.Number(median(func(m load.Measurement) float64 { return m.CPUSettled })), w.PeakMB,
		bytesOr(median(func(m load.Measurement) float64 { return m.StoredBytes })), w.Refused)
}

// series is one line about all samples.
func series(samples []load.Sample) string {
	var parts []string
	for _, s := range samples {
		parts = append(parts, fmt.Sprintf("%.0f s: %.0f MB, %d", s.Seconds, s.ResidentMB, s.Files))
	}
	return strings.Join(parts, "; ")
}

// ratio compares rates round by round, because what disturbs one disturbs the other, and takes the median.
func (r *report) ratio(system, peer, shape string, rate func(load.Measurement) float64) string {
	var list []float64
	for _, m := range r.of(system, shape) {
		for _, p := range r.of(peer, shape) {
			if p.Round == m.Round && p.Events > 0 {
				list = append(list, rate(m)/rate(p))
			}
		}
	}
	if len(list) == 0 {
		return "-"
	}
	return page.Number(page.Median(list))
}

// charts are rate and cost of each shape.
func (r *report) charts(o options) []page.Chart {
	var all []page.Chart
	for _, sh := range o.shapes {
		rate := page.Chart{Title: fmt.Sprintf("%d clients x %d", sh.Clients, sh.Events), Unit: "events/s", Better: "more"}
		cost := page.Chart{Title: rate.Title, Unit: "server CPU seconds per million events, archived", Better: "less"}
		for _, sys := range systems(o) {
			runs := r.of(sys.name, sh.Name)
			if len(runs) == 0 {
				continue
			}
			ours := sys.name == archiverName || sys.name == logOnlyName
			add := func(c *page.Chart, of func(load.Measurement) float64) {
				v := each(runs, of)
				c.Bars = append(c.Bars, page.Bar{Label: sys.name, Value: page.Median(v), Low: slices.Min(v), High: slices.Max(v), Ours: ours})
			}
			if r.Sustain {
				add(&rate, func(m load.Measurement) float64 { return m.Sustained })
			} else {
				add(&rate, load.Measurement.Rate)
			}
			add(&cost, func(m load.Measurement) float64 { return m.CPUSettled })
		}
		all = append(all, rate, cost)
	}
	return all
}

func (r *report) of(system, shape string) []load.Measurement {
	var list []load.Measurement
	for _, m := range r.Runs {
		if m.System == system && m.Shape == shape {
			list = append(list, m)
		}
	}
	return list
}

func each(runs []load.Measurement, of func(load.Measurement) float64) []float64 {
	var list []float64
	for _, m := range runs {
		list = append(list, of(m))
	}
	return list
}
