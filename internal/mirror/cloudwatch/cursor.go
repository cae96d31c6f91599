package cloudwatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
)

const (
	cursorVersion = 0
	cursorSuffix  = ".cursor"

	// reportBytes is when a report is full. The other of a stream's two is then
	// begun anew: the newest reports are there, and the disk is bounded.
	reportBytes = 8 << 20
)

// Cursor is how far one stream is mirrored, and with what result: the content of
// <stream>.cursor. It is replaced as a whole by rename, so it is what one Write made
// of it; if it is lost, the stream is sent again from its first event.
type Cursor struct {
	Version   int    `json:"version"`
	Region    string `json:"region"`
	LogGroup  string `json:"log_group"`
	LogStream string `json:"log_stream"`

	Index int64 `json:"index"` // of the commit that comes next
	Row   int64 `json:"row"`   // rows of it that are dealt with

	Sent         int64  `json:"sent"` // events that were taken, repeats by a crash not counted
	Rejected     Counts `json:"rejected"`
	RefusedInRow int    `json:"refused_in_row"` // events that were Refused since one was taken
	Report       Report `json:"report"`
}

// Counts are the rejected events of a stream by Reason, since its first commit.
type Counts struct {
	TooOld   int64 `json:"too_old"`
	TooNew   int64 `json:"too_new"`
	Expired  int64 `json:"expired"`
	TooLarge int64 `json:"too_large"`
	Refused  int64 `json:"refused"`
}

// Of returns where the events of one reason are counted.
func (c *Counts) Of(why Reason) *int64 {
	switch why {
	case TooOld:
		return &c.TooOld
	case TooNew:
		return &c.TooNew
	case Expired:
		return &c.Expired
	case TooLarge:
		return &c.TooLarge
	default:
		return &c.Refused
	}
}

// Report is the end of the reports: Bytes of <stream>.rejected-<File>.ndjson. What lies
// behind it, and after a crash perhaps the beginning of the other file, belongs to rows
// that are judged again: seq tells them apart.
type Report struct {
	File  int   `json:"file"`
	Bytes int64 `json:"bytes"`
}

// progress is a stream of the archive on its way into its log stream.
type progress struct {
	stream  uuid.UUID
	dir     string
	saved   Cursor // on disk
	next    Cursor // true, and on disk after the next settle
	reports []byte // lines of next that are not on disk
}

func (p *progress) settled() bool { return p.next == p.saved && len(p.reports) == 0 }

func (p *progress) cursorName() string {
	return filepath.Join(p.dir, p.stream.String()+cursorSuffix)
}

func (p *progress) reportName(file int) string { return ReportName(p.dir, p.stream, file) }

// reject counts and reports an event that is not taken.
func (p *progress) reject(e *entry, now time.Time) {
	*p.next.Rejected.Of(e.reason)++
	line, err := json.Marshal(Rejection{
		At: now.UTC(), Stream: p.stream, Seq: e.seq, ID: e.id, Timestamp: time.UnixMilli(e.ms).UTC(), Reason: e.reason,
	})
	if err != nil { // a clock in a year of five digits
		line, _ = json.Marshal(map[string]any{"seq": e.seq, "id": e.id, "reason": e.reason, "error": err.Error()})
	}
	p.reports = append(append(p.reports, line...), '\n')
}

// open returns the progress of a stream, which it reads when it is asked for the
// first time. A cursor of another log stream is an error: its position says nothing
// about this one.
func (t *Target) open(stream uuid.UUID) (*progress, error) {
	if t.broken != nil {
		return nil, t.broken
	}
	if p := t.streams[stream]; p != nil {
		return p, nil
	}
	p := &progress{stream: stream, dir: t.o.Dir}
	fresh := Cursor{
		Version: cursorVersion, Region: t.o.Region,
		LogGroup: t.o.LogGroup, LogStream: t.o.LogStreamPrefix + stream.String(),
	}
	c, err := readCursor(t.o.FS, p.cursorName())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c = fresh
	case err != nil:
		return nil, err
	case c.Region != fresh.Region, c.LogGroup != fresh.LogGroup, c.LogStream != fresh.LogStream:
		return nil, fmt.Errorf("cursor %s is that of log stream %s in log group %s, region %s: use another folder, or move this one away to send everything again",
			p.cursorName(), c.LogStream, c.LogGroup, c.Region)
	}
	p.saved, p.next = c, c
	if err := t.appendReport(p, nil); err != nil {
		return nil, err
	}
	t.streams[stream] = p
	return p, nil
}

// settle makes next durable.
//
// What is true if we die after each step:
//
//	append to the report  the cursor says where the report ended; the next process cuts it there
//	replace the cursor    the rows are dealt with, and the reports about them are in the report
//
// An error leaves next as it is, to be settled by the next call.
func (t *Target) settle(p *progress) error {
	if p.settled() {
		return nil
	}
	if len(p.reports) > 0 {
		if err := t.appendReport(p, p.reports); err != nil {
			return err
		}
		p.reports = p.reports[:0]
	}
	data, err := json.Marshal(p.next)
	if err != nil {
		return fmt.Errorf("encode cursor: %w", err)
	}
	if err := durable.WriteFile(t.o.FS, p.cursorName(), append(data, '\n'), 0o600); err != nil {
		return t.final(err)
	}
	p.saved = p.next
	return nil
}

// appendReport writes lines where the report of p.next ends, and cuts off what lies
// behind them. Without lines it only cuts.
func (t *Target) appendReport(p *progress, lines []byte) error {
	end := p.next.Report
	if len(lines) > 0 && end.Bytes >= reportBytes {
		end = Report{File: 1 - end.File}
	}
	name, flags := p.reportName(end.File), os.O_RDWR
	if len(lines) > 0 {
		flags |= os.O_CREATE
	}
	f, err := t.o.FS.OpenFile(name, flags, 0o600)
	if len(lines) == 0 && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open report: %w", err)
	}
	size, err := writeEnd(f, end.Bytes, lines)
	if err := errors.Join(err, f.Close()); err != nil {
		return t.final(fmt.Errorf("write report %s: %w", name, err))
	}
	if len(lines) == 0 {
		return nil
	}
	if err := t.o.FS.SyncDir(p.dir); err != nil {
		return t.final(fmt.Errorf("write report %s: %w", name, err))
	}
	p.next.Report = Report{File: end.File, Bytes: size}
	return nil
}

// writeEnd leaves a file with its first end bytes, or what somebody left of them,
// and lines, and returns its size.
func writeEnd(f durable.File, end int64, lines []byte) (int64, error) {
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	if size > end {
		if err := f.Truncate(end); err != nil {
			return 0, err
		}
	} else {
		if len(lines) == 0 {
			return size, nil
		}
		end = size
	}
	if n, err := f.WriteAt(lines, end); err != nil {
		return 0, err
	} else if n < len(lines) {
		return 0, io.ErrShortWrite
	}
	if err := f.Sync(); err != nil {
		return 0, fmt.Errorf("%w: %w", durable.ErrSync, err)
	}
	return end + int64(len(lines)), nil
}

// final remembers an error that no repetition mends.
func (t *Target) final(err error) error {
	if errors.Is(err, durable.ErrSync) {
		t.broken = err
	}
	return err
}
