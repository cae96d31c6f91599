package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/athena/duckdb"
)

// newQueryWorkerCommand is what an SQL engine starts for each query. It is for nobody
// else: it speaks frames on standard input and output.
func newQueryWorkerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    duckdb.WorkerCommand,
		Hidden: true,
		Args:   arguments(cobra.NoArgs),
		Run:    func(*cobra.Command, []string) { os.Exit(duckdb.Worker()) },
	}
}
