package audit_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	audit "github.com/audit-archiver/archiver/clients/go"
	"github.com/audit-archiver/archiver/clients/go/audittest"
)

func TestPolicies(t *testing.T) {
	for _, tt := range []struct {
		action string
		opts   []audit.RecordOption
		open   bool
	}{
		{"order.read", nil, false},
		{"user.login", nil, false}, // by name, before its prefix
		{"user.logout", nil, true},
		{"users.list", nil, false},
		{"user.admin.add", nil, false}, // by the longer prefix
		{"user.admin.add", []audit.RecordOption{audit.WithPolicy(audit.FailOpenSpooled)}, true},
		{"user.logout", []audit.RecordOption{audit.WithPolicy(audit.FailClosed)}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := audittest.NewSidecar(t)
			c := newClient(t, s, func(o *audit.Options) {
				o.Policies = map[string]audit.Policy{
					"user.": audit.FailOpenSpooled, "user.login": audit.FailClosed, "user.admin.": audit.FailClosed,
				}
			})
			s.Next(slices.Repeat([]audittest.Fault{{Cut: true}}, 1000)...)
			err := c.Record(t.Context(), event(tt.action), tt.opts...)
			if (err == nil) != tt.open || err != nil && !errors.Is(err, audit.ErrUnavailable) {
				t.Errorf("%s: %v", tt.action, err)
			}
			if st := c.Stats(); (st.SpoolEvents == 1) != tt.open {
				t.Errorf("%s: %+v", tt.action, st)
			}
		})
	}
}

// TestFailOpenIsTheSameEvent: the sidecar had stored it, though Record did not
// learn of that; the spool sends it again, and it is there once.
func TestFailOpenIsTheSameEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audittest.NewSidecar(t)
		c := newClient(t, s)
		s.Next(audittest.Fault{Cut: true, Store: true})
		s.Next(slices.Repeat([]audittest.Fault{{Cut: true}}, 100)...)
		if err := c.Record(t.Context(), event("one"), audit.WithPolicy(audit.FailOpenSpooled)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour) // until the faults are used up
		flush(t, c)
		if st := c.Stats(); len(s.Events()) != 1 || st.Delivered != 1 || st.DeadLettered != 0 {
			t.Errorf("%d events, %+v", len(s.Events()), st)
		}
	})
}

func TestRecordEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audittest.NewSidecar(t)
		c := newClient(t, s)
		s.Next(slices.Repeat([]audittest.Fault{{Status: 500}}, 1000)...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := c.Record(ctx, event("one"))
		if !errors.Is(err, audit.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		before := s.Requests()
		if err := c.Record(ctx, event("two")); !errors.Is(err, context.DeadlineExceeded) || s.Requests() != before {
			t.Errorf("%v, %d requests", err, s.Requests())
		}
	})
}

// TestRejectedAtOnce names everything that is wrong, at the line that made it.
func TestRejectedAtOnce(t *testing.T) {
	s := audittest.NewSidecar(t)
	c := newClient(t, s)
	bad := event("")
	bad.Actor.Type = "robot"
	bad.Details = map[string]any{"f": func() {}}
	for name, err := range map[string]error{
		"record":  c.Record(t.Context(), bad),
		"enqueue": c.Enqueue(t.Context(), bad),
	} {
		var ae *audit.Error
		if !errors.Is(err, audit.ErrRejected) || !errors.As(err, &ae) || len(ae.Fields) != 3 || ae.Op != name {
			t.Fatalf("%#v", err)
		}
		for _, want := range []string{name, "action is required", "actor.type must be one of user", "details cannot be encoded"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %q", err, want)
			}
		}
	}
	if st := c.Stats(); st.Enqueued != 0 || s.Requests() != 0 {
		t.Errorf("%+v", st)
	}
}

