// Package repair undoes what somebody else did to an archive's bucket, as far as
// Object Lock lets it, so that whoever reads the current versions reads the
// committed rows again.
//
// The promise: it removes only what is provably foreign (a delete marker or another
// version on a committed key, and what lies in the archive's folders without a lock,
// as everything that the archiver writes has one), and it adds only copies of
// committed bytes, locked, which a signed note names. It may be cut short at any
// line and run again, beside a live writer too, and ends the same.
package repair

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// Store is a bucket as a repair needs it. The archiver itself has no use for the
// two methods more.
type Store interface {
	object.Store
	// PutOver is Put over whatever the key holds. Repeating it adds a version each time.
	PutOver(ctx context.Context, p object.Put) (versionID string, err error)
	// Remove deletes one version or delete marker by its id. That there is none is
	// no error; that it is locked is one.
	Remove(ctx context.Context, key, versionID string) error
}

// Options say what to repair, and as whom.
type Options struct {
	Store  Store
	Prefix string // of the archive in its bucket; may be empty
	Root   string // the root verifier key, from our own configuration

	Apply bool // do it; otherwise only say what would be done
	// Signer is the root key, or the key of a stream that the root key certified. It
	// is asked only when something has to be put.
	Signer  func() (ledger.Signer, error)
	WorkDir string // with room for the largest file of the archive, some times
	Now     func() time.Time

	most int // versions to remember; 0: maxDoubtful
}

// Do is what a step does.
type Do string

// What a step does.
const (
	RemoveMarker  Do = "remove-marker"  // a delete marker
	RemoveVersion Do = "remove-version" // a foreign version without a lock
	PutAgain      Do = "put-again"      // the committed bytes, over a locked foreign version
	Attest        Do = "attest"         // copies that are there, in a signed note
)

// Step is one change of the bucket.
type Step struct {
	Do      Do       `json:"do"`
	Key     string   `json:"key"`
	Version string   `json:"version"` // that is removed; that was put: "" before
	Over    []string `json:"over"`    // put-again, attest: the locked foreign versions that are covered
	Why     string   `json:"why"`
	Done    bool     `json:"done"`
}

// Left is what is not as it should be and cannot, or must not, be changed by us.
type Left struct {
	Key     string `json:"key"`
	Version string `json:"version"` // "" when it is about the key
	Why     string `json:"why"`
	Action  string `json:"action"` // for people
}

// Report is what was found and done.
type Report struct {
	Archive uuid.UUID `json:"archive"`
	Applied bool      `json:"applied"`
	Steps   []Step    `json:"steps"` // by key, in the order in which they are done
	Left    []Left    `json:"left"`
	Notes   []string  `json:"notes"` // keys of the signed notes that were put
	// More: there was more than one run looks at. Run it again.
	More bool `json:"more"`
}

// Clean reports whether nothing is left to do, by us or by others.
func (r *Report) Clean() bool {
	return !r.More && len(r.Left) == 0 && !slices.ContainsFunc(r.Steps, func(s Step) bool { return !s.Done })
}

const (
	// maxDoubtful bounds the versions of committed keys that one run remembers, and
	// those of other keys: who floods a bucket with foreign versions costs its owner
	// several runs, not the memory of the machine, and strangers that cannot be removed
	// do not keep a run from what is committed.
	maxDoubtful = 100_000
	// atOnce is how many keys are worked on at the same time.
	atOnce = 8
	// chunkKeys is how many keys are mended together: their copies share a note.
	chunkKeys = 64
)

