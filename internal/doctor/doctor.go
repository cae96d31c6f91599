// Package doctor proves what an archive's bucket and disk do before anything is
// entrusted to them.
//
// The promise: a check passed because what it is about was tried, or was told by
// the store, just now. Nothing is taken from a data sheet, and what could not be
// looked at is never a pass. The price is some thirty small requests and four small
// objects under <prefix>/probe/, locked for two minutes, which the next run removes
// if it may.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/s3store"
)

// Level says how much depends on a check.
type Level string

// The levels. Without a must the archive's promises do not hold; a should leaves a
// door open that verify watches; an info is worth knowing.
const (
	Must   Level = "must"
	Should Level = "should"
	Info   Level = "info"
)

// Result is the outcome of a check.
type Result string

// The results.
const (
	Pass          Result = "pass"
	Fail          Result = "fail"
	NotApplicable Result = "not_applicable" // the store has nothing of the kind
	CouldNotLook  Result = "could_not_look" // Seen says why
)

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	Level  Level  `json:"level"`
	Result Result `json:"result"`
	Seen   string `json:"seen"`         // what was seen, for people
	Do     string `json:"do,omitempty"` // what to do about it
}

// Report is the outcome of a run.
type Report struct {
	At     time.Time `json:"at"`
	Store  string    `json:"store"` // endpoint, bucket and prefix
	Checks []Check   `json:"checks"`
	// Left are the versions that the probe had to leave behind. A locked one can be
	// removed two minutes later.
	Left []Left `json:"left"`
}

// Left is one version of the probe that is still in the bucket.
type Left struct {
	Key     string `json:"key"`
	Version string `json:"version"`
	Why     string `json:"why"`
}

// Errors of a report: what it found, and what it could not.
var (
	// ErrUnfit: a must failed.
	ErrUnfit = errors.New("not fit for an archive")
	// ErrUnknown: a must could not be looked at, and none failed.
	ErrUnknown = errors.New("could not be looked at")
)

// Err is nil when every must passed, or when those that did not are named in
// overridden. A must that does not apply counts as passed.
func (r Report) Err(overridden ...string) error {
	var failed, unknown []Check
	for _, c := range r.Checks {
		if c.Level != Must || slices.Contains(overridden, c.Name) {
			continue
		}
		switch c.Result {
		case Fail:
			failed = append(failed, c)
		case CouldNotLook:
			unknown = append(unknown, c)
		}
	}
	switch {
	case len(failed) > 0:
		return fmt.Errorf("the store %s is %w: %s", r.Store, ErrUnfit, brief(failed))
	case len(unknown) > 0:
		return fmt.Errorf("the store %s %w: %s", r.Store, ErrUnknown, brief(unknown))
	}
	return nil
}

// Overridden are the musts that did not pass and that names let go.
func (r Report) Overridden(names []string) []Check {
	var all []Check
	for _, c := range r.Checks {
		if c.Level == Must && (c.Result == Fail || c.Result == CouldNotLook) && slices.Contains(names, c.Name) {
			all = append(all, c)
		}
	}
	return all
}

// Musts are the names of the checks that serve does not start without.
func Musts() []string {
	return []string{"reach", "versioning", "object-lock", "clock", "lock", "read", "list-versions", "if-none-match", "checksum",
		"overwrite", "delete-version", "bypass", "shorten", "governance", "keep"}
}

// Options say what to look at.
type Options struct {
	Store  Store  // what is tried
	Name   string // of the store, for the report
	Prefix string // of the archive; the probe lies under <prefix>/probe/
	// Archive tells how long what must stay: a lifecycle rule that ends objects after
	// that is welcome. Zero: nothing is known of it, and everything stays for ever.
	Archive ledger.Archive
	// KeyState asks for the state of a KMS key, "Enabled" being the good one. nil:
	// nobody can ask.
	KeyState func(ctx context.Context, id string) (string, error)
	Now      func() time.Time
}

// Run looks at the store. It returns an error only when ctx ended; whatever else
// happens is in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	r := Report{At: o.Now().UTC().Truncate(time.Second), Store: o.Name, Left: []Left{}}
	c := reach(ctx, o.Store)
	if c.Result != Pass {
		// All the others would say the same in more words.
		r.Checks = []Check{c}
		return r, ended(ctx)
	}
	settings := o.Store.Settings(ctx)
	r.Checks = append([]Check{c}, Settings(settings, o.Prefix, o.Archive)...)
	r.Checks = append(r.Checks, keyState(ctx, o, settings))
	p := newProbe(o, settings)
	p.run(ctx)
	r.Checks = append(r.Checks, p.checks...)
	r.Left = append(r.Left, p.left...)
	return r, ended(ctx)
}

func ended(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("doctor: %w", err)
	}
	return nil
}

func reach(ctx context.Context, s Store) Check {
	c := Check{Name: "reach", Level: Must, Do: "make the bucket with `archiver init`"}
	err := s.Reach(ctx)
	switch {
	case err == nil:
		return c.passes("the bucket answers")
	case s3store.NotThere(err):
		return c.fails("there is no such bucket")
	}
	return c.unknown(err.Error())
}
