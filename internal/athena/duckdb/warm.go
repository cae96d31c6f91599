//go:build cgo

package duckdb

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/hot"
	"github.com/audit-archiver/archiver/internal/event"
)

// Most of what a small query takes in a new process is what happens there for the first
// time: pages of the program that are read, functions that DuckDB defines when they are
// called, memory and threads that it gets. A worker has that behind it before it is ready:
// it asks questions of its own, about a file with one row that the engine has written.

const warmTable = "__audit_warm"

// warmRow is the one row.
func warmRow() event.Row {
	return event.Row{Stream: uuid.Nil, Event: event.Event{
		ID: uuid.Nil.String(), Action: "warm.up", ActorID: "nobody", ActorType: "system", ResourceType: "nothing", Outcome: "success",
		Producer: "archiver", Retention: "standard", Details: event.Str(`{"row":1}`),
	}}
}

// warmUp writes the file for workers into dir.
func warmUp(ctx context.Context, dir string) (path string, _ error) {
	set, err := hot.Encode(ctx, func(yield func(event.Row, error) bool) { yield(warmRow(), nil) }, dir)
	if err != nil {
		return "", fmt.Errorf("write a file for workers: %w", err)
	}
	return set.Files[0].Path, nil
}

// warmJobs are of the shapes that people ask for.
func warmJobs(path string) []*job {
	jobs := []*job{
		{SQL: "SELECT * FROM " + warmTable + " WHERE action = 'warm.up' AND \"timestamp\" < CAST('2000-01-01 00:00:00' AS TIMESTAMP) ORDER BY \"timestamp\" DESC LIMIT 10"},
		{SQL: "SELECT date_trunc('day', \"timestamp\") AS a, count_star() AS b FROM " + warmTable + " WHERE action LIKE '%up%' GROUP BY 1 ORDER BY 1",
			Names: []string{"a", "b"}, Types: []string{"timestamp", "bigint"}},
	}
	for _, c := range athena.Columns() {
		jobs[0].Names, jobs[0].Types = append(jobs[0].Names, c.Name), append(jobs[0].Types, c.Type)
	}
	jobs[0].Short = true
	for _, j := range jobs {
		j.Limit = pageRows
		j.Scans = []jobScan{{Name: warmTable, paths: []string{path}, MinMS: 0, MaxMS: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()}}
	}
	return jobs
}

// warm asks them, and leaves the database as it was.
func (s *server) warm(ctx context.Context) error {
	f := s.hello.Warm
	if f.Name == "" {
		return nil
	}
	aside := *s
	aside.out = frameWriter{bufio.NewWriter(io.Discard)}
	for _, j := range warmJobs(s.base[f.Root] + "/" + f.Name) {
		if err := aside.rehearse(ctx, j); err != nil {
			return fmt.Errorf("try the database: %w", err)
		}
	}
	return readBack(ctx, s.conn, s.settings())
}

// rehearse does with j what is done with a query, but for the locks.
func (s *server) rehearse(ctx context.Context, j *job) error {
	raw, err := json.Marshal(j)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, new(job)); err != nil { // as one that comes
		return err
	}
	tree, err := s.text(ctx, kindParse, j.SQL)
	if err != nil {
		return err
	}
	if _, err := s.text(ctx, kindPrint, tree); err != nil {
		return err
	}
	if err := j.define(ctx, s); err != nil {
		return err
	}
	if err := j.rows(ctx, s); err != nil {
		return err
	}
	for _, statement := range []string{"DROP TABLE IF EXISTS " + answerTable, "DROP VIEW " + warmTable} {
		if _, err := s.conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
