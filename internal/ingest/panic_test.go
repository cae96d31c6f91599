package ingest

import (
	"context"
	"testing"

	"github.com/audit-archiver/archiver/internal/event"
)

// stumbling stores what it is given, and panics.
type stumbling struct{ Appender }

func (s stumbling) Append(ctx context.Context, events []event.Event) (Stored, error) {
	if _, err := s.Appender.Append(ctx, events); err != nil {
		return Stored{}, err
	}
	panic("behind the sync")
}

// TestPanicBehindTheSync: of events whose handler panicked, the type of the answer says
// that nobody knows, as the description of the API has it: they may be stored.
func TestPanicBehindTheSync(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), func(o *Options) { o.Appender = stumbling{o.Appender} })
	d := describe(t, w.do("GET", "/openapi.json", nil, nil).body)
	a := w.post("application/json", minimal)
	if err := d.Describes("POST", "/v1/events", a.StatusCode, a.Header, a.body); err != nil {
		t.Error(err)
	}
	if p := a.problem(t); p.Status != 500 || p.kind != kindOutcomeUnknown || w.appender.len() != 1 {
		t.Errorf("%d events are stored, and the answer is %+v", w.appender.len(), p)
	}
}
