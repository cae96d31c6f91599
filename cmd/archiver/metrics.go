package main

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/buffer"
)

// registerMetrics adds what only a look at the buffer and the archiver can tell.
func (n *node) registerMetrics() {
	n.metrics.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), n.line)
	for _, m := range bufferMetrics() {
		value := func() float64 { return m.value(n.line.Current().Buffer.Stats()) }
		if m.counts {
			n.metrics.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: m.name, Help: m.help}, value))
			continue
		}
		n.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: m.name, Help: m.help}, value))
	}
	n.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "archiver_stream_ends_timestamp_seconds",
		Help: "Unix time when the stream's certificate ends: its successor has to be made before."},
		func() float64 { return float64(n.line.Current().Ends().Unix()) }))
	n.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "archiver_archive_failing_since_timestamp_seconds",
		Help: "Unix time since when a step towards the bucket has been failing; 0 while none is."},
		func() float64 {
			if s := n.line.Current().Archiver.Status(); !s.Failing.IsZero() {
				return float64(s.Failing.UnixMilli()) / 1000
			}
			return 0
		}))
	if n.cfg.WAL.ShipInterval > 0 {
		n.registerShipMetrics()
	}
}

// bufferMetric is one number of the buffer.
type bufferMetric struct {
	name, help string
	value      func(buffer.Stats) float64
	counts     bool // a counter; else a gauge
}

func bufferMetrics() []bufferMetric {
	return []bufferMetric{
		{"archiver_wal_next_seq", "Seq that the next event gets.",
			func(s buffer.Stats) float64 { return float64(s.NextSeq) }, false},
		{"archiver_wal_first_seq", "First seq that is not archived and released.",
			func(s buffer.Stats) float64 { return float64(s.FirstSeq) }, false},
		{"archiver_wal_unreleased_bytes", "Bytes of the WAL that are not archived and released.",
			func(s buffer.Stats) float64 { return float64(s.UnreleasedBytes) }, false},
		{"archiver_wal_disk_free_bytes", "Bytes that can still be written on the WAL's disk.",
			func(s buffer.Stats) float64 { return float64(s.FreeBytes) }, false},
		{"archiver_wal_queued_events", "Events that wait for the group commit.",
			func(s buffer.Stats) float64 { return float64(s.QueuedEvents) }, false},
		{"archiver_wal_queued_bytes", "Encoded bytes that wait for the group commit.",
			func(s buffer.Stats) float64 { return float64(s.QueuedBytes) }, false},
		{"archiver_wal_sealed_batches", "Sealed batches that are not released.",
			func(s buffer.Stats) float64 { return float64(s.SealedBatches) }, false},
		{"archiver_wal_open_rows", "Rows that no seal covers yet.",
			func(s buffer.Stats) float64 { return float64(s.OpenRows) }, false},
		{"archiver_wal_open_bytes", "Bytes that no seal covers yet.",
			func(s buffer.Stats) float64 { return float64(s.OpenBytes) }, false},
		{"archiver_wal_clock_ahead_seconds", "How far received_at is ahead of the clock, because the clock was set back.",
			func(s buffer.Stats) float64 { return s.Ahead.Seconds() }, false},
		{"archiver_retry_window_ids", "Event ids that are remembered: a retry of one of these is recognised.",
			func(s buffer.Stats) float64 { return float64(s.RecentIDs) }, false},
		{"archiver_retry_window_since_timestamp_seconds", "Unix time when the oldest id that is remembered was received; 0 when there is none.",
			func(s buffer.Stats) float64 { return unixSeconds(s.RecentSince) }, false},
		{"archiver_events_repeated_total", "Events that were sent again and recognised.",
			func(s buffer.Stats) float64 { return float64(s.Repeated) }, true},
		{"archiver_events_conflicting_total", "Events that were refused because their id is taken by another event.",
			func(s buffer.Stats) float64 { return float64(s.Conflicts) }, true},
		{"archiver_wal_room_bytes", "Bytes that can be taken until events are refused.",
			func(s buffer.Stats) float64 { return float64(s.RoomBytes) }, false},
		{"archiver_wal_room_seconds", "Seconds until events are refused at the rate of the last minute; +Inf while there is no end in sight.",
			func(s buffer.Stats) float64 { return roomSeconds(s) }, false},
		{"archiver_wal_full_since_timestamp_seconds", "Unix time since when events are refused because the WAL is full; 0 while they are not.",
			func(s buffer.Stats) float64 { return unixSeconds(s.FullSince) }, false},
		{"archiver_wal_full", "1 while events are refused because the WAL is full.",
			func(s buffer.Stats) float64 { return flag(s.Full != "") }, false},
	}
}

func roomSeconds(s buffer.Stats) float64 {
	if s.RoomFor < 0 {
		return math.Inf(1)
	}
	return s.RoomFor.Seconds()
}

// unixSeconds is how Prometheus tells an instant; 0 for the zero time.
func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// registerShipMetrics tells how much of the WAL would be lost with this machine:
// what is from archiver_ship_next_seq on.
func (n *node) registerShipMetrics() {
	gauge := func(name, help string, value func(archive.ShipStatus) float64) {
		n.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return value(n.line.Current().Shipper.Status()) }))
	}
	gauge("archiver_ship_next_seq", "All events before this seq were copied to the bucket, or archived.",
		func(s archive.ShipStatus) float64 { return float64(s.NextSeq) })
	gauge("archiver_ship_last_timestamp_seconds", "Unix time when everything in the WAL was last copied to the bucket; 0 before the first time.",
		func(s archive.ShipStatus) float64 { return unixSeconds(s.Shipped) })
	gauge("archiver_ship_failing_since_timestamp_seconds", "Unix time since when copying the WAL to the bucket has been failing; 0 while it is not.",
		func(s archive.ShipStatus) float64 { return unixSeconds(s.Failing) })
}

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}
