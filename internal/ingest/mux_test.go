package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func hashOf(token string) string {
	h := sha256.Sum256([]byte(token))
	return hex.EncodeToString(h[:])
}

func testClients() []Client {
	return []Client{
		{Name: "billing", TokenSHA256: hashOf(ingestToken), Scopes: []string{ScopeIngest}, Class: "ten-years"},
		{Name: "auditor", TokenSHA256: strings.ToUpper(hashOf(queryToken)), Scopes: []string{ScopeQuery}},
		{Name: "both", TokenSHA256: hashOf("both"), Scopes: []string{ScopeQuery, ScopeIngest}},
		{Name: "none", TokenSHA256: hashOf("none")},
	}
}

func TestAuth(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), func(o *Options) { o.Clients = testClients() })
	for _, tt := range []struct {
		name   string
		header []string
		status int
		want   string // producer, class of a success
	}{
		{"right", []string{"Bearer " + ingestToken}, 200, "billing ten-years"},
		{"two scopes", []string{"bearer both"}, 200, "both standard"},
		{"spaces", []string{"Bearer   both "}, 200, "both standard"},
		{"none", nil, 401, ""},
		{"other scope", []string{"Bearer " + queryToken}, 403, ""},
		{"no scope", []string{"Bearer none"}, 403, ""},
		{"empty", []string{"Bearer "}, 401, ""},
		{"wrong", []string{"Bearer x" + ingestToken}, 401, ""},
		{"cut", []string{"Bearer " + ingestToken[:len(ingestToken)-1]}, 401, ""},
		{"the hash itself", []string{"Bearer " + hashOf(ingestToken)}, 401, ""},
		{"basic", []string{"Basic " + ingestToken}, 401, ""},
		{"no scheme", []string{ingestToken}, 401, ""},
		{"two", []string{"Bearer " + ingestToken, "Bearer both"}, 401, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.appender.len()
			a := w.do("POST", "/v1/events", http.Header{"Authorization": tt.header, "Content-Type": {"application/json"}}, []byte(minimal))
			if a.StatusCode != tt.status {
				t.Fatalf("status %d, want %d: %s", a.StatusCode, tt.status, a.body)
			}
			if tt.status == 200 {
				e := w.appender.events[before]
				if got := e.Producer + " " + e.Retention; got != tt.want {
					t.Errorf("stored as %q, want %q", got, tt.want)
				}
				return
			}
			if a.problem(t); !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer ") || w.appender.len() != before {
				t.Errorf("WWW-Authenticate %q, %d stored", a.Header.Get("WWW-Authenticate"), w.appender.len()-before)
			}
		})
	}
}

func TestOnlyThisMachineWithoutTokens(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), nil)
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:8420": 200, "127.0.0.1:1": 200, "127.1.2.3": 200, "[::1]:8420": 200, "[::1]": 200,
		"evil.example": 403, "localhost.evil.example:8420": 403, "10.0.0.1": 403, "0.0.0.0": 403, "127.0.0.1.nip.io": 403,
	} {
		req, err := http.NewRequest("POST", "http://"+w.addr+"/v1/events", strings.NewReader(minimal))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		req.Header.Set("Content-Type", "application/json")
		resp, err := w.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", host, resp.StatusCode, want)
		}
	}
}

// TestOtherPagesWithoutTokens: a page that a browser on this machine shows can send
// simple requests to localhost, but not without saying where it comes from.
func TestOtherPagesWithoutTokens(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), nil)
	for _, tt := range []struct {
		name, value string
		want        int
	}{
		{"Origin", "https://evil.example", 403},
		{"Origin", "null", 403},
		{"Origin", "http://" + w.addr, 200},
		{"Sec-Fetch-Site", "cross-site", 403},
		{"Sec-Fetch-Site", "same-origin", 200},
	} {
		h := http.Header{"Content-Type": {"application/json"}, tt.name: {tt.value}}
		if a := w.do("POST", "/v1/events", h, []byte(minimal)); a.StatusCode != tt.want {
			t.Errorf("%s: %s: status %d, want %d", tt.name, tt.value, a.StatusCode, tt.want)
		}
	}
}

