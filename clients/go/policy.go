package audit

import "strings"

// Policy says what [Client.Record] does when the sidecar cannot be reached until
// the deadline. There is none that drops the event.
type Policy int

const (
	// FailClosed returns an error: the caller does not perform the action.
	FailClosed Policy = iota
	// FailOpenSpooled puts the event into the spool, as Enqueue does, and returns
	// nil: the action may go on.
	FailOpenSpooled
)

// RecordOption changes one call of [Client.Record].
type RecordOption func(*recordCall)

type recordCall struct{ policy Policy }

// WithPolicy overrides the policy that Options.Policies has for the action.
func WithPolicy(p Policy) RecordOption { return func(c *recordCall) { c.policy = p } }

// policyOf returns the policy of the longest key that is the action, or a prefix
// of it that ends with a dot.
func policyOf(policies map[string]Policy, action string) Policy {
	if p, ok := policies[action]; ok {
		return p
	}
	for prefix := action; ; prefix = prefix[:len(prefix)-1] {
		dot := strings.LastIndexByte(prefix, '.')
		if dot < 0 {
			return FailClosed
		}
		prefix = prefix[:dot+1]
		if p, ok := policies[prefix]; ok {
			return p
		}
	}
}
