package audit

import (
	"sync"
	"time"
)

// Stats is what a client did since it was made.
type Stats struct {
	Recorded        int64     // events that Record has brought to the sidecar's disk
	Enqueued        int64     // events that went into the spool
	Delivered       int64     // events of this spool, and of adopted ones, that the sidecar has stored
	DeadLettered    int64     // events that went to the dead-letter file
	SpoolBytes      int64     // of this spool, waiting for delivery
	SpoolEvents     int64     // the same, counted
	Retries         int64     // requests beyond the first for the same events
	LastError       error     // of a delivery or a sync; stays after it was overcome
	LastDeliveredAt time.Time // of the sender's last success
}

// stats guards the counters of a client.
type stats struct {
	mu sync.Mutex
	s  Stats
}

func (s *stats) add(change func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.s)
}

// Stats returns the counters as they are now.
func (c *Client) Stats() Stats {
	bytes, events := c.spool.Pending()
	c.stats.mu.Lock()
	defer c.stats.mu.Unlock()
	s := c.stats.s
	s.SpoolBytes, s.SpoolEvents = bytes, events
	return s
}
