package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/config"
)

// app is what all commands share.
type app struct {
	stdio
}

// A command is one file with one function newXCommand(a *app) *cobra.Command.
// It declares its flags, and its RunE returns an error that says what was
// attempted on what; exitCode turns it into a number. Its Long text ends with
// its exit codes, and it has an Example.
func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "archiver",
		Short: "Archive audit events where nobody can change them, and query them with SQL",
		Long: `archiver takes audit events over HTTP and answers when they are on disk. It writes
them as Parquet files to an S3 bucket, locked for years, commits every file to a
signed ledger, and answers Athena-style SQL about them.

Exit codes of every command:
  0  it worked
  1  it did not work; trying again may help
  2  the command line or the configuration is wrong
  3  it looked, and something is not as it should be
  4  it could not look at everything`,
		Example: `  archiver dev                                    # everything on this machine, nothing to set up
  archiver init --config archiver.yaml            # a new archive
  archiver serve --config archiver.yaml           # take events for it
  archiver query --config archiver.yaml "SELECT count(*) FROM audit_logs"`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		newCheckProofCommand(a),
		newCheckReceiptCommand(a),
		newConfigCommand(a),
		newDevCommand(a),
		newDoctorCommand(a),
		newExportCommand(a),
		newInitCommand(a),
		newInspectCommand(a),
		newKeyCommand(a),
		newMirrorCommand(a),
		newPolicyCommand(a),
		newProveCommand(a),
		newQueryCommand(a),
		newQueryWorkerCommand(),
		newRecoverCommand(a),
		newRepairCommand(a),
		newSchemaCommand(a),
		newServeCommand(a),
		newStreamCommand(a),
		newVerifyCommand(a),
		newVersionCommand(a),
	)
	return group(root)
}

// group makes a command that only has sub-commands show its help when it is
// called alone, and fail when it is called with a word that it does not know.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		text := fmt.Sprintf("unknown command %q", args[0])
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			text += "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return usageError{errors.New(text)}
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.SuggestionsMinimumDistance = 2
	return cmd
}

// arguments makes the wrong number of arguments a mistake in usage.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

// addConfigFlag declares --config.
func addConfigFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", "", "configuration `file` (see docs/archiver.example.yaml)")
}

// loadConfig reads the file that --config named.
func loadConfig(file string) (config.Config, error) {
	if file == "" {
		return config.Config{}, usagef("--config is missing")
	}
	return config.Load(file)
}

// printJSON writes one document for machines, readable by people.
func printJSON(w io.Writer, doc any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}
