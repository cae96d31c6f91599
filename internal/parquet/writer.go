package parquet

import (
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

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
	// otherwise become one huge page. Bloom filters are made of dictionaries, so a look-up would miss the rows
	// of such plain pages. Hence a full row group of the longest ids must stay below it.
	dictionaryBytes = RowGroupRows * (maxIDBytes + 33)
	// dictionaryStep is how many bytes of values a page of ids may stand for: whether a dictionary is full is
	// decided between pages, and a page of ids alone would be 28,000 rows.
	dictionaryStep = 8 << 20
)

const (
	// chunkRows is how many rows are turned into columns at a time. Pages end on a multiple
	// of it, so it is part of what makes equal rows equal bytes.
	chunkRows = 64
	// pageBytes is the size of a page in memory at which it ends: 98 % of 256 KiB.
	pageBytes = 256_901
	// bloomBitsPerValue gives about one false positive in a hundred.
	bloomBitsPerValue = 10
	// boundBytes is longer than any value of a column with bounds, so no bound in a page index is truncated.
	boundBytes = 256
)

// The writer's identity in each file. It is part of the bytes: change encoderBuild when an upgrade of
// the library changes what it writes.
const (
	encoderName  = "archiver"
	encoderBuild = "parquet-go-0.32-4"
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
//
// It puts the file together itself; what has a standard (encodings, bloom filters, metadata) is the library's.
type Writer struct {
	options Options
	columns []*columnWriter
	out     *layout
	page    *pageWriter // what columns share, one after the other
	index   fileIndex

	chunk      int // rows since pages could end
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
	out, err := newLayout(w, cols)
	writer := &Writer{
		options:       o,
		out:           out,
		page:          newPageWriter(),
		rowsPerGroup:  RowGroupRows,
		indexLeast:    indexLeast,
		bytesPerGroup: rowGroupBytes,
		err:           err,
	}
	for i := range cols {
		c := newColumnWriter(&cols[i], o.Stream)
		if cols[i].index > 0 {
			c.index = &writer.index.columns[cols[i].index-1]
		}
		writer.columns = append(writer.columns, c)
	}
	if !event.ValidClass(o.Class) {
		writer.err = fmt.Errorf("retention class %q: not a class name", o.Class)
	} else if !validDay(o.Day) {
		writer.err = fmt.Errorf("day %q: not a date", o.Day)
	}
	return writer
}

// Write appends rows. Rows of another stream, class or day, and rows that do not come after the last one in
// the order of (timestamp_ns, seq), are refused. After an error the file cannot be finished.
func (w *Writer) Write(rows ...event.Row) error {
	for len(rows) > 0 && w.err == nil {
		var n int
		if n, w.err = w.take(rows); w.err != nil {
			break
		}
		w.err = w.add(rows[:n])
		rows = rows[n:]
	}
	return w.err
}

// take checks rows up to the next place where a page or the row group may end, and counts them.
func (w *Writer) take(rows []event.Row) (n int, _ error) {
	most := min(len(rows), chunkRows-w.chunk)
	for n < most && !w.full() {
		r := &rows[n]
		if err := w.check(r); err != nil {
			return n, fmt.Errorf("row seq %d: %w", r.Seq, err)
		}
		w.groupBytes += textBytes(r)
		w.groupRows++
		w.rows++
		w.lastNS, w.last = r.TimestampNS, r.Seq
		n++
	}
	return n, nil
}

// textBytes is what a row adds to the size of a row group: its text, each value with its length.
func textBytes(r *event.Row) int {
	const stream = 4 + 36
	n := stream + 4*7 + len(r.ID) + len(r.Action) + len(r.ActorID) + len(r.ActorType) + len(r.ResourceType) + len(r.Outcome) + len(r.Producer)
	for _, t := range [...]*event.Text{
		&r.ActorEmail, &r.ResourceID, &r.Reason, &r.Details, &r.RequestID, &r.IP, &r.UserAgent, &r.OrganizationID,
	} {
		if t.Valid {
			n += 4 + len(t.S)
		}
	}
	return n
}

// full says that the row group ends here.
func (w *Writer) full() bool { return w.groupRows == w.rowsPerGroup || w.groupBytes >= w.bytesPerGroup }

// add puts rows into the columns.
func (w *Writer) add(rows []event.Row) error {
	for _, c := range w.columns {
		if err := c.add(rows); err != nil {
			return err
		}
	}
	w.chunk += len(rows)
	if w.chunk == chunkRows || w.full() {
		if err := w.endChunk(); err != nil {
			return err
		}
	}
	if w.full() {
		return w.endGroup()
	}
	return nil
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
	if w.groupRows > 0 {
		if err := w.endGroup(); err != nil {
			return err
		}
	}
	var index []byte
	if w.rows >= w.indexLeast {
		index = w.index.bytes()
	}
	if err := w.out.finish(w.rows, index); err != nil {
		return fmt.Errorf("finish parquet file: %w", err)
	}
	w.err = errors.New("parquet file is closed")
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
	case w.out.groups() == maxRowGroups:
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

// endChunk ends the pages that are large enough.
func (w *Writer) endChunk() error {
	for _, c := range w.columns {
		if !c.large(w.chunk) {
			continue
		}
		if err := c.endPage(w.page); err != nil {
			return fmt.Errorf("write column %s: %w", c.col.Name, err)
		}
	}
	w.chunk = 0
	return nil
}

func (w *Writer) endGroup() error {
	for _, c := range w.columns {
		if err := c.endPage(w.page); err != nil {
			return fmt.Errorf("write column %s: %w", c.col.Name, err)
		}
	}
	if err := w.out.writeGroup(w.columns, w.page, int64(w.groupRows)); err != nil {
		return fmt.Errorf("write row group %d: %w", w.out.groups(), err)
	}
	w.index.finish(w.groupRows)
	w.chunk, w.groupRows, w.groupBytes = 0, 0, 0
	return nil
}
