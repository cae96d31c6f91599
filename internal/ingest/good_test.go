package ingest

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"

	"github.com/audit-archiver/archiver/internal/event"
)

// recorded returns the 2,900 recorded events as NDJSON.
func recorded(t testing.TB) string {
	t.Helper()
	f, err := os.Open("../../testenv/data/cloudtrail/events.ndjson.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestGoodRequests(t *testing.T) {
	three := []string{withID(1), minimal, withID(2)}
	for _, tt := range []struct {
		name, contentType, coding, body string
		events                          int
	}{
		{"one", "application/json", "", minimal, 1},
		{"white space around", "application/json; charset=UTF-8", "identity", "\r\n\t " + minimal + " \n", 1},
		{"array", "application/json", "", "[" + strings.Join(three, ",") + "]", 3},
		{"array with white space", "Application/JSON;charset=utf-8", "", " [ " + strings.Join(three, " ,\n") + "\t]\r\n", 3},
		{"array of one", "application/json", "", "[" + with(`"details":{"a":["]},{[\"",[{}]]}`) + "]", 1},
		{"lines", "application/x-ndjson", "", strings.Join(three, "\n"), 3},
		{"lines with CRLF and blanks", "application/x-ndjson; charset=utf-8", "", "\n" + strings.Join(three, "\r\n \r\n\r\n") + "\r\n", 3},
		{"one line without end", "application/x-ndjson", "", minimal, 1},
		{"gzip", "application/json", "gzip", gz(minimal), 1},
		{"gzip lines", "application/x-ndjson", "GZIP", gz(strings.Join(three, "\n")), 3},
		{"zstd", "application/json", "zstd", zst(t, minimal), 1},
		{"zstd in two frames", "application/x-ndjson", "zstd", zst(t, minimal+"\n") + zst(t, minimal), 2},
		{"zstd with the largest window", "application/json", "zstd", zstdWindow(t, 8<<20), 1},
		{"zstd of 15 MiB", "application/x-ndjson", "zstd", zst(t, minimal+strings.Repeat("\n", 15<<20)), 1},
		{"zstd best", "application/json", "zstd", zst(t, minimal, zstd.WithEncoderLevel(zstd.SpeedBestCompression)), 1},
		{"10,000 events", "application/x-ndjson", "", strings.Repeat(minimal+"\n", 10_000), 10_000},
		{"10,000 empty lines", "application/x-ndjson", "", minimal + strings.Repeat("\n", 10_001), 1},
		{"depth 64", "application/json", "", with(`"details":` + nested(63)), 1},
		{"event of 64 KiB", "application/json", "", minimal[:1] + strings.Repeat(" ", 64<<10-len(minimal)) + minimal[1:], 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, DefaultTimeouts(), nil)
			header := http.Header{"Content-Type": {tt.contentType}}
			if tt.coding != "" {
				header.Set("Content-Encoding", tt.coding)
			}
			before := int64(0)
			for range 2 {
				a := w.do("POST", "/v1/events", header, []byte(tt.body))
				got := a.accepted(t)
				if got.Stream != testStream || len(got.Events) != tt.events || w.appender.len() != int(before)+tt.events {
					t.Fatalf("%d events in stream %v, %d stored; want %d", len(got.Events), got.Stream, w.appender.len(), tt.events)
				}
				for i, e := range got.Events {
					stored := w.appender.events[e.Seq]
					if e.Seq != before+int64(i) || stored.ID != e.ID.String() {
						t.Fatalf("event %d is said to be %v at %d; there is %s", i, e.ID, e.Seq, stored.ID)
					}
				}
				before += int64(tt.events)
			}
		})
	}
}

func TestEventIsStoredAsSent(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), nil)
	details := `{ "b":1e400,"a":"\u00e9<>&\u2028" }`
	w.post("application/json", `[{"id":"01980C9E-0000-7000-8000-00000000000A","timestamp":"2026-11-23T10:00:00.000000001Z","action":"a",
		"actor":{"id":"u","type":"user"},"resource":{"type":"r"},"outcome":"failure","reason":"","details": `+details+` ,"ip":null}]`).accepted(t)
	want := event.Event{
		ID: "01980c9e-0000-7000-8000-00000000000a", Action: "a", ActorID: "u", ActorType: "user", ResourceType: "r",
		Outcome: "failure", Reason: event.Str(""), Details: event.Str(details), Producer: "local", Retention: "standard",
		TimestampNS: testNow.UnixNano() - 2*3600*1e9 + 1, Fingerprint: w.appender.events[0].Fingerprint,
	}
	if got := w.appender.events[0]; got != want {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	w.post("application/json", minimal).accepted(t)
	if got := w.appender.events[1]; got.TimestampNS != testNow.UnixNano() || len(got.ID) != 36 || got.ID[14] != '7' {
		t.Errorf("filled in: %+v", got)
	}
}

