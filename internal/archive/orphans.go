package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/parquet"
)

const (
	// orphansMost leaves room for the other notes of the commit. A batch has 64 files
	// at most, and one batch of a writer is under way at a time.
	orphansMost = 200
	// clockSkew is how far a writer's clock may be from the store's: S3 refuses the
	// requests of a writer whose clock is off by more.
	clockSkew = 15 * time.Minute
)

// orphans looks for the files that a writer of the stream has sent and that no commit
// names: its node was lost between the files of a batch and their commit, or an earlier
// recovery was, and what is recovered now was cut elsewhere. They do not count, but
// whoever reads the bucket without the ledger meets their rows.
//
// The day is above the stream in a key, so they may be anywhere: this lists all of
// events/, every stream's, one request for 1,000 versions, and holds what it finds
// only. Ahead are batches that a dry run does not archive.
//
// What it names a verifier does not call injected any more, so it names nothing that
// the writer cannot have sent: see suspects and sentByUs.
func (r *recovery) orphans(ctx context.Context, s *ledger.Stream, ahead []*buffer.ShippedBatch) (notes []ledger.Note, _ error) {
	looks := newSuspects(r.o.Prefix, s, ahead)
	var oldest object.Info // of the key that is listed
	var through time.Time
	judge := func() error {
		if oldest.Key == "" {
			return nil
		}
		why, err := r.sentByUs(ctx, oldest, through)
		if err != nil {
			return err
		}
		if why == "" && len(notes) == orphansMost {
			why = "there are too many to name"
		}
		if why != "" {
			r.o.Log.ErrorContext(ctx, "a file that no commit names, and that is not named as an orphan either: verify will call it injected",
				"key", oldest.Key, "version", oldest.VersionID, "why", why)
			return nil
		}
		r.o.Log.WarnContext(ctx, "a file that no commit names does not count", "key", oldest.Key, "version", oldest.VersionID)
		notes = append(notes, ledger.Note{Kind: ledger.NoteOrphan, Key: strings.TrimPrefix(oldest.Key, ledger.Join(r.o.Prefix, "")),
			VersionID: oldest.VersionID, Text: "sent by the stream's writer before its commit, which never came"})
		return nil
	}
	for v, err := range r.o.Store.Versions(ctx, ledger.Join(r.o.Prefix, "events/")) {
		if err != nil {
			return nil, fmt.Errorf("look for orphans: %w", err)
		}
		if v.Key != oldest.Key {
			if err := judge(); err != nil {
				return nil, fmt.Errorf("look for orphans: %w", err)
			}
			oldest = object.Info{}
		}
		if at, ok := looks.like(v.Key); ok && !v.DeleteMarker {
			oldest, through = v, at
		}
	}
	if err := judge(); err != nil {
		return nil, fmt.Errorf("look for orphans: %w", err)
	}
	return notes, nil
}

// sentByUs says why a version cannot be what a writer of the stream has sent; "" when
// it can. Of a key's versions only the oldest can: a writer sends a file where there
// is none. It sends it locked. And it commits in order, so once it says that it has
// committed everything up to some time, it has nothing under way from before.
func (r *recovery) sentByUs(ctx context.Context, v object.Info, through time.Time) (why string, _ error) {
	if through.After(v.LastModified.Add(clockSkew)) {
		return fmt.Sprintf("the stream was complete through %s by then", through.Format(time.RFC3339)), nil
	}
	info, err := r.o.Store.Head(ctx, v.Key, v.VersionID)
	if err != nil {
		return "", fmt.Errorf("%s version %s: %w", v.Key, v.VersionID, err)
	}
	if info.Mode != object.Compliance {
		return fmt.Sprintf("its lock has mode %q, or cannot be seen", info.Mode), nil
	}
	return "", nil
}

// suspects tells which keys may be of files that were under way.
type suspects struct {
	prefix string
	stream *ledger.Stream
	// begins are the seqs at which such a file's batch begins, and up to when the stream
	// was complete then. A writer's next batch begins where its last commit ended.
	begins map[int64]time.Time
	named  map[string]bool       // of files that begin there, and are committed
	coming map[ledger.Range]bool // batches whose files will be adopted, if they are there
}

func newSuspects(prefix string, s *ledger.Stream, ahead []*buffer.ShippedBatch) *suspects {
	l := &suspects{prefix: prefix, stream: s, begins: make(map[int64]time.Time), named: make(map[string]bool), coming: make(map[ledger.Range]bool)}
	begin := func(seq int64, through time.Time) {
		if _, known := l.begins[seq]; !known {
			l.begins[seq] = through
		}
	}
	through := time.Time{}
	for i := range s.Manifests {
		m := &s.Manifests[i]
		if m.Has(ledger.NoteRecover) {
			begin(m.First, through)
			for _, f := range m.Files {
				l.named[f.Key] = true
			}
		}
		through = m.Through
	}
	begin(s.Head.NextSeq, through)
	for _, b := range ahead {
		begin(b.First, through)
		begin(b.Last+1, through)
		l.coming[ledger.Range{First: b.First, Last: b.Last}] = !b.Lost
	}
	return l
}

