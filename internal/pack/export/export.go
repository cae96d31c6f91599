// Package export makes evidence packs: it copies the ledger of an archive, the
// rows that somebody selected, and the proofs that they are in it, into one tar
// file that package pack checks without the archive.
//
// Everything is verified before it goes in: commits by the root key, files by the
// SHA-256 and the root that a commit gives. Memory holds one line per member and
// what a batch needs; the rest goes through a temporary folder, which takes as
// much room as the pack. The pack is on the disk as a whole, or not at all.
package export

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/pack"
)

// Row names a row that the condition selects.
type Row = pack.Row

// Options says what to export. All but Where, WholeFiles, Results and Progress are
// required.
type Options struct {
	Store  object.Store
	Prefix string
	Root   string // verifier key, from the caller's configuration
	Writer string // name and version of the program

	From, To time.Time // of the rows' timestamp; To is exclusive
	Where    string    // a condition in Athena's SQL, for the record; "" when time alone decides
	// Selected yields the rows that Where selects within the period, in order of
	// streams and seqs. It is not called without a Where.
	Selected   func(context.Context) iter.Seq2[Row, error]
	WholeFiles bool
	Results    map[string][]byte // by command: doctor, verify; their JSON

	Out  string // file; it must not exist
	Temp string // folder for temporary files; "" is that of Out
	Now  func() time.Time

	Progress func(Progress) // may be nil; called in order
}

// Progress tells how far an export is.
type Progress struct {
	Commits     int64 // copied and verified
	Files, Of   int   // of the period
	Rows, Bytes int64 // rows exported, bytes of the pack
}

// Summary is what an export ends with.
type Summary struct {
	Statement pack.Statement
	Members   int
	Bytes     int64
	SHA256    ledger.Hash // of the pack
}

// Export makes the pack. When it returns an error there is no pack at Out.
func Export(ctx context.Context, o Options) (_ *Summary, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp(o.Temp, ".export-*")
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	e := &exporter{Options: o, temp: temp, build: pack.Build{FromNS: o.From.UnixNano(), ToNS: o.To.UnixNano()}}
	if e.spool, err = newSpool(filepath.Join(temp, "members")); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	defer func() { err = errors.Join(err, e.spool.Close()) }()
	for _, step := range []func(context.Context) error{e.ledger, e.rows, e.pages} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("export: %w", err)
		}
	}
	s, err := e.assemble(ctx)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return s, nil
}

// The instants that a timestamp in nanoseconds can have.
var (
	// Earliest is the first of them, and the From of an export that has none.
	Earliest = time.Unix(0, -1<<63).UTC()
	// Latest is the last one, and the To of an export that has none.
	Latest = time.Unix(0, 1<<63-1).UTC()
)

func (o *Options) check() error {
	if o.Temp == "" {
		o.Temp = filepath.Dir(o.Out)
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	switch {
	case !o.From.Before(o.To):
		return fmt.Errorf("export: from %s to %s: the period is empty", o.From.Format(time.RFC3339), o.To.Format(time.RFC3339))
	case o.From.Before(Earliest) || o.To.After(Latest):
		return fmt.Errorf("export: the period must lie between %d and %d", Earliest.Year(), Latest.Year())
	}
	if _, err := os.Lstat(o.Out); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("export: %s: %w", o.Out, errors.Join(fs.ErrExist, err))
	}
	return nil
}

// exporter is one export. Its steps are methods.
type exporter struct {
	Options
	temp  string
	spool *spool

	archive   uuid.UUID
	build     pack.Build
	statement pack.Statement
	progress  Progress
}

// add copies content into the pack.
func (e *exporter) add(name string, content []byte) error {
	return e.spool.add(name, content)
}

// assemble writes the tar file from the spooled members.
//
// What is true if we die after each step:
//
//	write, sync   there is no Out; a leftover Out.tmp may be deleted
//	rename        there is an Out or not, and it is whole
//	sync folder   Out is there
func (e *exporter) assemble(ctx context.Context) (_ *Summary, err error) {
	fsys := durable.OS()
	temp := e.Out + ".tmp"
	f, err := fsys.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	s, err := e.write(ctx, io.NewOffsetWriter(f, 0))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", e.Out, err), fsys.Remove(temp))
	}
	if err := fsys.Rename(temp, e.Out); err != nil {
		return nil, err
	}
	return s, fsys.SyncDir(filepath.Dir(e.Out))
}

func (e *exporter) write(ctx context.Context, f io.Writer) (*Summary, error) {
	sum := sha256.New()
	out := &tarWriter{w: io.MultiWriter(f, sum)}
	members := slices.Clone(e.spool.members)
	slices.SortFunc(members, func(a, b member) int { return cmp.Compare(a.Name, b.Name) })
	manifest := pack.Manifest{Version: pack.Version, Archive: e.archive, Members: make([]pack.Member, len(members))}
	for i, m := range members {
		manifest.Members[i] = m.Member
	}
	if len(members) >= pack.MaxMembers {
		return nil, fmt.Errorf("%d members, a pack has at most %d: narrow the period", len(members), pack.MaxMembers)
	}
	line, err := ledger.EncodeDocument(manifest)
	if err != nil {
		return nil, err
	}
	if len(line) > pack.MaxManifestBytes {
		return nil, fmt.Errorf("the manifest has %d bytes, at most %d: narrow the period", len(line), pack.MaxManifestBytes)
	}
	at := 0
	for ; at < len(members) && members[at].Name < pack.ManifestName; at++ {
		if err := e.copy(ctx, out, members[at]); err != nil {
			return nil, err
		}
	}
	if err := out.member(pack.ManifestName, int64(len(line)), bytes.NewReader(line)); err != nil {
		return nil, err
	}
	for ; at < len(members); at++ {
		if err := e.copy(ctx, out, members[at]); err != nil {
			return nil, err
		}
	}
	if err := out.end(); err != nil {
		return nil, err
	}
	return &Summary{Statement: e.statement, Members: len(members) + 1, Bytes: out.bytes, SHA256: ledger.Hash(sum.Sum(nil))}, nil
}

func (e *exporter) copy(ctx context.Context, out *tarWriter, m member) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := out.member(m.Name, m.Size, m.open()); err != nil {
		return fmt.Errorf("member %s: %w", m.Name, err)
	}
	e.progress.Bytes = out.bytes
	e.Progress(e.progress)
	return nil
}
