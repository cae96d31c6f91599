package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/pack/export"
)

// mostRows is no limit: the rows that a condition selects go through the disk.
const mostRows = 1 << 40

// selector evaluates the condition of an export with the embedded engine.
type selector struct {
	engine   athena.Engine
	where    string // checked by dialect.Condition
	from, to time.Time
	dir      string
}

// sql is one SELECT whatever the condition says: it stands in parentheses that it
// cannot close, and the dialect looks at the whole.
func (s *selector) sql() string {
	q := fmt.Sprintf("SELECT stream, seq FROM audit_logs WHERE timestamp_ns < %d", s.to.UnixNano())
	if !s.from.Equal(export.Earliest) { // dt, so that files of other days are left out
		q += fmt.Sprintf(" AND timestamp_ns >= %d AND dt >= '%s'", s.from.UnixNano(), s.from.Format(time.DateOnly))
	}
	if !s.to.Equal(export.Latest) {
		q += " AND dt <= '" + s.to.Format(time.DateOnly) + "'"
	}
	return q + " AND (\n" + s.where + "\n) ORDER BY stream, seq"
}

// rowBytes is the size of a row on the disk: stream and seq.
const rowBytes = 16 + 8

// rows yields the selected rows, in order of streams and seqs. They are on the disk
// before the first one is yielded, so that the engine does not wait for the export.
func (s *selector) rows(ctx context.Context) iter.Seq2[export.Row, error] {
	return func(yield func(export.Row, error) bool) {
		f, err := os.CreateTemp(s.dir, ".selected-*")
		if err != nil {
			yield(export.Row{}, err)
			return
		}
		defer func() {
			_ = f.Close()
			_ = os.Remove(f.Name()) // only this process used it
		}()
		if err := s.spool(ctx, f); err != nil {
			yield(export.Row{}, err)
			return
		}
		r, b := bufio.NewReaderSize(f, 1<<20), make([]byte, rowBytes)
		for {
			_, err := io.ReadFull(r, b)
			if errors.Is(err, io.EOF) {
				return
			}
			row := export.Row{Stream: uuid.UUID(b[:16]), Seq: int64(binary.BigEndian.Uint64(b[16:]))}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// spool writes the engine's answer to f and goes back to its beginning.
func (s *selector) spool(ctx context.Context, f *os.File) error {
	result, err := s.engine.Query(ctx, athena.Query{SQL: s.sql(), MaxRows: mostRows})
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for err == nil {
		var row []any
		if row, err = result.Next(ctx); err != nil {
			break
		}
		err = writeRow(w, row)
	}
	if errors.Is(err, io.EOF) {
		err = w.Flush()
	}
	if err = errors.Join(err, result.Close()); err != nil {
		return err
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

func writeRow(w io.Writer, row []any) error {
	text, isText := row[0].(string)
	seq, isSeq := row[1].(int64)
	stream, err := uuid.Parse(text)
	if err != nil || !isText || !isSeq {
		return fmt.Errorf("the engine answers %v for stream and seq", row)
	}
	_, err = w.Write(binary.BigEndian.AppendUint64(stream[:], uint64(seq)))
	return err
}
