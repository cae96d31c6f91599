package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/object"
)

// maxFindings bounds each kind of finding in a view, so that a flood of one kind
// does not wash away another. What is beyond is counted.
const maxFindings = 1000

// maxVersions bounds the versions of one key that are looked at: about 3 MB.
const maxVersions = 20_000

// Reader reads the ledger of an archive as an auditor would, from the bucket and
// the root verifier key alone. What does not verify is reported and left out; it
// never changes what does verify, and never makes the reading fail.
//
// A Reader remembers what it verified: it fetches each commit once. Its methods
// may be called concurrently.
type Reader struct {
	store  object.Store
	prefix string
	root   string
	view   atomic.Pointer[View]

	mu       sync.Mutex // one refresh at a time; guards the rest
	archive  Archive
	is       *Accepted // the archive object; nil before it was read
	streams  map[uuid.UUID]*streamState
	verdicts map[versionName]verdict
	intern   map[string]string

	// Of the refresh that is going on.
	findings []Finding
	found    map[FindingKind]int
	unread   []error
}

// NewReader returns a Reader that knows nothing yet. The root verifier key comes
// from the caller's own configuration, never from the bucket.
func NewReader(store object.Store, prefix, rootVKey string) (*Reader, error) {
	if _, err := ParseRootName(rootVKey); err != nil {
		return nil, err
	}
	return &Reader{store: store, prefix: prefix, root: rootVKey,
		streams:  make(map[uuid.UUID]*streamState),
		verdicts: make(map[versionName]verdict),
		intern:   make(map[string]string)}, nil
}

// View returns the result of the last Refresh that made one; nil before that.
func (r *Reader) View() *View { return r.view.Load() }

// Refresh reads what was added to the bucket since the last one. It lists the
// ledger completely, because a new stream, a hidden commit or a fork may be
// anywhere, and fetches what it has not seen.
//
// An error means that something could not be read, not that something is wrong
// in the bucket. With a view, single objects could not be read, and the view is
// true without them, but a stream that it does not know may be among them.
// Without one, nothing new is known. An archive that is not there is
// object.ErrNotFound.
func (r *Reader) Refresh(ctx context.Context) (*View, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.findings, r.found, r.unread = nil, make(map[FindingKind]int), nil
	if err := r.readArchive(ctx); err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	if err := r.readLedger(ctx); err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	v := &View{Archive: r.archive, Object: *r.is}
	for _, s := range r.streams {
		for _, f := range s.lasting {
			r.find(f)
		}
		v.Streams = append(v.Streams, Stream{Open: s.open, Object: *s.openIs, Head: s.head, Manifests: slices.Clip(s.manifests),
			Commits: slices.Clip(s.commits), Stuck: s.stuck,
			openRaw: s.openRaw, leaves: slices.Clip(s.leaves), checkpoint: s.checkpoint})
	}
	slices.SortFunc(v.Streams, func(a, b Stream) int {
		return cmp.Or(a.Open.OpenedAt.Compare(b.Open.OpenedAt), slices.Compare(a.Open.Stream[:], b.Open.Stream[:]))
	})
	v.Findings = r.findings
	for _, n := range r.found {
		v.MoreFindings += max(0, n-maxFindings)
	}
	r.view.Store(v)
	if len(r.unread) > 0 {
		return v, fmt.Errorf("read ledger: %w", errors.Join(r.unread...))
	}
	return v, nil
}

func (r *Reader) find(f Finding) {
	if r.found[f.Kind]++; r.found[f.Kind] <= maxFindings {
		r.findings = append(r.findings, f)
	}
}

// tolerate keeps the error of a single object that could not be read.
func (r *Reader) tolerate(err error) error {
	var single *unreadError
	if !errors.As(err, &single) {
		return err
	}
	if len(r.unread) < maxFindings {
		r.unread = append(r.unread, err)
	}
	return nil
}

// gather adds a version to those of its key, which come newest first. Of a key with
// very many the newest and the oldest are kept: what was put there first is what may
// be true, and whoever flooded it is named.
func (r *Reader) gather(all []object.Info, info object.Info) []object.Info {
	if len(all) < maxVersions {
		return append(all, info)
	}
	const newest, dropped = maxVersions / 4, maxVersions / 4
	r.find(Finding{Kind: FindingReplaced, Key: info.Key, Index: -1, Detail: fmt.Sprintf("%d more versions, which were not looked at", dropped)})
	return append(slices.Delete(all, newest, newest+dropped), info)
}

// versions lists what the bucket holds at exactly one key.
func (r *Reader) versions(ctx context.Context, key string) ([]object.Info, error) {
	var all []object.Info
	for info, err := range r.store.Versions(ctx, key) {
		if err != nil {
			return nil, fmt.Errorf("list versions of %s: %w", key, err)
		}
		if info.Key > key {
			break
		}
		if info.Key == key {
			all = r.gather(all, info)
		}
	}
	return all, nil
}