func TestPathsAndMethods(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), nil)
	for _, tt := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/livez", 200, ""},
		{"HEAD", "/livez", 200, ""},
		{"GET", "/readyz", 200, ""},
		{"GET", "/metrics?x=1", 200, ""},
		{"GET", "/openapi.json", 200, ""},
		{"DELETE", "/livez", 405, "GET, HEAD"},
		{"GET", "/v1/events", 405, "POST"},
		{"HEAD", "/v1/events", 405, "POST"},
		{"OPTIONS", "/v1/events", 405, "POST"},
		{"BREW", "/v1/events", 405, "POST"},
		{"GET", "/", 404, ""},
		{"POST", "/v1/events/", 404, ""},
		{"POST", "//v1/events", 404, ""},
		{"POST", "/v1/../v1/events", 404, ""},
		{"POST", "/V1/events", 404, ""},
		{"GET", "/v1/query", 404, ""},
		{"GET", "/livez%00", 404, ""},
		{"GET", "/debug/pprof/", 404, ""},
	} {
		a := w.do(tt.method, tt.path, nil, nil)
		if a.StatusCode != tt.status || a.Header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: %d, allow %q; want %d, %q", tt.method, tt.path, a.StatusCode, a.Header.Get("Allow"), tt.status, tt.allow)
		}
		if tt.status >= 400 && tt.method != "HEAD" {
			a.problem(t)
		}
	}
}

func TestReady(t *testing.T) {
	var disk, bucket error
	w := newWorld(t, DefaultTimeouts(), func(o *Options) {
		o.Checks = []Check{
			{"disk", func(context.Context) error { return disk }},
			{"bucket", func(context.Context) error { return bucket }},
		}
	})
	type body struct {
		Ready  bool
		Checks []checkState
	}
	check := func(status int, want ...checkState) {
		t.Helper()
		a := w.do("GET", "/readyz", nil, nil)
		var got body
		if err := json.Unmarshal(a.body, &got); err != nil || a.StatusCode != status || got.Ready != (status == 200) || len(got.Checks) != len(want) {
			t.Fatalf("%d %v: %s", a.StatusCode, err, a.body)
		}
		for i := range want {
			if got.Checks[i] != want[i] {
				t.Errorf("got %+v, want %+v", got.Checks[i], want[i])
			}
		}
	}
	check(200, checkState{"disk", true, ""}, checkState{"bucket", true, ""})
	bucket = errors.New("away")
	check(503, checkState{"disk", true, ""}, checkState{"bucket", false, "away"})
	disk = errors.New("full")
	check(503, checkState{"disk", false, "full"}, checkState{"bucket", false, "away"})
	disk = Degraded{"nearly full"}
	check(503, checkState{"disk", true, "nearly full"}, checkState{"bucket", false, "away"})
	bucket = fmt.Errorf("for an hour: %w", Degraded{"away"})
	check(200, checkState{"disk", true, "nearly full"}, checkState{"bucket", true, "for an hour: away"})
	disk, bucket = nil, nil
	check(200, checkState{"disk", true, ""}, checkState{"bucket", true, ""})
}

func TestPanicIsOneRequestsTrouble(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, DefaultTimeouts(), func(o *Options) {
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		o.Routes = []Route{
			{"GET", "/early", "", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("early") })},
			{"GET", "/late", "", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				_, _ = rw.Write([]byte("half"))
				panic("late")
			})},
		}
	})
	if p := w.do("GET", "/early", nil, nil).problem(t); p.Status != 500 || p.kind != kindInternal || strings.Contains(p.Detail, "early") {
		t.Errorf("%+v", p)
	}
	if resp, err := w.client.Get("http://" + w.addr + "/late"); err == nil {
		_ = resp.Body.Close()
		t.Errorf("half an answer looks like a whole one: %s", resp.Status)
	}
	w.healthy(0)
	if got := log.String(); !strings.Contains(got, "cause=early") || !strings.Contains(got, "cause=late") {
		t.Errorf("logged %s", got)
	}
}

