package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// selection is what one go test runs.
type selection struct{ pkg, tests string }

// String is for a cell of a table.
func (s selection) String() string {
	return fmt.Sprintf("`%s -run '%s'`", s.pkg, strings.ReplaceAll(s.tests, "|", `\|`))
}

// outcome is what came of a selection.
type outcome struct {
	green   bool
	passed  int           // tests that were not skipped, without their subtests
	took    time.Duration // of the slowest package, without building it
	noticed string        // who failed first; "" when green
}

// run runs the tests. Those that could not begin, because something does not compile,
// say, are an error: no test noticed anything.
func (s selection) run(ctx context.Context, root string, timeout time.Duration, flags ...string) (outcome, error) {
	// Vet would find some mutants, but it is the tests that must.
	args := append([]string{"test", "-json", "-vet=off", "-count=1", "-timeout", timeout.String(), "-run", s.tests}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, s.pkg)...)
	cmd.Dir = root
	var events, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &events, &complaints
	err := cmd.Run()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		return outcome{}, err
	}
	var l listener
	if readErr := l.read(&events); readErr != nil {
		return outcome{}, fmt.Errorf("what go test says is not readable: %w\n%s", readErr, &complaints)
	}
	l.outcome.green = err == nil
	switch {
	case l.unbuilt:
		return outcome{}, fmt.Errorf("does not compile:\n%s", &l.build)
	case l.outcome.green:
		l.outcome.noticed = ""
	case !l.began:
		return outcome{}, fmt.Errorf("it ended before a test began:\n%s%s", &l.beside, &complaints)
	case l.late:
		l.outcome.noticed = cmp.Or(l.outcome.noticed, "a test that waits for ever")
	default:
		l.outcome.noticed = cmp.Or(l.outcome.noticed, "a process that failed")
	}
	return l.outcome, nil
}

// event is one line of go test -json.
type event struct {
	Action, Test, Output, FailedBuild string
	Elapsed                           float64 // seconds
}

// listener makes an outcome of events.
type listener struct {
	outcome outcome
	began   bool         // some test did
	late    bool         // it was ended
	unbuilt bool         // some package
	build   bytes.Buffer // what the compiler says
	beside  bytes.Buffer // what no test says
}

func (l *listener) read(r io.Reader) error {
	for decoder := json.NewDecoder(r); ; {
		var e event
		err := decoder.Decode(&e)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		l.hear(&e)
	}
}

func (l *listener) hear(e *event) {
	test, _, isSub := strings.Cut(e.Test, "/")
	switch {
	case e.FailedBuild != "":
		l.unbuilt = true
	case e.Action == "build-output":
		l.build.WriteString(e.Output)
	case e.Action == "run":
		l.began = true
	case e.Action == "pass" && test == "":
		l.outcome.took = max(l.outcome.took, time.Duration(e.Elapsed*float64(time.Second)))
	case e.Action == "pass" && !isSub:
		l.outcome.passed++
	case e.Action == "fail" && test != "":
		l.notice("`" + test + "`")
	case e.Action == "output":
		l.hearOutput(test, e.Output)
	}
}

// hearOutput looks for the ends of a process of which no test tells.
func (l *listener) hearOutput(test, line string) {
	running, isTest := strings.CutPrefix(line, "\t\tTest")
	switch {
	case strings.HasPrefix(line, "panic: test timed out after "):
		l.late = true
	case l.late && isTest: // one of "running tests:"
		running, _, _ = strings.Cut(running, " ")
		running, _, _ = strings.Cut(running, "/")
		l.notice("`Test" + running + "`, which waits for ever")
	case test == "":
		l.beside.WriteString(line)
	}
}

// notice: whoever fails after the first may do so because of that.
func (l *listener) notice(who string) {
	l.outcome.noticed = cmp.Or(l.outcome.noticed, who)
}
