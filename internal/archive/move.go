package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// MoveOptions say what to move where.
type MoveOptions struct {
	FS     durable.FS
	Store  object.Store
	Prefix string
	Root   string // the root verifier key, from our own configuration

	// Of the stream that cannot go on.
	Stream uuid.UUID
	Dir    string         // its spool/ and ledger/
	Log    *buffer.Buffer // nobody appends to it any more
	Index  int64          // of the last commit that this node has written

	// Of the stream that goes on, in which nothing was acknowledged yet.
	To   string         // its folder: ledger/ is made in it
	Into buffer.Options // its log, which Move makes; what an earlier try left there is removed

	// Settle is how long after it took the stream over another writer may take until
	// it has committed what both logs have: the age at which it seals, and some more.
	// A recovery has longer; see recoveryMost.
	Settle time.Duration

	Now    func() time.Time
	Pause  func(context.Context, time.Duration) error // between looks. Default: it waits
	Logger *slog.Logger
}

const (
	// movePoll is the first pause between two looks at what another writer does, and
	// movePollMost the longest.
	movePoll     = 5 * time.Second
	movePollMost = time.Minute
	// recoveryMost is how long after it took the stream last a recovery may go on until it
	// has closed it. Somebody stands by it, and runs it again if it was cut short; what only this
	// disk has must not wait for ever for somebody who does not.
	recoveryMost = 24 * time.Hour
)

// runsMost bounds the moved notes of one commit; it leaves room for others.
const runsMost = 250

// Move makes the log of a stream that goes on with what another one cannot archive:
// its commits are written by somebody else (a copy of the folder, the folder before it
// was rolled back, a recovery), or something foreign is under a name of its own.
//
// It moves the rows that no commit of that stream has: a row is archived if a
// committed file has a row of its seq with the same leaf hash. They are the first rows
// of the new log, in their order. Nothing changes in the bucket, nor in the old log.
//
// It may be cut short anywhere and run again: until the new log is in use, which is
// for the caller to decide once and durably, the next run begins anew.
func Move(ctx context.Context, o MoveOptions) (Moved, error) {
	o.Pause = orPause(o.Pause)
	m := &mover{o: o, moved: Moved{Version: stateVersion, Runs: []ledger.MovedRun{}, Orphans: []Orphan{}}}
	var err error
	if m.before, err = loadMoved(o.FS, o.Dir); err != nil {
		return Moved{}, err
	}
	if err := Unmove(o.FS, o.To, o.Into.Dir); err != nil {
		return Moved{}, err
	}
	snap, err := o.Log.Snapshot(ctx)
	if err != nil {
		return Moved{}, err
	}
	defer snap.Close()
	if err := m.settle(ctx, snap); err != nil {
		return Moved{}, err
	}
	if err := m.rows(ctx, snap); err != nil {
		return Moved{}, err
	}
	if m.moved.Orphans, err = m.orphans(ctx); err != nil {
		return Moved{}, err
	}
	if err := saveJSON(o.FS, movedPath(o.To), m.moved); err != nil {
		return Moved{}, err
	}
	return m.moved, nil
}

// mover is one run of Move.
type mover struct {
	o      MoveOptions
	stream ledger.Stream // as the bucket has it
	before Moved         // what was moved into the stream that cannot go on
	moved  Moved
	next   int64 // seq of the next row in the new log
	batch  int64 // seq before which the runs are of earlier batches
}

// Unmove removes what a Move has made, whole or not, in the folder of a stream that
// was not begun.
func Unmove(fsys durable.FS, to, logDir string) error {
	if err := removeAll(fsys, logDir); err != nil {
		return fmt.Errorf("remove an unfinished log: %w", err)
	}
	dir := filepath.Dir(movedPath(to))
	if err := durable.MkdirAll(fsys, dir, 0o700); err != nil {
		return err
	}
	if err := fsys.Remove(movedPath(to)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fsys.SyncDir(dir)
}

// removeAll removes the files in a folder and in its folders; the folders stay.
func removeAll(fsys durable.FS, dir string) error {
	entries, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if e.IsDir() {
			err = removeAll(fsys, name)
		} else {
			err = fsys.Remove(name)
		}
		if err != nil {
			return err
		}
	}
	return fsys.SyncDir(dir)
}

