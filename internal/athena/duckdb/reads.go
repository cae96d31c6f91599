//go:build cgo

package duckdb

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// readCounter tells how many bytes this process has read, whatever of them came from
// memory: a worker reads for one query only. The zero value, and a system that does not
// tell, say 0.
type readCounter struct {
	file  *os.File // /proc/self/io, which is out of reach behind the walls
	begun int64
}

func openReadCounter() readCounter {
	file, err := os.Open("/proc/self/io")
	if err != nil {
		return readCounter{}
	}
	return readCounter{file: file}
}

// begin counts from here on.
func (c *readCounter) begin() { c.begun = c.now() }

func (c *readCounter) bytes() int64 { return max(0, c.now()-c.begun) }

func (c *readCounter) now() int64 {
	if c.file == nil {
		return 0
	}
	text, err := io.ReadAll(io.NewSectionReader(c.file, 0, 4096))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		if digits, ok := bytes.CutPrefix(line, []byte("rchar: ")); ok {
			n, err := strconv.ParseInt(string(bytes.TrimSpace(digits)), 10, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}

// watchReads makes DuckDB note each read of a file. It costs memory for each: it is for
// EXPLAIN ANALYZE alone.
const watchReads = "CALL enable_logging('FileSystem')"

const readsTable = "__audit_reads"

// reads says what was read of the job's files since watchReads: all bytes, footers and
// filters included, and row groups of which any column was read.
func (j *job) reads(ctx context.Context, conn *sql.Conn) (stats jobStats, err error) {
	var paths []string
	for _, s := range j.Scans {
		for _, p := range s.paths {
			paths = append(paths, quote(p))
		}
	}
	if !j.Watch || len(paths) == 0 {
		return stats, nil
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	// Before the question below, which reads too.
	_, err = conn.ExecContext(ctx, "CREATE TEMP TABLE "+readsTable+" AS SELECT path, pos, bytes FROM duckdb_logs_parsed('FileSystem') WHERE op = 'READ'")
	if err != nil {
		return stats, fmt.Errorf("what was read: %w", err)
	}
	err = conn.QueryRowContext(ctx, `
WITH chunks AS (SELECT file_name, row_group_id, coalesce(dictionary_page_offset, data_page_offset) AS low, total_compressed_size AS size
		FROM parquet_metadata([`+strings.Join(paths, ", ")+`])),
	row_groups AS (SELECT file_name, min(low) AS low, max(low + size) AS high FROM chunks GROUP BY file_name, row_group_id)
SELECT (SELECT coalesce(sum(bytes), 0)::BIGINT FROM `+readsTable+`), count(*),
	count(*) FILTER (EXISTS (SELECT 1 FROM `+readsTable+` r WHERE r.path = file_name AND r.pos < high AND r.pos + r.bytes > low))
FROM row_groups`).Scan(&stats.BytesRead, &stats.RowGroupsTotal, &stats.RowGroupsRead)
	if err != nil {
		return stats, fmt.Errorf("what was read: %w", err)
	}
	return stats, nil
}
