package pack

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// Result is what a check ends with.
type Result string

// The results. A check that could not look is an error of Check, and for a person INDETERMINATE.
const (
	OK        Result = "OK"
	Violation Result = "VIOLATION"
)

// Kind says what is wrong, in the words of `archiver verify`.
type Kind string

// The kinds of findings in a pack.
const (
	Altered    Kind = "altered"     // bytes are not as they were signed, or as the pack itself says
	Missing    Kind = "missing"     // what must be there is not
	Injected   Kind = "injected"    // what is there belongs nowhere
	UnknownKey Kind = "unknown-key" // signed by another key than the root's
)

// Finding is one observation.
type Finding struct {
	Kind    Kind   `json:"kind"`
	Level   int    `json:"level"`   // 1: the pack itself and its ledger; 3: rows
	Key     string `json:"key"`     // the member
	Version string `json:"version"` // always "": a pack has no versions of an object
	Stream  string `json:"stream"`  // "" when it is not about one
	First   int64  `json:"first"`   // seqs; -1: none
	Last    int64  `json:"last"`
	Action  string `json:"action"`
	Detail  string `json:"detail"`
}

func (f *Finding) Error() string { return fmt.Sprintf("%s: %s: %s", f.Kind, f.Key, f.Detail) }

// altered is a finding about the pack as a whole.
func altered(format string, args ...any) error {
	return &Finding{Kind: Altered, Level: 1, First: -1, Last: -1, Detail: fmt.Sprintf(format, args...)}
}

// about is a finding about a member.
func about(kind Kind, level int, member, format string, args ...any) *Finding {
	return &Finding{Kind: kind, Level: level, Key: member, First: -1, Last: -1, Detail: fmt.Sprintf(format, args...)}
}

// maxFindings bounds a report; what is beyond is counted.
const maxFindings = 1000

// Report is what a check found.
type Report struct {
	Result    Result     `json:"result"`
	Findings  []Finding  `json:"findings"`
	More      int        `json:"more_findings,omitzero"`
	Archive   uuid.UUID  `json:"archive"`
	Statement *Statement `json:"statement,omitempty"` // nil when it could not be read
	Commits   int64      `json:"commits"`             // verified
	Rows      int64      `json:"rows"`                // proved
	// Evaluated: the condition was evaluated again over the whole files.
	Evaluated bool `json:"condition_evaluated"`
	// Complete and Open count the files of the period: of those in Complete it is
	// proved that no matching row is left out; of those in Open the exporter says so.
	Complete int `json:"files_complete"`
	Open     int `json:"files_open"`
}

// find keeps a finding, and tells other errors back.
func (r *Report) find(err error) error {
	if err == nil {
		return nil
	}
	var f *Finding
	if !errors.As(err, &f) {
		return err
	}
	r.Result = Violation
	if len(r.Findings) == maxFindings {
		r.More++
		return nil
	}
	kept := *f
	kept.Action = "do not rely on this pack; keep it, and ask for another one"
	r.Findings = append(r.Findings, kept)
	return nil
}
