package objecttest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/object"
)

const bigBytes = 20 << 20

func putHeadGet(t *testing.T, f *fixture) {
	body := []byte("the first event")
	version, _ := f.put(t, "a/b.parquet", body)
	f.wantContent(t, "a/b.parquet", version, body)
	f.wantContent(t, "a/b.parquet", "", body)
	info, err := f.store.Head(t.Context(), "a/b.parquet", "")
	if err != nil || info.VersionID != version {
		t.Errorf("head of the current version: %+v, %v, want version %s", info, err, version)
	}
	f.wantVersions(t, "a/b.parquet", version)
}

func emptyObject(t *testing.T, f *fixture) {
	version, _ := f.put(t, "empty", []byte{})
	f.wantContent(t, "empty", version, nil)
}

func bigObject(t *testing.T, f *fixture) {
	body := make([]byte, bigBytes)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(body)
	version, _ := f.put(t, "big", body)
	f.wantContent(t, "big", version, body)
}

func oddKeys(t *testing.T, f *fixture) {
	keys := []string{
		"p/events/retention=standard/dt=2026-01-31/0000-00000000000000000000-00000000000000000009.parquet",
		"p/a b", "p/a+b", "p/a%2Fb", "p/é&<'\"", "p/~!*()",
	}
	for _, key := range keys {
		version, _ := f.put(t, key, []byte(key))
		f.wantContent(t, key, version, []byte(key))
		f.wantVersions(t, key, version)
	}
	if got := f.list(t, "p/"); len(got) != len(keys) {
		t.Errorf("listed %d of %d keys: %+v", len(got), len(keys), got)
	}
}

func absent(t *testing.T, f *fixture) {
	other, _ := f.put(t, "other", []byte("x"))
	f.put(t, "there", []byte("y"))
	for _, at := range []struct{ what, key, version string }{
		{"a missing key", "missing", ""},
		{"a missing key with a version", "missing", other},
		{"the version of another key", "there", other},
	} {
		_, err := f.store.Head(t.Context(), at.key, at.version)
		wantErr(t, "head of "+at.what, err, object.ErrNotFound)
		_, err = f.store.Get(t.Context(), at.key, at.version)
		wantErr(t, "get of "+at.what, err, object.ErrNotFound)
	}
	if got := f.list(t, "missing"); len(got) != 0 {
		t.Errorf("listed %+v", got)
	}
}

func secondPut(t *testing.T, f *fixture) {
	version, _ := f.put(t, "k", []byte("first"))
	for _, body := range []string{"second", "first"} {
		_, err := f.store.Put(t.Context(), NewPut("k", []byte(body)))
		wantErr(t, "put over an object", err, object.ErrExists)
	}
	f.wantVersions(t, "k", version)
	f.wantContent(t, "k", "", []byte("first"))
}

func concurrentPuts(t *testing.T, f *fixture) {
	first := f.race(t)
	f.wantVersions(t, "race", first)
	// The same again when a delete marker makes room for one more.
	if err := f.attack.Hide(t.Context(), "race"); err != nil {
		t.Fatal(err)
	}
	f.wantVersions(t, "race", f.race(t), "", first)
}

// race puts one key from several sides at once and returns the one version.
func (f *fixture) race(t *testing.T) (versionID string) {
	t.Helper()
	const writers = 8
	versions := make([]string, writers)
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			versions[i], errs[i] = f.store.Put(t.Context(), NewPut("race", fmt.Appendf(nil, "writer %d", i)))
		})
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner == -1:
			winner = i
		case err == nil:
			t.Errorf("writers %d and %d both won", winner, i)
		case !errors.Is(err, object.ErrExists):
			t.Errorf("writer %d: %v, want %v", i, err, object.ErrExists)
		}
	}
	if winner == -1 {
		t.Fatal("nobody won")
	}
	f.wantContent(t, "race", "", fmt.Appendf(nil, "writer %d", winner))
	return versions[winner]
}

