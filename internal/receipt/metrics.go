package receipt

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	signatures, receipts, missing prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		signatures: prometheus.NewCounter(prometheus.CounterOpts{Name: "archiver_receipt_signatures_total",
			Help: "Signatures made for receipts: at most one per group commit."}),
		receipts: prometheus.NewCounter(prometheus.CounterOpts{Name: "archiver_receipts_total",
			Help: "Receipts handed out, each for all events of a request."}),
		missing: prometheus.NewCounter(prometheus.CounterOpts{Name: "archiver_receipts_missing_total",
			Help: "Requests that asked for a receipt and did not get one for all of their events."}),
	}
	return m, errors.Join(r.Register(m.signatures), r.Register(m.receipts), r.Register(m.missing))
}
