package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/testenv/cloudwatch"
)

// createKMSKey makes a key in moto's KMS and returns its ARN.
func createKMSKey(t *testing.T, endpoint string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint,
		strings.NewReader(`{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "TrentService.CreateKey")
	// moto reads nothing but the region in it.
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/kms/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var made struct{ KeyMetadata struct{ Arn string } }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || made.KeyMetadata.Arn == "" {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	return made.KeyMetadata.Arn
}

// checkChain gives the ledger to the verifier that shares no code with ours, and
// returns how many commits it accepted.
func (s *site) checkChain(t *testing.T, s3 *dev, bucket string) (commits int) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is needed for the independent verifier: ", err)
	}
	client, dir := s3.server(t).Client(t), t.TempDir()
	args := []string{"-I", "-B", "../pyverify/ledger.py", "stream", s.made.RootVKey, ""}
	for i, o := range objects(t, client, bucket, "team/audit/ledger/"+s.made.Stream+"/") {
		file := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(file, read(t, client, bucket, o), 0o600); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(o.key, "/open") {
			args[5] = file
		} else {
			args = append(args, file)
		}
	}
	out, err := exec.CommandContext(t.Context(), python, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return len(args) - 6
}

// mainJob sends events, waits until they are archived, and asks for them.
func (s *site) mainJob(t *testing.T, s3 *dev, bucket string) {
	t.Helper()
	d := startServe(t, s.config)
	d.stored(t, some(20)...)
	d.waitArchived(t)
	d.stored(t, some(3)...)
	d.waitArchived(t)
	d.stop(t)
	d = startServe(t, s.config) // the same keys again
	if n := d.query(t, countSQL).one(t); n != "23" {
		t.Errorf("%s rows, want 23", n)
	}
	d.stop(t)
	if n := run(t, exitOK, "query", "--config", s.config, "--format", "csv", countSQL); !strings.Contains(n.out, "23") {
		t.Errorf("from the bucket: %s", n.out)
	}
	if commits := s.checkChain(t, s3, bucket); commits < 3 {
		t.Errorf("%d commits", commits)
	}
}

type shownKey struct{ Role, VKey, Archive, Stream, Place string }

func (s *site) shownKeys(t *testing.T) (keys []shownKey) {
	t.Helper()
	run(t, exitOK, "key", "show", "--config", s.config, "--json").decode(t, &keys)
	return keys
}

// TestKMS is the whole main job with a root key and a stream key that nobody can read.
func TestKMS(t *testing.T) {
	endpoint := cloudwatch.StartMoto(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	root, stream := createKMSKey(t, endpoint), createKMSKey(t, endpoint)
	s3 := startDev(t, t.TempDir())
	s := newSite(t, s3, "kms-keys", "127.0.0.1:0", fmt.Sprintf("stream:\n  key_kms: %s\nkms:\n  region: eu-central-1\n  endpoint: %s\n", root, endpoint))
	s.edit(t, "root_key_file: root.key", "root_key_kms: "+root)
	run(t, exitUsage, "init", "--config", s.config).wants(t, "stream.key_kms", "is the root key")
	byID := root[strings.LastIndex(root, "/")+1:] // the same key by another name
	s.edit(t, "  key_kms: "+root+"\nkms", "  key_kms: "+byID+"\nkms")
	run(t, exitFailure, "init", "--config", s.config).wants(t, "stream key: is the root key")
	s.edit(t, "  key_kms: "+byID, "  key_kms: "+stream)
	s.init(t)
	if !strings.Contains(s.made.RootVKey, "+AjBZMBMGByqGSM49") {
		t.Errorf("root key %s is not one of ECDSA", s.made.RootVKey)
	}
	run(t, exitFailure, "init", "--config", s.config).wants(t, "already", s.made.Archive)
	for _, file := range []string{"root.key", "data/stream.key"} {
		if _, err := os.Stat(filepath.Join(s.dir, file)); err == nil {
			t.Errorf("there is a file %s", file)
		}
	}
	keys := s.shownKeys(t)
	if len(keys) != 2 || keys[0].VKey != s.made.RootVKey || keys[0].Place != "KMS key "+root || keys[1].Stream != s.made.Stream || keys[1].Role != "stream" {
		t.Errorf("shown: %+v", keys)
	}
	s.mainJob(t, s3, "kms-keys")
	first := s.made.Stream
	s.made.Stream = s.rotateInKMS(t, stream)
	s.checkChain(t, s3, "kms-keys")
	run(t, exitOK, "recover", "--config", s.config, "--stream", s.made.Stream) // by the root key
	s.checkChain(t, s3, "kms-keys")
	s.made.Stream = first
	s.checkChain(t, s3, "kms-keys")
	s.edit(t, "key_kms: "+stream, "key_kms: "+createKMSKey(t, endpoint))
	run(t, exitFailure, "key", "show", "--config", s.config).wants(t, "stream key: ", "want "+keys[1].VKey)
}

// rotateInKMS goes on with a successor whose key is in KMS too, and returns its id.
func (s *site) rotateInKMS(t *testing.T, key string) string {
	t.Helper()
	var next struct{ Stream, Path string }
	run(t, exitOK, "stream", "next", "--config", s.config, "--json").decode(t, &next)
	raw, err := os.ReadFile(filepath.Join(next.Path, "stream.key"))
	if err != nil || string(raw) != "kms:"+key+"\n" {
		t.Errorf("the successor's key file: %q, %v", raw, err)
	}
	d := startServe(t, s.config)
	run(t, exitOK, "stream", "rotate", "--config", s.config)
	d.stop(t)
	d = startServe(t, s.config)
	d.stored(t, some(2)...)
	d.waitArchived(t)
	if n := d.query(t, countSQL).one(t); n != "25" {
		t.Errorf("%s rows, want 25", n)
	}
	d.stop(t)
	return next.Stream
}

// TestEnvironmentKeys is the main job with keys that no file of the server holds.
func TestEnvironmentKeys(t *testing.T) {
	s3 := startDev(t, t.TempDir())
	s := newSite(t, s3, "environment-keys", "127.0.0.1:0", "stream:\n  key_env: TEST_STREAM_KEY\n")
	s.edit(t, "root_key_file: root.key", "root_key_env: TEST_ROOT_KEY")
	run(t, exitFailure, "init", "--config", s.config).wants(t, "root key: environment variable TEST_ROOT_KEY is not set")

	dir := t.TempDir()
	newKey := func(file string, more ...string) (shown []shownKey) {
		t.Helper()
		file = filepath.Join(dir, file)
		run(t, exitOK, append([]string{"key", "new", "--json", "--out", file}, more...)...).decode(t, &shown)
		run(t, exitFailure, append([]string{"key", "new", "--out", file}, more...)...).wants(t, "file exists")
		var again []shownKey
		run(t, exitOK, "key", "show", "--json", file).decode(t, &again)
		if len(shown) != 1 || fmt.Sprint(shown) != fmt.Sprint(again) {
			t.Fatalf("made %v, shown %v", shown, again)
		}
		return shown
	}
	setenv := func(name, file string) {
		t.Helper()
		raw, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, string(raw))
	}
	root := newKey("root")[0]
	other := newKey("other")[0]
	newKey("foreign", "--stream-of", other.VKey)
	stream := newKey("stream", "--stream-of", root.VKey)[0]
	setenv("TEST_ROOT_KEY", "root")
	setenv("TEST_STREAM_KEY", "foreign")
	run(t, exitFailure, "init", "--config", s.config).wants(t, "stream key: environment variable TEST_STREAM_KEY: is for archive "+other.Archive)
	setenv("TEST_STREAM_KEY", "stream")
	s.init(t)
	if s.made.RootVKey != root.VKey || s.made.Archive != root.Archive || s.made.Stream != stream.Stream {
		t.Errorf("made %+v of %+v and %+v", s.made, root, stream)
	}
	if keys := s.shownKeys(t); len(keys) != 2 || keys[0].VKey != root.VKey || keys[1].VKey != stream.VKey {
		t.Errorf("shown: %+v", keys)
	}
	s.mainJob(t, s3, "environment-keys")
	for name, text := range s.files(t) {
		if strings.Contains(text, "PRIVATE+KEY") {
			t.Errorf("%s holds a private key", name)
		}
	}
	setenv("TEST_STREAM_KEY", "foreign")
	if o := run(t, exitFailure, "serve", "--config", s.config); strings.Contains(o.err, "PRIVATE") || !strings.Contains(o.err, "want "+stream.VKey) {
		t.Errorf("with another key: %s", o.err)
	}
}
