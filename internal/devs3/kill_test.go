package devs3_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/audit-archiver/archiver/internal/devs3"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/objecttest"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

// envKill makes the test binary a server on the folder that it names.
const envKill = "DEVS3_KILL_DIR"

const killSecret = "not-a-secret"

func TestMain(m *testing.M) {
	dir := os.Getenv(envKill)
	if dir == "" {
		os.Exit(m.Run())
	}
	srv, err := devs3.Start(context.Background(), devs3.Options{Dir: dir, AccessKey: "access", SecretKey: killSecret})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(srv.Endpoint())
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the parent
}

// child starts a server in a process of its own.
func child(t *testing.T, dir string) (client s3test.Server, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envKill+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = stdin.Close()
	})
	t.Cleanup(kill)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the server did not start: %v", err)
	}
	return s3test.Server{
		Endpoint: strings.TrimSpace(line), Region: devs3.DefaultRegion, AccessKey: "access", SecretKey: killSecret,
	}, kill
}

// TestKill kills the server among uploads, several times. Afterwards every object
// that was acknowledged is there and locked, and there is none that is not locked.
func TestKill(t *testing.T) {
	const rounds, writers = 5, 4
	dir := t.TempDir()
	client, kill := child(t, dir)
	_, cfg := client.Bucket(t)
	acknowledged := map[string]string{} // version by key
	for round := range rounds {
		cfg.Endpoint = client.Endpoint
		store := open(t, cfg)
		for key, version := range upload(t, store, round, writers, kill) {
			acknowledged[key] = version
		}
		client, kill = child(t, dir)
	}
	if len(acknowledged) < rounds*writers {
		t.Fatalf("only %d uploads were acknowledged: this test shows little", len(acknowledged))
	}

	cfg.Endpoint = client.Endpoint
	store := open(t, cfg)
	found := 0
	for info, err := range store.Versions(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		head, err := store.Head(t.Context(), info.Key, info.VersionID)
		if err != nil {
			t.Fatal(err)
		}
		if want := objecttest.NewPut(info.Key, []byte(info.Key)); head.Mode != object.Compliance || head.SHA256 != want.SHA256 {
			t.Errorf("%s has mode %q and SHA-256 %x", info.Key, head.Mode, head.SHA256)
		}
		if version, ok := acknowledged[info.Key]; ok {
			found++
			if version != info.VersionID {
				t.Errorf("%s has version %s, acknowledged was %s", info.Key, info.VersionID, version)
			}
		}
	}
	if found != len(acknowledged) {
		t.Errorf("found %d of %d acknowledged objects", found, len(acknowledged))
	}
}

func open(t *testing.T, cfg s3store.Config) *s3store.Store {
	t.Helper()
	store, err := s3store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// upload writes from several sides until the server is killed, and returns what
// was acknowledged.
func upload(t *testing.T, store *s3store.Store, round, writers int, kill func()) map[string]string {
	t.Helper()
	const before = 20 // acknowledgements, then the kill
	var mu sync.Mutex
	acknowledged := map[string]string{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for writer := range writers {
		wg.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("round=%d/%d-%d", round, writer, i)
				version, err := store.Put(ctx, objecttest.NewPut(key, []byte(key)))
				if err != nil {
					return // killed
				}
				mu.Lock()
				acknowledged[key] = version
				enough := len(acknowledged) >= before
				mu.Unlock()
				if enough {
					kill() // while the others are in the middle of something
					cancel()
				}
			}
		})
	}
	wg.Wait()
	return acknowledged
}
