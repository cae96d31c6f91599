package audit

import (
	"context"
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/audit-archiver/archiver/clients/go/internal/spool"
)

// DeadLetter is an event that can never be stored, as it was written to the
// dead-letter file.
type DeadLetter struct {
	At     time.Time
	Reason string          // rejected, conflict or damaged
	Status int             // HTTP status of the refusal; 0 when damaged
	Errors []FieldError    // what the sidecar found wrong
	Event  json.RawMessage // nil when damaged
	Line   []byte          // the line of the spool, when damaged
	Path   string          // of the dead-letter file
}

// attrs are for a log line: nothing of the event but its id.
func (d *DeadLetter) attrs() []any {
	attrs := []any{"reason", d.Reason, "status", d.Status, "path", d.Path}
	var e struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(d.Event, &e) == nil {
		attrs = append(attrs, "id", e.ID)
	}
	for _, f := range d.Errors {
		attrs = append(attrs, "field", f.Field, "problem", f.Reason)
	}
	return attrs
}

// bury writes dead letters to their file, however long that takes: an event
// that is in no other place must not leave the spool before.
func (d *delivery) bury(ctx context.Context, letters []spool.DeadLetter) {
	for i := range letters {
		letters[i].At = time.Now().UTC()
	}
	for failures := 0; ; failures++ {
		err := spool.Bury(d.c.o.SpoolDir, letters)
		if err == nil {
			break
		}
		d.failed(err, failures)
		d.wait(ctx, failures, 0)
		if ctx.Err() != nil {
			return // they stay in the spool
		}
	}
	path := filepath.Join(d.c.o.SpoolDir, spool.DeadLetterName)
	for _, l := range letters {
		d.c.stats.add(func(s *Stats) { s.DeadLettered++ })
		letter := DeadLetter{At: l.At, Reason: l.Reason, Status: l.Status, Path: path}
		for _, f := range l.Errors {
			letter.Errors = append(letter.Errors, FieldError(f))
		}
		// Copies: the line's memory is used again.
		if l.Event != nil {
			letter.Event = append(letter.Event, l.Event...)
		}
		letter.Line = append(letter.Line, l.Line...)
		d.c.o.OnDeadLetter(letter)
	}
}