// settle reads the stream's commits, and waits until they tell what became of each
// row. Two copies of a folder have the same rows in their logs, and the one that has
// the stream commits them soon. Once it says that it has committed everything up to
// when our last row was received, or has had the time for it, what it has not
// committed it does not have.
func (m *mover) settle(ctx context.Context, snap *buffer.Snapshot) error {
	reader, err := ledger.NewReader(m.o.Store, m.o.Prefix, m.o.Root)
	if err != nil {
		return err
	}
	last, err := lastReceived(ctx, snap)
	if err != nil {
		return err
	}
	for poll := movePoll; ; poll = min(2*poll, movePollMost) {
		view, err := reader.Refresh(ctx)
		if err != nil {
			return err
		}
		m.stream = ledger.Stream{}
		for _, s := range view.Streams {
			if s.Open.Stream == m.o.Stream {
				m.stream = s
			}
		}
		head := &m.stream.Head
		until, recovery := m.until()
		left := until.Sub(m.o.Now())
		if snap.NextSeq == snap.FirstSeq || head.Closed || m.stream.Stuck != "" || !head.Through.Before(last) ||
			head.NextSeq >= snap.NextSeq || left <= 0 { // all our seqs are taken: nobody can commit a row of ours under them any more
			return nil
		}
		if recovery {
			m.o.Logger.WarnContext(ctx, "waiting until the recovery of the stream has closed it: if it was cut short, run it again", "until", until)
		} else {
			m.o.Logger.WarnContext(ctx, "waiting until the stream's other writer has committed what both have", "until", until)
		}
		if err := m.o.Pause(ctx, min(left, poll)); err != nil {
			return err
		}
	}
}

// until says how long the stream's other writer has to commit what it has of our rows, and
// whether that is a recovery. It counts from when that one last took the stream over,
// which a commit without rows says; those with rows may have been sealed long before.
func (m *mover) until() (_ time.Time, recovery bool) {
	var taken time.Time
	for i := range m.stream.Manifests {
		c := &m.stream.Manifests[i]
		if c.Index <= m.o.Index {
			continue
		}
		recovery = c.Has(ledger.NoteRecover)
		if taken.IsZero() || c.Has(ledger.NoteStart) || recovery && c.Last < c.First {
			taken = c.SealedAt
		}
	}
	if recovery {
		return taken.Add(recoveryMost), true
	}
	return taken.Add(m.o.Settle), false
}

// lastReceived is when the last row of a log was received. The batches behind it are
// empty: heartbeats are sealed also while nothing can be archived.
func lastReceived(ctx context.Context, snap *buffer.Snapshot) (at time.Time, _ error) {
	var rows buffer.Rows = snap.Open
	if snap.Open.Count == 0 {
		for _, b := range slices.Backward(snap.Batches) {
			if rows = b; b.Count > 0 {
				break
			}
		}
	}
	for e, err := range rows.Scan(ctx) {
		if err != nil {
			return at, err
		}
		at = time.UnixMilli(e.Row.ReceivedAtMS)
	}
	return at, nil
}

// rows moves what no commit has.
func (m *mover) rows(ctx context.Context, snap *buffer.Snapshot) error {
	archived := committedRows{o: &m.o, manifests: m.stream.Manifests}
	defer archived.close()
	ends := make([]int64, 0, len(snap.Batches)) // the last seqs of the old batches
	for _, b := range snap.Batches {
		ends = append(ends, b.Last)
	}
	return buffer.Import(ctx, m.o.Into, snap, func(e buffer.Entry) (bool, error) {
		for len(ends) > 0 && ends[0] < e.Ref.Seq() {
			ends, m.batch = ends[1:], m.next
		}
		is, err := archived.has(ctx, e.Ref.Seq(), event.LeafHash(&e.Row))
		if err != nil || is {
			return false, err
		}
		return true, m.add(e.Ref.Seq())
	})
}

