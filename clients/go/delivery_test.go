package audit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	audit "github.com/audit-archiver/archiver/clients/go"
	"github.com/audit-archiver/archiver/clients/go/audittest"
)

// TestDeliveryFaults: whatever goes wrong first, every event arrives once, in
// order. These faults are of the connection; those with a status are vectors.
func TestDeliveryFaults(t *testing.T) {
	for name, faults := range map[string][]audittest.Fault{
		"none":             {},
		"cut before store": {{Cut: true}},
		"cut after store":  {{Cut: true, Store: true}},
		"stalled":          {{Stall: true}},
		"stalled, stored":  {{Stall: true, Store: true}},
		"stored, then 500": {{Status: 500, Store: true}},
		"stored, then another's page": {
			{Status: 200, Store: true, Body: "<html>"},
		},
		"one after the other": {
			{Cut: true}, {Status: 503}, {Cut: true, Store: true}, {Stall: true}, {Status: 429}, {Status: 401}, {Status: 302},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := audittest.NewSidecar(t)
				s.Next(faults...)
				c := newClient(t, s, func(o *audit.Options) { o.BatchEvents = 3 })
				want := []string{"a", "b", "c", "d", "e", "f", "g"}
				enqueue(t, c, want...)
				flush(t, c)
				if got := actions(s.Events()); !slices.Equal(got, want) {
					t.Errorf("stored %v, want %v", got, want)
				}
				st := c.Stats()
				if st.Enqueued != 7 || st.Delivered != 7 || st.SpoolEvents != 0 || st.SpoolBytes != 0 ||
					st.Retries != int64(len(faults)) || (st.LastError != nil) != (len(faults) > 0) || st.LastDeliveredAt.IsZero() {
					t.Errorf("%+v", st)
				}
				if err := c.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestRecordFaults(t *testing.T) {
	type outcome struct {
		fault   audittest.Fault
		unknown bool
	}
	for name, tt := range map[string]outcome{
		"cut before store": {audittest.Fault{Cut: true}, true}, // we cannot know
		"cut after store":  {audittest.Fault{Cut: true, Store: true}, true},
		"stalled":          {audittest.Fault{Stall: true}, true},
		"busy":             {audittest.Fault{Status: 503, Body: `{"type":"urn:archiver:problem:busy"}`}, false},
		"unknown":          {audittest.Fault{Status: 503, Body: `{"type":"urn:archiver:problem:outcome-unknown"}`}, true},
		"too many":         {audittest.Fault{Status: 429}, false},
		"unauthorized":     {audittest.Fault{Status: 401}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := audittest.NewSidecar(t)
				c := newClient(t, s)
				if tt.fault.Status != 401 { // that one is not tried again
					s.Next(tt.fault)
					if err := c.Record(t.Context(), event("one")); err != nil {
						t.Fatal(err)
					}
				}
				s.Next(slices.Repeat([]audittest.Fault{tt.fault}, 1000)...)
				err := c.Record(t.Context(), event("two"))
				var ae *audit.Error
				if !errors.As(err, &ae) || !errors.Is(err, audit.ErrUnavailable) || ae.OutcomeUnknown != tt.unknown ||
					ae.Event.Action != "two" || ae.Op != "record" {
					t.Fatalf("%#v", err)
				}
				for _, e := range s.Events() {
					if n := strings.Count(strings.Join(actions(s.Events()), " "), e.Action); n != 1 {
						t.Errorf("%q is stored %d times", e.Action, n)
					}
				}
			})
		})
	}
}

// TestUnknownStaysUnknown: what a first try left open, a later refusal that is
// not about the event does not settle.
func TestUnknownStaysUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audittest.NewSidecar(t)
		c := newClient(t, s)
		s.Next(audittest.Fault{Cut: true, Store: true})
		s.Next(slices.Repeat([]audittest.Fault{{Status: 429}}, 1000)...)
		err := c.Record(t.Context(), event("one"))
		var ae *audit.Error
		if !errors.As(err, &ae) || !errors.Is(err, audit.ErrUnavailable) || !ae.OutcomeUnknown || ae.Status != 429 {
			t.Fatalf("%#v", err)
		}
		s.Clear()
		if err := c.Record(t.Context(), *ae.Event); err != nil || len(s.Events()) != 1 {
			t.Errorf("the same event again: %v, %d stored", err, len(s.Events()))
		}
	})
}

