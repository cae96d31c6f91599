package verify

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

// The folders of an archive. Nothing else belongs under its prefix.
const (
	archiveName = "archive"
	eventsDir   = "events/"
	ledgerDir   = "ledger/"
	attestDir   = "attest/"
	walDir      = "wal/"   // shipments, which prove themselves when they are recovered
	probeDir    = "probe/" // of `archiver doctor`
)

// committed is one object that a commit names, and what became of it.
type committed struct {
	name   string // in the manifest
	stream *stream
	index  int64 // of the commit
	file   int   // in the manifest
	aux    int   // of the file; -1: the file itself
	seen   bool  // the listing has this version
}

// object returns what the manifest says about it.
func (c *committed) object() (id string, size int64, sum ledger.Hash, until time.Time) {
	f := c.at()
	if c.aux >= 0 {
		a := &f.Aux[c.aux]
		return a.VersionID, a.Size, a.SHA256, a.RetainUntil
	}
	return f.VersionID, f.Size, f.SHA256, f.RetainUntil
}

func (c *committed) at() *ledger.File { return &c.stream.Manifests[c.index].Files[c.file] }

// objects is what commits name, in order of names, and what the listing shows besides.
type objects struct {
	list       []committed
	known      map[uuid.UUID]int64 // commits of each stream that are in list
	candidates []object.Info       // data files that no commit named before the listing
}

// fresh is what the commits name that are not in the list yet.
func (o *objects) fresh(streams map[uuid.UUID]*stream) []committed {
	var added []committed
	for id, s := range streams {
		for i := o.known[id]; i < int64(len(s.Manifests)); i++ {
			for j := range s.Manifests[i].Files {
				f := &s.Manifests[i].Files[j]
				added = append(added, committed{name: f.Key, stream: s, index: i, file: j, aux: -1})
				for k := range f.Aux {
					added = append(added, committed{name: f.Aux[k].Key, stream: s, index: i, file: j, aux: k})
				}
			}
		}
	}
	return added
}

// add puts what is fresh into the list, and returns it.
func (o *objects) add(streams map[uuid.UUID]*stream) []committed {
	added := o.fresh(streams)
	if o.known == nil {
		o.known = make(map[uuid.UUID]int64)
	}
	for id, s := range streams {
		o.known[id] = int64(len(s.Manifests))
	}
	o.list = append(o.list, added...)
	slices.SortFunc(o.list, func(a, b committed) int { return cmp.Compare(a.name, b.name) })
	return added
}

// find returns the committed object of a name, nil when there is none.
func (o *objects) find(name string) *committed {
	i, ok := slices.BinarySearchFunc(o.list, name, func(c committed, name string) int { return cmp.Compare(c.name, name) })
	if !ok {
		return nil
	}
	return &o.list[i]
}

// list compares a complete listing of all versions under the prefix with what is
// committed. An old object may be hidden at any time, so it is complete in every
// run. ok is false when it could not be had.
func (r *run) list(ctx context.Context) (ok bool, _ error) {
	r.objects.add(r.streams)
	dir := ledger.Join(r.Prefix, "")
	l := lister{run: r}
	for info, err := range r.Store.Versions(ctx, dir) {
		if ctx.Err() != nil {
			return false, fmt.Errorf("verify: %w", context.Cause(ctx))
		}
		if err != nil {
			r.unable(Unchecked{Level: 2, Key: dir, Why: err.Error()})
			return false, nil
		}
		if err := l.take(ctx, info); err != nil {
			return false, err
		}
	}
	r.count(2, func(c *LevelReport) { c.Objects += l.versions })
	return r.settle(ctx)
}

// lister takes the versions of a listing one by one, newest first within a key.
type lister struct {
	*run
	versions int64

	key  string
	name string // within the archive
	is   *committed
	seen bool // the committed version was listed
}

func (l *lister) take(ctx context.Context, v object.Info) error {
	if l.versions++; l.versions%4096 == 0 {
		l.Progress(Progress{Level: 2, Objects: l.versions})
	}
	if v.Key != l.key {
		l.key, l.name = v.Key, strings.TrimPrefix(v.Key, ledger.Join(l.Prefix, ""))
		l.is, l.seen = l.objects.find(l.name), false
	}
	if l.is != nil {
		return l.version(ctx, v)
	}
	return l.foreign(ctx, v)
}