// add notes that the row with that seq is the next one of the new log.
func (m *mover) add(seq int64) error {
	known := len(m.moved.Runs)
	m.extend(m.o.Stream, seq)
	for _, r := range m.before.Runs {
		if r.To.First <= seq && seq <= r.To.Last {
			m.extend(r.Stream, r.Range.First+seq-r.To.First)
		}
	}
	m.next++
	if len(m.moved.Runs) == known {
		return nil
	}
	inBatch := 0
	for i := len(m.moved.Runs) - 1; i >= 0 && m.moved.Runs[i].To.Last >= m.batch; i-- {
		inBatch++
	}
	if inBatch > runsMost {
		return fmt.Errorf("the rows before seq %d are in more than %d pieces: one commit cannot name them", seq, runsMost)
	}
	return nil
}

// extend makes the run that ends before this row longer, or begins another.
func (m *mover) extend(stream uuid.UUID, seq int64) {
	for i := len(m.moved.Runs) - 1; i >= 0; i-- {
		r := &m.moved.Runs[i]
		if r.To.Last < m.next-1 {
			break
		}
		if r.Stream == stream && r.Range.Last == seq-1 && r.To.Last == m.next-1 {
			r.Range.Last, r.To.Last = seq, m.next
			return
		}
	}
	m.moved.Runs = append(m.moved.Runs, ledger.MovedRun{Stream: stream, Range: ledger.Range{First: seq, Last: seq}, To: ledger.Range{First: m.next, Last: m.next}})
}

// committedRows tells which rows are in committed files. It is asked in order of
// seqs, and holds the hashes of one commit at a time.
type committedRows struct {
	o         *MoveOptions
	manifests []ledger.Manifest // those from the next one to look at on
	first     int64             // seq of leaves[0]
	leaves    []ledger.Hash     // zero: no row
	file      durable.File      // what is fetched
}

func (c *committedRows) has(ctx context.Context, seq int64, leaf ledger.Hash) (bool, error) {
	for len(c.manifests) > 0 && c.manifests[0].First <= seq {
		m := &c.manifests[0]
		c.manifests = c.manifests[1:]
		if m.Last < seq {
			continue
		}
		if err := c.load(ctx, m); err != nil {
			return false, fmt.Errorf("compare with commit %d: %w", m.Index, err)
		}
	}
	i := seq - c.first
	return i >= 0 && i < int64(len(c.leaves)) && c.leaves[i] == leaf, nil
}

// seqsMost bounds the seqs of a commit with rows, whose hashes take 2 GiB then. Another
// writer may sign whatever it wants, and must not end this process.
const seqsMost = 1 << 26

func (c *committedRows) load(ctx context.Context, m *ledger.Manifest) error {
	c.first, c.leaves = m.First, nil
	if len(m.Files) == 0 { // all of it is lost
		return nil
	}
	if m.Last-m.First >= seqsMost {
		return fmt.Errorf("it covers %d seqs, at most %d can be compared", m.Last-m.First+1, seqsMost)
	}
	c.leaves = make([]ledger.Hash, m.Last-m.First+1)
	for i := range m.Files {
		if err := c.loadFile(ctx, &m.Files[i]); err != nil {
			return fmt.Errorf("%s version %s: %w", m.Files[i].Key, m.Files[i].VersionID, err)
		}
	}
	return nil
}

func (c *committedRows) loadFile(ctx context.Context, f *ledger.File) error {
	if c.file == nil {
		var err error
		if c.file, err = c.o.FS.OpenFile(c.name(), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
			return err
		}
	}
	if err := fetchFile(ctx, c.o.Store, c.o.Prefix, f, c.file); err != nil {
		return err
	}
	return eachRow(c.file, f, func(row *event.Row) error {
		i := row.Seq - c.first
		if i < 0 || i >= int64(len(c.leaves)) {
			return fmt.Errorf("seq %d does not belong there", row.Seq)
		}
		c.leaves[i] = event.LeafHash(row)
		return nil
	})
}

func (c *committedRows) name() string { return filepath.Join(c.o.To, "ledger", "fetched") }

// close removes what was fetched.
func (c *committedRows) close() {
	if c.file == nil {
		return
	}
	if err := errors.Join(c.file.Close(), c.o.FS.Remove(c.name())); err != nil {
		c.o.Logger.Warn("a fetched file stays behind", "error", err)
	}
}
