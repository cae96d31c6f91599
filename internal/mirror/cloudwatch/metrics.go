package cloudwatch

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/mirror"
)

// Results of a request, for the metric.
const (
	resultTaken   = "taken"
	resultRefused = "refused" // the service says that the request is wrong
	resultFailed  = "failed"  // nothing was stored
	resultUnknown = "unknown" // no answer: it may be stored, and is sent again
)

type metrics struct {
	events   prometheus.Counter
	rejected *prometheus.CounterVec
	requests *prometheus.CounterVec
	bytes    prometheus.Counter
	seconds  prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		events: prometheus.NewCounter(prometheus.CounterOpts{Name: "archiver_mirror_cloudwatch_events_total",
			Help: "Events that CloudWatch Logs has taken."}),
		rejected: mirror.NewRefusals(r, "cloudwatch"),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "archiver_mirror_cloudwatch_requests_total",
			Help: "PutLogEvents by result; one whose result is unknown is sent again, and its events may be there twice."}, []string{"result"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "archiver_mirror_cloudwatch_bytes_total",
			Help: "Bytes of the requests that were taken, as the service counts and bills them."}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "archiver_mirror_cloudwatch_request_duration_seconds",
			Help: "Duration of PutLogEvents, the SDK's repeats included.", Buckets: prometheus.ExponentialBuckets(0.01, 4, 8)}),
	}
	for _, why := range reasons() {
		m.rejected.WithLabelValues(string(why))
	}
	for _, result := range []string{resultTaken, resultRefused, resultFailed, resultUnknown} {
		m.requests.WithLabelValues(result)
	}
	r.MustRegister(m.events, m.requests, m.bytes, m.seconds)
	return m
}
