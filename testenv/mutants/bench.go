package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Without its safeguard a test may wait for ever, and that counts as noticed. It must
// not be taken for a slow machine: so it is ended after many times what it takes with
// nothing taken out, and what takes long by itself is no test for a mutant.
const (
	baselineMost = 5 * time.Minute
	waitLeast    = 2 * time.Minute
	waitTimes    = 10
)

// bench is where mutants are tried.
type bench struct {
	root  string // of the repository
	dir   string // for changed copies
	least time.Duration
	known map[selection]baseline
}

// baseline is what a selection does with nothing taken out, or why it proves nothing.
type baseline struct {
	outcome outcome
	err     error
}

func newBench(root, dir string) *bench {
	return &bench{root, dir, waitLeast, make(map[selection]baseline)}
}

func (m *mutant) selection() selection { return selection{m.pkg, m.tests} }

// baseline runs a selection with nothing taken out, the first time that it is asked.
func (b *bench) baseline(ctx context.Context, s selection) (outcome, error) {
	known, ok := b.known[s]
	if !ok {
		known.outcome, known.err = s.run(ctx, b.root, baselineMost)
		switch {
		case known.err != nil:
		case !known.outcome.green:
			known.err = fmt.Errorf("red with nothing taken out: %s", known.outcome.noticed)
		case known.outcome.passed == 0:
			known.err = errors.New("none of these tests runs: no test has such a name, or it is skipped here")
		}
		b.known[s] = known
	}
	if known.err != nil {
		return outcome{}, fmt.Errorf("%s: %w", s, known.err)
	}
	return known.outcome, nil
}

// try runs the tests of a mutant. It returns who failed first, "" when nobody did.
func (b *bench) try(ctx context.Context, m *mutant) (noticed string, err error) {
	base, err := b.baseline(ctx, m.selection())
	if err != nil {
		return "", err
	}
	overlay, err := b.takeOut(m)
	if err != nil {
		return "", err
	}
	o, err := m.selection().run(ctx, b.root, max(b.least, waitTimes*base.took), "-overlay", overlay)
	if err != nil {
		return "", err
	}
	return o.noticed, nil
}

// takeOut writes the overlay that makes a mutant of the program.
func (b *bench) takeOut(m *mutant) (overlay string, err error) {
	file := filepath.Join(b.root, m.file)
	source, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return "", fmt.Errorf("%s has the text of this safeguard %d times, want once: mend the list in testenv/mutants", m.file, n)
	}
	changed := filepath.Join(b.dir, "changed.go")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	raw, err := json.Marshal(map[string]any{"Replace": map[string]string{file: changed}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(b.dir, "overlay.json")
	return overlay, os.WriteFile(overlay, raw, 0o600)
}
