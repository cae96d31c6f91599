package audit_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	audit "github.com/audit-archiver/archiver/clients/go"
	"github.com/audit-archiver/archiver/clients/go/audittest"
)

// newClient returns a client of s, which ends with the test and delivers at once.
func newClient(t testing.TB, s *audittest.Sidecar, change ...func(*audit.Options)) *audit.Client {
	t.Helper()
	o := audit.Options{
		URL:       "http://sidecar.invalid",
		Transport: s.Transport(),
		SpoolDir:  t.TempDir(),
		Linger:    -1,
		Logger:    slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&o)
	}
	c, err := audit.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = c.Close(ctx) // what is left is the test's own
	})
	return c
}

// event returns a good one.
func event(action string) audit.Event {
	return audit.Event{
		Action:   action,
		Actor:    audit.Actor{ID: "user-123", Type: audit.TypeUser},
		Resource: audit.Resource{Type: "order", ID: "order-456"},
		Outcome:  audit.OutcomeSuccess,
	}
}

// enqueue adds events with these actions.
func enqueue(t testing.TB, c *audit.Client, actions ...string) {
	t.Helper()
	for _, a := range actions {
		if err := c.Enqueue(t.Context(), event(a)); err != nil {
			t.Fatal(err)
		}
	}
}

func flush(t testing.TB, c *audit.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if err := c.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// actions returns those of the events, in order.
func actions(events []audit.Event) []string {
	out := make([]string, len(events))
	for i, e := range events {
		out[i] = e.Action
	}
	return out
}

// listenUnix serves s on a Unix socket too, and returns its path.
func listenUnix(t *testing.T, s *audittest.Sidecar) string {
	t.Helper()
	path := t.TempDir() + "/s"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: s}
	done := make(chan error)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	return path
}
