package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"

	"github.com/audit-archiver/archiver/internal/event"
)

// Reader reads one file. It may be used by several goroutines if its io.ReaderAt may.
type Reader struct {
	r      io.ReaderAt
	size   int64
	footer int64 // where data ends
	class  string
	cols   []column
	meta   *format.FileMetaData
	index  []indexPart // of the value index; nil: none
}

// Open reads the footer of the file of size bytes in r and checks it: the schema must be ours, and every
// offset must lie within the file. Class is what the file's key says; it becomes each row's Retention.
// Any input may be given; a bad one is an error.
func Open(r io.ReaderAt, size int64, class string) (_ *Reader, err error) {
	defer recoverInto(&err)
	cols := columns()
	meta, footer, err := readFooter(r, size, cols)
	if err != nil {
		return nil, fmt.Errorf("open parquet file: %w", err)
	}
	index, err := readIndex(r, meta, footer)
	if err != nil {
		return nil, fmt.Errorf("open parquet file: %w", err)
	}
	return &Reader{r: r, size: size, footer: footer, class: class, cols: cols, meta: meta, index: index}, nil
}

// recoverInto turns a panic of the library's metadata decoder into an error. Ours has none to recover from,
// but a hostile file must not be able to end the process.
func recoverInto(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("parquet file: decoder panicked: %v", p)
	}
}

// NumRows returns the number of rows.
func (r *Reader) NumRows() int64 { return r.meta.NumRows }

// CreatedBy names the encoder that wrote the file, as the file says.
func (r *Reader) CreatedBy() string { return r.meta.CreatedBy }

// Rows yields the rows in order. After an error it stops. It keeps one page and one dictionary per column;
// the strings of a row share memory with the rows around it, so clone what is kept for long.
//
// Beside what the format demands, it is an error if a timestamp is not the millisecond of its timestamp_ns,
// if text is not UTF-8, if the stream changes, or if rows are not in the order of (timestamp_ns, seq).
func (r *Reader) Rows() iter.Seq2[event.Row, error] {
	return func(yield func(event.Row, error) bool) {
		s, err := newScan(r)
		if err != nil {
			yield(event.Row{}, err)
			return
		}
		defer s.zstd.Close()
		for g := range r.meta.RowGroups {
			s.open(&r.meta.RowGroups[g])
			for i := range r.meta.RowGroups[g].NumRows {
				row, err := s.row()
				if err != nil {
					yield(event.Row{}, fmt.Errorf("row group %d: row %d: %w", g, i, err))
					return
				}
				if !yield(row, nil) {
					return
				}
			}
			if err := s.finish(r, g); err != nil {
				yield(event.Row{}, fmt.Errorf("row group %d: %w", g, err))
				return
			}
		}
	}
}

// scan is one pass over a file.
type scan struct {
	class   string
	cols    []column
	cursors []cursor
	zstd    *zstd.Decoder
	current event.Row // here, because what columns point at would otherwise be allocated row by row

	indexed bool       // the file has an index
	index   [2]indexer // of indexColumns
	group   int        // rows that were read of the row group

	streamText string // the last one seen
	stream     uuid.UUID
	any        bool
	lastNS     int64
	lastSeq    int64
}

func newDecoder() (*zstd.Decoder, error) {
	decoder, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(maxGroupBytes),
		zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	return decoder, nil
}

func newScan(r *Reader) (*scan, error) {
	decoder, err := newDecoder()
	if err != nil {
		return nil, err
	}
	s := &scan{class: r.class, indexed: r.index != nil, cols: r.cols, cursors: make([]cursor, len(r.cols)), zstd: decoder}
	for i := range s.cursors {
		s.cursors[i] = cursor{r: r.r, zstd: decoder, col: &r.cols[i]}
	}
	return s, nil
}

func (s *scan) open(g *format.RowGroup) {
	s.group = 0
	for i := range s.cursors {
		s.cursors[i].reset(&g.Columns[i].MetaData, g.NumRows)
	}
}

// finish demands that nothing is left behind the last row, and that the index says what the rows say.
func (s *scan) finish(r *Reader, g int) error {
	for i := range s.cursors {
		if err := s.cursors[i].finish(); err != nil {
			return fmt.Errorf("column %s: %w", s.cursors[i].col.Name, err)
		}
	}
	for i := range s.index {
		if err := r.checkIndex(&s.index[i], g, i); err != nil {
			return err
		}
	}
	return nil
}

// checkIndex demands that the file has the part of the index that was made of a row group's rows again, for one of
// indexColumns. It begins another one in x.
func (r *Reader) checkIndex(x *indexer, g, column int) error {
	if r.index == nil {
		return nil
	}
	x.finish(int(r.meta.RowGroups[g].NumRows))
	p := &r.index[g*len(indexColumns())+column]
	if p.entries != x.entries {
		return errIndex
	}
	stored := make([]byte, p.size())
	if err := readFull(r.r, stored, p.off); err != nil {
		return err
	}
	if !bytes.Equal(stored, x.part) {
		return errIndex
	}
	return nil
}

// errIndex says that the index would lead elsewhere than to the rows.
var errIndex = errors.New("its value index is not that of its rows")

func (s *scan) row() (event.Row, error) {
	row := &s.current
	*row = event.Row{Event: event.Event{Retention: s.class}}
	var millis int64
	for i := range s.cols {
		if err := s.value(&s.cursors[i], &s.cols[i], row, &millis); err != nil {
			return *row, fmt.Errorf("column %s: %w", s.cols[i].Name, err)
		}
	}
	if want := row.TimestampMS(); millis != want {
		return *row, fmt.Errorf("timestamp is %d ms, timestamp_ns says %d", millis, want)
	}
	if row.Seq < 0 || s.any && (row.TimestampNS < s.lastNS || row.TimestampNS == s.lastNS && row.Seq <= s.lastSeq) {
		return *row, fmt.Errorf("%w: timestamp_ns %d seq %d after %d seq %d", errOrder, row.TimestampNS, row.Seq, s.lastNS, s.lastSeq)
	}
	s.any, s.lastNS, s.lastSeq = true, row.TimestampNS, row.Seq
	s.group++
	return *row, nil
}

func (s *scan) value(cur *cursor, c *column, row *event.Row, millis *int64) (err error) {
	switch {
	case c.num != nil:
		*c.num(row), err = cur.int()
		return err
	case c.source == sourceMillis:
		*millis, err = cur.int()
		return err
	}
	text, ok, err := cur.text()
	if err != nil {
		return err
	}
	if !cur.coded && !utf8.ValidString(text) { // a dictionary was checked as a whole
		return errUTF8
	}
	if s.indexed && c.index > 0 && ok {
		s.index[c.index-1].addText(s.group, text)
	}
	switch {
	case c.str != nil:
		*c.str(row) = text
	case c.text != nil:
		*c.text(row) = event.Text{S: text, Valid: ok}
	case c.source == sourceStream:
		row.Stream, err = s.parseStream(text)
	}
	return err
}

func (s *scan) parseStream(text string) (uuid.UUID, error) {
	if text == s.streamText && s.any {
		return s.stream, nil
	}
	id, err := uuid.Parse(text)
	if err != nil || id.String() != text {
		return id, fmt.Errorf("%q is not a stream", text)
	}
	if s.any {
		return id, fmt.Errorf("stream %s after stream %s", text, s.streamText)
	}
	s.streamText, s.stream = text, id
	return id, nil
}
