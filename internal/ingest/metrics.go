package ingest

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of POST /v1/events. All labels come from closed sets.
type metrics struct {
	answers [6]prometheus.Counter  // by class of status: 2 is 2xx
	refused *prometheus.CounterVec // by kind of problem
	events  prometheus.Counter
	bytes   prometheus.Counter
	seconds prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "archiver_ingest_requests_total",
		Help: "Requests to POST /v1/events, by class of the status.",
	}, []string{"code"})
	m := &metrics{
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "archiver_ingest_refused_total",
			Help: "Requests refused after the sender was known, by the kind of problem.",
		}, []string{"kind"}),
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "archiver_ingest_events_total",
			Help: "Events acknowledged: they are on disk.",
		}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "archiver_ingest_received_bytes_total",
			Help: "Bytes of bodies that were read completely, after decompression.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "archiver_ingest_request_duration_seconds",
			Help: "Time from the request's header to its answer, disk included.",
			Buckets: []float64{
				.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 20, 60,
			},
		}),
	}
	for _, class := range []int{2, 4, 5} { // zero is a fact, absent is a question
		m.answers[class] = requests.WithLabelValues(strconv.Itoa(class) + "xx")
	}
	var errs []error
	for _, c := range []prometheus.Collector{requests, m.refused, m.events, m.bytes, m.seconds} {
		errs = append(errs, reg.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return m, nil
}
