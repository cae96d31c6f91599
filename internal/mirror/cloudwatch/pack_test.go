package cloudwatch

import (
	"fmt"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
)

// TestLimits is at each limit, and one beyond. The service fails the test itself when
// a request is over one of them.
func TestLimits(t *testing.T) {
	at := func(times ...time.Duration) (rows []event.Row) {
		for i, at := range times {
			rows = append(rows, row(int64(i), at))
		}
		return rows
	}
	old := func(n int) (rows []event.Row) {
		for i := range n {
			rows = append(rows, row(int64(i), -15*24*time.Hour))
		}
		return rows
	}
	for _, tt := range []struct {
		name     string
		rows     []event.Row
		requests int
		rejected map[int64]Reason // by seq
	}{
		{"1 MiB", []event.Row{sized(0, 0, 600_000), sized(1, 0, 1<<20-600_000)}, 1, nil},
		{"1 MiB and a byte", []event.Row{sized(0, 0, 600_000), sized(1, 0, 1<<20-600_000+1)}, 2, nil},
		{"one event of 1 MiB", []event.Row{sized(0, 0, 1<<20)}, 1, nil},
		{"one event of 1 MiB and a byte", []event.Row{row(0, 0), sized(1, 0, 1<<20+1), row(2, 0)}, 1, map[int64]Reason{1: TooLarge}},
		{"24 hours", at(-30*time.Hour, -20*time.Hour, -6*time.Hour), 1, nil},
		{"24 hours and a millisecond", at(-30*time.Hour, -20*time.Hour, -6*time.Hour+time.Millisecond), 2, nil},
		{"one instant", at(0, 0), 1, nil},
		{"backwards within a millisecond", at(time.Microsecond, 0), 1, nil},
		{"backwards", at(0, -time.Millisecond), 2, nil},
		{"14 days old", at(-14 * 24 * time.Hour), 1, nil},
		{"14 days and a nanosecond old", at(-14*24*time.Hour-1, 0), 1, map[int64]Reason{0: TooOld}},
		{"2 hours ahead", at(2 * time.Hour), 1, nil},
		{"2 hours and a millisecond ahead", at(0, 2*time.Hour+time.Millisecond), 1, map[int64]Reason{1: TooNew}},
		{"nothing to send", at(-1000*24*time.Hour, 24*time.Hour), 0, map[int64]Reason{0: TooOld, 1: TooNew}},
		{"9,999 too old ones and two", append(old(9_999), row(9_999, 0), row(10_000, 0)), 2, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.write(commit(0, 0, tt.rows))
			if tt.rejected != nil {
				w.sameRejected(tt.rejected)
			}
			var want []event.Row
			for _, r := range tt.rows {
				if tt.rejected[r.Seq] == "" && r.TimestampNS >= noon().Add(-14*24*time.Hour).UnixNano() {
					want = append(want, r)
				}
			}
			w.sameEvents(want)
			puts := map[int]bool{}
			for _, e := range w.events() {
				puts[e.Put] = true
			}
			if len(puts) != tt.requests {
				t.Errorf("%d requests, want %d", len(puts), tt.requests)
			}
			if p := w.position(); p.Index != 1 || p.Row != 0 {
				t.Errorf("position %+v", p)
			}
		})
	}
}

// Messages of ours are so long that 1 MiB is full long before 10,000 events are, so the
// second limit is tried with shorter ones.
func TestLimitOfEvents(t *testing.T) {
	var b batch
	for n := range maxEvents {
		e := entry{message: "x"}
		if !b.fits(&e) {
			t.Fatalf("event %d does not fit: %d bytes", n, b.bytes)
		}
		b.add(e)
	}
	if e := (entry{message: "x"}); b.fits(&e) {
		t.Errorf("event %d fits", maxEvents)
	}
}

func (w *world) sameRejected(want map[int64]Reason) {
	w.t.Helper()
	got := map[int64]Reason{}
	for _, r := range w.reported() {
		if id := row(r.Seq, 0).ID; r.ID != id || r.Stream != stream || !r.At.Equal(noon()) || got[r.Seq] != "" {
			w.t.Errorf("report %+v, want once, with id %s", r, id)
		}
		got[r.Seq] = r.Reason
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("rejected %v, want %v", got, want)
	}
	counts := Counts{}
	for _, why := range want {
		*counts.Of(why)++
	}
	if c := w.target.streams[stream].saved; c.Rejected != counts {
		w.t.Errorf("the cursor counts %+v, want %+v", c.Rejected, counts)
	}
	for _, why := range reasons() {
		if n := w.metric("refused_rows_total", string(why)); n != float64(*counts.Of(why)) {
			w.t.Errorf("the metric counts %v of %s, want %d", n, why, *counts.Of(why))
		}
	}
}

// FuzzPack sends a commit of runs of rows of various times and sizes. The service, which
// has the limits from the documentation by itself, fails the test when a request is over
// one of them; every row must be in exactly one request, or reported.
func FuzzPack(f *testing.F) {
	f.Add([]byte{0, 1, 1, 200, 9, 3})
	f.Add([]byte{255, 0, 0, 255, 0, 0, 2, 0, 255, 1, 7, 255})
	f.Add([]byte{1, 128, 200, 50, 30, 40, 3, 90, 240, 120, 250, 0, 9, 255, 255})
	for i := range 8 {
		var ops []byte
		for k := range 36 {
			ops = append(ops, byte((i+3)*(k+5)*29+k*k))
		}
		f.Add(ops)
	}
	f.Fuzz(func(t *testing.T, ops []byte) {
		w := newWorld(t)
		var rows []event.Row
		want := map[int64]Reason{}
		var sent []event.Row
		clock, bytes := -15*24*time.Hour, 0
		for ; len(ops) >= 3 && len(rows) < 12_000 && bytes < 3<<20; ops = ops[3:] {
			count, gap, size := 1+int(ops[0])*int(ops[0])/16, int(ops[1]), int(ops[2])
			if ops[0] > 128 && size > 128 {
				count %= 5 // many, or large
			} else {
				size %= 8
			}
			for range count {
				r := sized(int64(len(rows)), clock, 400+size*size*17)
				rows, bytes = append(rows, r), bytes+400+size*size*17
				switch {
				case clock < -14*24*time.Hour:
					want[r.Seq] = TooOld
				case clock > 2*time.Hour:
					want[r.Seq] = TooNew
				case len(message(&r))+26 > 1<<20:
					want[r.Seq] = TooLarge
				default:
					sent = append(sent, r)
				}
				clock += time.Duration(gap*gap) * 10 * time.Millisecond
			}
			if gap%7 == 6 { // the next file
				clock -= time.Duration(gap*gap) * time.Minute
			}
		}
		w.write(commit(0, 0, rows))
		w.sameEvents(sent)
		if len(want) > 0 {
			w.sameRejected(want)
		}
	})
}
