// Command archiver takes audit events over HTTP, archives them in a bucket that cannot forget, and answers SQL about them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/doctor"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// The first signal asks for an orderly end, the second one ends the process.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// stdio is what a command may read and write. Answers go to out; logs, progress
// and errors go to err.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// Exit codes. Scripts branch on them, so they are part of the interface.
const (
	exitOK        = 0
	exitFailure   = 1 // it did not work; trying again may help
	exitUsage     = 2 // the command line or the configuration is wrong
	exitViolation = 3 // it looked, and something is not what the archive says
	exitUnknown   = 4 // it could not look at everything
)

// errViolation is the error of a command that has looked and found something.
var errViolation = errors.New("what was found is not what the archive says")

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// run is the whole program: its result is the exit code.
func run(ctx context.Context, args []string, std stdio) int {
	root := newRootCommand(&app{stdio: std})
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	ran, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(std.err, "archiver:", err)
	if errors.As(err, new(usageError)) {
		fmt.Fprintf(std.err, "See: %s --help\n", ran.CommandPath())
	}
	return exitCode(err)
}

// exitCode is the only place where errors become numbers.
func exitCode(err error) int {
	switch {
	case errors.Is(err, errViolation), errors.Is(err, errMissing), errors.Is(err, doctor.ErrUnfit):
		return exitViolation
	case errors.Is(err, errIndeterminate), errors.Is(err, doctor.ErrUnknown), errors.Is(err, errNotThere):
		return exitUnknown
	case errors.As(err, new(usageError)), errors.As(err, new(*config.Error)):
		return exitUsage
	case errors.Is(err, athena.ErrSyntax), errors.Is(err, athena.ErrRefused), errors.Is(err, athena.ErrInvalid), errors.Is(err, athena.ErrExecution),
		errors.Is(err, athena.ErrTooManyRows), errors.Is(err, athena.ErrTooBig), errors.Is(err, athena.ErrNoEngine), errors.Is(err, athena.ErrNotIsolated):
		return exitUsage // of SQL
	}
	return exitFailure
}
