package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build is what a binary knows about how it was made.
type build struct {
	Version  string `json:"version"`  // "(devel)" outside a released module
	Revision string `json:"revision"` // commit; "" when not built from a checkout
	Modified bool   `json:"modified"` // the checkout had changes
	Time     string `json:"time"`     // of the commit, RFC 3339
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersionCommand(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print which build this is",
		Long: `Print the version of this program, the commit and the Go version it was built with.

Exit codes:
  0  it was printed
  2  the command line is wrong`,
		Example: `  archiver version
  archiver version --json | jq -r .revision`,
		Args: arguments(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			b := readBuild(debug.ReadBuildInfo())
			if asJSON {
				return printJSON(a.out, b)
			}
			fmt.Fprintf(a.out, "archiver %s", b.Version)
			if b.Revision != "" {
				fmt.Fprintf(a.out, " (%s of %s", b.Revision, b.Time)
				if b.Modified {
					fmt.Fprint(a.out, ", modified")
				}
				fmt.Fprint(a.out, ")")
			}
			fmt.Fprintf(a.out, " %s %s\n", b.Go, b.Platform)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func readBuild(info *debug.BuildInfo, ok bool) build {
	b := build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
