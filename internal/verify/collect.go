package verify

import (
	"cmp"
	"slices"
	"sync"
)

// maxFindings bounds the findings of each kind and what could not be checked, so
// that a flood of one does not wash away another. What is beyond is counted.
const maxFindings = 1000

// collector gathers what the workers of a run find.
type collector struct {
	mu        sync.Mutex
	findings  []Finding
	found     map[Kind]int
	more      int // findings of the ledger that its reader counted only
	violated  bool
	unchecked []Unchecked
	missed    int
	levels    [5]LevelReport
}

func newCollector() *collector {
	c := &collector{found: make(map[Kind]int)}
	for i := range c.levels {
		c.levels[i] = LevelReport{Level: i, State: Skipped}
	}
	return c
}

func (c *collector) find(f Finding) {
	if f.Action == "" {
		f.Action = actions[f.Kind]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.violated = c.violated || !f.Kind.Information()
	if c.found[f.Kind]++; c.found[f.Kind] <= maxFindings {
		c.findings = append(c.findings, f)
	}
}

// overflow counts findings that nobody kept.
func (c *collector) overflow(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.more += n
}

func (c *collector) unable(u Unchecked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.levels[u.Level].State = LevelIndeterminate
	if c.missed++; c.missed <= maxFindings {
		c.unchecked = append(c.unchecked, u)
	}
}

// blind says that levels could not be looked at at all, for a reason that is reported
// already. Those that nobody asked for stay as they are.
func (c *collector) blind(levels ...int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, level := range levels {
		if c.levels[level].State == Checked {
			c.levels[level].State = LevelIndeterminate
		}
	}
}

// begin says that a level is looked at.
func (c *collector) begin(level int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.levels[level].State == Skipped {
		c.levels[level].State = Checked
	}
}

func (c *collector) count(level int, add func(*LevelReport)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	add(&c.levels[level])
}

func (c *collector) rows(level int) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.levels[level].Rows
}

func (c *collector) report(r *Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Level, b.Level), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Version, b.Version), cmp.Compare(a.First, b.First))
	})
	r.Findings, r.Unchecked, r.Levels = append([]Finding{}, c.findings...), append([]Unchecked{}, c.unchecked...), c.levels[:]
	r.MoreFindings, r.missed, r.counts = c.more, int64(c.missed), make(map[Kind]int64)
	for kind, n := range c.found {
		r.counts[kind] = int64(n)
		r.MoreFindings += max(0, n-maxFindings)
	}
	switch {
	case c.violated:
		r.Result = Violation
	case c.missed > 0:
		r.Result = Indeterminate
	default:
		r.Result = OK
	}
}

// actions say what to do, per kind. docs/verify.md has more words.
var actions = map[Kind]string{
	Hidden:      "somebody put a delete marker on it: find out who may delete in this bucket, then run `archiver repair`",
	Replaced:    "somebody wrote over it: find out who may write to this bucket, then run `archiver repair`",
	Injected:    "nothing signed names it, and other SQL engines read it: find out who wrote it, then delete that version, or let its lock run out",
	Missing:     "a locked version is gone: take the bucket out of use, and ask whoever runs the store below S3",
	Altered:     "it is not what was committed: keep the bucket as it is, and ask whoever runs the store below S3 and whoever holds the keys",
	ShortLocked: "it can be deleted before its time: extend its lock, which Object Lock allows, and find out who wrote it",
	Gap:         "acknowledged events are lost, and the stream says so: the note beside it says why",
	Fork:        "a key signed two histories: take it out of use, and compare with the checkpoints of other verifiers",
	Truncated:   "signed commits are gone: keep this verifier's state, and ask whoever runs the store below S3",
	UnknownKey:  "it does not belong here: find out who wrote it; nothing of it is part of the archive",
	BadSetting:  "set the bucket up as `archiver doctor` says",
	Expired:     "nothing: its time is over",
	Repaired:    "nothing, if you know of the repair: it put the committed bytes over it",
	Pending:     "nothing: look again after the writer's next commit",
	Orphan:      "nothing: a signed note says that it does not count. Other SQL engines read it until its lock runs out",
}