// like returns up to when the stream was complete when a file of that key was sent.
func (l *suspects) like(key string) (through time.Time, ok bool) {
	p, ok := parquet.ParseKey(l.prefix, key)
	if !ok || p.Stream != l.stream.Open.Stream || l.coming[ledger.Range{First: p.First, Last: p.Last}] ||
		l.named[strings.TrimPrefix(key, ledger.Join(l.prefix, ""))] {
		return time.Time{}, false
	}
	through, ok = l.begins[p.First]
	return through, ok
}

// orphans are the versions that no commit names of files that this node has spooled, or
// signed a commit for: its own bytes, locked. What somebody else has put under such a
// name stays a finding.
func (m *mover) orphans(ctx context.Context) (found []Orphan, _ error) {
	named := make(map[Orphan]bool)
	for i := range m.stream.Manifests {
		for _, f := range m.stream.Manifests[i].Files {
			named[Orphan{f.Key, f.VersionID}] = true
		}
	}
	sent, err := m.sent()
	if err != nil {
		return nil, err
	}
	found = []Orphan{}
	bucket := bucket{store: m.o.Store, log: m.o.Logger}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		key := ledger.Join(m.o.Prefix, name)
		for v, err := range m.o.Store.Versions(ctx, key) {
			if err != nil {
				return nil, fmt.Errorf("look for orphans: %w", err)
			}
			o := Orphan{name, v.VersionID}
			if v.Key != key || v.DeleteMarker || named[o] {
				continue
			}
			info, err := m.o.Store.Head(ctx, key, v.VersionID)
			if err == nil && info.SHA256 == (ledger.Hash{}) {
				info.SHA256, err = bucket.hash(ctx, v)
			}
			switch {
			case err != nil:
				return nil, fmt.Errorf("look for orphans: %s version %s: %w", key, v.VersionID, err)
			case info.SHA256 != sent[name] || info.Mode != object.Compliance:
				m.o.Logger.ErrorContext(ctx, "this node has not written what is under the name of a file of its own: verify will call it injected",
					"key", key, "version", v.VersionID)
			case len(found) == orphansMost:
				m.o.Logger.ErrorContext(ctx, "there are more files that no commit names than can be named as orphans: verify will call it injected",
					"key", key, "version", v.VersionID)
			default:
				found = append(found, o)
			}
		}
	}
	return found, nil
}

// sent are the files that this node may have sent, by name, and what their bytes hash to.
func (m *mover) sent() (map[string]ledger.Hash, error) {
	files := make(map[string]ledger.Hash)
	dir := filepath.Join(m.o.Dir, "spool")
	entries, err := m.o.FS.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if _, err := strconv.ParseInt(e.Name(), 10, 64); err != nil || !e.IsDir() {
			continue // not ours
		}
		p, err := readPlan(m.o.FS, filepath.Join(dir, e.Name()))
		if errors.Is(err, errNoPlan) {
			continue // nothing of it was sent, or nobody can tell any more
		}
		if err != nil {
			return nil, err
		}
		for _, f := range p.Files {
			files[f.Name] = f.SHA256
		}
	}
	var p pending
	found, err := readJSON(m.o.FS, filepath.Join(m.o.Dir, "ledger", "pending"), &p)
	if err != nil || !found {
		return files, err
	}
	c, err := ledger.ParseCommit(p.Commit)
	if err != nil {
		return nil, fmt.Errorf("our own commit that is not sent: %w", err)
	}
	for _, f := range c.Manifest.Files {
		files[f.Key] = f.SHA256
	}
	return files, nil
}

// end closes the stream. Its last commit names what does not count.
func (r *recovery) end(ctx context.Context, a *Archiver, notes ...ledger.Note) error {
	err := r.step(ctx, a, committing, func(ctx context.Context) error {
		if a.pending != nil {
			return a.resume(ctx)
		}
		s, _, err := r.stream(ctx)
		if err != nil {
			return err
		}
		orphans, err := r.orphans(ctx, &s, nil)
		if err != nil {
			return err
		}
		m := a.manifest(nil, append(notes, orphans...)...)
		return a.publish(ctx, m, a.state.NextBatch, a.state.Identity)
	})
	if err != nil {
		return fmt.Errorf("close the stream: %w", err)
	}
	return nil
}