// TestNoServer has nobody listen: nothing can have been stored, and we say so.
func TestNoServer(t *testing.T) {
	s := audittest.NewSidecar(t)
	c := newClient(t, s, func(o *audit.Options) {
		o.Transport = nil
		o.URL = "http://127.0.0.1:1"
		o.RecordTimeout = 2 * time.Second // enough for one attempt on a busy machine
	})
	err := c.Record(t.Context(), event("one"))
	var ae *audit.Error
	if !errors.As(err, &ae) || !errors.Is(err, audit.ErrUnavailable) || ae.OutcomeUnknown || ae.Status != 0 {
		t.Fatalf("%#v", err)
	}
	if !strings.Contains(err.Error(), "connection refused") || !strings.Contains(err.Error(), "record_timeout of 2s") {
		t.Errorf("the message does not tell why: %v", err)
	}
}

// transport is an http.RoundTripper.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// TestTimeoutWithinAnAttempt: the timeout that cuts an attempt off is no reason; the attempt
// before it has one.
func TestTimeoutWithinAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		c := newClient(t, audittest.NewSidecar(t), func(o *audit.Options) {
			o.RecordTimeout = 5 * time.Second
			o.Transport = transport(func(r *http.Request) (*http.Response, error) {
				if attempts++; attempts == 1 {
					return nil, errors.New("no route to host")
				}
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
		})
		err := c.Record(t.Context(), event("one"))
		if !errors.Is(err, audit.ErrUnavailable) || attempts != 2 {
			t.Fatalf("%v after %d attempts", err, attempts)
		}
		if said := err.Error(); !strings.Contains(said, "no route to host") || !strings.Contains(said, "record_timeout of 5s") || strings.Contains(said, "asks to wait") || strings.Count(said, "is over") != 1 {
			t.Errorf("the message does not tell why: %v", err)
		}
	})
}

// TestConflict: an id of one's own, used twice with different content.
func TestConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audittest.NewSidecar(t)
		var letters []audit.DeadLetter
		c := newClient(t, s, func(o *audit.Options) {
			o.OnDeadLetter = func(d audit.DeadLetter) { letters = append(letters, d) }
		})
		e := event("one")
		e.ID = audit.NewID()
		e.Timestamp = "2026-01-31T10:11:12Z"
		for range 2 { // the same again is no conflict
			if err := c.Record(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		e.Action = "two"
		var ae *audit.Error
		if err := c.Record(t.Context(), e); !errors.Is(err, audit.ErrConflict) || !errors.As(err, &ae) || ae.Fields[0].Field != "id" {
			t.Errorf("%v", err)
		}
		if err := errors.Join(c.Enqueue(t.Context(), e), c.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
		if len(letters) != 1 || letters[0].Reason != "conflict" || letters[0].Status != 409 || letters[0].Errors[0].Field != "id" {
			t.Errorf("%+v", letters)
		}
		if got := actions(s.Events()); !slices.Equal(got, []string{"one"}) {
			t.Errorf("stored %v", got)
		}
	})
}

// TestCompany: events that the sidecar would refuse only because of what else is
// in the request are good events, and none of them may become a dead letter.
func TestCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audittest.NewSidecar(t)
		c := newClient(t, s, func(o *audit.Options) { o.Linger = time.Second })
		first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for day := range 200 {
			e := event(fmt.Sprint(day))
			e.Timestamp = first.AddDate(0, 0, day).Format(time.RFC3339)
			if err := c.Enqueue(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		e := event("twice")
		e.ID = strings.ToUpper(audit.NewID())
		e.Timestamp = "2026-01-31T10:11:12Z"
		for range 3 { // as a caller does whose Enqueue had an unknown outcome
			if err := c.Enqueue(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		flush(t, c)
		if st := c.Stats(); st.DeadLettered != 0 || st.Delivered != 203 || len(s.Events()) != 201 {
			t.Errorf("%+v, stored %d", st, len(s.Events()))
		}
	})
}

// TestHalving meets a sidecar that takes three events at a time and names none.
func TestHalving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audittest.NewSidecar(t)
		s.MaxEvents = 3
		c := newClient(t, s, func(o *audit.Options) { o.Linger = time.Second })
		var want []string
		for i := range 50 {
			want = append(want, fmt.Sprint(i))
		}
		enqueue(t, c, want...)
		flush(t, c)
		if got := actions(s.Events()); !slices.Equal(got, want) || c.Stats().DeadLettered != 0 {
			t.Errorf("stored %v, %+v", got, c.Stats())
		}
	})
}