func TestRecordedEvents(t *testing.T) {
	body := recorded(t)
	w := newWorld(t, DefaultTimeouts(), nil)
	w.post("application/x-ndjson", body).accepted(t)
	array := "[" + strings.ReplaceAll(strings.TrimSpace(body), "\n", ",") + "]"
	w.post("application/json", array).accepted(t)
	if w.appender.len() != 5800 {
		t.Fatalf("%d events stored, want twice 2900", w.appender.len())
	}
	for i := range 2900 {
		if w.appender.events[i] != w.appender.events[2900+i] {
			t.Fatalf("event %d differs between lines and array", i)
		}
	}
}

func TestAppenderErrors(t *testing.T) {
	for _, tt := range []struct {
		err        error
		status     int
		kind       string
		retryAfter string
		detail     string
	}{
		{fmt.Errorf("append: %w", errTestFull), 503, kindFull, "1", "nothing was stored"},
		{fmt.Errorf("append: %w", errTestEarly), 503, kindNotReady, "1", "nothing was stored"},
		{fmt.Errorf("append: %w", errTestDamaged), 503, kindNotWritable, "5", "may or may not"},
		{fmt.Errorf("append: %w", errTestLarge), 413, kindTooLarge, "", "nothing was stored"},
		{errors.New("whatever"), 503, kindOutcomeUnknown, "1", "same ids"},
	} {
		w := newWorld(t, DefaultTimeouts(), nil)
		w.appender.fail = tt.err
		a := w.post("application/json", minimal)
		p := a.problem(t)
		if p.Status != tt.status || p.kind != tt.kind || a.Header.Get("Retry-After") != tt.retryAfter || !strings.Contains(p.Detail, tt.detail) {
			t.Errorf("%v: %d %s, retry after %s: %s", tt.err, p.Status, p.kind, a.Header.Get("Retry-After"), p.Detail)
		}
		if strings.Contains(string(a.body), tt.err.Error()) {
			t.Errorf("%v: the answer tells what only the log should", tt.err)
		}
		w.appender.fail = nil
		w.healthy(0)
	}
}

// TestNoRoom: what there is no room for is not decoded.
func TestNoRoom(t *testing.T) {
	var full atomic.Bool
	asked := make(chan int64, 2)
	w := newWorld(t, DefaultTimeouts(), func(o *Options) {
		o.Room = func(bytes int64) error {
			asked <- bytes
			if full.Load() {
				return fmt.Errorf("append: %w", errTestFull)
			}
			return nil
		}
	})
	full.Store(true)
	const broken = "{not json"
	if p := w.post("application/json", broken).problem(t); p.Status != 503 || p.kind != kindFull {
		t.Errorf("%d %s, want %s before anything is decoded", p.Status, p.kind, kindFull)
	}
	full.Store(false)
	if p := w.post("application/json", broken).problem(t); p.Status != 400 {
		t.Errorf("%d %s, want 400 where there is room", p.Status, p.kind)
	}
	if len(asked) != 2 {
		t.Fatalf("asked %d times, want twice", len(asked))
	}
	for range 2 {
		if got := <-asked; got != int64(len(broken)) {
			t.Errorf("asked for %d bytes, want %d", got, len(broken))
		}
	}
	if w.appender.len() != 0 {
		t.Errorf("%d events stored", w.appender.len())
	}
}

