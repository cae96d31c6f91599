// Package audittest has what tests of audited code need: a [Recorder] that takes
// the place of a client, and a [Sidecar] that a real client talks to.
package audittest

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	audit "github.com/audit-archiver/archiver/clients/go"
)

// Recorder keeps events in memory. It completes them from the context and
// refuses what a [audit.Client] refuses, so a test finds what production would.
// The zero value is ready; it is safe for concurrent use.
type Recorder struct {
	mu     sync.Mutex
	events []audit.Event
	fail   error
}

var _ audit.Auditor = (*Recorder)(nil)

// Record keeps the event, or fails as FailWith says.
func (r *Recorder) Record(ctx context.Context, e audit.Event, _ ...audit.RecordOption) error {
	return r.keep(ctx, e)
}

// Enqueue keeps the event, or fails as FailWith says.
func (r *Recorder) Enqueue(ctx context.Context, e audit.Event) error { return r.keep(ctx, e) }

// Flush has nothing to do.
func (r *Recorder) Flush(context.Context) error { return nil }

// Close has nothing to do.
func (r *Recorder) Close(context.Context) error { return nil }

// LogLogin records an [audit.LoginEvent].
func (r *Recorder) LogLogin(ctx context.Context, userID string, success bool, details map[string]any) error {
	return r.keep(ctx, audit.LoginEvent(userID, success, details))
}

// LogDataAccess records an [audit.DataAccessEvent].
func (r *Recorder) LogDataAccess(ctx context.Context, actorID, resourceType, resourceID string) error {
	return r.keep(ctx, audit.DataAccessEvent(actorID, resourceType, resourceID))
}

// LogDataChange records an [audit.DataChangeEvent].
func (r *Recorder) LogDataChange(ctx context.Context, actorID, resourceType, resourceID string, change audit.Change, before, after any) error {
	return r.keep(ctx, audit.DataChangeEvent(actorID, resourceType, resourceID, change, before, after))
}

// FailWith makes every further call fail with err, such as an [*audit.Error] of
// kind [audit.ErrUnavailable]; nil ends that.
func (r *Recorder) FailWith(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

func (r *Recorder) keep(ctx context.Context, e audit.Event) error {
	e, err := audit.Complete(ctx, e)
	if err != nil {
		return err
	}
	// What the caller does to its details later must not change what was recorded.
	if e.Details != nil {
		text, err := json.Marshal(e.Details)
		if err != nil {
			return fmt.Errorf("details: %w", err)
		}
		e.Details = nil
		if err := json.Unmarshal(text, &e.Details); err != nil {
			return fmt.Errorf("details: %w", err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return r.fail
	}
	r.events = append(r.events, e)
	return nil
}

// Events returns what was recorded, in order. Details are as package json
// decodes them: a map[string]any.
func (r *Recorder) Events() []audit.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]audit.Event(nil), r.events...)
}

// Clear forgets what was recorded.
func (r *Recorder) Clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = nil
}

// Find returns the events that have every value that like has. Of details, every
// member of like's must be there and equal.
func (r *Recorder) Find(like audit.Event) []audit.Event {
	var found []audit.Event
	for _, e := range r.Events() {
		if matches(reflect.ValueOf(like), reflect.ValueOf(e)) {
			found = append(found, e)
		}
	}
	return found
}

// Expect returns the first event that Find finds. If there is none, it fails the
// test and says what was recorded instead.
func (r *Recorder) Expect(t testing.TB, like audit.Event) audit.Event {
	t.Helper()
	if found := r.Find(like); len(found) > 0 {
		return found[0]
	}
	var b strings.Builder
	for _, e := range r.Events() {
		b.WriteString("\n\t" + text(e))
	}
	if b.Len() == 0 {
		b.WriteString(" nothing")
	}
	t.Fatalf("no event like\n\t%s\nwas recorded, but:%s", text(like), b.String())
	return audit.Event{}
}

func text(e audit.Event) string {
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Sprintf("%+v", e)
	}
	return string(b)
}

// matches reports whether got has every value of like that is not zero.
func matches(like, got reflect.Value) bool {
	if like.IsZero() {
		return true
	}
	switch like.Kind() {
	case reflect.Struct:
		for i := range like.NumField() {
			if !matches(like.Field(i), got.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Interface: // details
		var want, have map[string]any
		text, err := json.Marshal(like.Interface())
		if err != nil || json.Unmarshal(text, &want) != nil {
			return false
		}
		have, _ = got.Interface().(map[string]any)
		for name, value := range want {
			if v, ok := have[name]; !ok || !reflect.DeepEqual(v, value) {
				return false
			}
		}
		return true
	}
	return like.Equal(got)
}
