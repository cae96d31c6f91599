package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/mirror"
)

// Kind is how a row differs. The set is closed.
type Kind string

// The kinds of findings.
const (
	Altered Kind = "altered" // the table has another row at this place than the archive
	Missing Kind = "missing" // the archive has a row that should be in the table
	Extra   Kind = "extra"   // the table has a row that the archive has not, or that is not there yet
)

// Finding is one row that differs.
type Finding struct {
	Kind   Kind
	Stream uuid.UUID
	Seq    int64
	ID     string // as the table has it; "" for a missing row
	Detail string // for people
}

// Report sums up a comparison.
type Report struct {
	Equal   int64 // rows that are the archive's, byte for byte
	Altered int64
	Missing int64
	Extra   int64

	Ahead   int64 // rows of the archive that the mirror has not come to yet
	Old     int64 // rows of the archive that are not in the table because their month was dropped
	Unknown int64 // rows of the table that cannot be compared: the archive's file has expired
}

// Differs says whether any row was altered, missing or extra.
func (r Report) Differs() bool { return r.Altered+r.Missing+r.Extra > 0 }

// DiffOptions say what to compare. All are required but KeepMonths.
type DiffOptions struct {
	Connection Connection // of a role that may read
	Schema     string
	Archive    uuid.UUID
	Reader     *ledger.Reader
	Source     mirror.Source
	// KeepMonths is the rule of the caller's own configuration; 0: rows are kept for
	// ever. What the database says it dropped counts only as far as this allows it.
	KeepMonths int
	// Found is told each finding, in order of stream and seq. An error of it ends the
	// comparison.
	Found func(Finding) error

	window int64 // seqs at a time; 0: windowRows. Tests take less
}

// Diff compares the table with the archive, row by row. It computes the leaf hash of
// each row as the table has it, so nothing that the database says about itself is
// trusted but the position of the mirror: rows behind it are counted in Ahead.
//
// An error means that not everything could be looked at. Memory does not depend on how
// much there is.
func Diff(ctx context.Context, o DiffOptions) (_ Report, err error) {
	conn, err := o.Connection.connect(ctx)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, hangUp(conn)) }()
	// The table first and the ledger afterwards: then the table cannot be ahead of it.
	table, err := snapshot(ctx, conn, o)
	if err != nil {
		return Report{}, err
	}
	view, err := o.Reader.Refresh(ctx)
	if err != nil {
		return Report{}, err
	}
	if o.window == 0 {
		o.window = windowRows
	}
	d := differ{o: o, positions: table.positions, horizon: table.horizon, rows: &tableRows{
		results: conn.PgConn().Exec(ctx, selectRows(o.Schema))}}
	return d.run(ctx, view)
}

// selectRows reads the table in the order of its key.
func selectRows(schema string) string {
	return "SELECT " + columnNames() + " FROM " + pgx.Identifier{schema, "audit_logs"}.Sanitize() + " ORDER BY stream, seq, timestamp"
}

// tableState is what a snapshot of the database begins with.
type tableState struct {
	positions map[uuid.UUID]mirror.Position
	horizon   int64 // Unix second; rows before it are not expected
}

// snapshot begins a transaction that sees one state of everything, and reads all but
// the rows.
func snapshot(ctx context.Context, conn *pgx.Conn, o DiffOptions) (tableState, error) {
	s := tableState{positions: make(map[uuid.UUID]mirror.Position), horizon: -1 << 62}
	// The bucket is read meanwhile, which may take long. Rows come by the key's index,
	// month by month merged: sorting them would fill the server's disk.
	for _, sql := range []string{"SET idle_in_transaction_session_timeout = 0", "SET statement_timeout = 0", "SET enable_sort = off",
		"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return s, fmt.Errorf("begin: %w", err)
		}
	}
	set, err := readSettings(ctx, conn, o.Schema, o.Archive)
	if err != nil {
		return s, err
	}
	if o.KeepMonths > 0 && !set.DroppedBefore.IsZero() {
		s.horizon = min(set.DroppedBefore.Unix(), oldest(o.Source.Now(), o.KeepMonths))
	}
	positions, err := readPositions(ctx, conn, o.Schema)
	if err != nil {
		return s, err
	}
	for _, p := range positions {
		s.positions[p.Stream] = mirror.Position{Index: p.NextIndex, Row: p.NextRow}
	}
	return s, nil
}

