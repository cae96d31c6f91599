package audit_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	audit "github.com/audit-archiver/archiver/clients/go"
	"github.com/audit-archiver/archiver/clients/go/audittest"
	"github.com/audit-archiver/archiver/clients/go/internal/vectors"
)

const wireVectors = "../../testenv/vectors/wire"

type eventVector struct {
	Event   json.RawMessage
	Context struct {
		RequestID      string `json:"request_id"`
		IP             string
		UserAgent      string `json:"user_agent"`
		Actor          audit.Actor
		OrganizationID string `json:"organization_id"`
		Traceparent    string
	}
	Judge  string
	Expect struct {
		JSON   json.RawMessage
		Errors []audit.FieldError
	}
}

func TestEventVectors(t *testing.T) {
	vectors.Each(t, wireVectors+"/event", func(t *testing.T, v eventVector) {
		if v.Judge == "server" {
			t.Skip("only the server has to judge this")
		}
		s := audittest.NewSidecar(t)
		c := newClient(t, s)
		var e audit.Event
		if err := json.Unmarshal(v.Event, &e); err != nil {
			t.Fatal(err)
		}
		ctx := audit.NewContext(t.Context(), audit.RequestContext{
			RequestID: v.Context.RequestID, IP: v.Context.IP, UserAgent: v.Context.UserAgent,
			Actor: v.Context.Actor, OrganizationID: v.Context.OrganizationID, Traceparent: v.Context.Traceparent,
		})
		err := c.Record(ctx, e)
		if len(v.Expect.Errors) > 0 {
			var refused *audit.Error
			if !errors.As(err, &refused) || !errors.Is(err, audit.ErrRejected) {
				t.Fatalf("got %v, want a rejection", err)
			}
			compareFields(t, refused.Fields, v.Expect.Errors)
			if s.Requests() != 0 {
				t.Error("it was sent all the same")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		want := v.Expect.JSON
		if want == nil {
			want = v.Event
		}
		compareEvents(t, s.Raw()[0], want)
	})
}

// compareFields: every field that is reported lies within an expected one, and
// every expected one is reported so.
func compareFields(t *testing.T, got, want []audit.FieldError) {
	t.Helper()
	within := func(inner, outer string) bool {
		return inner == outer || strings.HasPrefix(inner, outer+".")
	}
	for _, g := range got {
		if !slices.ContainsFunc(want, func(w audit.FieldError) bool { return within(g.Field, w.Field) }) {
			t.Errorf("reported %q (%s), which is not expected", g.Field, g.Reason)
		}
	}
	for _, w := range want {
		if !slices.ContainsFunc(got, func(g audit.FieldError) bool { return within(g.Field, w.Field) }) {
			t.Errorf("did not report %q; got %v", w.Field, got)
		}
	}
}

func compareEvents(t *testing.T, got, want json.RawMessage) {
	t.Helper()
	var g, w map[string]any
	if err := errors.Join(json.Unmarshal(got, &g), json.Unmarshal(want, &w)); err != nil {
		t.Fatal(err)
	}
	dropNulls(g)
	dropNulls(w)
	if _, ok := w["id"]; !ok {
		id, _ := g["id"].(string)
		if len(id) != 36 || id[14] != '7' || strings.IndexByte("89ab", id[19]) < 0 {
			t.Errorf("id %q is no UUIDv7", id)
		}
		delete(g, "id")
	}
	if _, ok := w["timestamp"]; !ok {
		made, _ := g["timestamp"].(string)
		if _, err := time.Parse(time.RFC3339Nano, made); err != nil {
			t.Error(err)
		}
		delete(g, "timestamp")
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("sent %s\nwant %s", got, want)
	}
}

// dropNulls removes the null members of an event, its actor and its resource.
func dropNulls(e map[string]any) {
	for name, v := range e {
		if m, ok := v.(map[string]any); ok && name != "details" {
			dropNulls(m)
		} else if v == nil {
			delete(e, name)
		}
	}
}

type answerVector struct {
	Batch   int
	Status  int
	Headers map[string]string
	Body    string
	Expect  struct {
		Delivered    []int
		DeadLettered []struct {
			Index  int
			Reason string
		} `json:"dead_lettered"`
		Retry    []int
		BackOff  bool    `json:"back_off"`
		Halve    bool    `json:"halve"`
		AtLeastS float64 `json:"wait_at_least_s"`
		Record   string  `json:"record"`
	}
}

func (v *answerVector) fault() audittest.Fault {
	h := make(http.Header)
	for name, value := range v.Headers {
		h.Set(name, value)
	}
	return audittest.Fault{Status: v.Status, Header: h, Body: v.Body}
}

// watched notes when requests came, and with which actions.
type watched struct {
	next     http.RoundTripper
	at       []time.Time
	requests [][]string
}

func (w *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var actions []string
	for line := range bytes.Lines(body) {
		var e audit.Event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, err
		}
		actions = append(actions, e.Action)
	}
	w.at, w.requests = append(w.at, time.Now()), append(w.requests, actions)
	return w.next.RoundTrip(r)
}

func TestAnswerVectors(t *testing.T) {
	vectors.Each(t, wireVectors+"/answer", func(t *testing.T, v answerVector) {
		synctest.Test(t, func(t *testing.T) { testDelivery(t, &v) })
	})
}

// testDelivery has one batch answered so, and everything from then on stored.
func testDelivery(t *testing.T, v *answerVector) {
	s := audittest.NewSidecar(t)
	s.Next(v.fault())
	w := &watched{next: s.Transport()}
	var letters []audit.DeadLetter
	c := newClient(t, s, func(o *audit.Options) {
		o.Transport = w
		o.Linger = time.Second // so that all are in one batch
		o.BatchEvents = v.Batch
		o.OnDeadLetter = func(d audit.DeadLetter) { letters = append(letters, d) }
	})
	for i := range v.Batch {
		enqueue(t, c, strconv.Itoa(i))
	}
	synctest.Wait()
	flushWithoutHurry(t, c)

	var buried, want []string
	for _, l := range letters {
		var e audit.Event
		if err := json.Unmarshal(l.Event, &e); err != nil {
			t.Fatal(err)
		}
		buried = append(buried, e.Action+" "+l.Reason)
	}
	for _, d := range v.Expect.DeadLettered {
		want = append(want, strconv.Itoa(d.Index)+" "+d.Reason)
	}
	if !slices.Equal(buried, want) {
		t.Errorf("dead-lettered %v, want %v", buried, want)
	}
	var again, first []string
	if len(w.requests) > 1 {
		first = w.requests[1]
		again = slices.Concat(w.requests[1:]...)
	}
	want = nil
	for _, i := range v.Expect.Retry {
		want = append(want, strconv.Itoa(i))
	}
	if !slices.Equal(again, want) {
		t.Errorf("sent again %v, want %v", again, want)
	}
	if n := len(want); v.Expect.Halve && len(first) != n/2 && len(first) != (n+1)/2 {
		t.Errorf("sent %d again at first, want half of %d", len(first), n)
	}
	if len(w.at) > 1 {
		waited := w.at[1].Sub(w.at[0])
		least := time.Duration(v.Expect.AtLeastS * float64(time.Second))
		if waited < least || (waited > 0) != v.Expect.BackOff {
			t.Errorf("sent again after %v, want at least %v, back-off %v", waited, least, v.Expect.BackOff)
		}
	}
}

// flushWithoutHurry waits as Flush does, but does not make the sender hasten.
func flushWithoutHurry(t *testing.T, c *audit.Client) {
	t.Helper()
	for c.Stats().SpoolEvents > 0 {
		time.Sleep(time.Second) // of the fake clock
	}
}

func TestAnswerVectorsRecord(t *testing.T) {
	vectors.Each(t, wireVectors+"/answer", func(t *testing.T, v answerVector) {
		if v.Expect.Record == "" {
			t.Skip("it is about batches")
		}
		synctest.Test(t, func(t *testing.T) {
			s := audittest.NewSidecar(t)
			c := newClient(t, s)
			for range 100 {
				s.Next(v.fault())
			}
			// The body of a success names another id than ours; that is not looked at.
			start := time.Now()
			err := c.Record(t.Context(), event("order.read"))
			took := time.Since(start)
			want := map[string]error{
				"returns": nil, "retries": audit.ErrUnavailable, "AuditRejected": audit.ErrRejected,
				"AuditConflict": audit.ErrConflict, "AuditUnavailable": audit.ErrUnavailable,
			}[v.Expect.Record]
			if !errors.Is(err, want) {
				t.Fatalf("got %v, want %v", err, want)
			}
			// It ends early only when it would have to wait beyond the deadline.
			least := time.Duration((10 - v.Expect.AtLeastS) * float64(time.Second))
			switch {
			case v.Expect.Record != "retries" || least < 0:
				if took != 0 || s.Requests() != 1 {
					t.Errorf("took %v and %d requests", took, s.Requests())
				}
			case took < least || took > 10*time.Second || s.Requests() < 2:
				t.Errorf("gave up after %v and %d requests", took, s.Requests())
			}
			var ae *audit.Error
			if errors.As(err, &ae) && (ae.Event.ID == "" || ae.Status != v.Status) {
				t.Errorf("the error has event %v and status %d", ae.Event, ae.Status)
			}
		})
	})
}

type spoolVector struct {
	Segments []struct{ Name, Base64 string }
	Cursor   *string
	Expect   struct {
		Delivered []string
		Damaged   int
	}
}

func TestSpoolVectors(t *testing.T) {
	vectors.Each(t, wireVectors+"/spool", func(t *testing.T, v spoolVector) {
		dir := t.TempDir()
		orphan := filepath.Join(dir, "go-"+audit.NewID())
		if err := os.Mkdir(orphan, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, seg := range v.Segments {
			b, err := base64.StdEncoding.DecodeString(seg.Base64)
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(orphan, seg.Name), b)
		}
		if v.Cursor != nil {
			write(t, filepath.Join(orphan, "cursor"), []byte(*v.Cursor))
		}
		synctest.Test(t, func(t *testing.T) {
			s := audittest.NewSidecar(t)
			var damaged int
			newClient(t, s, func(o *audit.Options) {
				o.SpoolDir = dir
				o.OnDeadLetter = func(d audit.DeadLetter) {
					if d.Reason == "damaged" && d.Event == nil {
						damaged++
					}
				}
			})
			synctest.Wait()
			var got []string
			for _, raw := range s.Raw() {
				got = append(got, string(raw))
			}
			if !slices.Equal(got, v.Expect.Delivered) {
				t.Errorf("delivered %q\nwant %q", got, v.Expect.Delivered)
			}
			if damaged != v.Expect.Damaged || len(deadLetters(t, dir)) != v.Expect.Damaged {
				t.Errorf("%d damaged, want %d", damaged, v.Expect.Damaged)
			}
			if _, err := os.Stat(orphan); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the folder is still there: %v", err)
			}
		})
	})
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// deadLetters reads the file, as one line each.
func deadLetters(t *testing.T, dir string) []map[string]any {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "dead-letter.ndjson"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var letters []map[string]any
	for line := range bytes.Lines(b) {
		var l map[string]any
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		letters = append(letters, l)
	}
	return letters
}
