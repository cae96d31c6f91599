//go:build linux

package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

const prefix = "audit"

// site is one archive with one stream: a data folder, a bucket behind a gate,
// and what clients were promised.
type site struct {
	dir     string // configuration and keys
	data    string // the data folder
	config  string
	gate    *gate
	cfg     s3store.Config // straight to the bucket, not through the gate
	root    string         // verifier key
	promise *promises
	auditor *s3store.Store // see streams; nil before
}

// newSite makes an archive. more is added to the configuration, which has the
// smallest segments and no reserve.
func newSite(t testing.TB, more ...string) *site {
	t.Helper()
	cfg := s3test.Embedded(t).Config(t)
	g := openGate(t, strings.TrimPrefix(cfg.Endpoint, "http://"))
	s := newSiteAt(t, cfg, g.addr, more...)
	s.gate = g
	return s
}

// newSiteAt makes an archive in the bucket of cfg, which the server reaches at addr.
func newSiteAt(t testing.TB, cfg s3store.Config, addr string, more ...string) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), promise: newPromises(), cfg: cfg}
	s.data, s.config = filepath.Join(s.dir, "data"), filepath.Join(s.dir, "archiver.yaml")
	s.write(t, fmt.Sprintf(`version: 0
data_dir: data
listen: 127.0.0.1:0
s3:
  endpoint: http://%s
  bucket: %s
  prefix: %s
  path_style: true
  credentials_file: %s
archive:
  root_key_file: root.key
retention:
  classes:
    - {name: standard, days: 1}
    - {name: long, days: 2}
seal:
  age: 200ms
wal:
  segment_bytes: 1MiB
  reserve_bytes: 0
log: {level: warn}
%s`, addr, s.cfg.Bucket, prefix, s.cfg.CredentialsFile, strings.Join(more, "\n")))
	var made struct {
		RootVKey string `json:"root_vkey"`
	}
	out, err := exec.Command(binary(), "init", "--config", s.config, "--json").Output()
	if err == nil {
		err = json.Unmarshal(out, &made)
	}
	if err != nil {
		t.Fatalf("init: %v: %s", err, out)
	}
	s.root = made.RootVKey
	s.edit(t, "archive:\n", "archive:\n  root_vkey: "+s.root+"\n")
	return s
}

func binary() string { return os.Getenv(envBinary) }

func (s *site) write(t testing.TB, text string) {
	t.Helper()
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// edit replaces text in the configuration.
func (s *site) edit(t testing.TB, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(raw, []byte(from)) {
		t.Fatalf("no %q in %s", from, raw)
	}
	s.write(t, strings.Replace(string(raw), from, to, 1))
}

// moveTo puts the data folder on another disk, where the folder disk is mounted.
func (s *site) moveTo(t testing.TB, disk string) {
	t.Helper()
	to := filepath.Join(disk, "data")
	if out, err := exec.Command("cp", "-a", s.data, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	syncDisk(t, disk) // the server has synced what it wrote; cp has not
	s.edit(t, "data_dir: data\n", "data_dir: "+to+"\nstream: {key_file: "+s.data+"/stream.key, open_file: "+s.data+"/stream.open}\n")
	s.data = to
}

func syncDisk(t testing.TB, dir string) {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		t.Fatal(err)
	}
}

// clone copies the data folder as a backup or a careless operator would, and
// returns the site of the copy.
func (s *site) clone(t testing.TB) *site {
	t.Helper()
	c := *s
	c.dir = t.TempDir()
	c.data, c.config = filepath.Join(c.dir, "data"), filepath.Join(c.dir, "archiver.yaml")
	if out, err := exec.Command("cp", "-a", s.dir+"/.", c.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c.promise = s.promise.clone()
	return &c
}

// files lists the files of the data folder below sub, with their sizes.
func (s *site) files(t testing.TB, sub string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(s.data, sub), func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			out = append(out, fmt.Sprintf("%s %d", strings.TrimPrefix(name, s.data), info.Size()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
