package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

type queryFlags struct {
	file, url, tokenFile, format string
	engine, saved                string
	params                       []string
	asJSON, neutralise, explain  bool
}

func newQueryCommand(a *app) *cobra.Command {
	var f queryFlags
	cmd := &cobra.Command{
		Use:   `query (--url URL | --config FILE) ("SELECT …" | --saved NAME | --saved list)`,
		Short: "Answer SQL about an archive",
		Long: `Answer one SELECT in Athena's SQL about the table audit_logs and its views, or one
SHOW, DESCRIBE or EXPLAIN. What changes something is refused.

With --url a running server answers, the rows in its WAL included. With --config the
bucket alone is read: the files that verified commits name, by version; it needs no
server and works beside one. When the answer is a table, the instant up to which it
is complete is printed on standard error.

With --engine amazon or trino (or query.engine in the configuration) Amazon Athena or
a Trino cluster answers, over the table that archiver schema apply declares there. They read
the objects that are current in the bucket and check nothing against the ledger.

Each ? in the query stands for a --param: a SQL literal such as 'abc', 5 or
TIMESTAMP '2026-11-23 00:00:00'. Of the compliance pack (--saved, docs/compliance.md)
parameters have names and plain values: --param hours=1. --saved list lists it.

Exit codes:
  0  here is the whole answer
  1  it did not work; what was printed is no answer
  2  the command line, the configuration or the query is wrong, or the answer passes a limit`,
		Example: `  archiver query --url http://127.0.0.1:8420 "SELECT action, count(*) AS n FROM audit_logs GROUP BY action ORDER BY n DESC"
  archiver query --config archiver.yaml --format csv "SELECT * FROM audit_logs WHERE dt = '2026-11-23'" > day.csv
  archiver query --url https://archiver.internal --token-file token "SELECT count(*) FROM audit_logs"
  archiver query --config archiver.yaml --saved failed-logins --param hours=1
  archiver query --config archiver.yaml "SELECT actor_id, count(*) FROM failed_logins WHERE dt = '2026-11-23' GROUP BY actor_id"
  archiver query --config archiver.yaml "SHOW PARTITIONS audit_logs"
  archiver query --config archiver.yaml --explain --param "'alice'" "SELECT * FROM audit_logs WHERE dt = '2026-11-23' AND actor_id = ?"`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runQuery(cmd.Context(), a, f, args)
		},
	}
	addConfigFlag(cmd, &f.file)
	cmd.Flags().StringVar(&f.url, "url", "", "`address` of a running server: http://…, https://… or unix:/path")
	cmd.Flags().StringVar(&f.tokenFile, "token-file", "", "`file` with the bearer token for --url")
	cmd.Flags().StringVar(&f.format, "format", string(athena.FormatTable), "table, csv, json or ndjson")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "the same as --format json")
	cmd.Flags().StringVar(&f.engine, "engine", "", "`name` of the engine with --config: duckdb, amazon or trino (default: query.engine)")
	cmd.Flags().StringArrayVar(&f.params, "param", nil, "`value` of the next ? as a SQL literal; with --saved NAME=VALUE; repeatable")
	cmd.Flags().StringVar(&f.saved, "saved", "", "`name` of a query of the compliance pack, or list")
	cmd.Flags().BoolVar(&f.explain, "explain", false, "answer the plan, and what was pruned and read, in place of the rows")
	cmd.Flags().BoolVar(&f.neutralise, "neutralise", false, "in CSV, put ' before text that a spreadsheet would run as a formula")
	return cmd
}

