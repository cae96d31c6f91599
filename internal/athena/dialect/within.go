package dialect

import "github.com/audit-archiver/archiver/internal/athena"

// A question about a day is often one about whole files: then each of their rows is of the
// time that was asked for, and a million timestamps need not be read to find that out. The
// translation names the conditions, [Within] decides.

// inTime is the name of a function boolean -> boolean.
const inTime = internal + "within"

// Within returns the statement that defines it. sure says that the rows of all scans are
// between their [Scan.MinMS] and [Scan.MaxMS]; then the conditions hold and are not computed.
func Within(sure bool) (name, statement string) {
	m := make(macros)
	if sure {
		m.add("within(c)", "true")
	} else {
		m.add("within(c)", "c")
	}
	return inTime, m[inTime]
}

// exact collects the conditions on the timestamp of which it is known for which instants
// exactly they hold: comparisons with constants.
type exact struct {
	bounds     athena.Bounds // of time alone
	conditions []node
}

// add takes cond, which says for each op that the timestamp compares so with the value.
func (e *exact) add(t *translator, cond node, ops []string, values ...node) {
	b := e.bounds
	for i, v := range values {
		at, ok := t.instant(v)
		if !ok || text(v, "class") != "CAST" { // now() and the like are not written as the answer is computed
			return
		}
		narrowTime(&b, ops[i], at)
	}
	e.bounds, e.conditions = b, append(e.conditions, cond)
}

// take notes for scan and the SELECT of s what [Within] decides about.
func (e *exact) take(scan *Scan, s *scope) {
	scan.MinMS, scan.MaxMS = max(scan.MinMS, e.bounds.MinMS), min(scan.MaxMS, e.bounds.MaxMS)
	s.exact = append(s.exact, e.conditions...)
}

// wrap lets [Within] decide about conditions, which were translated.
func wrap(conditions []node) {
	for _, c := range conditions {
		become(c, function(inTime, copyOf(c)))
	}
}
