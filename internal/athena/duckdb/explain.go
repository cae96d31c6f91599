//go:build cgo

package duckdb

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// explain answers what was pruned, what was left, and DuckDB's plan. With ANALYZE j
// runs, without its rows being kept, and each operator says what it did; without, j
// has one file of each scan, and nothing but footers is read.
func explain(w *worker, j *job, plan *dialect.Plan, x dialect.Explain, meta athena.Meta, end *cleanup) (athena.Result, error) {
	begin := time.Now()
	j.Explain, j.Watch = explainPrefix(x), x.Analyze
	if err := w.sendJob(j); err != nil {
		return nil, err
	}
	body, err := w.receive(kindText)
	if err != nil {
		return nil, err
	}
	text := string(body)
	if body, err = w.receive(kindEnd); err != nil {
		return nil, err
	}
	var read jobStats
	if err := json.Unmarshal(body, &read); err != nil {
		return nil, fmt.Errorf("explain query: the worker ends with %q", clip(string(body)))
	}
	read.addTo(&meta.Stats)
	meta.Stats.Elapsed = time.Since(begin)
	planned := meta
	if !x.Analyze { // these files would be read
		meta.Stats.FilesRead, meta.Stats.BytesPicked = 0, 0
	}
	if x.Kind == "VALIDATE" {
		return athena.Rows([]athena.Column{{Name: "Valid", Type: "boolean"}}, [][]any{{true}}, meta, end.run), nil
	}
	lines, err := planLines(plan, j, x, planned, text)
	if err != nil {
		return nil, err
	}
	return athena.Lines("Query Plan", lines, meta, end.run), nil
}

// explainPrefix is what DuckDB wants before a query. TYPE LOGICAL and DISTRIBUTED are
// one for it.
func explainPrefix(x dialect.Explain) string {
	switch {
	case x.Analyze && x.JSON:
		return "EXPLAIN (ANALYZE, FORMAT json) "
	case x.Analyze:
		return "EXPLAIN ANALYZE "
	case x.JSON:
		return "EXPLAIN (FORMAT json) "
	}
	return "EXPLAIN "
}

func planLines(plan *dialect.Plan, j *job, x dialect.Explain, meta athena.Meta, text string) ([]string, error) {
	stats := meta.Stats
	switch {
	case x.Kind == "IO":
		return jsonLines(ioPlan(plan, stats))
	case x.JSON:
		return jsonLines(jsonPlan{Stats: stats, Scans: scansOf(plan), Operators: json.RawMessage(text)})
	}
	lines := []string{fmt.Sprintf("files: %d of %d, %d of %d bytes", stats.FilesRead, stats.FilesTotal, stats.BytesPicked, stats.BytesTotal)}
	for i, s := range scansOf(plan) {
		lines = append(lines, fmt.Sprintf("scan %d: %d files, %s", i+1, s.Files, s.Limits))
		if p := j.Scans[i].selection; p != nil {
			lines = append(lines, fmt.Sprintf("scan %d: %d rows with %s picked out of %d files, of which %d were opened: %d of %d row groups, %d bytes read",
				i+1, p.Rows, values(p.Where), p.Files, p.FilesRead, p.GroupsRead, p.Groups, p.BytesRead))
		}
	}
	if meta.Expired.Files > 0 {
		lines = append(lines, meta.Expired.String())
	}
	if x.Analyze {
		lines = append(lines, fmt.Sprintf("row groups read: %d of %d in these files", stats.RowGroupsRead, stats.RowGroupsTotal),
			fmt.Sprintf("bytes read: %d", stats.BytesRead))
	} else {
		lines = append(lines, "not run: EXPLAIN ANALYZE says what each operator does")
	}
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return lines, nil
}

// jsonPlan is EXPLAIN (FORMAT JSON).
type jsonPlan struct {
	Stats     athena.Stats    `json:"stats"`
	Scans     []scanPlan      `json:"scans"`
	Operators json.RawMessage `json:"operators"` // DuckDB's
}

type scanPlan struct {
	Table  string `json:"table"`
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
	Limits string `json:"limits"`
}

func scansOf(plan *dialect.Plan) []scanPlan {
	scans := make([]scanPlan, len(plan.Scans))
	for i, s := range plan.Scans {
		scans[i] = scanPlan{Table: dialect.Table, Files: s.Files, Bytes: s.Bytes, Limits: limits(s.Bounds)}
	}
	return scans
}

func jsonLines(doc any) ([]string, error) {
	raw, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	return strings.Split(string(raw), "\n"), nil
}

// values says by which values rows were picked.
func values(where []athena.Match) string {
	parts := make([]string, len(where))
	for i, m := range where {
		parts[i] = m.Column + " in ('" + strings.Join(m.Values, "', '") + "')"
	}
	return strings.Join(parts, " and ")
}

// limits says which rows a scan can use.
func limits(b athena.Bounds) string {
	var parts []string
	below, above := b.Bounded()
	if below {
		parts = append(parts, "timestamp >= "+instantText(b.MinMS))
	}
	if above {
		parts = append(parts, "timestamp <= "+instantText(b.MaxMS))
	}
	if b.MinDay != "" {
		parts = append(parts, "dt >= '"+b.MinDay+"'")
	}
	if b.MaxDay != "" {
		parts = append(parts, "dt <= '"+b.MaxDay+"'")
	}
	if b.Days != nil {
		parts = append(parts, "dt in ('"+strings.Join(b.Days, "', '")+"')")
	}
	if b.Classes != nil {
		parts = append(parts, "retention in ('"+strings.Join(b.Classes, "', '")+"')")
	}
	if len(parts) == 0 {
		return "nothing pruned: add a condition on dt or timestamp"
	}
	return strings.Join(parts, " and ")
}

func instantText(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
