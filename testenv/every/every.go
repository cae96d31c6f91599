// Package every chooses what the tests of every disk operation try at each.
//
// Each operation with each fault, or with each share of what was not synced that
// survives, takes minutes: FAULTS=all does it. Otherwise one of them is tried at each
// operation, in turn: not by the number of the operation, which may have the rhythm of
// the program, but by its kind, so that the third sync has what the second had not.
package every

import (
	"os"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

// Choice is among so many things to try.
type Choice struct {
	of    int
	all   bool
	turns map[crashfs.Kind]int
}

// New returns a choice among so many, as FAULTS says.
func New(of int) *Choice {
	return &Choice{of: of, all: os.Getenv("FAULTS") == "all", turns: make(map[crashfs.Kind]int)}
}

// Rounds is how often each operation is tried.
func (c *Choice) Rounds() int {
	if c.all {
		return c.of
	}
	return 1
}

// Step is how far one operation that is tried is from the next: most, or 1 if all are.
func (c *Choice) Step(most int) int {
	if c.all {
		return 1
	}
	return most
}

// Pick returns which of them is tried at op in a round.
func (c *Choice) Pick(round int, op crashfs.Op) int {
	if c.all {
		return round
	}
	turn := c.turns[op.Kind]
	c.turns[op.Kind]++
	return turn % c.of
}
