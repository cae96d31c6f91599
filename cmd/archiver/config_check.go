package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/config"
)

func newConfigCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Work with configuration files",
		Long: `Work with configuration files. Every key is explained in docs/archiver.example.yaml.

Exit codes:
  0  it worked
  2  the command line or the configuration is wrong`,
		Example: `  archiver config check --config archiver.yaml`,
	}
	cmd.AddCommand(newConfigCheckCommand(a))
	return group(cmd)
}

func newConfigCheckCommand(a *app) *cobra.Command {
	var (
		file, use string
		asJSON    bool
	)
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say everything that is wrong with a configuration file",
		Long: `Read a configuration file and say everything that is wrong with it, each problem
with its line. Only the file is read: whether keys, certificates and the bucket
are there is seen by the command that uses them.

Exit codes:
  0  the file is fine
  1  the file could not be read
  2  the file is wrong`,
		Example: `  archiver config check --config archiver.yaml
  archiver config check --config archiver.yaml --for init
  archiver config check --config archiver.yaml --json | jq '.problems[].line'`,
		Args: arguments(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			advice, err := checkConfig(file, use)
			bad := new(config.Error)
			if asJSON && (err == nil || errors.As(err, &bad)) {
				return errors.Join(err, printJSON(a.out, verdictOn(file, bad, advice)))
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "%s: fine for %s\n", file, use)
			for _, p := range advice {
				fmt.Fprintf(a.out, "advice: %s\n", p)
			}
			return nil
		},
	}
	addConfigFlag(cmd, &file)
	cmd.Flags().StringVar(&use, "for", "serve", "`command` that the file is for: serve (and all that read an archive) or init")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// verdict is the JSON form of an answer.
type verdict struct {
	File     string           `json:"file"`
	OK       bool             `json:"ok"`
	Problems []config.Problem `json:"problems"`
	Advice   []config.Problem `json:"advice,omitempty"`
}

func verdictOn(file string, bad *config.Error, advice []config.Problem) verdict {
	v := verdict{File: file, OK: len(bad.Problems) == 0, Problems: bad.Problems, Advice: advice}
	if v.OK {
		v.Problems = []config.Problem{} // an empty list, not null
	}
	return v
}

// checkConfig returns what is to be said of a file that is fine.
func checkConfig(file, use string) (advice []config.Problem, _ error) {
	if use != "serve" && use != "init" {
		return nil, usagef("--for %s: must be serve or init", use)
	}
	c, err := loadConfig(file)
	switch {
	case err != nil:
		return nil, err
	case use == "init":
		return c.Advice(), c.ForInit(file)
	}
	if err := c.ForServe(file); err != nil {
		return nil, err
	}
	if problems := overrideProblems(c); len(problems) > 0 {
		return nil, &config.Error{File: file, Problems: problems}
	}
	return c.Advice(), nil
}