// TestDetails go as they are encoded, and the caller's own are not touched.
func TestDetails(t *testing.T) {
	s := audittest.NewSidecar(t)
	c := newClient(t, s)
	ctx := audit.NewContext(t.Context(), audit.RequestContext{Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
	own := map[string]any{"html": "<&>"}
	type change struct {
		Before int `json:"before"`
	}
	for _, tt := range []struct {
		details any
		want    string
	}{
		{nil, `{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}`},
		{map[string]any(nil), `{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}`},
		{own, `{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","html":"<&>"}`},
		{change{1}, `{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","before":1}`},
		{map[string]any{"traceparent": "mine"}, `{"traceparent":"mine"}`},
		{rawJSON(`{"tr\u0061ceparent":"mine"}`), `{"tr\u0061ceparent":"mine"}`},
		// No room: what comes from outside does not make the event too large.
		{rawJSON(`{"x":"` + strings.Repeat("y", 49144) + `"}`), `{"x":"` + strings.Repeat("y", 49144) + `"}`},
	} {
		e := event("order.read")
		e.Details = tt.details
		if err := c.Record(ctx, e); err != nil {
			t.Fatal(err)
		}
		raw := s.Raw()
		if got := string(raw[len(raw)-1]); !strings.Contains(got, `"details":`+tt.want+`}`) {
			t.Errorf("sent %.200s\nwant details %.200s", got, tt.want)
		}
	}
	if len(own) != 1 {
		t.Errorf("the caller's map has become %v", own)
	}
}

type rawJSON string

func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

func TestFullSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audittest.NewSidecar(t)
		s.Next(audittest.Fault{Stall: true}, audittest.Fault{Status: 503, Header: map[string][]string{"Retry-After": {"30"}}})
		c := newClient(t, s, func(o *audit.Options) {
			o.SpoolMaxBytes = 256 << 10
			o.RequestTimeout = time.Hour
		})
		e := event("order.read")
		e.Details = map[string]any{"x": strings.Repeat("y", 40<<10)}
		var err error
		accepted := 0
		start := time.Now()
		for ; err == nil; accepted++ {
			err = c.Enqueue(t.Context(), e)
		}
		accepted--
		var ae *audit.Error
		if !errors.Is(err, audit.ErrSpoolFull) || !errors.As(err, &ae) || ae.Event == nil || time.Since(start) != 5*time.Second || accepted != 6 {
			t.Fatalf("%d accepted, then %v after %v", accepted, err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Enqueue(ctx, e); !errors.Is(err, audit.ErrSpoolFull) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if err := c.Enqueue(ctx, event("small.read")); err != nil {
			t.Errorf("there is room for a small one, also for a caller whose context has ended: %v", err)
		}

		waiting := make(chan error)
		go func() { waiting <- c.Enqueue(t.Context(), e) }()
		synctest.Wait()
		time.Sleep(time.Second)
		select {
		case err := <-waiting:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		go func() { _ = c.Close(t.Context()) }() // who waits for room learns that there will be none
		if err := <-waiting; !errors.Is(err, audit.ErrClosed) {
			t.Errorf("%v", err)
		}
		time.Sleep(2 * time.Hour)
		if got := len(s.Events()); got != accepted+1 {
			t.Errorf("%d stored of %d accepted", got, accepted+1)
		}
	})
}

// TestRoomIsGivenBack: a waiting Enqueue goes on as soon as something is delivered.
func TestRoomIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audittest.NewSidecar(t)
		c := newClient(t, s, func(o *audit.Options) {
			o.SpoolMaxBytes = 256 << 10
			o.EnqueueTimeout = time.Hour
		})
		s.Next(audittest.Fault{Status: 503, Header: map[string][]string{"Retry-After": {"30"}}})
		e := event("order.read")
		e.Details = map[string]any{"x": strings.Repeat("y", 40<<10)}
		start := time.Now()
		for range 100 {
			if err := c.Enqueue(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		flush(t, c)
		if took := time.Since(start); len(s.Events()) != 100 || took < 30*time.Second {
			t.Errorf("%d stored after %v", len(s.Events()), took)
		}
	})
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]audit.Options{
		"url":                 {URL: "ftp://x"},
		"path of the socket":  {URL: "unix:sock"},
		"record_timeout":      {RecordTimeout: -1},
		"spool_max_bytes":     {SpoolMaxBytes: 1},
		"spool_sync":          {SpoolSync: 7},
		"spool_sync_interval": {SpoolSyncInterval: -1},
		"batch_events":        {BatchEvents: -1},
		"token":               {Token: "a\nb"},
		"policies":            {Policies: map[string]audit.Policy{"x": 9}},
	} {
		o.SpoolDir = t.TempDir()
		if _, err := audit.New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDefaultFolders follows the environment, and makes what is missing for the
// owner alone.
func TestDefaultFolders(t *testing.T) {
	s := audittest.NewSidecar(t)
	base := t.TempDir()
	for _, tt := range []struct{ spool, state, home, want string }{
		{base + "/spool", base + "/state", base + "/home", base + "/spool"},
		{"", base + "/state", base + "/home", base + "/state/audit-archiver"},
		{"", "relative", base + "/home", base + "/home/.local/state/audit-archiver"},
	} {
		t.Setenv("ARCHIVER_SPOOL_DIR", tt.spool)
		t.Setenv("XDG_STATE_HOME", tt.state)
		t.Setenv("HOME", tt.home)
		newClient(t, s, func(o *audit.Options) { o.SpoolDir = "" })
		info, err := os.Stat(tt.want)
		if err != nil || info.Mode().Perm() != 0o700 || len(folders(t, tt.want)) != 1 {
			t.Errorf("%s: %v, %v", tt.want, info, err)
		}
	}
}

// TestSockets goes over real ones: a loopback port and a Unix socket.
func TestSockets(t *testing.T) {
	for _, unix := range []bool{false, true} {
		s := audittest.NewSidecar(t)
		t.Setenv("ARCHIVER_URL", s.URL())
		if unix {
			t.Setenv("ARCHIVER_URL", "unix:"+listenUnix(t, s))
		}
		c := newClient(t, s, func(o *audit.Options) { o.URL, o.Transport = "", nil })
		if err := errors.Join(
			c.LogLogin(t.Context(), "user-1", false, map[string]any{"mfa": false}),
			c.LogDataAccess(t.Context(), "user-1", "order", "o-1"),
			c.LogDataChange(t.Context(), "user-1", "order", "o-1", audit.Update, map[string]any{"n": 1}, nil),
		); err != nil {
			t.Fatal(err)
		}
		enqueue(t, c, "order.export")
		flush(t, c)
		got := s.Events()
		if want := []string{"user.login", "order.read", "order.update", "order.export"}; !slices.Equal(actions(got), want) {
			t.Fatalf("stored %v", actions(got))
		}
		if got[0].Outcome != audit.OutcomeFailure || got[0].Resource.Type != "session" || got[1].Resource.ID != "o-1" {
			t.Errorf("%+v", got)
		}
		if raw := string(s.Raw()[2]); !strings.Contains(raw, `"details":{"before":{"n":1}}`) {
			t.Errorf("%s", raw)
		}
		if st := c.Stats(); st.Recorded != 3 || st.Delivered != 1 {
			t.Errorf("%+v", st)
		}
	}
}
