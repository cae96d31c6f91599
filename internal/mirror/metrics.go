package mirror

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	commits  prometheus.Counter
	rows     prometheus.Counter
	gone     prometheus.Counter
	failures prometheus.Counter
}

// newMetrics registers what a feed counts. Every series has the target's name.
func newMetrics(r prometheus.Registerer, target string, status func() Status) *metrics {
	labels := prometheus.Labels{"target": target}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels})
	}
	gauge := func(name, help string, value func(Status) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return value(status()) })
	}
	m := &metrics{
		commits: counter("archiver_mirror_commits_total", "Commits that the target has, heartbeats included."),
		rows:    counter("archiver_mirror_rows_total", "Rows that were handed to the target as parts of whole commits."),
		gone:    counter("archiver_mirror_expired_rows_total", "Rows that could not be mirrored: their lock has expired and the bucket no longer has them."),
		failures: counter("archiver_mirror_failures_total",
			"Rounds that failed and are repeated."),
	}
	r.MustRegister(m.commits, m.rows, m.gone, m.failures,
		gauge("archiver_mirror_behind_rows", "Committed rows that the target lacks.",
			func(s Status) float64 { return float64(s.BehindRows) }),
		gauge("archiver_mirror_behind_commits", "Commits that the target lacks.",
			func(s Status) float64 { return float64(s.BehindCommits) }),
		gauge("archiver_mirror_failing_since_timestamp_seconds", "Unix time since when the mirror has been failing; 0 while it is not.",
			func(s Status) float64 {
				if s.Failing.IsZero() {
					return 0
				}
				return float64(s.Failing.UnixMilli()) / 1000
			}),
		gauge("archiver_mirror_in_step_timestamp_seconds", "Unix time when the target last had all that the bucket had; 0 before that.",
			func(s Status) float64 {
				if s.InStep.IsZero() {
					return 0
				}
				return float64(s.InStep.UnixMilli()) / 1000
			}))
	return m
}

// NewRefusals registers the counter of rows that a target refused for good, by
// reason. Reasons are labels: a closed set. All targets share the name.
func NewRefusals(r prometheus.Registerer, target string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "archiver_mirror_refused_rows_total",
		Help: "Rows that the target refused for good, by reason. They are in the archive.", ConstLabels: prometheus.Labels{"target": target}},
		[]string{"reason"})
	r.MustRegister(v)
	return v
}
