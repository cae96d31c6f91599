package audittest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	audit "github.com/audit-archiver/archiver/clients/go"
	"github.com/audit-archiver/archiver/clients/go/audittest"
)

// fakeTB notes that a test failed, as testing.T would say it.
type fakeTB struct {
	testing.TB
	failed string
}

func (f *fakeTB) Helper() {}
func (f *fakeTB) Fatalf(format string, args ...any) {
	f.failed = strings.TrimSpace(fmt.Sprintf(format, args...))
}

func TestRecorder(t *testing.T) {
	r := new(audittest.Recorder)
	ctx := audit.NewContext(t.Context(), audit.RequestContext{IP: "203.0.113.7"})
	details := map[string]any{"mfa": true, "tries": 3}
	if err := errors.Join(
		r.LogLogin(ctx, "alice", false, details),
		r.LogDataAccess(ctx, "alice", "order", "7"),
		r.LogDataChange(ctx, "alice", "order", "7", audit.Delete, map[string]any{"n": 1}, nil),
		r.Enqueue(ctx, audit.LoginEvent("bob", true, nil)),
		r.Flush(ctx), r.Close(ctx),
	); err != nil {
		t.Fatal(err)
	}
	details["mfa"] = "changed later"
	e := r.Expect(t, audit.Event{Action: "user.login", Outcome: "failure", Details: map[string]any{"mfa": true}})
	if e.Actor.ID != "alice" || e.IP != "203.0.113.7" || e.ID == "" || e.Timestamp == "" {
		t.Errorf("%+v", e)
	}
	for want, like := range map[int]audit.Event{
		4: {},
		3: {Actor: audit.Actor{ID: "alice"}},
		2: {Action: "user.login"},
		1: {Details: struct {
			Tries int `json:"tries"`
		}{3}},
		0: {Details: map[string]any{"tries": 3, "more": nil}},
	} {
		if got := len(r.Find(like)); got != want {
			t.Errorf("found %d like %+v, want %d", got, like, want)
		}
	}

	f := new(fakeTB)
	r.Expect(f, audit.Event{Action: "user.logout"})
	for _, want := range []string{`"action":"user.logout"`, `"action":"order.delete"`, `"before":{"n":1}`} {
		if !strings.Contains(f.failed, want) {
			t.Errorf("%s\ndoes not say %s", f.failed, want)
		}
	}
	r.Clear()
	r.Expect(f, audit.Event{})
	if !strings.HasSuffix(f.failed, "was recorded, but: nothing") {
		t.Error(f.failed)
	}

	if err := r.Record(ctx, audit.Event{}); !errors.Is(err, audit.ErrRejected) {
		t.Errorf("got %v", err)
	}
	boom := errors.New("boom")
	r.FailWith(boom)
	if err := r.Record(ctx, audit.LoginEvent("bob", true, nil)); !errors.Is(err, boom) || len(r.Events()) != 0 {
		t.Errorf("got %v", err)
	}
	r.FailWith(nil)
	if err := r.Record(ctx, audit.LoginEvent("bob", true, nil)); err != nil {
		t.Error(err)
	}
}

const (
	good   = `{"id":"01980c9e-6e1f-7c3a-9d55-00000000000A","timestamp":"2026-01-31T10:11:12Z","action":"a","actor":{"id":"u","type":"user"},"resource":{"type":"o"},"outcome":"success"}`
	other  = `{"id":"01980c9e-6e1f-7c3a-9d55-00000000000b","timestamp":"2026-01-31T10:11:12Z","action":"b","actor":{"id":"u","type":"user"},"resource":{"type":"o"},"outcome":"success"}`
	ndjson = "application/x-ndjson"
)

func post(t *testing.T, s *audittest.Sidecar, contentType, body string) (int, string) {
	t.Helper()
	res, err := http.Post(s.URL()+"/v1/events", contentType, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestSidecar(t *testing.T) {
	s := audittest.NewSidecar(t)
	s.MaxEvents = 2
	for _, tt := range []struct {
		name, contentType, body string
		status                  int
		says                    string
		stored                  int
	}{
		{"one", ndjson, good, 200, `"events":[{"id":"01980c9e-6e1f-7c3a-9d55-00000000000a","seq":0}]`, 1},
		{"the same again, and another", ndjson, other + "\n" + good + "\n", 200, `"seq":1},{"id":"01980c9e-6e1f-7c3a-9d55-00000000000a","seq":0}]`, 2},
		{"its id with other content", ndjson, strings.Replace(good, `"a"`, `"x"`, 1), 409, `problem:conflict"`, 2},
		{"an id twice", ndjson, good + "\n" + good, 400, `{"index":1,"field":"id","reason":"is also the id of event 0"}`, 2},
		{"one bad", ndjson, strings.Replace(good, "000a", "000c", 1) + "\n{}\n", 400, `"index":1,"field":"id"`, 2},
		{"an unknown field", ndjson, strings.Replace(good, `"action"`, `"x":1,"action"`, 1), 400, `"index":0`, 2},
		{"too many", ndjson, "{}\n{}\n{}\n", 413, `problem:too-large`, 2},
		{"nothing", ndjson, "", 400, `problem:invalid-request`, 2},
		{"another type", "text/plain", good, 415, `problem:unsupported`, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, body := post(t, s, tt.contentType, tt.body)
			if status != tt.status || !strings.Contains(body, tt.says) || len(s.Raw()) != tt.stored {
				t.Errorf("%d %s, %d stored; want %d %s, %d", status, body, len(s.Raw()), tt.status, tt.says, tt.stored)
			}
		})
	}
	s.Next(audittest.Fault{Status: 503, Store: true, Body: "no", Header: http.Header{"Retry-After": {"1"}}})
	if status, body := post(t, s, ndjson, strings.Replace(good, "000A", "000d", 1)); status != 503 || body != "no" || len(s.Raw()) != 3 {
		t.Errorf("%d %s, %d stored", status, body, len(s.Raw()))
	}
	if s.Requests() != 10 || s.Events()[1].Action != "b" {
		t.Errorf("%d requests, %+v", s.Requests(), s.Events())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if err := s.AwaitEvents(ctx, 4); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := errors.Join(s.AwaitEvents(t.Context(), 3), s.AwaitRequests(t.Context(), 10)); err != nil {
		t.Error(err)
	}
}
