package e2e

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/testenv/cloudwatch"
)

const metricsPage = "../../docs/operations/metrics.md"

// metricRow is what a row of the page says of a metric, and what the server says.
type metricRow struct{ labels, kind, help string }

// TestMetricsAreListed: docs/operations/metrics.md has a row for each metric of ours
// that a server with everything switched on exposes, with the labels, the type and the
// help that it has there, and a row for no other.
func TestMetricsAreListed(t *testing.T) {
	s3 := startDev(t, t.TempDir())
	logs := cloudwatch.New(t, time.Now)
	s := newSite(t, s3, "metrics", "127.0.0.1:0", "  ship_interval: 1s\nverify:\n  every: 1m\nmirror:\n  interval: 1s\n")
	mirrorToLogs(t, s.config, logs.URL, s3.Credentials)
	s.init(t)
	d := startServe(t, s.config)
	// The counter of refusals has no series before there is one.
	if raw, status, _ := d.do(t, http.MethodPost, "/v1/events", "application/json", "{"); status != http.StatusBadRequest {
		t.Fatalf("status %d: %s", status, raw)
	}
	raw, _, _ := d.do(t, http.MethodGet, "/metrics", "", "")
	listed, exposed := listedMetrics(t), exposedMetrics(string(raw))
	for name, m := range exposed {
		switch row, ok := listed[name]; {
		case !ok:
			t.Errorf("the page lacks a row: | `%s%s` | %s | UNIT | %s |", name, m.labels, m.kind, m.help)
		case row != m:
			t.Errorf("%s: the page says %+v, the server %+v", name, row, m)
		}
	}
	for name := range listed {
		if _, ok := exposed[name]; !ok {
			t.Errorf("the page has %s, the server does not", name)
		}
	}
	d.stop(t)
	s3.stop(t)
}

// listedMetrics are the rows of the page.
func listedMetrics(t *testing.T) map[string]metricRow {
	t.Helper()
	raw, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("^\\| `(archiver_[a-z_]+)([^`]*)` \\| ([a-z]+) \\| [^|]+ \\| ([^|]+) \\|$")
	listed := make(map[string]metricRow)
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		found := row.FindStringSubmatch(line)
		switch {
		case found == nil && strings.HasPrefix(line, "| `"):
			t.Errorf("not a row as the others: %s", line)
		case found == nil:
		case listed[found[1]] != metricRow{}:
			t.Errorf("%s is there twice", found[1])
		default:
			listed[found[1]] = metricRow{found[2], found[3], found[4]}
		}
	}
	return listed
}

// exposedMetrics takes the metrics of ours out of an answer of /metrics.
func exposedMetrics(text string) map[string]metricRow {
	label := regexp.MustCompile(`([a-z_]+)="`)
	exposed := make(map[string]metricRow)
	name := "" // of the family that the lines are of
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		word, rest, _ := strings.Cut(strings.TrimPrefix(line, "# HELP "), " ")
		switch {
		case strings.HasPrefix(line, "# HELP "):
			if name = word; strings.HasPrefix(name, "archiver_") {
				exposed[name] = metricRow{help: rest}
			}
			continue
		case !strings.HasPrefix(name, "archiver_"):
			continue
		}
		m := exposed[name]
		if kind, ok := strings.CutPrefix(line, "# TYPE "+name+" "); ok {
			m.kind = kind
		} else if m.labels == "" && m.kind != "histogram" { // of ours no histogram has labels
			var names []string
			for _, found := range label.FindAllStringSubmatch(line, -1) {
				names = append(names, found[1])
			}
			if len(names) > 0 {
				m.labels = "{" + strings.Join(names, ",") + "}"
			}
		}
		exposed[name] = m
	}
	return exposed
}