// TestStoredEarlier: an event that an earlier stream took is answered with that
// stream, and ack=archived waits for the others only.
func TestStoredEarlier(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), nil)
	before := uuid.New()
	w.appender.earlier = map[int]uuid.UUID{1: before}
	w.appender.archived <- nil
	got := w.do("POST", "/v1/events?ack=archived", http.Header{"Content-Type": {"application/json"}}, []byte("["+minimal+","+minimal+"]")).accepted(t)
	if got.Stream != testStream || got.Events[0].Stream != nil || got.Events[1].Stream == nil || *got.Events[1].Stream != before {
		t.Errorf("%+v", got)
	}
	if seq := <-w.appender.asked; seq != 0 {
		t.Errorf("waited for seq %d", seq)
	}
	w.appender.earlier = map[int]uuid.UUID{0: before}
	w.do("POST", "/v1/events?ack=archived", http.Header{"Content-Type": {"application/json"}}, []byte(minimal)).accepted(t)
	if len(w.appender.asked) > 0 {
		t.Error("waited for an event of an earlier stream")
	}
	w.appender.fail = &ConflictError{Index: []int{0}, Seq: []int64{7}, Earlier: map[int]uuid.UUID{0: before}}
	if p := w.post("application/json", minimal).problem(t); len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Reason, "seq 7 of stream "+before.String()) {
		t.Errorf("%+v", p)
	}
}

// TestConflict: the answer names every event whose id is taken, and the id.
func TestConflict(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), nil)
	w.appender.fail = fmt.Errorf("append: %w", &ConflictError{Index: []int{0, 2}, Seq: []int64{7, 9}})
	p := w.post("application/json", "["+withID(1)+","+withID(2)+","+withID(3)+"]").problem(t)
	if p.Status != 409 || p.kind != kindConflict || len(p.Errors) != 2 || p.Errors[1].Index != 2 || p.Errors[1].Field != "id" ||
		!strings.Contains(p.Errors[1].Reason, "01980c9e-0000-7000-8000-000000000003") || !strings.Contains(p.Errors[1].Reason, "seq 9") {
		t.Errorf("%+v", p)
	}
	many := &ConflictError{}
	var body strings.Builder
	for i := range maxListed + 1 {
		many.Index, many.Seq = append(many.Index, i), append(many.Seq, int64(i))
		body.WriteString(withID(i) + "\n")
	}
	w.appender.fail = many
	p = w.post("application/x-ndjson", body.String()).problem(t)
	if len(p.Errors) != maxListed || !strings.Contains(p.Detail, "first 100 of 101") {
		t.Errorf("%d errors: %s", len(p.Errors), p.Detail)
	}
	w.appender.fail = nil
	w.healthy(0)
}

func TestOutcomeUnknownWhenTheDiskHangs(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), func(o *Options) { o.Limits.AppendWait = 1 })
	w.appender.hang = make(chan struct{}, 1)
	p := w.post("application/json", minimal).problem(t)
	if p.Status != 503 || p.kind != kindOutcomeUnknown {
		t.Errorf("%d %s: %s", p.Status, p.kind, p.Detail)
	}
}

// TestHalfClosed: a client that has sent everything and closed its side is answered
// like any other. The server cannot tell it from one that is gone.
func TestHalfClosed(t *testing.T) {
	stored := &memory{t: t}
	h, err := NewHandler(options(appenderFunc(func(ctx context.Context, events []event.Event) (Stored, error) {
		if ctx.Err() != nil {
			return Stored{}, ctx.Err()
		}
		return stored.Append(ctx, events)
	})))
	if err != nil {
		t.Fatal(err)
	}
	closed, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(closed, http.MethodPost, "http://localhost/v1/events", strings.NewReader(minimal))
	r.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	if answer.Code != http.StatusOK || stored.len() != 1 {
		t.Errorf("%d %s, %d events stored", answer.Code, answer.Body, stored.len())
	}
}

type appenderFunc func(context.Context, []event.Event) (Stored, error)

func (f appenderFunc) Append(ctx context.Context, events []event.Event) (Stored, error) {
	return f(ctx, events)
}