func wrongChecksum(t *testing.T, f *fixture) {
	p := NewPut("k", []byte("sent"))
	p.SHA256 = sha256.Sum256([]byte("announced"))
	if _, err := f.store.Put(t.Context(), p); err == nil || errors.Is(err, object.ErrExists) {
		t.Errorf("put: %v, want a refusal", err)
	}
	_, err := f.store.Head(t.Context(), "k", "")
	wantErr(t, "head", err, object.ErrNotFound)
	f.wantVersions(t, "k")
}

func cancelled(t *testing.T, f *fixture) {
	version, _ := f.put(t, "there", []byte("x"))
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the caller has gone")
	cancel(gone)
	_, err := f.store.Put(ctx, NewPut("k", []byte("x")))
	wantErr(t, "put", err, gone)
	_, err = f.store.Head(ctx, "there", version)
	wantErr(t, "head", err, gone)
	_, err = f.store.Get(ctx, "there", version)
	wantErr(t, "get", err, gone)
	for _, listErr := range f.store.Versions(ctx, "") {
		err = listErr
	}
	wantErr(t, "versions", err, gone)
	f.wantVersions(t, "k")
}

func listing(t *testing.T, f *fixture) {
	const keys = 3*PageSize + 1
	var want []string
	for i := range keys {
		key := fmt.Sprintf("list/%02d", i)
		version, _ := f.put(t, key, []byte(key))
		if i%4 == 0 { // two versions, so that pages also end within a key
			newer, err := f.attack.PutUnlocked(t.Context(), key, []byte("forged"))
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, newer)
		}
		want = append(want, version)
	}
	f.put(t, "list-not/00", []byte("x"))
	got := f.list(t, "list/")
	if len(got) != len(want) {
		t.Fatalf("listed %d versions, want %d", len(got), len(want))
	}
	for i, info := range got {
		if info.VersionID != want[i] || info.Size == 0 || info.LastModified.IsZero() {
			t.Errorf("position %d: %+v, want version %s", i, info, want[i])
		}
	}
	last := ""
	for _, info := range f.list(t, "list") { // "-" sorts before "/": the order of keys, not of folders
		if info.Key < last {
			t.Errorf("%s comes after %s", info.Key, last)
		}
		last = info.Key
	}
	seen := 0
	for _, err := range f.store.Versions(t.Context(), "list/") {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen == PageSize+1 {
			break // leaving early must be possible anywhere
		}
	}
}

func hidden(t *testing.T, f *fixture) {
	version, p := f.put(t, "k", []byte("original"))
	if err := f.attack.Hide(t.Context(), "k"); err != nil {
		t.Fatalf("hide: %v; Object Lock does not prevent delete markers", err)
	}
	_, err := f.store.Head(t.Context(), "k", "")
	wantErr(t, "head of a hidden key", err, object.ErrNotFound)
	_, err = f.store.Get(t.Context(), "k", "")
	wantErr(t, "get of a hidden key", err, object.ErrNotFound)
	f.wantVersions(t, "k", "", version)
	marker := f.list(t, "k")[0].VersionID
	_, err = f.store.Head(t.Context(), "k", marker)
	wantErr(t, "head of a delete marker", err, object.ErrNotFound)
	_, err = f.store.Get(t.Context(), "k", marker)
	wantErr(t, "get of a delete marker", err, object.ErrNotFound)
	f.wantContent(t, "k", version, []byte("original"))
	f.wantHeld(t, p, version)

	// The condition looks at the current version only, so the key counts as free.
	// Callers that must not add a version list them first.
	second, _ := f.put(t, "k", []byte("again"))
	f.wantVersions(t, "k", second, "", version)
	f.wantContent(t, "k", version, []byte("original"))
}

