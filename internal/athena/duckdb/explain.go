//go:build cgo

package duckdb

import (
	"fmt"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// explain runs j without keeping its rows and answers what was pruned, what was
// left, and DuckDB's plan with the rows and time of each operator.
func explain(w *worker, j *job, plan *dialect.Plan, meta athena.Meta, end *cleanup) (athena.Result, error) {
	begin := time.Now()
	j.Explain = true
	if err := w.sendJob(j); err != nil {
		return nil, err
	}
	body, err := w.receive(kindText)
	if err != nil {
		return nil, err
	}
	text := string(body)
	meta.Stats.Elapsed = time.Since(begin)
	lines := []string{
		fmt.Sprintf("files: %d of %d, %d bytes", meta.Stats.FilesRead, meta.Stats.FilesTotal, meta.Stats.BytesPicked),
	}
	for i, s := range plan.Scans {
		lines = append(lines, fmt.Sprintf("scan %d: %d files, %s", i+1, len(j.Scans[i].Files), limits(s.Bounds)))
		if p := j.Scans[i].selection; p != nil {
			lines = append(lines, fmt.Sprintf("scan %d: %d rows picked by value out of %d files, of which %d were opened: %d of %d row groups, %d bytes read",
				i+1, p.Rows, p.Files, p.FilesRead, p.GroupsRead, p.Groups, p.BytesRead))
		}
	}
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return athena.Lines("Query Plan", lines, meta, end.run), nil
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
	for _, m := range b.Where {
		parts = append(parts, m.Column+" in ('"+strings.Join(m.Values, "', '")+"')")
	}
	if len(parts) == 0 {
		return "nothing pruned: add a condition on dt or timestamp"
	}
	return strings.Join(parts, " and ")
}

func instantText(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
