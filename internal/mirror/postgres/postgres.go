// Package postgres mirrors an archive into a PostgreSQL table, for hot queries and
// joins with what applications keep there.
//
// The promise: the table audit_logs holds each row of each mirrored commit exactly
// once, byte for byte, whatever was killed or cut in between, because rows and
// position change in one transaction; and nobody but a superuser or the owner, who
// cannot log in, can change a row without disabling a trigger first. The price: it is
// a copy. A superuser can change it, and [Diff] is there to tell.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/mirror"
)

const (
	// A transaction adds at most this many rows, or rows of this many bytes: it bounds
	// our memory, and how much is repeated after an outage.
	chunkRows  = 5_000
	chunkBytes = 4 << 20
	// stepTimeout bounds one transaction. What takes longer is stuck.
	stepTimeout = 5 * time.Minute
	// tidyEvery is how often old months are looked for; tidyRetry how soon again when
	// readers were in the way, and tidyPatience how long that is nothing to worry about.
	tidyEvery    = time.Hour
	tidyRetry    = time.Minute
	tidyPatience = 24 * time.Hour
)

// Options say what to mirror into. All are required.
type Options struct {
	Connection Connection
	Schema     string
	Archive    uuid.UUID // rows of no other archive may come into the schema
	Now        func() time.Time
	Metrics    prometheus.Registerer
}

// Target is a mirror.Target. Like every one it is for one goroutine; two targets of
// two processes on one schema take turns.
type Target struct {
	o        Options
	refusals *prometheus.CounterVec
	rows     int // most of one transaction: chunkRows, fewer in tests

	conn   *pgx.Conn      // nil: not connected
	months map[int64]bool // that are there (true) or were dropped, since we connected
	tidied time.Time      // when old months were last dropped, or first looked for
	tidyAt time.Time      // when to look again
}

var (
	_ mirror.Target = (*Target)(nil)
	_ mirror.Tidier = (*Target)(nil)
)

// New checks the options. The database is reached when it is needed.
func New(o Options) (*Target, error) {
	if o.Schema == "" || o.Archive == uuid.Nil || o.Now == nil || o.Metrics == nil {
		return nil, errors.New("postgres: schema, archive, now and metrics must be set")
	}
	if _, err := o.Connection.parse(); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return &Target{o: o, refusals: mirror.NewRefusals(o.Metrics, "postgres"), rows: chunkRows}, nil
}

// Close hangs up.
func (t *Target) Close() error {
	if t.conn == nil {
		return nil
	}
	conn := t.conn
	t.conn = nil
	return hangUp(conn)
}

// table is a name in our schema.
func (t *Target) table(name string) string { return pgx.Identifier{t.o.Schema, name}.Sanitize() }

// do runs step on the connection, which is opened when there is none and thrown away
// after an error: what state it is in is not worth finding out.
func (t *Target) do(ctx context.Context, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	if err := t.connect(ctx); err != nil {
		return err
	}
	if err := step(ctx); err != nil {
		_ = t.Close() // the error is about what happened before
		return err
	}
	return nil
}

func (t *Target) connect(ctx context.Context) error {
	if t.conn != nil && !t.conn.IsClosed() {
		return nil
	}
	conn, err := t.o.Connection.connect(ctx)
	if err != nil {
		return err
	}
	_, err = readSettings(ctx, conn, t.o.Schema, t.o.Archive)
	if err == nil {
		err = t.checkColumns(ctx, conn)
	}
	if err != nil {
		return errors.Join(err, hangUp(conn))
	}
	t.conn, t.months = conn, make(map[int64]bool)
	return nil
}

// checkColumns refuses a table whose columns were changed: PostgreSQL would blame the
// rows for it, one after another.
func (t *Target) checkColumns(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`, t.table("audit_logs"))
	if err != nil {
		return fmt.Errorf("look at columns: %w", err)
	}
	types := map[string]string{}
	var name, sqlType string
	_, err = pgx.ForEachRow(rows, []any{&name, &sqlType}, func() error {
		types[name] = sqlType
		return nil
	})
	if err != nil {
		return fmt.Errorf("look at columns: %w", err)
	}
	for _, c := range columns() {
		if types[c.name] != c.sqlType {
			return fmt.Errorf("table audit_logs was changed: column %s is %q, want %s", c.name, types[c.name], c.sqlType)
		}
	}
	return nil
}

// settings are what Setup left in the database.
type settings struct {
	KeepMonths    int
	DroppedBefore time.Time // zero: nothing was dropped
}

// readSettings refuses a schema that Setup has not made, or made for another archive.
func readSettings(ctx context.Context, conn *pgx.Conn, schema string, archive uuid.UUID) (settings, error) {
	var s settings
	var version int
	var of [16]byte
	var dropped *time.Time
	err := conn.QueryRow(ctx, "SELECT version, archive, keep_months, dropped_before FROM "+
		pgx.Identifier{schema, "audit_mirror_settings"}.Sanitize()).Scan(&version, &of, &s.KeepMonths, &dropped)
	switch {
	case sqlState(err) == undefinedTable, sqlState(err) == invalidSchema, errors.Is(err, pgx.ErrNoRows):
		return s, fmt.Errorf("schema %s is not set up (archiver mirror init): %w", schema, err)
	case err != nil:
		return s, fmt.Errorf("read settings: %w", err)
	case version != setupVersion:
		return s, fmt.Errorf("schema %s is of version %d, this program wants %d: run archiver mirror init again", schema, version, setupVersion)
	case of != archive:
		return s, fmt.Errorf("schema %s mirrors archive %s, not %s", schema, uuid.UUID(of), archive)
	}
	if dropped != nil {
		s.DroppedBefore = *dropped
	}
	return s, nil
}

// Position implements mirror.Target.
func (t *Target) Position(ctx context.Context, stream uuid.UUID) (at mirror.Position, err error) {
	err = t.do(ctx, func(ctx context.Context) error {
		err := t.conn.QueryRow(ctx, "SELECT next_index, next_row FROM "+t.table("audit_mirror_position")+" WHERE stream = $1",
			[16]byte(stream)).Scan(&at.Index, &at.Row)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return at, err
}

// Tidy implements mirror.Tidier: it has the database drop months that it keeps no longer.
func (t *Target) Tidy(ctx context.Context) error {
	now := t.o.Now()
	if now.Before(t.tidyAt) {
		return nil
	}
	if t.tidied.IsZero() {
		t.tidied = now
	}
	err := t.do(ctx, func(ctx context.Context) error {
		_, err := t.conn.Exec(ctx, "SELECT "+t.table("audit_logs_drop_old")+"()")
		return err
	})
	switch {
	case sqlState(err) == lockNotAvailable && now.Sub(t.tidied) < tidyPatience:
		t.tidyAt = now.Add(tidyRetry)
		return nil
	case err != nil:
		return fmt.Errorf("drop old months: %w", err)
	}
	t.tidied, t.tidyAt = now, now.Add(tidyEvery)
	return nil
}

// SQLSTATEs that we decide on. PostgreSQL documentation, appendix A.
const (
	lockNotAvailable = "55P03"
	undefinedTable   = "42P01"
	invalidSchema    = "3F000"
)