func forged(t *testing.T, f *fixture) {
	version, p := f.put(t, "k", []byte("original"))
	forgery, err := f.attack.PutUnlocked(t.Context(), "k", []byte("forged"))
	if err != nil {
		t.Fatalf("forge: %v; Object Lock does not prevent newer versions", err)
	}
	f.wantVersions(t, "k", forgery, version)
	f.wantContent(t, "k", "", []byte("forged"))
	f.wantContent(t, "k", version, []byte("original"))
	f.wantHeld(t, p, version)
	_, err = f.store.Put(t.Context(), NewPut("k", []byte("original")))
	wantErr(t, "put over a forgery", err, object.ErrExists)
}

// unlocked makes sure that the check which all others rely on can fail.
func unlocked(t *testing.T, f *fixture) {
	body := []byte("no lock headers")
	version, err := f.attack.PutUnlocked(t.Context(), "k", body)
	if err != nil {
		t.Fatal(err)
	}
	err = CheckLocked(t.Context(), f.store, f.attack, NewPut("k", body), version)
	wantErr(t, "check of an unlocked object", err, object.ErrUnlocked)
	if err := f.attack.DeleteVersion(t.Context(), "k", version, false); err != nil {
		t.Errorf("delete an unlocked version: %v", err)
	}
	f.wantVersions(t, "k")
}

func lockHolds(t *testing.T, f *fixture) {
	body := []byte("keep me")
	version, p := f.put(t, "k", body)
	f.wantHeld(t, p, version)
	longer := p.RetainUntil.Add(time.Hour)
	if err := f.attack.Relock(t.Context(), "k", version, object.Compliance, longer, false); err != nil {
		t.Errorf("extend the lock: %v", err)
	}
	p.RetainUntil = longer
	f.wantHeld(t, p, version)
	f.wantContent(t, "k", version, body)
}

// lockExtends is for those stores that can lengthen a lock. None ever becomes shorter.
func lockExtends(t *testing.T, f *fixture) {
	store, ok := f.store.(object.Extender)
	if !ok {
		t.Skip("this store cannot lengthen a lock, and does not say so")
	}
	version, p := f.put(t, "k", []byte("keep me"))
	shorter := p.RetainUntil.Add(-30 * time.Minute)
	p.RetainUntil = p.RetainUntil.Add(time.Hour)
	if err := store.Extend(t.Context(), "k", version, p.RetainUntil); err != nil {
		t.Fatal(err)
	}
	f.wantHeld(t, p, version)
	_ = store.Extend(t.Context(), "k", version, shorter) // refused, or without effect
	f.wantHeld(t, p, version)
	if err := store.Extend(t.Context(), "absent", version, p.RetainUntil); err == nil {
		t.Error("lengthened the lock of an object that is not there")
	}
}

// wantHeld tries everything that Object Lock must refuse, with and without the
// header that lifts GOVERNANCE locks.
func (f *fixture) wantHeld(t *testing.T, p object.Put, version string) {
	t.Helper()
	ctx := t.Context()
	shorter, longer := p.RetainUntil.Add(-30*time.Minute), p.RetainUntil.Add(time.Hour)
	for _, bypass := range []bool{false, true} {
		relock := func(mode object.Mode, until time.Time) error {
			return f.attack.Relock(ctx, p.Key, version, mode, until, bypass)
		}
		for _, attempt := range []struct {
			what string
			do   func() error
		}{
			{"delete the version", func() error { return f.attack.DeleteVersion(ctx, p.Key, version, bypass) }},
			{"shorten the lock", func() error { return relock(object.Compliance, shorter) }},
			{"weaken to GOVERNANCE", func() error { return relock(object.Governance, p.RetainUntil) }},
			{"weaken to a longer GOVERNANCE", func() error { return relock(object.Governance, longer) }},
		} {
			if err := attempt.do(); err == nil {
				t.Errorf("%s (bypass %v): the store did it", attempt.what, bypass)
			}
			if err := CheckLocked(ctx, f.store, f.attack, p, version); err != nil {
				t.Fatalf("after the attempt to %s (bypass %v): %v", attempt.what, bypass, err)
			}
		}
	}
}
