package audit

import (
	"context"
	"sync/atomic"
)

// RequestContext is what the events of one request have in common. An event that
// has no value of its own for a field takes it from here.
type RequestContext struct {
	RequestID      string
	IP             string
	UserAgent      string
	OrganizationID string

	// Actor is who acts. The zero value stands for unknown; then ActorFunc, if
	// there is one, is asked.
	Actor Actor

	// ActorFunc is asked when an event is made, with the context of that call:
	// authentication may have run since the request came in. It must be safe for
	// concurrent use.
	ActorFunc func(ctx context.Context) (Actor, bool)

	// Traceparent goes to details.traceparent, unless details has one.
	Traceparent string
}

type contextKey struct{}

// state is a RequestContext whose actor may become known later.
type state struct {
	RequestContext
	actor atomic.Pointer[Actor]
}

// NewContext returns a context that carries rc. It replaces what an outer
// context carries.
func NewContext(ctx context.Context, rc RequestContext) context.Context {
	return context.WithValue(ctx, contextKey{}, &state{RequestContext: rc})
}

// FromContext returns what ctx carries, with an actor that SetActor has set.
func FromContext(ctx context.Context) (rc RequestContext, ok bool) {
	s, ok := ctx.Value(contextKey{}).(*state)
	if !ok {
		return RequestContext{}, false
	}
	rc = s.RequestContext
	if a := s.actor.Load(); a != nil {
		rc.Actor = *a
	}
	return rc, true
}

// SetActor says who acts, for all events of the request that are made from now
// on, also those of the middleware around the caller. It reports whether ctx
// carries a RequestContext.
func SetActor(ctx context.Context, a Actor) bool {
	s, ok := ctx.Value(contextKey{}).(*state)
	if ok {
		s.actor.Store(&a)
	}
	return ok
}

// actorOf returns who acts as far as ctx tells.
func (rc *RequestContext) actorOf(ctx context.Context) Actor {
	if rc.Actor != (Actor{}) || rc.ActorFunc == nil {
		return rc.Actor
	}
	if a, ok := rc.ActorFunc(ctx); ok {
		return a
	}
	return Actor{}
}