// oldest is the beginning of the first month that a rule keeps, as the database
// computes it.
func oldest(now time.Time, months int) int64 {
	now = now.UTC()
	first := time.Date(now.Year(), now.Month()-time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	return first.Unix()
}

// tableRows are the rows of the table in order of stream and seq, read as they come.
type tableRows struct {
	results *pgconn.MultiResultReader
	begun   bool
	done    bool

	row     event.Row // the current one
	problem error     // why it is not a row that we wrote; nil when only its hash can tell
}

// next moves to the next row; done is set behind the last one.
func (t *tableRows) next() error {
	if !t.begun {
		t.begun = true
		if !t.results.NextResult() {
			return fmt.Errorf("read rows: %w", errors.Join(errors.New("no answer"), t.results.Close()))
		}
	}
	reader := t.results.ResultReader()
	if !reader.NextRow() {
		t.done = true
		_, err := reader.Close()
		if err := errors.Join(err, t.results.Close()); err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		return nil
	}
	t.row, t.problem = decodeRow(reader.Values())
	return nil
}

// differ walks through table and archive at once.
type differ struct {
	o         DiffOptions
	positions map[uuid.UUID]mirror.Position
	horizon   int64
	rows      *tableRows
	window    window
	report    Report
}

func (d *differ) run(ctx context.Context, view *ledger.View) (Report, error) {
	if err := d.rows.next(); err != nil {
		return d.report, err
	}
	streams := slices.Clone(view.Streams)
	slices.SortFunc(streams, func(a, b ledger.Stream) int { return slices.Compare(a.Open.Stream[:], b.Open.Stream[:]) })
	for i := range streams {
		if err := d.stream(ctx, &streams[i]); err != nil {
			return d.report, err
		}
	}
	return d.report, d.extra(func(event.Row) bool { return true }, "the archive has no such stream")
}

// stream compares one stream; rows of unknown streams that come before it are extra.
func (d *differ) stream(ctx context.Context, s *ledger.Stream) error {
	id := s.Open.Stream
	before := func(r event.Row) bool { return bytes.Compare(r.Stream[:], id[:]) < 0 }
	if err := d.extra(before, "the archive has no such stream"); err != nil {
		return err
	}
	at := d.positions[id]
	for i := range s.Manifests {
		m := &s.Manifests[i]
		if m.Index > at.Index || m.Index == at.Index && at.Row == 0 {
			d.report.Ahead += m.Count
			continue
		}
		for first := m.First; first <= m.Last; first = d.window.end() {
			if err := d.window.load(ctx, &d.o.Source, m, first, min(first+d.o.window, m.Last+1), at, d.horizon); err != nil {
				return err
			}
			if err := d.compare(id); err != nil {
				return err
			}
		}
	}
	return d.extra(func(r event.Row) bool { return r.Stream == id }, "the mirror has not come to this row yet, or the archive has none")
}

// extra reports rows of the table from the current one on, as long as they are such.
func (d *differ) extra(such func(event.Row) bool, why string) error {
	for !d.rows.done && such(d.rows.row) {
		if err := d.found(Extra, why); err != nil {
			return err
		}
		if err := d.rows.next(); err != nil {
			return err
		}
	}
	return nil
}

// found reports the current row of the table.
func (d *differ) found(kind Kind, why string) error {
	if kind == Altered {
		d.report.Altered++
	} else {
		d.report.Extra++
	}
	r := &d.rows.row
	return d.o.Found(Finding{Kind: kind, Stream: r.Stream, Seq: r.Seq, ID: r.ID, Detail: why})
}

// compare walks through one window of a stream.
func (d *differ) compare(stream uuid.UUID) error {
	w := &d.window
	if err := d.extra(func(r event.Row) bool { return r.Stream == stream && r.Seq < w.first }, "the archive has no such row"); err != nil {
		return err
	}
	for i, want := range w.states {
		seq := w.first + int64(i)
		if d.rows.done || d.rows.row.Stream != stream || d.rows.row.Seq != seq {
			if err := d.absent(stream, seq, want); err != nil {
				return err
			}
			continue
		}
		if err := d.present(want, ledger.Hash(w.hashes[i])); err != nil {
			return err
		}
		if err := d.rows.next(); err != nil {
			return err
		}
		again := func(r event.Row) bool { return r.Stream == stream && r.Seq == seq }
		if err := d.extra(again, "a second row with this seq"); err != nil {
			return err
		}
	}
	return nil
}

// absent: the table has no row at this place.
func (d *differ) absent(stream uuid.UUID, seq int64, want state) error {
	switch want {
	case stateHere:
		d.report.Missing++
		return d.o.Found(Finding{Kind: Missing, Stream: stream, Seq: seq, Detail: "the archive has it and the table has not"})
	case stateAhead:
		d.report.Ahead++
	case stateOld:
		d.report.Old++
	}
	return nil
}

// present: the table has a row at this place.
func (d *differ) present(want state, hash ledger.Hash) error {
	switch {
	case want == stateNone:
		return d.found(Extra, "the archive has no such row")
	case want == stateAhead:
		return d.found(Extra, "the mirror's position says that it is not there yet")
	case want == stateUnknown:
		d.report.Unknown++
		return nil
	case d.rows.problem != nil:
		return d.found(Altered, d.rows.problem.Error())
	case ledger.Hash(event.LeafHash(&d.rows.row)) != hash:
		return d.found(Altered, "its leaf hash is not the archive's")
	}
	d.report.Equal++
	return nil
}
