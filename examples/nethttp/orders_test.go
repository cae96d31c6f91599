package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	audit "github.com/audit-archiver/archiver/clients/go"
	"github.com/audit-archiver/archiver/clients/go/audithttp"
	"github.com/audit-archiver/archiver/clients/go/audittest"
)

// TestOrders is how a service tests that it audits: with a recorder.
func TestOrders(t *testing.T) {
	rec := new(audittest.Recorder)
	mw, err := audithttp.New(audithttp.Options{Actor: actor})
	if err != nil {
		t.Fatal(err)
	}
	h := mw(newOrders(rec))
	call := func(method, path, user, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("X-User", user)
		r.Header.Set("X-Request-Id", "req-1")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	alice := audit.Actor{ID: "alice", Type: audit.TypeUser}
	order := audit.Resource{Type: "order", ID: "order-456"}
	totals := map[string]any{"before": map[string]any{"total": 120}, "after": map[string]any{"total": 99}}
	for _, tt := range []struct {
		method, path, user, body string
		status                   int
		event                    audit.Event
	}{
		{"POST", "/login", "", `{"user":"alice","password":"correct"}`, 200, audit.Event{Action: "user.login", Outcome: "success", Actor: alice}},
		{"POST", "/login", "", `{"user":"alice","password":"x"}`, 401, audit.Event{Action: "user.login", Outcome: "failure", Actor: alice, Reason: "wrong password"}},
		{"POST", "/login", "", `{}`, 400, audit.Event{}},
		{"GET", "/orders/order-456", "alice", "", 200, audit.Event{Action: "order.read", Actor: alice, Resource: order}},
		{"PUT", "/orders/order-456", "alice", `{"total":99}`, 200, audit.Event{Action: "order.update", Actor: alice, Resource: order, Details: totals}},
		{"PUT", "/orders/order-456", "alice", `{}`, 400, audit.Event{}},
		{"GET", "/orders/export", "alice", "", 200, audit.Event{Action: "order.export", Actor: alice}},
		{"GET", "/orders/nowhere", "alice", "", 404, audit.Event{}},
		{"PUT", "/orders/nowhere", "alice", `{"total":1}`, 404, audit.Event{}},
		{"GET", "/orders/order-456", "", "", 401, audit.Event{}},
	} {
		t.Run(tt.method+" "+tt.path+" "+tt.body, func(t *testing.T) {
			rec.Clear()
			if w := call(tt.method, tt.path, tt.user, tt.body); w.Code != tt.status {
				t.Errorf("%d %s, want %d", w.Code, w.Body, tt.status)
			}
			if tt.event.Action == "" {
				if got := rec.Events(); len(got) != 0 {
					t.Errorf("%+v", got)
				}
				return
			}
			tt.event.RequestID = "req-1"
			rec.Expect(t, tt.event)
			if n := len(rec.Events()); n != 1 {
				t.Errorf("%d events", n)
			}
		})
	}

	// Nothing is done that cannot be audited.
	rec.FailWith(&audit.Error{Kind: audit.ErrUnavailable, Op: "record"})
	for _, path := range []string{"/orders/order-456", "/orders/export"} {
		if w := call(http.MethodGet, path, "alice", ""); w.Code != 503 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := call(http.MethodPut, "/orders/order-456", "alice", `{"total":1}`); w.Code != 503 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	rec.FailWith(nil)
	if w := call(http.MethodGet, "/orders/order-456", "alice", ""); !strings.Contains(w.Body.String(), `"total":99`) {
		t.Errorf("it was changed all the same: %s", w.Body)
	}
}
