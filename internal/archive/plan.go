package archive

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// planVersion is the version of plan.json.
const planVersion = 1

// plan is what the spool folder of a batch holds, as plan.json beside the files.
// It is written last, so a folder without a whole plan is rubbish of a crash.
type plan struct {
	Version int       `json:"version"`
	Stream  string    `json:"stream"`
	Batch   int64     `json:"batch"`
	First   int64     `json:"first"`
	Last    int64     `json:"last"`
	Files   []spooled `json:"files"`
}

// spooled is one Parquet file, final and on our disk.
type spooled struct {
	Name        string      `json:"name"`  // its key in the bucket, relative to the prefix
	Local       string      `json:"local"` // its name in the spool folder
	Class       string      `json:"class"`
	Day         string      `json:"day"`
	Size        int64       `json:"size"`
	SHA256      ledger.Hash `json:"sha256"`
	Rows        int64       `json:"rows"`
	Root        ledger.Hash `json:"root"`
	FirstSeq    int64       `json:"first_seq"`
	LastSeq     int64       `json:"last_seq"`
	MinNS       int64       `json:"min_timestamp_ns"`
	MaxNS       int64       `json:"max_timestamp_ns"`
	SealedUntil time.Time   `json:"sealed_until"` // fixed by the seal record
	RetainUntil time.Time   `json:"retain_until"` // what we ask for; see redate
}

// part collects the rows of one batch that fall in one partition.
type part struct {
	class, day string
	number     int64 // of the day
	rows       []position
}

// newPart makes room for so many rows.
func newPart(row buffer.Outline, room int64) *part {
	e := event.Event{TimestampNS: row.TimestampNS}
	return &part{class: string(row.Class), day: e.Day(), number: event.DayNumber(row.TimestampNS), rows: make([]position, 0, room)}
}

func (p *part) holds(row buffer.Outline) bool {
	return p.number == event.DayNumber(row.TimestampNS) && p.class == string(row.Class)
}

// position is where a row goes in its file, and where it is read from: 32 bytes per row.
// A batch of one part takes that much memory, one of many parts at most three times as
// much; see divide.
type position struct {
	ns  int64
	ref buffer.Ref
}

// divide looks at a batch once and sorts its rows into partitions, each in the order
// of its file. The first part has room for all of them: nearly always it is the only one,
// and growing would take twice as much. Others grow.
func divide(ctx context.Context, b *buffer.Batch) ([]*part, error) {
	var parts []*part
	var last *part // nearly always that of the next row
	total := int64(0)
	for row, err := range b.Outlines(ctx) {
		if err != nil {
			return nil, err
		}
		if last == nil || !last.holds(row) {
			i := slices.IndexFunc(parts, func(p *part) bool { return p.holds(row) })
			if i < 0 {
				i = len(parts)
				room := int64(0)
				if i == 0 {
					room = b.Count
				}
				parts = append(parts, newPart(row, room))
			}
			last = parts[i]
		}
		last.rows = append(last.rows, position{ns: row.TimestampNS, ref: row.Ref})
		total++
	}
	if total != b.Count {
		return nil, fmt.Errorf("the WAL gave %d rows, the seal says %d", total, b.Count)
	}
	for _, p := range parts {
		slices.SortFunc(p.rows, func(x, y position) int {
			return cmp.Or(cmp.Compare(x.ns, y.ns), cmp.Compare(x.ref.Seq(), y.ref.Seq()))
		})
	}
	slices.SortFunc(parts, func(x, y *part) int {
		return cmp.Or(cmp.Compare(x.class, y.class), cmp.Compare(x.day, y.day))
	})
	return parts, nil
}

