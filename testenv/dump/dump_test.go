package dump_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	"github.com/audit-archiver/archiver/testenv/dump"
)

func put(t *testing.T, store object.Store, key, body string) string {
	t.Helper()
	id, err := store.Put(t.Context(), object.Put{Key: key, Body: strings.NewReader(body), Size: int64(len(body)),
		SHA256: sha256.Sum256([]byte(body)), ContentType: "text/plain", RetainUntil: time.Now().UTC().Add(time.Hour).Truncate(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// A dump, opened, is the bucket: hidden and replaced versions included, neighbours of the prefix not.
func TestDumpIsTheBucket(t *testing.T) {
	bucket := memstore.New(t, nil)
	put(t, bucket, "audit/a", "one")
	bucket.PutForged("audit/a", []byte("forged"))
	put(t, bucket, "audit/b/c", "")
	bucket.Hide("audit/b/c")
	put(t, bucket, "auditor", "not ours")

	dir := t.TempDir()
	if err := dump.Write(t.Context(), bucket, "audit", dir); err != nil {
		t.Fatal(err)
	}
	store, err := dump.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if store.Prefix() != "audit" {
		t.Errorf("prefix %q", store.Prefix())
	}
	var want, got []object.Info
	for info, err := range bucket.Versions(t.Context(), "audit/") {
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, info)
	}
	for info, err := range store.Versions(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, info)
	}
	if len(got) != 4 || len(want) != 4 {
		t.Fatalf("%d versions in the dump, %d in the bucket, want 4", len(got), len(want))
	}
	for i := range want {
		same(t, got[i], want[i])
		if want[i].DeleteMarker {
			continue
		}
		compare(t, store, bucket, want[i])
	}
	if _, err := store.Get(t.Context(), "audit/b/c", ""); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("a hidden key: %v", err)
	}
	if _, err := store.Put(t.Context(), object.Put{}); !errors.Is(err, dump.ErrReadOnly) {
		t.Errorf("put: %v", err)
	}
}

func same(t *testing.T, got, want object.Info) {
	t.Helper()
	if !got.LastModified.Equal(want.LastModified) || !got.RetainUntil.Equal(want.RetainUntil) {
		t.Errorf("%s: times %v %v, want %v %v", want.Key, got.LastModified, got.RetainUntil, want.LastModified, want.RetainUntil)
	}
	got.LastModified, got.RetainUntil = want.LastModified, want.RetainUntil
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func compare(t *testing.T, a, b object.Store, v object.Info) {
	t.Helper()
	got, err1 := a.Head(t.Context(), v.Key, v.VersionID)
	want, err2 := b.Head(t.Context(), v.Key, v.VersionID)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	same(t, got, want)
	if !bytes.Equal(content(t, a, v), content(t, b, v)) {
		t.Errorf("%s version %s: another content", v.Key, v.VersionID)
	}
}

func content(t *testing.T, s object.Store, v object.Info) []byte {
	t.Helper()
	body, err := s.Get(t.Context(), v.Key, v.VersionID)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A dump is there completely or not at all, and does not lead out of its folder.
func TestNoHalfDump(t *testing.T) {
	bucket := memstore.New(t, nil)
	put(t, bucket, "a", "one")
	bucket.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "get" {
			return &memstore.Fault{Err: memstore.ErrLost}
		}
		return nil
	})
	dir := t.TempDir()
	if err := dump.Write(t.Context(), bucket, "", dir); !errors.Is(err, memstore.ErrLost) {
		t.Errorf("write: %v", err)
	}
	if _, err := dump.Open(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("open: %v", err)
	}
	escape := `{"prefix":"","versions":[{"key":"a","version_id":"1","body":"../../etc/passwd"}]}`
	if err := os.WriteFile(filepath.Join(dir, "listing.json"), []byte(escape), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := dump.Open(dir); err == nil || !strings.Contains(err.Error(), "not in the folder") {
		t.Errorf("a body outside of the folder: %v", err)
	}
}