func TestMetrics(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), nil)
	two := minimal + "\n" + minimal
	w.post("application/x-ndjson", two).accepted(t)
	w.post("application/json", "{}")
	w.post("text/plain", "{}")
	w.appender.fail = errTestFull
	w.post("application/json", minimal)
	a := w.do("GET", "/metrics", nil, nil)
	bytesTotal := len(two) + len("{}") + len(minimal)
	for _, want := range []string{
		`archiver_ingest_requests_total{code="2xx"} 1`,
		`archiver_ingest_requests_total{code="4xx"} 2`,
		`archiver_ingest_requests_total{code="5xx"} 1`,
		`archiver_ingest_refused_total{kind="invalid-event"} 1`,
		`archiver_ingest_refused_total{kind="unsupported-media-type"} 1`,
		`archiver_ingest_refused_total{kind="full"} 1`,
		`archiver_ingest_events_total 2`,
		`archiver_ingest_received_bytes_total ` + jsonNumber(bytesTotal),
		`archiver_ingest_request_duration_seconds_count 4`,
	} {
		if !strings.Contains(string(a.body), want+"\n") {
			t.Errorf("no %q in\n%s", want, a.body)
		}
	}
}

func jsonNumber(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	good := func() Options { return options(&memory{t: t}) }
	if _, err := NewHandler(good()); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Options){
		"appender: is required":         func(o *Options) { o.Appender = nil },
		"registry: is required":         func(o *Options) { o.Registry = nil },
		"log: is required":              func(o *Options) { o.Log = nil },
		`default class: "A" is not`:     func(o *Options) { o.DefaultClass = "A" },
		"request bytes: 1 is below":     func(o *Options) { o.Limits.RequestBytes = 1 },
		"request events: 0":             func(o *Options) { o.Limits.RequestEvents = 0 },
		"request days: 0":               func(o *Options) { o.Limits.RequestDays = 0 },
		"bytes in flight: 1 is below":   func(o *Options) { o.Limits.InFlightBytes = 1 },
		"append wait: 0s":               func(o *Options) { o.Limits.AppendWait = 0 },
		"event bytes: 0":                func(o *Options) { o.Limits.Event.EventBytes = 0 },
		"details bytes: 1":              func(o *Options) { o.Limits.Event.DetailsBytes = 1 },
		"depth: 1":                      func(o *Options) { o.Limits.Event.Depth = 1 },
		"client 0: has no name":         func(o *Options) { o.Clients = []Client{{}} },
		"client a: the token's SHA-256": func(o *Options) { o.Clients = []Client{{Name: "a", TokenSHA256: "beef"}} },
		"client a: the token is empty":  func(o *Options) { o.Clients = []Client{{Name: "a", TokenSHA256: hashOf("")}} },
		`client a: "B" is not a class`:  func(o *Options) { o.Clients = []Client{{Name: "a", TokenSHA256: hashOf("a"), Class: "B"}} },
		`client a: scope "admin" is unknown`: func(o *Options) {
			o.Clients = []Client{{Name: "a", TokenSHA256: hashOf("a"), Scopes: []string{"admin"}}}
		},
		`route "/livez" is there already`:     func(o *Options) { o.Routes = []Route{{"GET", "/livez", "", http.NotFoundHandler()}} },
		`route "/x" is there already, or has`: func(o *Options) { o.Routes = []Route{{"GET", "/x", "", nil}} },
		"metrics: duplicate": func(o *Options) {
			if _, err := newMetrics(o.Registry); err != nil {
				t.Fatal(err)
			}
		},
	} {
		o := good()
		o.Registry = prometheus.NewRegistry()
		change(&o)
		if _, err := NewHandler(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
