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

// maxFindings bounds a view; what is beyond is counted.
const maxFindings = 1000

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
	is       *accepted // the archive object; nil before it was read
	streams  map[uuid.UUID]*streamState
	verdicts map[versionName]verdict
	intern   map[string]string

	// Of the refresh that is going on.
	findings []Finding
	more     int
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
	r.findings, r.more, r.unread = nil, 0, nil
	if err := r.readArchive(ctx); err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	if err := r.readLedger(ctx); err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	v := &View{Archive: r.archive}
	for _, s := range r.streams {
		for _, f := range s.lasting {
			r.find(f)
		}
		v.Streams = append(v.Streams, Stream{Open: s.open, Head: s.head, Manifests: slices.Clip(s.manifests), Stuck: s.stuck})
	}
	slices.SortFunc(v.Streams, func(a, b Stream) int {
		return cmp.Or(a.Open.OpenedAt.Compare(b.Open.OpenedAt), slices.Compare(a.Open.Stream[:], b.Open.Stream[:]))
	})
	v.Findings, v.MoreFindings = r.findings, r.more
	r.view.Store(v)
	if len(r.unread) > 0 {
		return v, fmt.Errorf("read ledger: %w", errors.Join(r.unread...))
	}
	return v, nil
}

func (r *Reader) find(f Finding) {
	if len(r.findings) == maxFindings {
		r.more++
		return
	}
	r.findings = append(r.findings, f)
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
			all = append(all, info)
		}
	}
	return all, nil
}

func (r *Reader) readArchive(ctx context.Context) (err error) {
	var a Archive
	p := &place{key: ArchiveKey(r.prefix), index: -1, max: maxNoteBytes,
		accept: func(b []byte) (err error) {
			a, err = ParseArchive(b, r.root)
			return err
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
		r.find(Finding{Kind: FindingMissing, Key: p.key, Version: r.is.version, Index: -1, Detail: "it was there before"})
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
	dir := Join(r.prefix, ledgerDir)
	w := walk{r: r, dir: dir, seen: make(map[uuid.UUID]bool)}
	var group []object.Info // of one key
	for info, err := range r.store.Versions(ctx, dir) {
		if err != nil {
			return fmt.Errorf("list versions of %s: %w", dir, err)
		}
		if len(group) > 0 && group[0].Key != info.Key {
			if err := w.visit(ctx, group); err != nil {
				return err
			}
			group = nil
		}
		group = append(group, info)
	}
	if len(group) > 0 {
		if err := w.visit(ctx, group); err != nil {
			return err
		}
	}
	if err := w.leave(ctx); err != nil {
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
	dir    string
	seen   map[uuid.UUID]bool
	inside bool
	stream uuid.UUID    // the stream that is being listed
	state  *streamState // nil when the root did not certify it
}

// visit takes the versions of one key.
func (w *walk) visit(ctx context.Context, versions []object.Info) error {
	key := versions[0].Key
	stream, index, ok := parseLedgerName(strings.TrimPrefix(key, w.dir))
	if !ok {
		w.r.find(Finding{Kind: FindingUnknownKey, Key: key, Index: -1, Detail: "no object of a ledger is named so"})
		return nil
	}
	if !w.inside || w.stream != stream {
		if err := w.leave(ctx); err != nil {
			return err
		}
		w.inside, w.stream, w.seen[stream] = true, stream, true
		if w.r.streams[stream] == nil {
			if err := w.r.certify(ctx, stream); err != nil {
				return err
			}
		}
		w.state = w.r.streams[stream]
	}
	switch {
	case w.state == nil:
		return nil
	case index < 0:
		return w.r.recheckOpen(ctx, w.state, versions)
	default:
		return w.r.commit(ctx, w.state, index, versions)
	}
}

// leave verifies what is left of a stream when its listing ends.
func (w *walk) leave(ctx context.Context) error {
	if w.state == nil {
		return nil
	}
	s := w.state
	w.state = nil
	return w.r.endStream(ctx, s)
}
