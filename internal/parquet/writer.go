package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/google/uuid"
	pq "github.com/parquet-go/parquet-go"

	"github.com/audit-archiver/archiver/internal/event"
)

// Bounds of one file. The reader refuses what is beyond them, so the writer never makes it.
const (
	// RowGroupRows is the most rows in a row group.
	RowGroupRows = 131_072
	// rowGroupBytes ends a row group early when its values are large. It bounds the memory of the
	// writer and of every reader that loads a row group at once.
	rowGroupBytes = 128 << 20
	// maxRowGroups bounds the footer; it is 67 million rows or 64 GiB of values.
	maxRowGroups = 512
	// maxTextBytes bounds one value; events are smaller by configuration.
	maxTextBytes = 16 << 20
	// maxIDBytes bounds a value that has a dictionary and a bloom filter. See dictionaryBytes.
	maxIDBytes = 255
	// dictionaryBytes is where a dictionary stops growing and plain pages follow: unique user agents would
	// otherwise become one huge page. The library leaves such plain pages out of the bloom filter, so a
	// look-up would miss their rows. Hence a full row group of the longest ids must stay below it.
	dictionaryBytes = RowGroupRows * (maxIDBytes + 33)
	// dictionaryStep is how many bytes of values a page of ids may stand for. The library looks at the
	// size of a dictionary only between pages, and a page of ids alone would be 28,000 rows.
	dictionaryStep = 8 << 20
)

const (
	// chunkRows is how many rows are turned into columns at a time. Pages end on a multiple
	// of it, so it is part of what makes equal rows equal bytes.
	chunkRows = 64
	// pageBytes is the size of a page in memory, before compression.
	pageBytes = 256 << 10
	// bloomBitsPerValue gives about one false positive in a hundred.
	bloomBitsPerValue = 10
	// boundBytes is longer than any value of a column with bounds, so no bound in a page index is truncated.
	boundBytes = 256
)

// The writer's identity in each file. It is part of the bytes: change encoderBuild when an upgrade of
// the library changes what it writes.
const (
	encoderName  = "archiver"
	encoderBuild = "parquet-go-0.32-2"
)

// errOrder says that rows did not come in the order of (timestamp_ns, seq).
var errOrder = errors.New("row out of order")

// Options says which partition of which stream a file belongs to. All are required.
type Options struct {
	Stream uuid.UUID
	Class  string // retention class
	Day    string // UTC date, yyyy-MM-dd
}

// Writer writes one file. It keeps at most one row group in memory, compressed, plus that group's
// dictionaries and one page per column. It is not safe for concurrent use.
type Writer struct {
	options Options
	stream  string
	cols    []column
	file    *pq.Writer //nolint:staticcheck // the generic one adds reflection over a row type; we hand over columns
	outputs []*pq.ColumnWriter

	values [][]pq.Value // per column, the rows of the current chunk
	arena  [][]byte     // per column, the bytes those values point to
	paged  []paging     // per column, the page that is being filled
	staged int          // rows in values
	index  fileIndex
	tail   *tailWriter

	groups     int
	groupRows  int
	groupBytes int

	rows   int64
	lastNS int64
	last   int64 // seq
	err    error // the first error; a file with a hole must not be finished

	rowsPerGroup  int // RowGroupRows, less in tests
	indexLeast    int64
	bytesPerGroup int // rowGroupBytes, less in tests
}

// NewWriter returns a Writer that writes to w. Nothing is closed but the file's own structure.
func NewWriter(w io.Writer, o Options) *Writer { return newWriter(w, o, columns()) }

func newWriter(w io.Writer, o Options, cols []column) *Writer {
	tail := &tailWriter{w: w}
	writer := &Writer{
		tail:          tail,
		options:       o,
		stream:        o.Stream.String(),
		cols:          cols,
		file:          pq.NewWriter(tail, writerConfig(cols)...),
		values:        make([][]pq.Value, len(cols)),
		arena:         make([][]byte, len(cols)),
		paged:         make([]paging, len(cols)),
		rowsPerGroup:  RowGroupRows,
		indexLeast:    indexLeast,
		bytesPerGroup: rowGroupBytes,
	}
	writer.outputs = writer.file.ColumnWriters()
	for i := range cols {
		writer.values[i] = make([]pq.Value, 0, chunkRows)
	}
	if !event.ValidClass(o.Class) {
		writer.err = fmt.Errorf("retention class %q: not a class name", o.Class)
	} else if !validDay(o.Day) {
		writer.err = fmt.Errorf("day %q: not a date", o.Day)
	}
	return writer
}