// loadPlan returns the plan of a batch that was spooled before, after comparing
// every file with its hash. ok is false when there is none that is whole. A plan or a
// file that the disk has lost is not; one that cannot be read for another reason may
// be read later, and its bytes may have been sent.
func (a *Archiver) loadPlan(b *buffer.Batch) (_ plan, ok bool, _ error) {
	dir := a.spoolDir(b.Number)
	p, err := readPlan(a.fs, dir)
	if errors.Is(err, errNoPlan) {
		if !errors.Is(err, os.ErrNotExist) {
			a.log.Warn("spool plan is not readable and is made again", "batch", b.Number, "error", err)
		}
		return plan{}, false, nil
	}
	if err != nil {
		return plan{}, false, err
	}
	if p.Stream != b.Stream.String() || p.Batch != b.Number || p.First != b.First || p.Last != b.Last {
		return plan{}, false, fmt.Errorf("spool folder %s belongs to stream %s batch %d: move it away", dir, p.Stream, p.Batch)
	}
	for _, f := range p.Files {
		sum, size, err := a.hashFile(filepath.Join(dir, f.Local))
		if err != nil && !lost(err) {
			return plan{}, false, fmt.Errorf("read spooled file: %w", err)
		}
		if err != nil || size != f.Size || sum != f.SHA256 {
			a.log.Warn("spooled file is damaged and is made again", "batch", b.Number, "file", f.Local, "error", err)
			return plan{}, false, nil
		}
	}
	return p, true, nil
}

// errNoPlan: a spool folder has no plan that is whole.
var errNoPlan = errors.New("no whole plan")

// readPlan reads the plan of a spool folder. Any error but errNoPlan may pass.
func readPlan(fs durable.FS, dir string) (p plan, _ error) {
	raw, err := durable.ReadFile(fs, filepath.Join(dir, planName))
	if err != nil && !lost(err) {
		return plan{}, fmt.Errorf("read spool plan: %w", err)
	}
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err == nil && p.Version != planVersion {
		err = fmt.Errorf("version %d, want %d", p.Version, planVersion)
	}
	if err != nil {
		return plan{}, fmt.Errorf("%w: %w", errNoPlan, err)
	}
	return p, nil
}

// lost says that what was to be read is not on the disk any more: another try, or more
// descriptors, or the right to read, bring nothing back.
func lost(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EBADMSG)
}

func (a *Archiver) savePlan(p plan) error {
	raw, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return fmt.Errorf("encode spool plan: %w", err)
	}
	return durable.WriteFile(a.fs, filepath.Join(a.spoolDir(p.Batch), planName), raw, 0o600)
}

// redate chooses a later retention date for files whose date has passed, or will
// have before the store has them: S3 refuses a date in the past, and an object
// that was never locked proves nothing. The new date is on our disk before it is
// sent, so that a repetition asks for the same. It gives the full period again. A date
// that a clock chose which has been set back since is taken back, for the reason of
// Options.AheadMost.
func (a *Archiver) redate(b *buffer.Batch, p *plan) error {
	now := a.now()
	changed := false
	later := *p
	later.Files = slices.Clone(p.Files) // until it is on our disk, nobody may send it
	for i := range later.Files {
		f := &later.Files[i]
		period := f.SealedUntil.Sub(b.SealedAt)
		if f.RetainUntil.After(f.SealedUntil) && f.RetainUntil.After(now.Add(period+a.ahead)) {
			a.log.Warn("the clock was set back since a later retention date was chosen: choosing again", "name", f.Name, "retain_until", f.RetainUntil)
			f.RetainUntil, changed = f.SealedUntil, true
		}
		if f.RetainUntil.After(now.Add(redateMargin)) {
			continue
		}
		f.RetainUntil = now.Add(period).UTC().Truncate(time.Second).Add(time.Second)
		changed = true
		a.log.Warn("retention date passed before the upload: locking longer", "name", f.Name,
			"sealed_until", f.SealedUntil, "retain_until", f.RetainUntil)
	}
	if !changed {
		return nil
	}
	if err := a.savePlan(later); err != nil {
		return err
	}
	*p = later
	return nil
}

func (p *part) name(b *buffer.Batch) string {
	return ledger.DataName(p.class, p.day, b.Stream, b.First, b.Last)
}
