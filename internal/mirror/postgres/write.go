package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/audit-archiver/archiver/internal/mirror"
)

// chunk is a piece of a commit, encoded for COPY: what one transaction adds.
type chunk struct {
	from int64 // number of the row that the position must have reached
	buf  []byte
	rows []chunkRow
	last bool // nothing of the commit comes after it
}

// chunkRow is one row of a chunk.
type chunkRow struct {
	number, seq int64
	id          string
	month       int64 // Unix seconds of where its month begins
	end         int   // of its bytes in chunk.buf
}

// errPassed says that another mirror has come further than this one.
var errPassed = errors.New("another mirror was here")

// Write implements mirror.Target. Chunk by chunk, each in one transaction, so that
// at any instant the position says exactly which rows are in the table:
//
//	1 months   the months of the rows exist. An empty month is no harm.
//	2 lock     the position is ours until the end of the transaction; another mirror
//	           waits here, and then finds that it has moved.
//	3 horizon  no month is dropped before the end of the transaction.
//	4 COPY     the rows; nobody sees them.
//	5 position beyond the rows.
//	6 COMMIT   4 and 5, or neither. If the answer is lost, Position tells.
func (t *Target) Write(ctx context.Context, c *mirror.Commit) error {
	at, err := t.Position(ctx, c.Stream)
	switch {
	case err != nil:
		return err
	case at.Index > c.Index:
		return nil
	case at.Index < c.Index:
		return t.wentBack(c, at)
	}
	part := &chunk{from: at.Row}
	for r, err := range c.From(ctx, at.Row) {
		if err != nil {
			return err
		}
		if len(part.rows) >= t.rows || len(part.buf) >= chunkBytes {
			if err := t.add(ctx, c, part); err != nil {
				return t.passed(err)
			}
			*part = chunk{from: part.end(c), buf: part.buf[:0], rows: part.rows[:0]}
		}
		part.buf = appendRow(part.buf, &r.Row)
		part.rows = append(part.rows, chunkRow{number: r.Number, seq: r.Seq, id: strings.Clone(r.ID),
			month: monthOf(r.TimestampMS()), end: len(part.buf)})
	}
	part.last = true
	return t.passed(t.add(ctx, c, part))
}

// passed: what another mirror has written is written.
func (t *Target) passed(err error) error {
	if errors.Is(err, errPassed) {
		return nil
	}
	return err
}

func (t *Target) wentBack(c *mirror.Commit, at mirror.Position) error {
	return fmt.Errorf("the position in stream %s is at commit %d, row %d: before what was written", c.Stream, at.Index, at.Row)
}

func monthOf(ms int64) int64 {
	at := time.UnixMilli(ms).UTC()
	return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC).Unix()
}

// add adds one chunk. Rows that PostgreSQL does not take are found by halving it.
func (t *Target) add(ctx context.Context, c *mirror.Commit, p *chunk) error {
	err := t.do(ctx, func(ctx context.Context) error {
		if err := t.addMonths(ctx, p); err != nil {
			return err
		}
		return t.transact(ctx, c, p, "")
	})
	reason := reasonOf(err)
	switch {
	case reason == "" || len(p.rows) == 0:
		return err
	case len(p.rows) > 1:
		first, second := p.halve()
		if err := t.add(ctx, c, first); err != nil {
			return err
		}
		return t.add(ctx, c, second)
	}
	state := sqlState(err)
	err = t.do(ctx, func(ctx context.Context) error { return t.transact(ctx, c, p, state) })
	if err == nil {
		t.refusals.WithLabelValues(reason).Inc()
	}
	return err
}

// reasonOf says why PostgreSQL refuses a row for good; "" when the error is not
// about a row's values. Ingestion lets nothing through that is refused here, so this
// is for what nobody has thought of, and for tables that somebody has changed.
func reasonOf(err error) string {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return ""
	}
	switch {
	case e.Code == "22P03", e.Code == "22P04": // the format of COPY: no row would be taken
		return ""
	case e.Code == "22021", e.Code == "22P05": // characters that the database cannot hold
		return "encoding"
	case strings.HasPrefix(e.Code, "22"): // data exception
		return "value"
	case strings.HasPrefix(e.Code, "54"): // program limit exceeded
		return "limit"
	case e.Code == "23514" && e.ConstraintName != "": // without a name, a month is missing
		return "constraint"
	}
	return ""
}

// halve splits a chunk of at least two rows.
func (p *chunk) halve() (first, second *chunk) {
	n := len(p.rows) / 2
	cut := p.rows[n-1].end
	first = &chunk{from: p.from, buf: p.buf[:cut], rows: p.rows[:n]}
	second = &chunk{from: p.rows[n-1].number + 1, buf: p.buf[cut:], last: p.last}
	for _, r := range p.rows[n:] {
		r.end -= cut
		second.rows = append(second.rows, r)
	}
	return first, second
}

// addMonths makes the months of a chunk that are not known to exist. Each is a
// transaction of its own, so that its locks are held for a moment only.
func (t *Target) addMonths(ctx context.Context, p *chunk) error {
	for _, r := range p.rows {
		if _, known := t.months[r.month]; known {
			continue
		}
		var there bool
		err := t.conn.QueryRow(ctx, "SELECT "+t.table("audit_logs_add_month")+"($1)", time.Unix(r.month, 0).UTC()).Scan(&there)
		if err != nil {
			return fmt.Errorf("add month %s: %w", time.Unix(r.month, 0).UTC().Format("2006-01"), err)
		}
		t.months[r.month] = there
	}
	return nil
}