// version judges one version of a key that a commit names.
func (l *lister) version(ctx context.Context, v object.Info) error {
	id, _, sum, until := l.is.object()
	f := l.finding(l.is)
	f.Version = v.VersionID
	switch by := l.repairs.cover(v.Key, v.VersionID, id, sum); {
	case v.VersionID == id && !v.DeleteMarker:
		l.seen, l.is.seen = true, true
		return nil
	case !v.DeleteMarker && l.repairs.isCopy(v.Key, v.VersionID, sum):
		return l.copy(ctx, l.is, v)
	case by != "":
		f.Kind, f.Detail = Repaired, "covered by a repair that "+by+" signed"
	case v.DeleteMarker && l.over(until):
		f.Kind, f.Detail = Expired, "a delete marker after the lock's end"
	case v.DeleteMarker && v.IsLatest:
		f.Kind, f.Detail = Hidden, "a delete marker"
	case v.DeleteMarker:
		f.Kind, f.Detail = Hidden, "a delete marker, covered by a newer version"
	case l.seen:
		f.Kind, f.Detail = Injected, "a foreign version below the committed one"
	default:
		f.Kind, f.Detail = Replaced, "a foreign version above the committed one"
	}
	l.find(f)
	return nil
}

// copy checks that a version which a signed repair names holds the committed bytes,
// locked for as long.
func (l *lister) copy(ctx context.Context, is *committed, v object.Info) error {
	_, size, sum, until := is.object()
	f := l.finding(is)
	f.Version = v.VersionID
	info, err := l.head(ctx, v.Key, v.VersionID)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("verify: %w", context.Cause(ctx))
	case err != nil:
		l.unable(Unchecked{Level: 2, Key: v.Key, Version: v.VersionID, Why: err.Error()})
	case info.Size != size || info.SHA256 != sum:
		f.Kind, f.Detail = Replaced, "a signed repair names it, and it does not have the committed bytes"
		l.find(f)
	default:
		l.judgeLock(ctx, f, info, until)
	}
	return nil
}

// finding begins one about a committed object.
func (r *run) finding(c *committed) Finding {
	file := c.at()
	return Finding{Level: 2, Key: r.key(c.name), Stream: c.stream.Open.Stream, First: file.FirstSeq, Last: file.LastSeq}
}

// foreign judges one version of a key that no commit names, as far as we know.
func (l *lister) foreign(ctx context.Context, v object.Info) error {
	switch {
	case l.name == archiveName, strings.HasPrefix(l.name, ledgerDir), // level 1
		strings.HasPrefix(l.name, attestDir): // were looked at before
	case strings.HasPrefix(l.name, walDir), strings.HasPrefix(l.name, probeDir):
	case strings.HasPrefix(l.name, eventsDir):
		if l.objects.candidates = append(l.objects.candidates, v); len(l.objects.candidates) >= l.bound() {
			if _, err := l.readLedger(ctx); err != nil {
				return err
			}
			return l.candidates(ctx)
		}
	default:
		l.find(l.stranger(v, UnknownKey, "nothing of an archive is named so"))
	}
	return nil
}

// settle reads the ledger again, and decides about what the listing had and no
// commit named, and about what it did not have.
func (r *run) settle(ctx context.Context) (ok bool, _ error) {
	if ok, err := r.readLedger(ctx); err != nil || !ok {
		return ok, err
	}
	for i := range r.objects.list {
		c := &r.objects.list[i]
		if c.seen {
			continue
		}
		if err := r.absent(ctx, c, "the listing does not have it, and it can be read: the listing is not complete"); err != nil {
			return false, err
		}
	}
	if err := r.newcomers(ctx); err != nil {
		return false, err
	}
	return true, r.candidates(ctx)
}

// newcomers looks at what was committed during the listing.
func (r *run) newcomers(ctx context.Context) error {
	added := r.objects.add(r.streams)
	for i := range added {
		c := r.objects.find(added[i].name)
		l := lister{run: r, is: c, name: c.name}
		for v, err := range r.Store.Versions(ctx, r.key(c.name)) {
			if ctx.Err() != nil {
				return fmt.Errorf("verify: %w", context.Cause(ctx))
			}
			if err != nil {
				r.unable(Unchecked{Level: 2, Key: r.key(c.name), Why: err.Error()})
				c.seen = true // do not call it missing
				break
			}
			if v.Key != r.key(c.name) {
				break
			}
			if err := l.version(ctx, v); err != nil {
				return err
			}
		}
		if !c.seen {
			if err := r.absent(ctx, c, "a listing of its versions does not have it, and it can be read"); err != nil {
				return err
			}
		}
	}
	return nil
}

// absent asks for a version that a listing does not have.
func (r *run) absent(ctx context.Context, c *committed, there string) error {
	id, _, _, until := c.object()
	f := r.finding(c)
	f.Version = id
	if r.over(until) {
		f.Kind, f.Detail = Expired, "locked until "+until.Format(time.RFC3339)
		r.gone[c.name] = false
		r.find(f)
		return nil
	}
	_, err := r.Store.Head(ctx, f.Key, id)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("verify: %w", context.Cause(ctx))
	case errors.Is(err, object.ErrNotFound):
		f.Kind, f.Detail = Missing, "the committed version is gone, and was locked until "+until.Format(time.RFC3339)
		r.gone[c.name] = true
		r.find(f)
		return nil
	case err != nil:
		there = err.Error()
	}
	r.unable(Unchecked{Level: 2, Key: f.Key, Version: id, Why: there})
	return nil
}
