package buffer

import "time"

// room is how many bytes of frames can still be taken: up to the high-water mark,
// and as far as the disk goes. The rest of the active segment and the spares are on
// the disk already. free is what the disk has left, -1 if that is not known. The
// caller holds mu.
func (b *Buffer) room(free int64) int64 {
	room := b.o.HighWater - (b.written - b.released.written)
	if free >= 0 {
		var ready int64
		if n := len(b.segments); n > 0 {
			ready = b.segments[n-1].size - b.end.offset
		}
		ready += int64(len(b.spares)) * b.o.SegmentBytes
		room = min(room, ready+max(0, free-max(0, b.o.Reserve)))
	}
	return max(0, room)
}

// growth is how fast something grows, averaged over about growthPeriod.
type growth struct {
	at     time.Time // of the last look
	bytes  int64     // then
	perSec float64
}

const growthPeriod = time.Minute

// add takes a look. Looks come about once a second, and further ones in between.
func (g *growth) add(now time.Time, bytes int64) {
	passed := now.Sub(g.at)
	if g.at.IsZero() || passed < 0 { // the first look, or the clock was set back
		g.at, g.bytes = now, bytes
		return
	}
	if passed < keepPeriod/2 {
		return
	}
	// An exponential moving average, weighted by the time that each look covers.
	weight := min(1, passed.Seconds()/growthPeriod.Seconds())
	g.perSec += weight * (float64(bytes-g.bytes)/passed.Seconds() - g.perSec)
	g.at, g.bytes = now, bytes
}

// lasts is how long room is enough at that rate; negative: for ever.
func (g *growth) lasts(room int64) time.Duration {
	if g.perSec < 1 {
		return -1
	}
	seconds := float64(room) / g.perSec
	if seconds > (365 * 24 * time.Hour).Seconds() {
		return -1
	}
	return time.Duration(seconds * float64(time.Second))
}
