package repair

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	"github.com/audit-archiver/archiver/internal/verify"
	"github.com/audit-archiver/archiver/testenv/sample"
)

const prefix = "audit/prod"

// bucket is a memstore as a repair needs it. It dies at a call: the call is done or
// not, and no other one after it is.
type bucket struct {
	*memstore.Store
	now time.Time

	mu    sync.Mutex // removals come several at a time; guards calls and dead while one is going on
	calls int
	dieAt int  // 0: never
	after bool // the call at which it dies is done
	dead  bool

	onList func() // called once, when the archive is about to be listed
}

func (b *bucket) Versions(ctx context.Context, under string) iter.Seq2[object.Info, error] {
	if f := b.onList; f != nil && under == prefix+"/" {
		b.onList = nil
		f()
	}
	return b.Store.Versions(ctx, under)
}

var errDied = errors.New("the process died here")

// change counts a call that changes the bucket and says whether to do it, and what
// to answer.
func (b *bucket) change() (do bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dead {
		return false, errDied
	}
	if b.calls++; b.calls == b.dieAt {
		b.dead = true
		return b.after, errDied
	}
	return true, nil
}

func (b *bucket) Put(ctx context.Context, p object.Put) (id string, err error) {
	do, died := b.change()
	if do {
		id, err = b.Store.Put(ctx, p)
	}
	return id, errors.Join(err, died)
}

func (b *bucket) PutOver(_ context.Context, p object.Put) (id string, err error) {
	do, died := b.change()
	if do {
		id, err = b.locked(p.Key, must(io.ReadAll(io.NewSectionReader(p.Body, 0, p.Size))), object.Compliance, p.RetainUntil), nil
	}
	return id, errors.Join(err, died)
}

func (b *bucket) Remove(ctx context.Context, key, id string) error {
	do, died := b.change()
	if !do {
		return died
	}
	info, err := b.Head(ctx, key, id)
	if err == nil && info.Mode != "" && info.RetainUntil.After(b.now) {
		return fmt.Errorf("version %s of %s is locked", id, key)
	}
	b.DeleteVersion(key, id)
	return died
}

// locked puts a version on top, as an attacker may who has the right to lock.
func (b *bucket) locked(key string, body []byte, mode object.Mode, until time.Time) string {
	id := b.PutForged(key, body)
	b.SetLock(key, id, mode, until)
	return id
}

type world struct {
	*sample.Archive
	t      *testing.T
	bucket *bucket
	a, b   *sample.Stream
}

func newWorld(t *testing.T) *world {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	b := &bucket{Store: memstore.New(t, func() time.Time { return now }), now: now}
	w := &world{t: t, bucket: b, Archive: sample.New(t, b, prefix, now)}
	w.a, w.b = w.NewStream(), w.NewStream()
	for range 3 {
		w.a.Commit(12)
	}
	w.b.Commit(6)
	b.calls = 0
	return w
}

func (w *world) options(apply bool) Options {
	return Options{Store: w.bucket, Prefix: prefix, Root: w.Root.VKey(), Apply: apply, WorkDir: w.t.TempDir(),
		Signer: func() (ledger.Signer, error) { return w.Root, nil }, Now: func() time.Time { return w.Now }}
}

func (w *world) repair(apply bool) *Report {
	w.t.Helper()
	r, err := Run(w.t.Context(), w.options(apply))
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// file is one committed file: its key, and its committed bytes.
func (w *world) file(i int) (key string, f *ledger.File, body []byte) {
	c := &w.a.Commits[1]
	return ledger.Join(prefix, c.Manifest.Files[i].Key), &c.Manifest.Files[i], c.Bodies[i]
}

// listing is all that the bucket holds, for comparing.
func (w *world) listing() (out []string) {
	for v, err := range w.bucket.Versions(context.Background(), "") {
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, fmt.Sprint(v.Key, " ", v.VersionID, " ", v.DeleteMarker))
	}
	return out
}

// verified is the auditor's opinion, findings that are information included.
func (w *world) verified() (verify.Result, []string) {
	w.t.Helper()
	r, err := verify.Run(w.t.Context(), verify.Options{Store: w.bucket, Prefix: prefix, Root: w.Root.VKey(), Now: func() time.Time { return w.Now }})
	if err != nil {
		w.t.Fatal(err)
	}
	var kinds []string
	for _, f := range r.Findings {
		kinds = append(kinds, fmt.Sprint(f.Kind, " ", f.Key, " ", f.Version))
	}
	return r.Result, kinds
}

// current demands that whoever reads current versions reads what was committed.
func (w *world) current() {
	w.t.Helper()
	for _, s := range []*sample.Stream{w.a, w.b} {
		for _, c := range s.Commits {
			w.reads(c.Key, c.Raw)
			for i, f := range c.Manifest.Files {
				w.reads(ledger.Join(prefix, f.Key), c.Bodies[i])
			}
		}
	}
}

func (w *world) reads(key string, want []byte) {
	w.t.Helper()
	body, err := w.bucket.Get(context.Background(), key, "")
	if err != nil {
		w.t.Errorf("current version of %s: %v", key, err)
		return
	}
	if got := must(io.ReadAll(body)); !bytes.Equal(got, want) {
		w.t.Errorf("current version of %s: %d bytes with SHA-256 %x, committed were %d bytes", key, len(got), sha256.Sum256(got), len(want))
	}
}

// does lists the steps of a report.
func does(r *Report) (out []string) {
	for _, s := range r.Steps {
		out = append(out, fmt.Sprint(s.Do, " ", s.Key, " ", s.Version, " ", s.Over, " ", s.Done))
	}
	slices.Sort(out)
	return out
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
