package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Status is what the database says about the mirror.
type Status struct {
	KeepMonths    int
	DroppedBefore time.Time // zero: nothing was dropped
	Months        []string  // yyyy-MM, oldest first
	Streams       []StreamStatus

	// Weak names what lets rows be changed: triggers that are not enabled on a table, a
	// role that may do more than it should.
	Weak []string
}

// StreamStatus is how far the mirror has come in one stream.
type StreamStatus struct {
	Stream                         uuid.UUID
	NextIndex, NextRow, NextSeq    int64
	Rows, TooOld, Expired, Refused int64
	UpdatedAt                      time.Time
}

// ReadStatus asks the database.
func ReadStatus(ctx context.Context, c Connection, schema string, archive uuid.UUID) (s Status, err error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, hangUp(conn)) }()
	set, err := readSettings(ctx, conn, schema, archive)
	if err != nil {
		return s, err
	}
	s.KeepMonths, s.DroppedBefore = set.KeepMonths, set.DroppedBefore
	if s.Streams, err = readPositions(ctx, conn, schema); err != nil {
		return s, err
	}
	if s.Months, err = readMonths(ctx, conn, schema); err != nil {
		return s, err
	}
	s.Weak, err = readWeak(ctx, conn, schema)
	return s, err
}

func readPositions(ctx context.Context, conn *pgx.Conn, schema string) ([]StreamStatus, error) {
	rows, err := conn.Query(ctx, "SELECT stream, next_index, next_row, next_seq, rows, too_old, expired, refused, updated_at FROM "+
		pgx.Identifier{schema, "audit_mirror_position"}.Sanitize()+" ORDER BY stream")
	if err != nil {
		return nil, fmt.Errorf("read positions: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s StreamStatus, err error) {
		var id [16]byte
		err = row.Scan(&id, &s.NextIndex, &s.NextRow, &s.NextSeq, &s.Rows, &s.TooOld, &s.Expired, &s.Refused, &s.UpdatedAt)
		s.Stream = id
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("read positions: %w", err)
	}
	return all, nil
}

// readMonths lists the partitions that this program made.
func readMonths(ctx context.Context, conn *pgx.Conn, schema string) ([]string, error) {
	rows, err := conn.Query(ctx, `SELECT translate(right(c.relname, 7), 'm', '-') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = $1::regclass AND c.relname ~ '^audit_logs_y[0-9]{4}m[0-9]{2}$' ORDER BY 1`,
		pgx.Identifier{schema, "audit_logs"}.Sanitize())
	if err != nil {
		return nil, fmt.Errorf("list months: %w", err)
	}
	months, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list months: %w", err)
	}
	return months, nil
}

// readWeak looks for what protects rows and is not there.
func readWeak(ctx context.Context, conn *pgx.Conn, schema string) ([]string, error) {
	rows, err := conn.Query(ctx, `
		WITH tables AS (
			SELECT $1::regclass::oid AS t UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = $1::regclass)
		SELECT format('table %s: trigger %s is not always enabled', t::regclass, n)
			FROM tables, unnest(ARRAY['audit_immutable', 'audit_not_truncated']) n
			WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = t AND tgname = n AND tgenabled = 'A')
		UNION ALL
		SELECT format('role %s may change rows of %s', current_user, t::regclass) FROM tables
			WHERE has_table_privilege(t, 'UPDATE, DELETE, TRUNCATE')
		ORDER BY 1`, pgx.Identifier{schema, "audit_logs"}.Sanitize())
	if err != nil {
		return nil, fmt.Errorf("look at triggers and rights: %w", err)
	}
	weak, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look at triggers and rights: %w", err)
	}
	return weak, nil
}