func (r *Reader) readArchive(ctx context.Context) (err error) {
	var a Archive
	p := &place{key: ArchiveKey(r.prefix), index: -1, max: maxNoteBytes,
		accept: func(b []byte) (_ Hash, err error) {
			a, err = ParseArchive(b, r.root)
			return sumOf(b), err
		},
		signs: func(b []byte) (Hash, bool) {
			_, err := ParseArchive(b, r.root)
			return sumOf(b), err == nil
		}}
	if p.versions, err = r.versions(ctx, p.key); err != nil {
		return err
	}
	is, _, err := r.choose(ctx, p, r.is)
	switch {
	case err != nil:
		return err
	case is == nil && r.is != nil:
		r.find(Finding{Kind: FindingMissing, Key: p.key, Version: r.is.VersionID, Index: -1, Detail: "it was there before"})
	case is == nil && len(p.versions) == 0:
		return fmt.Errorf("%s: %w", p.key, object.ErrNotFound)
	case is == nil:
		return fmt.Errorf("%s: no version is signed by the root key that is configured", p.key)
	case r.is == nil:
		r.archive, r.is = a, is
	}
	return nil
}

// readLedger walks through the listing, key by key.
func (r *Reader) readLedger(ctx context.Context) error {
	for _, s := range r.streams {
		s.begin()
	}
	w := walk{r: r, seen: make(map[uuid.UUID]bool)}
	if err := w.list(ctx, Join(r.prefix, ledgerDir)); err != nil {
		return err
	}
	for id, s := range r.streams {
		if !w.seen[id] {
			r.find(Finding{Kind: FindingMissing, Key: OpenKey(r.prefix, id), Stream: id, Index: -1,
				Detail: fmt.Sprintf("the whole stream is gone; it was there before, up to commit %d", s.head.Index)})
		}
	}
	return nil
}

// walk is where a refresh is in the listing, which is in order of keys: all of
// one stream comes together, its open object after its commits.
type walk struct {
	r      *Reader
	seen   map[uuid.UUID]bool // streams that were left
	inside bool
	stream uuid.UUID // the stream that is being listed
	opened bool      // its open object was listed
}

// list visits each key under dir.
func (w *walk) list(ctx context.Context, dir string) error {
	var group []object.Info // of one key
	for info, err := range w.r.store.Versions(ctx, dir) {
		if err != nil {
			return fmt.Errorf("list versions of %s: %w", dir, err)
		}
		if len(group) > 0 && group[0].Key != info.Key {
			if err := w.visit(ctx, group); err != nil {
				return err
			}
			group = nil
		}
		group = w.r.gather(group, info)
	}
	if len(group) > 0 {
		if err := w.visit(ctx, group); err != nil {
			return err
		}
	}
	return w.leave(ctx)
}

// visit takes the versions of one key.
func (w *walk) visit(ctx context.Context, versions []object.Info) error {
	key := versions[0].Key
	stream, index, ok := parseLedgerName(strings.TrimPrefix(key, Join(w.r.prefix, ledgerDir)))
	if !ok {
		w.r.find(Finding{Kind: FindingUnknownKey, Key: key, Index: -1, Detail: "no object of a ledger is named so"})
		return nil
	}
	if !w.inside || w.stream != stream {
		if err := w.leave(ctx); err != nil {
			return err
		}
		w.inside, w.stream, w.opened = true, stream, false
	}
	w.opened = w.opened || index < 0
	switch s := w.r.streams[stream]; {
	case s != nil && index >= 0:
		return w.r.commit(ctx, s, index, versions)
	case s != nil:
		return w.r.recheckOpen(ctx, s, versions)
	case index >= 0:
		// Not certified, as far as we know: nothing of it is worth any memory.
		return nil
	}
	certified, err := w.r.certify(ctx, stream, versions)
	if err != nil || !certified {
		return err
	}
	// Its commits were skipped: list the stream again, now that we know it.
	again := walk{r: w.r, seen: w.seen}
	w.inside = false
	return again.list(ctx, Join(w.r.prefix, ledgerDir+stream.String()+"/"))
}

// leave ends the listing of a stream.
func (w *walk) leave(ctx context.Context) error {
	if !w.inside {
		return nil
	}
	w.inside, w.seen[w.stream] = false, true
	if s := w.r.streams[w.stream]; s != nil {
		return w.r.endStream(ctx, s)
	}
	if !w.opened {
		w.r.find(Finding{Kind: FindingUnknownKey, Key: OpenKey(w.r.prefix, w.stream), Stream: w.stream, Index: -1,
			Detail: "a stream without an open object: it is ignored"})
	}
	return nil
}
