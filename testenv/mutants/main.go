// Command mutants takes one safeguard out of the program at a time and demands that
// the tests notice: a suite that stays green without an fsync proves nothing about it.
//
// First it runs each selection of tests with nothing taken out: what is red anyway, or
// runs no test, would notice everything. Then it runs, for each mutant, the tests that
// are there for its safeguard. It changes no file of the work tree: go test -overlay
// compiles a changed copy.
//
// The result are two tables on standard output. The exit code is 1 when a mutant
// survived, and 2 when one could not be tried: its tests are not fit for it, its
// safeguard is not where this list believes it to be, or it does not compile.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	only := flag.String("only", "", "run only mutants whose name contains this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	survived, untried, err := run(ctx, *only)
	if survived > 0 || untried > 0 {
		fmt.Fprintf(os.Stderr, "mutants: %d survived, %d could not be tried\n", survived, untried)
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	case untried > 0:
		os.Exit(2)
	case survived > 0:
		os.Exit(1)
	}
}

func run(ctx context.Context, only string) (survived, untried int, err error) {
	root, err := filepath.Abs(".")
	if err != nil {
		return 0, 0, err
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return 0, 0, errors.New("run it in the root of the repository")
	}
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var chosen []mutant
	for _, m := range mutants {
		if strings.Contains(m.name, only) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		return 0, 0, fmt.Errorf("no mutant has %q in its name", only)
	}
	b := newBench(root, dir)
	if err := showBaselines(ctx, b, chosen); err != nil {
		return 0, 0, err
	}
	return showMutants(ctx, b, chosen)
}

// showBaselines runs each selection once. What is wrong with one is told again by
// those mutants that it is for.
func showBaselines(ctx context.Context, b *bench, chosen []mutant) error {
	fmt.Println("| with nothing taken out | tests that passed | took |")
	fmt.Println("|---|---|---|")
	for i := range chosen {
		s := chosen[i].selection()
		if _, ok := b.known[s]; ok {
			continue
		}
		o, err := b.baseline(ctx, s)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			fmt.Printf("| %s | **unfit** | |\n", s)
			continue
		}
		fmt.Printf("| %s | %d | %s |\n", s, o.passed, o.took.Round(10*time.Millisecond))
	}
	fmt.Println()
	return nil
}

func showMutants(ctx context.Context, b *bench, chosen []mutant) (survived, untried int, _ error) {
	fmt.Println("| taken out | where | tests | noticed by |")
	fmt.Println("|---|---|---|---|")
	for i := range chosen {
		m := &chosen[i]
		noticed, err := b.try(ctx, m)
		if ctx.Err() != nil {
			return survived, untried, context.Cause(ctx)
		}
		switch {
		case err != nil:
			untried++
			noticed = "**not tried**"
			fmt.Fprintf(os.Stderr, "mutants: %s: %v\n", m.name, err)
		case noticed == "":
			survived++
			noticed = "**nobody**"
		}
		fmt.Printf("%s%s |\n", m.row(), noticed)
	}
	return survived, untried, nil
}

// row is how a mutant's row begins, here and in docs/reliability.md.
func (m *mutant) row() string {
	return fmt.Sprintf("| %s | `%s` | %s | ", m.name, m.file, m.selection())
}
