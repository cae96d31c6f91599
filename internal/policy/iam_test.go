package policy_test

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/policy"
)

// request is what IAM sees of one request. A condition key that is not in it is absent.
type request struct {
	action, key string // key "": of the bucket
	conditions  map[string]string
}

// allowed evaluates a request as
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
// has it: a Deny anywhere wins, and without an Allow there is none.
func allowed(t *testing.T, r request, docs ...policy.Document) bool {
	t.Helper()
	ok := false
	for _, d := range docs {
		for _, s := range d.Statement {
			if !matches(t, s, r) {
				continue
			}
			if s.Effect == "Deny" {
				return false
			}
			ok = true
		}
	}
	return ok
}

func matches(t *testing.T, s policy.Statement, r request) bool {
	t.Helper()
	wild := func(patterns []string, v string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			// IAM's * crosses slashes, which those of path.Match do not.
			hit, err := path.Match(strings.ReplaceAll(p, "/", "\x00"), strings.ReplaceAll(v, "/", "\x00"))
			if err != nil {
				t.Fatal(err)
			}
			return hit
		})
	}
	resource := "arn:aws:s3:::" + bucket
	if r.key != "" {
		resource += "/" + r.key
	}
	if !wild(s.Action, r.action) || !wild(s.Resource, resource) {
		return false
	}
	for op, keys := range s.Condition {
		for key, values := range keys {
			got, present := r.conditions[key]
			if !holds(t, op, got, present, values) {
				return false
			}
		}
	}
	return true
}

// holds is one condition. Of an absent key only the negated operators and Null hold.
func holds(t *testing.T, op, got string, present bool, values []string) bool {
	t.Helper()
	number := func(compare func(a, b int) bool) bool {
		a, errA := strconv.Atoi(got)
		b, errB := strconv.Atoi(values[0])
		return present && errA == nil && errB == nil && compare(a, b)
	}
	switch op {
	case "Null":
		return fmt.Sprint(!present) == values[0]
	case "StringEquals", "Bool":
		return present && slices.Contains(values, got)
	case "StringNotEquals", "ArnNotEquals":
		return !present || !slices.Contains(values, got)
	case "NumericLessThan":
		return number(func(a, b int) bool { return a < b })
	case "NumericLessThanEquals":
		return number(func(a, b int) bool { return a <= b })
	case "NumericGreaterThan":
		return number(func(a, b int) bool { return a > b })
	case "NumericGreaterThanEquals":
		return number(func(a, b int) bool { return a >= b })
	}
	t.Fatalf("operator %q is not known here", op)
	return false
}
