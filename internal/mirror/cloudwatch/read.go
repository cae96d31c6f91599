package cloudwatch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
)

// What is in this file only reads, also while a mirror is at work, and asks nobody.

// Rejection is one line of a report: an event that CloudWatch Logs does not have.
type Rejection struct {
	At        time.Time `json:"at"`
	Stream    uuid.UUID `json:"stream"`
	Seq       int64     `json:"seq"`
	ID        string    `json:"id"`
	Timestamp time.Time `json:"timestamp"` // of the event, in milliseconds
	Reason    Reason    `json:"reason"`
}

func readCursor(fsys durable.FS, name string) (Cursor, error) {
	data, err := durable.ReadFile(fsys, name)
	if err != nil {
		return Cursor{}, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var c Cursor
	if err := dec.Decode(&c); err != nil {
		return Cursor{}, fmt.Errorf("read cursor %s: %w: restore it, or remove it to send the stream again", name, err)
	}
	if c.Version != cursorVersion || c.Index < 0 || c.Row < 0 || c.Report.File&^1 != 0 || c.Report.Bytes < 0 {
		return Cursor{}, fmt.Errorf("read cursor %s: version %d, index %d, row %d, report %v: not a cursor of this program",
			name, c.Version, c.Index, c.Row, c.Report)
	}
	return c, nil
}

// ReadCursors returns the cursors in the folder of a mirror, which may be at work
// meanwhile, by stream of the archive. A folder that does not exist has none.
func ReadCursors(fsys durable.FS, dir string) (map[uuid.UUID]Cursor, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read cursors: %w", err)
	}
	cursors := make(map[uuid.UUID]Cursor)
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), cursorSuffix)
		stream, err := uuid.Parse(base)
		if !ok || err != nil {
			continue
		}
		if cursors[stream], err = readCursor(fsys, filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return cursors, nil
}

// ReportName is the name of one of the two reports of a stream, 0 or 1, in the
// folder of a mirror.
func ReportName(dir string, stream uuid.UUID, file int) string {
	return filepath.Join(dir, fmt.Sprintf("%s.rejected-%d.ndjson", stream, file))
}

// ReadRejections returns the latest rejected events of a stream, the latest last, and
// at most so many. c is its cursor. The reports hold the newest 8 to 16 MiB: counts
// may be higher than what they name.
func ReadRejections(fsys durable.FS, dir string, stream uuid.UUID, c Cursor, most int) ([]Rejection, error) {
	var all []Rejection
	for _, file := range []int{1 - c.Report.File, c.Report.File} {
		name := ReportName(dir, stream, file)
		data, err := durable.ReadFile(fsys, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read report: %w", err)
		}
		if file == c.Report.File {
			data = data[:min(int64(len(data)), c.Report.Bytes)]
		}
		// A line without its end is being written, or was when somebody died.
		data = data[:bytes.LastIndexByte(data, '\n')+1]
		for line := range bytes.Lines(data) {
			var r Rejection
			if err := json.Unmarshal(line, &r); err != nil {
				return nil, fmt.Errorf("read report %s: %w", name, err)
			}
			all = append(all, r)
		}
		all = all[max(0, len(all)-most):]
	}
	return all, nil
}