// transact is the transaction of a chunk. refused is the SQLSTATE with which
// PostgreSQL refused its only row, "" when there is none.
func (t *Target) transact(ctx context.Context, c *mirror.Commit, p *chunk, refused string) error {
	tx, err := t.conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	// Whoever gets an error closes the connection, which rolls back.
	at, err := t.lock(ctx, c)
	if err != nil {
		return err
	}
	switch {
	case at.Index > c.Index || at.Index == c.Index && p.end(c) <= at.Row && !p.last:
		return t.leave(ctx, tx, at.Index > c.Index)
	case at.Index < c.Index || at.Row < p.from:
		return t.wentBack(c, at)
	}
	var horizon *time.Time
	if err := t.conn.QueryRow(ctx, "SELECT "+t.table("audit_logs_horizon")+"()").Scan(&horizon); err != nil {
		return fmt.Errorf("read horizon: %w", err)
	}
	var n counts
	if refused == "" {
		n, err = t.copy(ctx, p, at.Row, horizon)
	} else {
		n, err = t.refuse(ctx, c, p, at.Row, refused)
	}
	if err != nil {
		return err
	}
	if err := t.move(ctx, c, p, n); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// end is the number of the row after the chunk.
func (p *chunk) end(c *mirror.Commit) int64 {
	switch {
	case p.last:
		return c.Count
	case len(p.rows) == 0:
		return p.from
	}
	return p.rows[len(p.rows)-1].number + 1
}

// leave ends a transaction that has nothing to do, because another mirror did it.
func (t *Target) leave(ctx context.Context, tx pgx.Tx, whole bool) error {
	if err := tx.Rollback(ctx); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	if whole {
		return errPassed
	}
	return nil
}

// lock takes the position for this transaction.
func (t *Target) lock(ctx context.Context, c *mirror.Commit) (at mirror.Position, err error) {
	table := t.table("audit_mirror_position")
	read := func() error {
		return t.conn.QueryRow(ctx, "SELECT next_index, next_row FROM "+table+" WHERE stream = $1 FOR UPDATE",
			[16]byte(c.Stream)).Scan(&at.Index, &at.Row)
	}
	err = read()
	if errors.Is(err, pgx.ErrNoRows) {
		if _, err = t.conn.Exec(ctx, "INSERT INTO "+table+" (stream) VALUES ($1) ON CONFLICT DO NOTHING", [16]byte(c.Stream)); err == nil {
			err = read()
		}
	}
	if err != nil {
		return at, fmt.Errorf("lock position: %w", err)
	}
	return at, nil
}

// counts are what a transaction adds to the position's counters.
type counts struct{ rows, tooOld, refused int64 }

// copy adds the rows from number from on, except those of months that were dropped.
func (t *Target) copy(ctx context.Context, p *chunk, from int64, horizon *time.Time) (n counts, _ error) {
	body := []io.Reader{strings.NewReader(copyHeader)}
	begin := 0
	for _, r := range p.rows {
		switch {
		case r.number < from: // added by another mirror
		case horizon != nil && r.month < horizon.Unix(), !t.months[r.month]:
			n.tooOld++
		default:
			n.rows++
			body = append(body, bytes.NewReader(p.buf[begin:r.end]))
		}
		begin = r.end
	}
	if n.rows == 0 {
		return n, nil
	}
	body = append(body, strings.NewReader(copyTrailer))
	sql := "COPY " + t.table("audit_logs") + " (" + columnNames() + ") FROM STDIN (FORMAT binary)"
	tag, err := t.conn.PgConn().CopyFrom(ctx, io.MultiReader(body...), sql)
	if err != nil {
		return n, fmt.Errorf("copy: %w", err)
	}
	if tag.RowsAffected() != n.rows {
		return n, fmt.Errorf("copy: %d rows were added, %d were sent", tag.RowsAffected(), n.rows)
	}
	return n, nil
}

// refuse remembers the only row of a chunk as one that is not in the table.
func (t *Target) refuse(ctx context.Context, c *mirror.Commit, p *chunk, from int64, state string) (n counts, _ error) {
	r := p.rows[0]
	if r.number < from {
		return n, nil
	}
	id := strings.ToValidUTF8(strings.ReplaceAll(r.id, "\x00", "\uFFFD"), "\uFFFD")
	_, err := t.conn.Exec(ctx, "INSERT INTO "+t.table("audit_mirror_refused")+" (stream, seq, id, sqlstate) VALUES ($1, $2, $3, $4)",
		[16]byte(c.Stream), r.seq, id, state)
	if err != nil {
		return n, fmt.Errorf("remember a refused row: %w", err)
	}
	n.refused = 1
	return n, nil
}

// move sets the position beyond the chunk.
func (t *Target) move(ctx context.Context, c *mirror.Commit, p *chunk, n counts) error {
	next := mirror.Position{Index: c.Index, Row: p.end(c)}
	seq, expired := c.First, int64(0)
	if p.last {
		next, seq, expired = mirror.Position{Index: c.Index + 1}, c.Last+1, c.GoneRows()
	}
	_, err := t.conn.Exec(ctx, "UPDATE "+t.table("audit_mirror_position")+` SET next_index = $2, next_row = $3, next_seq = $4,
		rows = rows + $5, too_old = too_old + $6, expired = expired + $7, refused = refused + $8, updated_at = now() WHERE stream = $1`,
		[16]byte(c.Stream), next.Index, next.Row, seq, n.rows, n.tooOld, expired, n.refused)
	if err != nil {
		return fmt.Errorf("move position: %w", err)
	}
	return nil
}
