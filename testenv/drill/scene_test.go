package drill

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/objecttest"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/internal/verify"
	"github.com/audit-archiver/archiver/testenv/dump"
	"github.com/audit-archiver/archiver/testenv/pyverify"
	"github.com/audit-archiver/archiver/testenv/s3test"
	"github.com/audit-archiver/archiver/testenv/sample"
)

const prefix = "audit"

// stores are what every drill is held on.
var stores = []struct {
	name  string
	start func(testing.TB) s3test.Server
}{
	{"embedded", s3test.Embedded},
	{"minio", s3test.MinIO},
}

// scene is an archive of real events in a bucket of its own, and everybody who has
// to do with it.
type scene struct {
	t      *testing.T
	minio  bool
	server s3test.Server
	bucket string
	store  *s3store.Store
	client *miniogo.Client // the attacker's
	attack objecttest.Attack

	*sample.Archive
	a, b  *sample.Stream // of 1,700 and 1,200 events
	dir   string
	state string // what the auditor remembers
}

func newScene(t *testing.T, name string, server s3test.Server) *scene {
	t.Helper()
	store, cfg := server.Bucket(t)
	s := &scene{t: t, minio: name == "minio", server: server, bucket: cfg.Bucket, store: store, client: server.Client(t),
		attack: server.Attack(t, cfg.Bucket), dir: t.TempDir(), state: t.TempDir()}
	s.Archive = sample.New(t, store, prefix, time.Now())
	s.a, s.b = s.NewStream(), s.NewStream()
	for range 4 {
		s.a.Commit(425)
	}
	for range 3 {
		s.b.Commit(400)
	}
	s.b.Note(ledger.Note{Kind: ledger.NoteHeartbeat})
	if err := ledger.SaveKey(filepath.Join(s.dir, "root.key"), s.Root); err != nil {
		t.Fatal(err)
	}
	s.configure("archiver.yaml", cfg.Endpoint, cfg.CredentialsFile)
	return s
}

