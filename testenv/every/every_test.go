package every

import (
	"testing"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

// TestChoice: whatever the rhythm of the operations, each kind meets each fault.
func TestChoice(t *testing.T) {
	kinds := []crashfs.Kind{crashfs.Open, crashfs.Write, crashfs.Sync}
	for _, faults := range []string{"", "all"} {
		t.Setenv("FAULTS", faults)
		c := New(3)
		type pair struct {
			kind crashfs.Kind
			pick int
		}
		tried := make(map[pair]bool)
		for n := range 9 {
			for round := range c.Rounds() {
				kind := kinds[n%3]
				tried[pair{kind, c.Pick(round, crashfs.Op{N: n, Kind: kind})}] = true
			}
		}
		if len(tried) != 9 {
			t.Errorf("FAULTS=%s: %d pairs of kind and fault, want 9", faults, len(tried))
		}
		if step := c.Step(3); (step == 1) != (faults == "all") {
			t.Errorf("FAULTS=%s: step %d", faults, step)
		}
	}
}