func writerConfig(cols []column) []pq.WriterOption {
	config := []pq.WriterOption{
		fileSchema(cols),
		pq.CreatedBy(encoderName, formatVersion, encoderBuild),
		pq.KeyValueMetadata(metadataFormat, formatVersion),
		pq.Compression(mostZstd),
		// Version 1 pages: every reader has them, and levels are compressed together with the values.
		pq.DataPageVersion(1),
		// Bounds are in the footer and in the page index; a third copy in each page has no reader.
		pq.DataPageStatistics(false),
		pq.PageBufferSize(pageBytes),
		pq.DictionaryMaxBytes(dictionaryBytes),
		pq.ColumnIndexSizeLimit(func([]string) int { return boundBytes }),
		pq.SortingWriterConfig(pq.SortingColumns(pq.Ascending("timestamp_ns"), pq.Ascending("seq"))),
	}
	var blooms []pq.BloomFilterColumn
	for _, c := range cols {
		if c.bloom {
			blooms = append(blooms, pq.SplitBlockFilter(bloomBitsPerValue, c.Name))
		}
		if !c.bounds {
			config = append(config, pq.SkipPageBounds(c.Name))
		}
	}
	return append(config, pq.BloomFilters(blooms...))
}

// Write appends rows. Rows of another stream, class or day, and rows that do not come after the last one in
// the order of (timestamp_ns, seq), are refused. After an error the file cannot be finished.
func (w *Writer) Write(rows ...event.Row) error {
	for i := range rows {
		if w.err != nil {
			return w.err
		}
		r := &rows[i]
		if err := w.check(r); err != nil {
			w.err = fmt.Errorf("row seq %d: %w", r.Seq, err)
			return w.err
		}
		w.stage(r)
		full := w.groupRows == w.rowsPerGroup || w.groupBytes >= w.bytesPerGroup
		if w.staged == chunkRows || full {
			w.err = w.flushChunk()
		}
		if full && w.err == nil {
			w.err = w.flushGroup()
		}
	}
	return w.err
}

// Rows returns how many rows were written.
func (w *Writer) Rows() int64 { return w.rows }

// Close writes the rest of the rows and the footer. A file without rows is an error.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	if w.rows == 0 {
		return errors.New("parquet file without rows")
	}
	if err := w.flushChunk(); err != nil {
		return err
	}
	if w.groupRows > 0 {
		if err := w.flushGroup(); err != nil {
			return err
		}
	}
	if err := w.finish(); err != nil {
		return fmt.Errorf("finish parquet file: %w", err)
	}
	w.err = errors.New("parquet file is closed")
	return nil
}

// finish writes the footer, and the index before it.
func (w *Writer) finish() error {
	if w.rows < w.indexLeast {
		return w.file.Close()
	}
	index := w.index.bytes()
	w.file.SetKeyValueMetadata(metadataIndex, fmt.Sprintf("%s %d", indexVersion, len(index)))
	w.tail.hold = true
	if err := w.file.Close(); err != nil {
		return err
	}
	return w.tail.release(index)
}

// tailWriter can hold back what is written last.
type tailWriter struct {
	w    io.Writer
	hold bool
	held []byte
}

func (t *tailWriter) Write(p []byte) (int, error) {
	if t.hold {
		t.held = append(t.held, p...)
		return len(p), nil
	}
	return t.w.Write(p)
}

