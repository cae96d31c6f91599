// Package s3test gives tests a bucket with Object Lock on a real S3 endpoint.
//
//	func TestMain(m *testing.M) { s3test.Main(m) }
//
//	func TestUpload(t *testing.T) {
//		store, cfg := s3test.Embedded(t).Bucket(t)
//		…
//	}
//
// Each test process has at most one embedded server (internal/devs3) and one
// MinIO, started by the first test that asks and stopped by Main; each test takes
// buckets of its own. The embedded server runs in a child process, a second copy
// of the test binary: it would move the working directory of this one.
package s3test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/audit-archiver/archiver/internal/devs3"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/testenv/minio"
)

// Environment of the child process that is the embedded server.
const (
	envDir    = "S3TEST_SERVE_DIR"
	envAccess = "S3TEST_ACCESS_KEY"
	envSecret = "S3TEST_SECRET_KEY"
)

// Server is an S3 endpoint with its only account.
type Server struct {
	Endpoint, Region, AccessKey, SecretKey string
	// Objects is the folder where it keeps what it stores: whoever can write there is
	// below S3, and no lock is in the way.
	Objects string
}

// process is what this test process has started. Everything that Main must stop.
type process struct {
	mu       sync.Mutex
	main     bool   // Main runs the tests, so somebody will stop what we start
	dir      string // of everything below, removed by Main
	embedded *Server
	minio    *Server
	stops    []func() error
}

// shared is the one piece of state that outlives a test.
var shared process

// Main runs the tests of a package and stops the servers afterwards. It does not return.
func Main(m *testing.M) {
	if dir := os.Getenv(envDir); dir != "" {
		os.Exit(serve(dir))
	}
	dir, err := os.MkdirTemp("", "s3test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "s3test:", err)
		os.Exit(1)
	}
	shared.main, shared.dir = true, dir
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "s3test:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func (p *process) stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, stop := range p.stops {
		errs = append(errs, stop())
	}
	return errors.Join(append(errs, os.RemoveAll(p.dir))...)
}

// once returns *server, after starting it if it is nil.
func (p *process) once(t testing.TB, server **Server, start func(dir string) (*Server, func() error, error)) Server {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.main {
		t.Fatal("s3test: the package needs `func TestMain(m *testing.M) { s3test.Main(m) }`")
	}
	if *server == nil {
		started, stop, err := start(p.dir)
		if err != nil {
			t.Fatalf("s3test: %v", err)
		}
		*server = started
		p.stops = append(p.stops, stop)
	}
	return **server
}

// Embedded is the embedded server of this test process.
func Embedded(t testing.TB) Server {
	t.Helper()
	return shared.once(t, &shared.embedded, startEmbedded)
}

// MinIO is the MinIO server of this test process. If it cannot be built the test
// fails when CI is true, and is skipped with the reason otherwise.
func MinIO(t testing.TB) Server {
	t.Helper()
	binary := minio.Need(t)
	return shared.once(t, &shared.minio, func(dir string) (*Server, func() error, error) {
		srv, err := minio.Run(binary, filepath.Join(dir, "minio"))
		if err != nil {
			return nil, nil, err
		}
		return &Server{srv.Endpoint, minio.Region, srv.AccessKey, srv.SecretKey, filepath.Join(dir, "minio", "data")}, srv.Stop, nil
	})
}

// startEmbedded runs this test binary again as the server.
func startEmbedded(dir string) (*Server, func() error, error) {
	data := filepath.Join(dir, "embedded")
	srv := &Server{Region: devs3.DefaultRegion, AccessKey: rand.Text(), SecretKey: rand.Text(), Objects: filepath.Join(data, "data")}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envDir+"="+data,
		envAccess+"="+srv.AccessKey, envSecret+"="+srv.SecretKey)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // its end tells the child to stop, also when we are killed
	if err != nil {
		return nil, nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	stop := func() error { return errors.Join(stdin.Close(), cmd.Wait()) }
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, nil, fmt.Errorf("embedded server did not start: %w", errors.Join(err, stop()))
	}
	srv.Endpoint = strings.TrimSpace(line)
	return srv, stop, nil
}

// serve is the child: it prints the endpoint and ends with its standard input.
func serve(dir string) int {
	srv, err := devs3.Start(context.Background(), devs3.Options{
		Dir: dir, AccessKey: os.Getenv(envAccess), SecretKey: os.Getenv(envSecret), NoSync: true,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "s3test: embedded server:", err)
		return 1
	}
	fmt.Println(srv.Endpoint())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := srv.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "s3test: embedded server:", err)
		return 1
	}
	return 0
}

// Config is a configuration for a bucket that does not exist yet. Its credentials
// file lives as long as the test.
func (s Server) Config(t testing.TB) s3store.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "credentials")
	content := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", s.AccessKey, s.SecretKey)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return s3store.Config{
		Endpoint: s.Endpoint, Region: s.Region, PathStyle: true, CredentialsFile: file,
		Bucket: "test-" + strings.ToLower(rand.Text()),
	}
}

// Bucket makes a fresh bucket with Object Lock and opens it. The configuration is
// for opening it again, or otherwise.
func (s Server) Bucket(t testing.TB) (*s3store.Store, s3store.Config) {
	t.Helper()
	cfg := s.Config(t)
	store, err := s3store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.CreateBucket(t.Context(), s3store.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return store, cfg
}

// Client is a second, independent client for the same endpoint: it checks what
// ours claims, and does what ours has no code for.
func (s Server) Client(t testing.TB) *miniogo.Client {
	t.Helper()
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	client, err := miniogo.New(u.Host, &miniogo.Options{
		Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Region: s.Region,
		// The embedded server refuses the trailing checksums that minio-go adds.
		TrailingHeaders: false,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// User is the same server for a new account whose only policy is the given one. The
// server must be MinIO.
func (s Server) User(t testing.TB, policy []byte) Server {
	t.Helper()
	s.AccessKey, s.SecretKey = minio.User(t, s.Endpoint, s.AccessKey, s.SecretKey, policy)
	return s
}

// Open opens a bucket that is there, with the account of s.
func (s Server) Open(t testing.TB, bucket string) *s3store.Store {
	t.Helper()
	cfg := s.Config(t)
	cfg.Bucket = bucket
	store, err := s3store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return store
}