// TestDeadLetterFile is what an operator finds.
func TestDeadLetterFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audittest.NewSidecar(t)
		dir := t.TempDir()
		// Another process died while it wrote.
		write(t, filepath.Join(dir, "dead-letter.ndjson"), []byte(`{"at":"20`))
		c := newClient(t, s, func(o *audit.Options) {
			o.SpoolDir = dir
			o.Linger = time.Second
		})
		s.Next(audittest.Fault{Status: 400, Body: `{"type":"urn:archiver:problem:invalid-event","errors":[
			{"index":1,"field":"timestamp","reason":"is before 2026"},{"index":1,"field":"","reason":"is odd"}]}`})
		enqueue(t, c, "a", "<b>", "c")
		flush(t, c)
		if got := actions(s.Events()); !slices.Equal(got, []string{"a", "c"}) {
			t.Errorf("stored %v", got)
		}
		b, err := os.ReadFile(filepath.Join(dir, "dead-letter.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(b), "\n")
		if len(lines) != 3 || lines[0] != `{"at":"20` || lines[2] != "" {
			t.Fatalf("%q", b)
		}
		for _, want := range []string{
			`"reason":"rejected"`, `"status":400`, `"action":"<b>"`,
			`"errors":[{"field":"timestamp","reason":"is before 2026"},{"field":"","reason":"is odd"}]`,
		} {
			if !strings.Contains(lines[1], want) {
				t.Errorf("%s\nhas no %s", lines[1], want)
			}
		}
	})
}

// TestDeadLetterNotWritten: an event that cannot be buried stays in the spool,
// and so does what is behind it, until it can.
func TestDeadLetterNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audittest.NewSidecar(t)
		dir := t.TempDir()
		obstacle := filepath.Join(dir, "dead-letter.ndjson")
		if err := os.Mkdir(obstacle, 0o700); err != nil {
			t.Fatal(err)
		}
		c := newClient(t, s, func(o *audit.Options) { o.SpoolDir = dir })
		s.Next(audittest.Fault{Status: 400})
		enqueue(t, c, "bad")
		synctest.Wait()
		enqueue(t, c, "good")
		time.Sleep(10 * time.Minute)
		if st := c.Stats(); st.SpoolEvents != 2 || st.DeadLettered != 0 || st.LastError == nil {
			t.Errorf("%+v", st)
		}
		if err := os.Remove(obstacle); err != nil {
			t.Fatal(err)
		}
		flush(t, c)
		if got := actions(s.Events()); !slices.Equal(got, []string{"good"}) || len(deadLetters(t, dir)) != 1 {
			t.Errorf("stored %v, %v", got, deadLetters(t, dir))
		}
	})
}

// TestToken: without one everything is kept, and Record says so at once.
func TestToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audittest.NewSidecar(t)
		s.Token = "secret"
		poor := newClient(t, s)
		var ae *audit.Error
		if err := poor.Record(t.Context(), event("one")); !errors.Is(err, audit.ErrUnavailable) || !errors.As(err, &ae) || ae.Status != http.StatusUnauthorized {
			t.Errorf("%v", err)
		}
		enqueue(t, poor, "two")
		time.Sleep(time.Minute)
		if st := poor.Stats(); st.SpoolEvents != 1 || st.DeadLettered != 0 {
			t.Errorf("%+v", st)
		}
		rich := newClient(t, s, func(o *audit.Options) { o.Token = "secret" })
		if err := rich.Record(t.Context(), event("three")); err != nil {
			t.Error(err)
		}
	})
}

// TestRetryAfterHoldsAgainstFlush: who flushes cuts a back-off short, but not the
// time that the sidecar asked for.
func TestRetryAfterHoldsAgainstFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audittest.NewSidecar(t)
		c := newClient(t, s)
		s.Next(audittest.Fault{Status: 503, Header: http.Header{"Retry-After": {"40"}}})
		start := time.Now()
		enqueue(t, c, "one")
		synctest.Wait()
		flush(t, c)
		if took := time.Since(start); took != 40*time.Second {
			t.Errorf("took %v", took)
		}

		s.Next(slices.Repeat([]audittest.Fault{{Status: 500}}, 20)...)
		enqueue(t, c, "two")
		time.Sleep(2 * time.Minute) // the back-off is long by now
		for s.Requests() < 22 {
			before := s.Requests()
			ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
			err := c.Flush(ctx)
			cancel()
			synctest.Wait()
			if s.Requests() == before && err != nil {
				t.Fatal("flush did not make the sender try")
			}
		}
	})
}
