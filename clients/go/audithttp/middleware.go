// Package audithttp gives the events of a request what they have in common:
// request id, client address, user agent, trace and actor. It can also make an
// event of every request.
package audithttp

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	audit "github.com/audit-archiver/archiver/clients/go"
)

// Options configure [New].
type Options struct {
	// TrustedProxies are the addresses and networks (CIDR) whose X-Forwarded-For
	// is believed. Default: none, so that the client is the peer.
	TrustedProxies []string

	// Actor is asked for who acts when an event is made, with the context of that
	// call, which may know more than the request's did when it came in. May be
	// called concurrently. [audit.SetActor] has precedence.
	Actor func(ctx context.Context, r *http.Request) (audit.Actor, bool)

	// Auditor, if not nil, gets an event for every request, after the response.
	Auditor Enqueuer

	// Event changes the event of a request, which has action http.<method>,
	// resource http with the path as id, and the outcome; false: no event. status
	// is 500 when the handler panicked before it answered.
	// Default: the event as it is.
	Event func(r *http.Request, status int, e audit.Event) (audit.Event, bool)

	// OnError is told that the event of a request was not taken.
	// Default: logs one line.
	OnError func(r *http.Request, err error)
}

// Enqueuer takes the event of a request. [*audit.Client] is one.
type Enqueuer interface {
	Enqueue(ctx context.Context, e audit.Event) error
}

// anonymous acts when nobody says who does: an event without an actor could not
// be stored, and the requests of strangers matter, too.
const anonymous = "anonymous"

// New returns the middleware. It fails on a trusted proxy that is no address.
func New(o Options) (func(http.Handler) http.Handler, error) {
	trusted, err := parseProxies(o.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("audithttp: %w", err)
	}
	if o.OnError == nil {
		o.OnError = func(r *http.Request, err error) {
			slog.Default().ErrorContext(r.Context(), "audit event of a request not taken", "error", err)
		}
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rc := audit.RequestContext{
				RequestID:   requestIDOf(r.Header),
				IP:          clientIP(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), trusted),
				UserAgent:   clean(r.UserAgent(), 4096),
				Traceparent: traceparentOf(r.Header),
			}
			// Before the handler runs, so that it is there however that ends.
			w.Header().Set("X-Request-Id", rc.RequestID)
			var inner *http.Request
			if o.Actor != nil {
				rc.ActorFunc = func(ctx context.Context) (audit.Actor, bool) { return o.Actor(ctx, inner) }
			}
			inner = r.WithContext(audit.NewContext(r.Context(), rc))
			if o.Auditor == nil {
				next.ServeHTTP(w, inner)
				return
			}
			o.audited(next, w, inner)
		})
	}, nil
}

// audited serves r and makes an event of it. A panic is a failure and goes on
// its way untouched: it is not recovered, so its stack stays whole.
func (o *Options) audited(next http.Handler, w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w}
	returned := false
	defer func() { o.enqueue(r, rec.statusAfter(returned), returned) }()
	next.ServeHTTP(rec, r)
	returned = true
}

func (o *Options) enqueue(r *http.Request, status int, returned bool) {
	e := audit.Event{
		Action:   clean("http."+strings.ToLower(r.Method), 100),
		Resource: audit.Resource{Type: "http", ID: clean(r.URL.Path, 255)},
		Outcome:  audit.OutcomeSuccess,
		Details:  map[string]any{"status": status},
	}
	if status >= 400 || !returned {
		e.Outcome = audit.OutcomeFailure
	}
	// The answer is given; a client that has gone away does not undo what was done.
	ctx := context.WithoutCancel(r.Context())
	if o.Event != nil {
		var ok bool
		if e, ok = o.Event(r, status, e); !ok {
			return
		}
	}
	if e.Actor == (audit.Actor{}) {
		e.Actor = actorOf(ctx)
	}
	if err := o.Auditor.Enqueue(ctx, e); err != nil {
		o.OnError(r, err)
	}
}

// actorOf returns who acts as far as the context tells.
func actorOf(ctx context.Context) audit.Actor {
	rc, _ := audit.FromContext(ctx)
	a := rc.Actor
	if a == (audit.Actor{}) && rc.ActorFunc != nil {
		if known, ok := rc.ActorFunc(ctx); ok {
			a = known
		}
	}
	if a == (audit.Actor{}) {
		return audit.Actor{ID: anonymous, Type: audit.TypeUser}
	}
	return a
}