// release writes what was held back, with index before the footer.
func (t *tailWriter) release(index []byte) error {
	const end = 4 + len(magic)
	footer := len(t.held) - end
	if footer >= 0 {
		footer -= int(binary.LittleEndian.Uint32(t.held[footer:]))
	}
	if footer < 0 {
		return errors.New("the footer is not where it should be")
	}
	for _, part := range [][]byte{t.held[:footer], index, t.held[footer:]} {
		if _, err := t.w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) check(r *event.Row) error {
	switch {
	case r.Stream != w.options.Stream:
		return fmt.Errorf("stream %s in a file of stream %s", r.Stream, w.options.Stream)
	case r.Retention != w.options.Class:
		return fmt.Errorf("retention class %q in a file of class %q", r.Retention, w.options.Class)
	case r.Seq < 0:
		return errors.New("negative seq")
	case w.rows > 0 && (r.TimestampNS < w.lastNS || r.TimestampNS == w.lastNS && r.Seq <= w.last):
		return fmt.Errorf("%w: timestamp_ns %d after %d", errOrder, r.TimestampNS, w.lastNS)
	case w.groups == maxRowGroups:
		return fmt.Errorf("more than %d row groups in one file", maxRowGroups)
	}
	if w.rows == 0 || r.TimestampNS/nsPerDay != w.lastNS/nsPerDay || r.TimestampNS < 0 {
		if day := r.Day(); day != w.options.Day {
			return fmt.Errorf("day %s in a file of day %s", day, w.options.Day)
		}
	}
	return nil
}

const nsPerDay = 86_400_000_000_000

// stage turns one row into one value per column.
func (w *Writer) stage(r *event.Row) {
	for i := range w.cols {
		c := &w.cols[i]
		switch {
		case c.str != nil:
			w.values[i] = append(w.values[i], w.stageText(i, *c.str(r)))
		case c.text != nil:
			var v pq.Value // NULL
			if t := c.text(r); t.Valid {
				v = w.stageText(i, t.S)
				v.SetDefinitionLevel(1)
			}
			w.values[i] = append(w.values[i], v)
		case c.num != nil:
			w.values[i] = append(w.values[i], pq.Int64Value(*c.num(r)))
		case c.source == sourceMillis:
			w.values[i] = append(w.values[i], pq.Int64Value(r.TimestampMS()))
		case c.source == sourceStream:
			w.values[i] = append(w.values[i], w.stageText(i, w.stream))
		}
	}
	w.staged++
	w.groupRows++
	w.rows++
	w.lastNS, w.last = r.TimestampNS, r.Seq
}

// stageText keeps a copy of s until the chunk is flushed.
func (w *Writer) stageText(i int, s string) pq.Value {
	c := &w.cols[i]
	if len(s) > maxTextBytes || c.dict && c.bloom && len(s) > maxIDBytes || !utf8.ValidString(s) {
		if w.err == nil {
			w.err = fmt.Errorf("column %s: %d bytes are too many, or not text", c.Name, len(s))
		}
		return pq.Value{}
	}
	start := len(w.arena[i])
	// When this grows the array, the earlier values keep pointing to the old one, which stays as it is.
	w.arena[i] = append(w.arena[i], s...)
	w.groupBytes += len(s) + 4
	if c.index > 0 {
		w.index.columns[c.index-1].add(w.groupRows, w.arena[i][start:])
	}
	return pq.ByteArrayValue(w.arena[i][start:])
}

// paging is what is known of a page that is being filled.
type paging struct{ rows, bytes int }

// add counts values, and reports whether the page ends behind them.
func (p *paging) add(c *column, rows, bytes int) bool {
	p.rows += rows
	p.bytes += bytes
	return c.pageRows > 0 && p.rows >= c.pageRows || c.dict && p.bytes >= dictionaryStep
}

func (w *Writer) flushChunk() error {
	if w.err != nil || w.staged == 0 {
		return w.err
	}
	for i, out := range w.outputs {
		if _, err := out.WriteRowValues(w.values[i]); err != nil {
			return fmt.Errorf("write column %s: %w", w.cols[i].Name, err)
		}
		if w.paged[i].add(&w.cols[i], w.staged, len(w.arena[i])) {
			if err := out.Flush(); err != nil {
				return fmt.Errorf("write column %s: %w", w.cols[i].Name, err)
			}
			w.paged[i] = paging{}
		}
		w.values[i] = w.values[i][:0]
		w.arena[i] = w.arena[i][:0]
	}
	w.staged = 0
	return nil
}

func (w *Writer) flushGroup() error {
	if err := w.file.Flush(); err != nil {
		return fmt.Errorf("write row group %d: %w", w.groups, err)
	}
	w.index.finish(w.groupRows)
	w.groups++
	w.groupRows, w.groupBytes = 0, 0
	clear(w.paged)
	return nil
}
