package devs3_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/audit-archiver/archiver/internal/devs3"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/objecttest"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

func options(dir string) devs3.Options {
	return devs3.Options{Dir: dir, AccessKey: "access", SecretKey: rand.Text()}
}

// start runs a server until the test ends.
func start(t *testing.T, o devs3.Options) (*devs3.Server, s3test.Server) {
	t.Helper()
	srv, err := devs3.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return srv, s3test.Server{
		Endpoint: srv.Endpoint(), Region: srv.Region(), AccessKey: o.AccessKey, SecretKey: o.SecretKey,
	}
}

func TestRestartKeepsDataAndLocks(t *testing.T) {
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	o := options(t.TempDir())
	o.Listen = freeAddr(t)
	srv, client := start(t, o)
	store, cfg := client.Bucket(t)
	body := []byte("survives")
	p := objecttest.NewPut("events/retention=standard/a.parquet", body)
	version, err := store.Put(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := client.Attack(t, cfg.Bucket).PutUnlocked(t.Context(), p.Key, []byte("on top"))
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	if err := srv.Wait(); err != nil {
		t.Errorf("wait after stop: %v", err)
	}
	if after, err := os.Getwd(); err != nil || after != before {
		t.Errorf("working directory is %s, was %s (%v)", after, before, err)
	}

	_, client = start(t, o)
	attack := client.Attack(t, cfg.Bucket)
	if err := objecttest.CheckLocked(t.Context(), store, attack, p, version); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	if err := attack.DeleteVersion(t.Context(), p.Key, version, true); err == nil {
		t.Error("after a restart a locked version could be deleted")
	}
	r, err := store.Get(t.Context(), p.Key, version)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, body) {
		t.Errorf("content %q, %v", got, errors.Join(err, r.Close()))
	}
	var versions []string
	for info, err := range store.Versions(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, info.VersionID)
	}
	if len(versions) != 2 || versions[0] != forged || versions[1] != version {
		t.Errorf("versions %v, want %s and %s", versions, forged, version)
	}
}

// freeAddr is an address to listen on twice in a row.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	return ln.Addr().String()
}

// Standard output belongs to the commands: with --json it is parsed.
func TestSilent(t *testing.T) {
	captured, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = captured, captured
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()
	srv, client := start(t, options(t.TempDir()))
	store, _ := client.Bucket(t)
	if _, err := store.Put(t.Context(), objecttest.NewPut("k", []byte("x"))); err != nil {
		t.Error(err)
	}
	if _, err := store.Head(t.Context(), "missing", ""); !errors.Is(err, object.ErrNotFound) {
		t.Error(err)
	}
	if err := srv.Stop(); err != nil {
		t.Error(err)
	}
	if said, err := os.ReadFile(captured.Name()); err != nil || len(said) > 0 {
		t.Errorf("printed %q, %v", said, err)
	}
}

func TestStartRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for _, test := range []struct {
		name  string
		spoil func(*devs3.Options)
		want  string
	}{
		{"no credentials", func(o *devs3.Options) { o.SecretKey = "" }, "secret key"},
		{"all interfaces", func(o *devs3.Options) { o.Listen = ":0" }, "not a loopback address"},
		{"another host", func(o *devs3.Options) { o.Listen = "192.0.2.1:0" }, "not a loopback address"},
		{"no port", func(o *devs3.Options) { o.Listen = "127.0.0.1" }, "missing port"},
		{"a file for a folder", func(o *devs3.Options) { o.Dir = file }, "not a directory"},
		{"a port in use", func(o *devs3.Options) { o.Listen = taken.Addr().String() }, "address already in use"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options(t.TempDir())
			test.spoil(&o)
			srv, err := devs3.Start(t.Context(), o)
			if err == nil {
				t.Fatalf("started: %v", srv.Stop())
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not say %q", err, test.want)
			}
		})
	}
}

func TestOneServerPerProcess(t *testing.T) {
	_, client := start(t, options(t.TempDir()))
	if srv, err := devs3.Start(t.Context(), options(t.TempDir())); err == nil {
		t.Fatalf("a second one started: %v", srv.Stop())
	}
	client.Bucket(t) // the first still works: its working directory is untouched
}

func TestContextEndsServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	srv, err := devs3.Start(ctx, options(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := srv.Wait(); err != nil {
		t.Errorf("wait: %v", err)
	}
	if conn, err := net.DialTimeout("tcp", srv.Addr(), time.Second); err == nil {
		t.Errorf("still accepts connections: %v", conn.Close())
	}
}

// A bucket without Object Lock must not end up with an object that was meant to be locked.
func TestUnlockedBucketRefusesLockedObject(t *testing.T) {
	_, client := start(t, options(t.TempDir()))
	cfg := client.Config(t)
	if err := client.Client(t).MakeBucket(t.Context(), cfg.Bucket, miniogo.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	store, err := s3store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), objecttest.NewPut("k", []byte("x"))); err == nil {
		t.Error("put succeeded")
	}
	if _, err := store.Head(t.Context(), "k", ""); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("head: %v, want %v", err, object.ErrNotFound)
	}
}

// Clients keep connections that they do not use. They must not delay the end.
func TestStopDoesNotWaitForIdleConnections(t *testing.T) {
	srv, client := start(t, options(t.TempDir()))
	client.Bucket(t) // leaves a connection that was used
	unused, err := net.Dial("tcp", srv.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unused.Close() }()
	begin := time.Now()
	if err := srv.Stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("stopping took %v", took)
	}
}