func TestBodiesInMemoryAreBounded(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), func(o *Options) {
		o.Limits.RequestBytes, o.Limits.InFlightBytes = 1<<20, 2*(1<<20+1)
	})
	// A request that has sent 1 MiB less one byte holds its share until it ends.
	hold := func() (finish func() int) {
		r, pipe := io.Pipe()
		statuses := make(chan int, 1)
		go func() {
			resp, err := w.client.Post("http://"+w.addr+"/v1/events", "application/x-ndjson", r)
			if err != nil {
				statuses <- 0
				return
			}
			defer resp.Body.Close()
			statuses <- resp.StatusCode
		}()
		body := minimal + strings.Repeat("\n", 1<<20-len(minimal))
		for len(body) > 0 { // each write returns when the transport took it
			n := min(len(body), 64<<10)
			if _, err := io.WriteString(pipe, body[:n]); err != nil {
				t.Error(err)
			}
			body = body[n:]
		}
		return func() int { _ = pipe.Close(); return <-statuses }
	}
	first := hold()
	second := hold()
	// Both shares are taken once both servers have read that far; until then
	// small requests may still pass.
	for end := time.Now().Add(patience); ; {
		a := w.post("application/json", minimal)
		if a.StatusCode == 200 && time.Now().Before(end) {
			runtime.Gosched()
			continue
		}
		if p := a.problem(t); p.Status != 503 || p.kind != kindBusy || a.Header.Get("Retry-After") == "" {
			t.Errorf("%d %s: %s", p.Status, p.kind, p.Detail)
		}
		break
	}
	if a, b := first(), second(); a != 200 || b != 200 {
		t.Errorf("the large requests ended with %d and %d", a, b)
	}
	w.healthy(w.appender.len())
}

func TestBodiesGiveTheirMemoryBack(t *testing.T) {
	b := newBodies(1<<20, 2<<20)
	for _, tt := range []struct {
		coding coding
		body   string
		status int // of the problem; 0: none
	}{
		{codingIdentity, minimal, 0},
		{codingIdentity, strings.Repeat("x", 1<<20), 0},
		{codingIdentity, strings.Repeat("x", 1<<20+1), 413},
		{codingGzip, gz(minimal), 0},
		{codingGzip, gz(strings.Repeat("x", 1<<20+1)), 413},
		{codingGzip, gz(minimal)[:20], 400},
		{codingZstd, zst(t, strings.Repeat("x", 1<<20)), 0},
		{codingZstd, zst(t, minimal)[:20], 400},
	} {
		r, err := http.NewRequest("POST", "/", io.NopCloser(strings.NewReader(tt.body)))
		if err != nil {
			t.Fatal(err)
		}
		got, p := b.read(r, tt.coding)
		switch {
		case p == nil && tt.status == 0:
			if b.free.Load() >= 2<<20 {
				t.Errorf("a body of %d bytes in memory is not counted", len(got.bytes))
			}
			got.release()
		case p == nil || p.Status != tt.status:
			t.Errorf("%.20q: %+v, want %d", tt.body, p, tt.status)
		}
		if free := b.free.Load(); free != 2<<20 || len(b.unpacker) != cap(b.unpacker) {
			t.Errorf("after %.20q %d bytes and %d unpackers are free", tt.body, free, len(b.unpacker))
		}
	}
}

func TestBombsCostNoMemory(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), nil)
	bomb := gzipBomb(128 << 20) // 128 KiB on the wire
	header := http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if a := w.do("POST", "/v1/events", header, []byte(bomb)); a.StatusCode != 413 {
		t.Errorf("status %d", a.StatusCode)
	}
	runtime.ReadMemStats(&after)
	// Everything that was ever allocated: the body twice (it grows by doubling).
	if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
		t.Errorf("%d MiB allocated for a body that is refused at 16 MiB", got>>20)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte("["+minimal+" ,\n"+minimal+"]"), false)
	f.Add([]byte(minimal+"\r\n\r\n"+minimal), true)
	f.Add([]byte(`["\\\"]",{"a":[}]`), false)
	// Whatever is yielded lies in the body, in order, and does not overlap; and
	// the good events of an array are those that a whole-body reader finds.
	f.Fuzz(func(t *testing.T, body []byte, lines bool) {
		as := formatJSON
		if lines {
			as = formatNDJSON
		}
		rest := string(body)
		n, good := 0, true
		for raw, broken := range split(string(body), as) {
			n++
			good = good && broken == ""
			if broken != "" {
				continue
			}
			_, after, ok := strings.Cut(rest, raw)
			if len(raw) == 0 || !ok {
				t.Fatalf("yielded %q, which is not next in %q", raw, rest)
			}
			rest = after
			_, errs := event.Decode([]byte(raw), testNow, event.DefaultLimits())
			good = good && len(errs) == 0
		}
		if as == formatJSON && good && n > 0 && !json.Valid(body) {
			t.Fatalf("accepted %q, which is not JSON", body)
		}
	})
}
