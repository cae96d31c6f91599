package ingest

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// A body takes the memory that it says it needs, once enough of it has arrived,
// and gives all of it back.
func TestBodyReservesItsLength(t *testing.T) {
	const all = 4 << 20
	for _, size := range []int{0, 1, 1 << 10, 256<<10 - 1, 256 << 10, 300_000, 512 << 10, 900_000} {
		s := newBodies(1<<20, all)
		text := strings.Repeat("x", size)
		b, p := s.read(httptest.NewRequest("POST", "/", strings.NewReader(text)), codingIdentity)
		if p != nil {
			t.Fatalf("%d bytes: %v", size, p)
		}
		if string(b.bytes) != text {
			t.Errorf("%d bytes: got others, %d of them", size, len(b.bytes))
		}
		most := int64(max(1<<10, size+1))
		if b.reserved > most {
			t.Errorf("%d bytes: reserved %d, want at most %d", size, b.reserved, most)
		}
		if b.release(); s.free.Load() != all {
			t.Errorf("%d bytes: %d not given back", size, all-s.free.Load())
		}
	}
}

// Room for events is made by what valid ones need, not by what separates them.
func TestFewBytesClaimLittleRoom(t *testing.T) {
	s := &events{lim: DefaultLimits()}
	event := `{"action":"a","actor":{"id":"a","type":"user"},"resource":{"type":"a"},"outcome":"success"}` + "\n"
	for _, c := range []struct {
		body   string
		format format
		want   int
	}{
		{strings.Repeat("\n", 9_000), formatNDJSON, 1 + 9_000/90},
		{strings.Repeat(event, 100), formatNDJSON, 101},
		{strings.Repeat(event, 20_000), formatNDJSON, 10_000},
		{event, formatJSON, 1},
		{"", formatNDJSON, 1},
	} {
		if got := s.expect(c.body, c.format); got > c.want {
			t.Errorf("%d bytes starting %.20q: room for %d, want at most %d", len(c.body), c.body, got, c.want)
		}
	}
	if got := s.expect(strings.Repeat(event, 500), formatNDJSON); got < 500 {
		t.Errorf("500 of the shortest events: room for only %d", got)
	}
}