// configure writes a configuration that reaches the bucket in some way.
func (s *scene) configure(name, endpoint, credentials string) {
	s.t.Helper()
	text := fmt.Sprintf(`version: 0
data_dir: data
s3: {endpoint: %q, bucket: %q, prefix: %q, path_style: true, credentials_file: %q}
archive: {root_vkey: %q, root_key_file: root.key}
log: {level: warn}
`, endpoint, s.bucket, prefix, credentials, s.Root.VKey())
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// run runs the program with the configuration of the scene.
func (s *scene) run(args ...string) (stdout []byte, code int) {
	s.t.Helper()
	if !slices.Contains(args, "--config") {
		args = append(args, "--config", filepath.Join(s.dir, "archiver.yaml"))
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(s.t.Context(), os.Getenv(envBinary), args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	if code = cmd.ProcessState.ExitCode(); code == 1 || code == 2 {
		s.t.Errorf("archiver %s: exit code %d: %s", strings.Join(args, " "), code, &stderr)
	}
	return out, code
}

// verdict is a report of any verifier. Seqs are compared among those of one author.
type verdict struct {
	Result    string `json:"result"`
	Findings  []found
	Unchecked []struct {
		Level int    `json:"level"`
		Key   string `json:"key"`
		Why   string `json:"why"`
	} `json:"unchecked"`
}

type found struct {
	Kind    verify.Kind `json:"kind"`
	Level   int         `json:"level"`
	Key     string      `json:"key"`
	Version string      `json:"version"`
	Stream  string      `json:"stream"`
	First   int64       `json:"first"`
	Last    int64       `json:"last"`
}

func (f found) String() string {
	return fmt.Sprintf("%s level %d %s version %q stream %q seqs %d to %d", f.Kind, f.Level, f.Key, f.Version, f.Stream, f.First, f.Last)
}

// violations are the findings that are no information, in order.
func (v *verdict) violations() (out []string) {
	for _, f := range v.Findings {
		if !f.Kind.Information() {
			out = append(out, f.String())
		}
	}
	slices.Sort(out)
	return out
}

// audit runs the auditor, whose exit code must fit what it says.
func (s *scene) audit(args ...string) (v verdict) {
	s.t.Helper()
	out, code := s.run(append([]string{"verify", "--json"}, args...)...)
	if err := json.Unmarshal(out, &v); err != nil {
		s.t.Fatalf("verify: exit code %d, %v: %s", code, err, out)
	}
	want := map[string]int{"OK": 0, "VIOLATION": 3, "INDETERMINATE": 4}[v.Result]
	if code != want {
		s.t.Errorf("verify says %s with exit code %d", v.Result, code)
	}
	return v
}

// remembering is the auditor who was here before, blank one who never was.
func (s *scene) remembering(args ...string) verdict {
	s.t.Helper()
	return s.audit(append(args, "--state", s.state)...)
}

func (s *scene) blank(args ...string) verdict {
	s.t.Helper()
	return s.audit(append(args, "--state", "none")...)
}

// untouched demands that nobody finds anything.
func (s *scene) untouched() {
	s.t.Helper()
	for _, v := range []verdict{s.remembering(), s.remembering()} {
		if v.Result != "OK" || len(v.Findings) > 0 {
			s.t.Fatalf("before anything was done: %s: %v %v", v.Result, v.Findings, v.Unchecked)
		}
	}
}

// agree demands that the verifier in Python, who was never here either, says the same.
func (s *scene) agree(ours verdict) {
	s.t.Helper()
	dir := filepath.Join(s.t.TempDir(), "dump")
	if err := dump.Write(s.t.Context(), s.store, prefix, dir); err != nil {
		s.t.Fatal(err)
	}
	theirs := pyverify.Dump(s.t, dir, s.Root.VKey(), time.Now())
	var a, b []string
	for _, f := range ours.Findings {
		a = append(a, fmt.Sprint(f.Kind, f.Level, f.Key, f.Version))
	}
	for _, f := range theirs.Findings {
		b = append(b, fmt.Sprint(f.Kind, f.Level, f.Key, f.Version))
	}
	slices.Sort(a)
	slices.Sort(b)
	if ours.Result != theirs.Result || !slices.Equal(a, b) {
		s.t.Errorf("the verifiers do not agree: %s, and %s in Python\nours   %s\nPython %s", ours.Result, theirs.Result, strings.Join(a, "\n       "), strings.Join(b, "\n       "))
	}
}

// Below: everything an attacker may do.

// file is a committed file: the i-th of the second commit of stream a.
func (s *scene) file(i int) (f *ledger.File, key string, body []byte) {
	c := &s.a.Commits[1]
	f = &c.Manifest.Files[i]
	return f, ledger.Join(prefix, f.Key), c.Bodies[i]
}

// put writes a version without a lock.
func (s *scene) put(key string, body []byte) (version string) {
	s.t.Helper()
	version, err := s.attack.PutUnlocked(s.t.Context(), key, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return version
}

// putLocked writes a version with a lock of the attacker's choice.
func (s *scene) putLocked(key string, body []byte, until time.Time) (version string) {
	s.t.Helper()
	info, err := s.client.PutObject(s.t.Context(), s.bucket, key, bytes.NewReader(body), int64(len(body)), miniogo.PutObjectOptions{
		ContentType: "application/octet-stream", SendContentMd5: true, Mode: miniogo.Compliance, RetainUntilDate: until})
	if err != nil {
		s.t.Fatal(err)
	}
	return info.VersionID
}

// hide puts a delete marker and returns its version.
func (s *scene) hide(key string) (version string) {
	s.t.Helper()
	if err := s.attack.Hide(s.t.Context(), key); err != nil {
		s.t.Fatal(err)
	}
	for v, err := range s.store.Versions(s.t.Context(), key) {
		if err != nil {
			s.t.Fatal(err)
		}
		if v.Key == key && v.DeleteMarker && v.IsLatest {
			return v.VersionID
		}
	}
	s.t.Fatalf("%s is not hidden", key)
	return ""
}

// erase removes a key with all that is under it from the disk below the store.
func (s *scene) erase(key string) {
	s.t.Helper()
	path := filepath.Join(s.server.Objects, s.bucket, filepath.FromSlash(key))
	if _, err := os.Stat(path); err != nil {
		s.t.Fatal(err)
	}
	if err := os.RemoveAll(path); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.store.Head(context.Background(), key, ""); !errors.Is(err, object.ErrNotFound) {
		s.t.Fatalf("%s is still there: %v", key, err)
	}
}

// headBefore is the head of a stream before a commit.
func (s *scene) headBefore(st *sample.Stream, index int) ledger.Head {
	s.t.Helper()
	head, err := ledger.NewHead(st.Raw, s.Root.VKey())
	for i := 0; i < index && err == nil; i++ {
		head, _, err = head.Verify(st.Commits[i].Raw)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return head
}

// note makes a commit that holds nothing but a note, and that signer signs.
func (s *scene) note(head ledger.Head, signer ledger.Signer) []byte {
	s.t.Helper()
	head.VKey = signer.VKey()
	raw, _, err := head.Next(head.Empty(s.Now, "forger", ledger.Note{Kind: ledger.NoteHeartbeat, Text: "nothing happened"}), signer)
	if err != nil {
		s.t.Fatal(err)
	}
	return raw
}

func sumOf(b []byte) ledger.Hash { return sha256.Sum256(b) }

func flipped(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1
	return b
}
