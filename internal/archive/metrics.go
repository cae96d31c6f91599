package archive

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	batches prometheus.Counter
	rows    prometheus.Counter
	bytes   prometheus.Counter
	retries prometheus.Counter
	foreign prometheus.Counter
	through prometheus.Gauge
	seconds prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		batches: prometheus.NewCounter(prometheus.CounterOpts{Name: "archiver_archive_commits_total",
			Help: "Commits confirmed in the bucket, heartbeats and start notes included."}),
		rows: prometheus.NewCounter(prometheus.CounterOpts{Name: "archiver_archive_rows_total",
			Help: "Rows in confirmed commits."}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "archiver_archive_bytes_total",
			Help: "Bytes of Parquet in confirmed commits."}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{Name: "archiver_archive_failures_total",
			Help: "Steps towards the bucket that failed and are repeated."}),
		foreign: prometheus.NewCounter(prometheus.CounterOpts{Name: "archiver_archive_foreign_versions_total",
			Help: "Versions under our own keys that we did not write, delete markers included."}),
		through: prometheus.NewGauge(prometheus.GaugeOpts{Name: "archiver_archive_complete_through_timestamp_seconds",
			Help: "Every event received at or before this Unix time is in the bucket; 0 before the first commit since the start."}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "archiver_archive_commit_duration_seconds",
			Help: "From the start of the try that succeeded, when the files of the batch are spooled, to its confirmed commit.", Buckets: prometheus.ExponentialBuckets(0.01, 4, 9)}),
	}
	r.MustRegister(m.batches, m.rows, m.bytes, m.retries, m.foreign, m.through, m.seconds)
	return m
}
