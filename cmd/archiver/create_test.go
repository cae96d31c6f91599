package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// TestPublish: init is repeated after anything, sends what is missing, and says
// what is in its way.
func TestPublish(t *testing.T) {
	const key = "p/archive"
	body, until := []byte("signed"), time.Now().Add(48*time.Hour).UTC().Truncate(time.Second)
	lost := func(op string) func(*memstore.Store) {
		return func(s *memstore.Store) {
			s.Intercept(func(c memstore.Call) *memstore.Fault {
				if c.Op == op {
					return &memstore.Fault{Err: memstore.ErrLost}
				}
				return nil
			})
		}
	}
	foreign := func(s *memstore.Store) { s.PutForged(key, []byte("other")) }
	hidden := func(s *memstore.Store) { s.Hide(key) }
	tests := map[string]struct {
		there  bool // it was published before
		before func(*memstore.Store)
		fresh  bool
		err    error  // nil: any, if says
		says   string // "": no error
	}{
		"nothing there":      {fresh: true},
		"again":              {there: true},
		"a neighbour":        {before: func(s *memstore.Store) { s.PutForged(key+"/x", []byte("other")) }, fresh: true},
		"only a marker":      {before: hidden, fresh: true},
		"ours, hidden":       {there: true, before: hidden},
		"ours, under other":  {there: true, before: foreign},
		"foreign":            {before: foreign, says: "not ours"},
		"foreign, hidden":    {before: func(s *memstore.Store) { foreign(s); hidden(s) }, says: "not ours"},
		"ours, not locked":   {before: func(s *memstore.Store) { s.PutForged(key, body) }, err: object.ErrUnlocked, says: "confirm"},
		"no answer to head":  {there: true, before: lost("head"), err: memstore.ErrLost, says: "confirm"},
		"no answer to get":   {there: true, before: lost("get"), err: memstore.ErrLost, says: "look at"},
		"no answer to lists": {before: lost("versions"), err: memstore.ErrLost, says: "look for"},
		"no answer to put":   {before: lost("put"), err: memstore.ErrLost, says: "put"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := memstore.New(t, nil)
			if test.there {
				if fresh, err := publish(t.Context(), s, key, body, until); err != nil || !fresh {
					t.Fatal(fresh, err)
				}
			}
			if test.before != nil {
				test.before(s)
			}
			fresh, err := publish(t.Context(), s, key, body, until)
			switch {
			case test.says == "":
				if err != nil || fresh != test.fresh {
					t.Errorf("got %v, %v, want %v", fresh, err, test.fresh)
				}
			case err == nil || !errors.Is(err, test.err) && test.err != nil || !strings.Contains(err.Error(), test.says):
				t.Errorf("got %v, want %v that says %q", err, test.err, test.says)
			}
		})
	}
}

// TestUseKeys: init takes key files that are there when it is told to, and only keys
// that fit.
func TestUseKeys(t *testing.T) {
	root, err := ledger.NewKey(ledger.RootName(uuid.New()))
	if err != nil {
		t.Fatal(err)
	}
	archive, err := ledger.ParseRootName(root.VKey())
	if err != nil {
		t.Fatal(err)
	}
	newStream := func(of uuid.UUID) ledger.Key {
		k, err := ledger.NewKey(ledger.StreamName(of, uuid.New()))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	own, foreign := newStream(archive), newStream(uuid.New())
	tests := map[string]struct {
		root, stream *ledger.Key // nil: no file
		other        string      // a file that is there too
		use          bool
		says         string // "": no error
	}{
		"both":                      {root: &root, stream: &own, use: true},
		"root only":                 {root: &root, use: true},
		"none":                      {use: true},
		"not told to":               {root: &root, says: "--use-keys"},
		"not told to, a stream key": {stream: &own, says: "--use-keys"},
		"stream of another archive": {root: &root, stream: &foreign, use: true, says: "is for archive"},
		"stream, and no root":       {stream: &own, use: true, says: "is for archive"},
		"root is a stream key":      {root: &own, use: true, says: "root key"},
		"stream is the root key":    {root: &root, stream: &root, use: true, says: "stream key"},
		"no key":                    {root: &root, other: "stream.key", use: true, says: "stream key"},
		"a certificate":             {root: &root, other: "stream.open", use: true, says: "stream.open exists"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := config.Default()
			c.DataDir, c.Retention.Classes = dir, []config.Class{{Name: "standard", Days: 1}}
			c.Archive.RootKeyFile = filepath.Join(dir, "root.key")
			c.Stream.KeyFile, c.Stream.OpenFile = filepath.Join(dir, "stream.key"), filepath.Join(dir, "stream.open")
			for file, k := range map[string]*ledger.Key{c.Archive.RootKeyFile: tt.root, c.Stream.KeyFile: tt.stream} {
				if k == nil {
					continue
				}
				if err := ledger.SaveKey(file, *k); err != nil {
					t.Fatal(err)
				}
			}
			if tt.other != "" {
				if err := os.WriteFile(filepath.Join(dir, tt.other), []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			b, err := prepare(t.Context(), c, time.Now(), tt.use)
			if tt.says != "" {
				if err == nil || !strings.Contains(err.Error(), tt.says) {
					t.Fatalf("%v, want %q", err, tt.says)
				}
				if exists(archiveFile(c)) {
					t.Error("an archive was signed all the same")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tt.root != nil && b.archive.Root != tt.root.VKey() {
				t.Errorf("root key %s, want %s", b.archive.Root, tt.root.VKey())
			}
			if tt.stream != nil && b.open.VKey != tt.stream.VKey() {
				t.Errorf("stream key %s, want %s", b.open.VKey, tt.stream.VKey())
			}
			again, found, err := loadBirth(t.Context(), c)
			if err != nil || !found || again.open != b.open {
				t.Errorf("read again: %v, %v", found, err)
			}
		})
	}
}

// TestSameKey: a name does not make another key of it.
func TestSameKey(t *testing.T) {
	const key, other = "AWq2mCXhyBpIvyFm0GhbT7mkqzUQYp3nTrWz1C7Xo4+d", "AWq2mCXhyBpIvyFm0GhbT7mkqzUQYp3nTrWz1C7Xo4+e"
	if !sameKey("a+11111111+"+key, "b+22222222+"+key) {
		t.Error("the same key under two names is another one")
	}
	if sameKey("a+11111111+"+key, "a+11111111+"+other) || sameKey("", "") {
		t.Error("two keys are the same")
	}
}