func runQuery(ctx context.Context, a *app, f queryFlags, args []string) error {
	if f.saved == "list" {
		return listSaved(a, f.asJSON)
	}
	if f.asJSON {
		f.format = string(athena.FormatJSON)
	}
	format := athena.Format(f.format)
	switch {
	case !slices.Contains(athena.Formats(), format):
		return usagef("--format %s: is none of table, csv, json, ndjson", f.format)
	case (f.url == "") == (f.file == ""):
		return usagef("name either --url or --config")
	case f.url != "" && f.engine != "":
		return usagef("--engine goes with --config: a server answers with its own engine")
	}
	q, err := f.question(args, time.Now())
	if err != nil {
		return err
	}
	result, err := ask(ctx, a, f, q)
	if err != nil {
		return err
	}
	if _, err := athena.Write(ctx, a.out, result, format, athena.WriteOptions{Neutralise: f.neutralise}); err != nil {
		return errors.Join(err, result.Close())
	}
	if m := result.Meta(); format == athena.FormatTable {
		if len(m.Notes) == 0 && aboutRows(q.SQL) {
			fmt.Fprintln(a.err, completeness(m.CompleteThrough))
		}
		if m.Expired.Files > 0 {
			fmt.Fprintln(a.err, m.Expired)
		}
		for _, note := range m.Notes {
			fmt.Fprintln(a.err, note)
		}
	}
	return result.Close()
}

// aboutRows reports whether the answer rests on rows, so that it may be complete or not.
func aboutRows(sql string) bool {
	st, err := dialect.Read(sql)
	return err != nil || st.Type != dialect.TypeUtility || st.Sub == dialect.ShowPartitions
}

// completeness says how far an answer reaches.
func completeness(through time.Time) string {
	switch {
	case through.IsZero():
		return "how complete this is cannot be said: the bucket could not be read completely"
	case through.Unix() == 0: // where a stream begins
		return "no batch is archived yet"
	default:
		return "complete through " + through.UTC().Format("2006-01-02T15:04:05.000Z")
	}
}

// ask starts the query. Closing the result closes all that it needs.
func ask(ctx context.Context, a *app, f queryFlags, q athena.Query) (athena.Result, error) {
	if f.url != "" {
		return askServer(ctx, f, q)
	}
	c, err := loadConfig(f.file)
	if err != nil {
		return nil, err
	}
	engine, err := openEngine(ctx, a, c, f.file, cmp.Or(f.engine, c.Query.Engine))
	if err != nil {
		return nil, err
	}
	q.MaxRows = c.Query.MaxRows
	r, err := engine.Query(ctx, q)
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	return ownedResult{r, engine}, nil
}

// errorBytesMax is how much of a server's problem is read.
const errorBytesMax = 64 << 10

func askServer(ctx context.Context, f queryFlags, q athena.Query) (athena.Result, error) {
	client, base, err := clientFor(f.url)
	if err != nil {
		return nil, err
	}
	question := map[string]any{"sql": q.SQL}
	if len(q.Params) > 0 {
		question["params"] = q.Params
	}
	if q.Explain {
		question["explain"] = true
	}
	body, err := json.Marshal(question)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/query", bytes.NewReader(body))
	if err != nil {
		return nil, usagef("--url %s: %w", f.url, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if f.tokenFile != "" {
		token, err := os.ReadFile(f.tokenFile)
		if err != nil {
			return nil, fmt.Errorf("token: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return athena.Read(resp.Body)
	}
	defer resp.Body.Close()
	return nil, serverProblem(resp)
}

// serverProblem says what a server answered instead of rows. A query that the
// server does not take is a mistake in usage.
func serverProblem(resp *http.Response) error {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, errorBytesMax))
	if err != nil {
		return fmt.Errorf("query: %s: %w", resp.Status, err)
	}
	var p struct{ Title, Detail string }
	if json.Unmarshal(raw, &p) != nil || p.Title == "" {
		p.Title, p.Detail = resp.Status, strings.TrimSpace(string(raw))
	}
	text := fmt.Errorf("%s: %s", p.Title, p.Detail)
	if resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnprocessableEntity {
		return usageError{text}
	}
	return fmt.Errorf("query: %w", text)
}

// clientFor takes apart --url.
func clientFor(address string) (client *http.Client, base string, _ error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}
		return &http.Client{Transport: transport}, "http://localhost", nil
	}
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, "", usagef("--url %s: must be http://host:port, https://host or unix:/path", address)
	}
	// No time-out of its own: the server bounds a query, and Ctrl-C ends it.
	return &http.Client{}, strings.TrimSuffix(u.String(), "/"), nil
}
