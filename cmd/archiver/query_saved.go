package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/saved"
)

// question is what the command line asks: SQL with its parameters, or a query of
// the compliance pack.
func (f *queryFlags) question(args []string, now time.Time) (athena.Query, error) {
	switch {
	case f.saved == "" && len(args) == 0:
		return athena.Query{}, usagef("name a query, or --saved NAME")
	case f.saved == "":
		return athena.Query{SQL: args[0], Params: f.params, Explain: f.explain}, nil
	case len(args) > 0:
		return athena.Query{}, usagef("name a query or --saved, not both")
	}
	found, ok := saved.Find(f.saved)
	if !ok {
		return athena.Query{}, usagef("--saved %s: is none of %s", f.saved, strings.Join(saved.Names(), ", "))
	}
	values := map[string]string{}
	for _, p := range f.params {
		name, value, ok := strings.Cut(p, "=")
		if _, twice := values[name]; !ok || twice {
			return athena.Query{}, usagef("--param %s: with --saved it is NAME=VALUE, each name once", p)
		}
		values[name] = value
	}
	q, err := found.Ask(values, now)
	q.Explain = f.explain
	return q, err
}

// listSaved prints the compliance pack.
func listSaved(a *app, asJSON bool) error {
	if asJSON {
		return printJSON(a.out, saved.All())
	}
	for _, q := range saved.All() {
		fmt.Fprintf(a.out, "%s\n    %s. %s\n    for: %s\n", q.Name, q.Title, q.About, strings.Join(q.Frameworks, ", "))
		for _, p := range q.Params {
			about := p.About
			if p.Default != "" {
				about += "; default " + p.Default
			}
			fmt.Fprintf(a.out, "    --param %s=<%s>  %s\n", p.Name, p.Type, about)
		}
	}
	return nil
}