// Run looks at the archive and, if o says so, mends it:
//
//	1 read     the ledger: which version of which key is committed.
//	2 list     all versions under the prefix. Keys that hold the committed version
//	           and nothing else are done with.
//	3 read     the ledger again: what was committed since is no stranger.
//	4 plan     each of the other keys by itself.
//	5 put      the committed bytes over locked foreign versions, and confirm the lock.
//	           Dying after it leaves a copy that no note names; the next run finds it.
//	6 attest   the copies, in a signed note. Until then verify calls a copy replaced.
//	7 remove   markers and unlocked versions, the oldest first: what becomes current
//	           on the way is never worse than what was.
//
// Steps 5 to 7 are repeated for some keys at a time. The report is returned beside
// an error too: what could not be done says so by Done.
func Run(ctx context.Context, o Options) (*Report, error) {
	r, err := newRun(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("repair: %w", err)
	}
	doubtful, gone, err := r.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("repair: %w", err)
	}
	if err := r.read(ctx); err != nil { // what was committed since is no stranger
		return nil, fmt.Errorf("repair: %w", err)
	}
	if err := r.readNotes(ctx); err != nil {
		return nil, fmt.Errorf("repair: %w", err)
	}
	r.report = &Report{Archive: r.view.Archive.ID, Applied: o.Apply, Steps: []Step{}, Left: []Left{}, Notes: []string{}, More: r.more}
	for _, key := range gone {
		p := &plan{key: key, target: r.is[key]}
		p.gone()
		r.report.Left = append(r.report.Left, p.left...)
	}
	var failed []error
	for chunk := range slices.Chunk(doubtful, chunkKeys) {
		plans, err := r.plan(ctx, chunk)
		if err == nil && o.Apply {
			err = r.apply(ctx, plans)
		}
		for _, p := range plans {
			if p == nil {
				continue
			}
			r.report.Steps, r.report.Left = append(r.report.Steps, p.steps...), append(r.report.Left, p.left...)
		}
		if ctx.Err() != nil {
			return r.report, fmt.Errorf("repair: %w", context.Cause(ctx))
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	if err := errors.Join(failed...); err != nil {
		return r.report, fmt.Errorf("repair: %w", err)
	}
	return r.report, nil
}

// run is one repair.
type run struct {
	Options
	reader *ledger.Reader
	view   *ledger.View
	is     map[string]target              // what is committed, by key
	judged map[version]ledger.FindingKind // what the reader found about versions of ledger objects
	notes  map[version]bool               // the signed notes that are what their name says
	named  map[version][]string           // copies that they name, and what these are over
	key    ledger.Signer                  // nil until it is needed
	report *Report
	more   bool
}

type version struct{ key, id string }

func newRun(ctx context.Context, o Options) (*run, error) {
	reader, err := ledger.NewReader(o.Store, o.Prefix, o.Root)
	if err != nil {
		return nil, err
	}
	r := &run{Options: o, reader: reader}
	if err := r.read(ctx); err != nil {
		return nil, err
	}
	// Whoever may not see locks takes everything for unlocked.
	key := ledger.ArchiveKey(o.Prefix)
	info, err := o.Store.Head(ctx, key, r.view.Object.VersionID)
	if err != nil {
		return nil, err
	}
	if info.Mode != object.Compliance {
		return nil, fmt.Errorf("the store shows no lock on %s version %s: it has none, or we may not see it (s3:GetObjectRetention); "+
			"what has no lock cannot be told from what has one", key, r.view.Object.VersionID)
	}
	return r, nil
}

// read reads the ledger. What cannot be read completely is no ground to remove
// anything on.
func (r *run) read(ctx context.Context) error {
	view, err := r.reader.Refresh(ctx)
	if err != nil {
		return err
	}
	r.view, r.judged = view, make(map[version]ledger.FindingKind, len(view.Findings))
	for _, f := range view.Findings {
		r.judged[version{f.Key, f.Version}] = f.Kind
	}
	r.is = r.committed()
	return nil
}

// list returns the versions of every key that holds anything but the committed
// version, newest first, and the committed keys that hold nothing though they should.
func (r *run) list(ctx context.Context) (doubtful [][]object.Info, gone []string, _ error) {
	unseen := make(map[string]bool, len(r.is))
	for key, t := range r.is {
		unseen[key] = t.until.After(r.Now())
	}
	held, most := make(map[bool]int), r.bound()
	var group []object.Info
	end := func() {
		if len(group) == 0 {
			return
		}
		delete(unseen, group[0].Key)
		is, ok := r.is[group[0].Key]
		if ok && len(group) == 1 && group[0].VersionID == is.id && !group[0].DeleteMarker || r.ignored(group[0].Key) {
			return
		}
		if held[ok]+len(group) > most {
			r.more = true
			return
		}
		held[ok] += len(group)
		doubtful = append(doubtful, slices.Clone(group))
	}
	for info, err := range r.Store.Versions(ctx, ledger.Join(r.Prefix, "")) {
		if err != nil {
			return nil, nil, err
		}
		if len(group) > 0 && group[0].Key != info.Key {
			end()
			group = group[:0]
		}
		var cut bool
		group, cut = r.gather(group, info)
		r.more = r.more || cut
	}
	end()
	for key, must := range unseen {
		if must {
			gone = append(gone, key)
		}
	}
	slices.Sort(gone)
	return doubtful, gone, nil
}

// gather adds a version to those of its key, newest first. Of a key with more than
// half of what is remembered the newest stay where a version is committed, with that one: what lies on top
// decides what is to be done. Elsewhere the oldest stay: what lies below a marker
// decides whether it may go. The rest is for the next run.
func (r *run) gather(group []object.Info, info object.Info) (_ []object.Info, cut bool) {
	most := r.bound() / 2
	is, ok := r.is[info.Key]
	switch {
	case len(group) < most, ok && info.VersionID == is.id:
		return append(group, info), false
	case ok:
		return group, true
	default:
		return append(slices.Delete(group, 0, max(1, most/4)), info), true
	}
}

// bound is how many versions of committed keys, and of others, are remembered.
func (r *run) bound() int { return cmp.Or(r.most, maxDoubtful) }

// ignored says which keys are none of our business: what lies there proves itself
// when it is used, and its locks end within days.
func (r *run) ignored(key string) bool {
	name := r.name(key)
	return strings.HasPrefix(name, "wal/") || strings.HasPrefix(name, "probe/")
}

// name is a key relative to the prefix, as notes spell it.
func (r *run) name(key string) string { return strings.TrimPrefix(key, ledger.Join(r.Prefix, "")) }

// target is a committed version.
type target struct {
	id    string
	size  int64 // -1: not known
	sum   ledger.Hash
	until time.Time // of its lock
	kind  string    // content type
}

// Content types, as the archiver sends them.
const (
	noteType    = "text/plain; charset=utf-8"
	parquetType = "application/vnd.apache.parquet"
)

// committed is every object that the ledger consists of or names, by key.
func (r *run) committed() map[string]target {
	all := make(map[string]target)
	last := r.view.Archive.Created
	for i := range r.view.Streams {
		s := &r.view.Streams[i]
		if s.Open.RetainUntil.After(last) {
			last = s.Open.RetainUntil
		}
		note := func(key string, is ledger.Accepted) {
			all[key] = target{id: is.VersionID, size: -1, sum: is.SHA256, until: s.Open.RetainUntil, kind: noteType}
		}
		note(ledger.OpenKey(r.Prefix, s.Open.Stream), s.Object)
		for j := range s.Manifests {
			note(ledger.CommitKey(r.Prefix, s.Open.Stream, int64(j)), s.Commits[j])
			for k := range s.Manifests[j].Files {
				f := &s.Manifests[j].Files[k]
				all[ledger.Join(r.Prefix, f.Key)] = target{f.VersionID, f.Size, f.SHA256, f.RetainUntil, parquetType}
				for _, a := range f.Aux {
					all[ledger.Join(r.Prefix, a.Key)] = target{a.VersionID, a.Size, a.SHA256, a.RetainUntil, "application/octet-stream"}
				}
			}
		}
	}
	// The archive object has to outlive its streams.
	all[ledger.ArchiveKey(r.Prefix)] = target{id: r.view.Object.VersionID, size: -1, sum: r.view.Object.SHA256, until: last, kind: noteType}
	return all
}
