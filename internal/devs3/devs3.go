// Package devs3 is an S3 endpoint with real Object Lock on a local folder, for
// `archiver dev` and for tests. It embeds versitygw with its posix backend.
//
// The promise: what Amazon S3 refuses, it refuses too (deleting or weakening a
// COMPLIANCE version, overwriting with If-None-Match, a wrong checksum), and an
// object that was acknowledged is there and locked after a crash of this process
// or of the machine (see backend). It is not a vault: whoever can write to the
// folder can change it, as with any store when one owns the disk below it.
//
// The price: one server per process, because versitygw keeps package-level state,
// and while it runs the working directory of the whole process is Dir/data,
// because its posix backend works with relative paths. Callers make their paths
// absolute before Start.
package devs3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
)

// Limits of the server. A development endpoint has one archiver and a few curious
// clients; the numbers keep a runaway loop from exhausting file descriptors.
const (
	maxConnections = 512
	maxRequests    = 256
	maxParts       = 10000 // what S3 allows; our own client never uses multipart
)

// DefaultRegion is the region that clients must sign for unless Options say otherwise.
const DefaultRegion = "us-east-1"

// running guards what exists once per process: the working directory and the state
// of versitygw. A second Start would pull the floor from under the first server.
var (
	running    atomic.Bool
	errRunning = errors.New("this process runs one already")
)

// Options say where the data is and who may connect.
type Options struct {
	// Dir holds everything: data/ (buckets and current versions), versions/ (older
	// versions) and, while it runs, a socket. It is created when absent and must
	// support extended attributes, where locks and checksums are kept.
	Dir string
	// Listen is host:port. Port 0 picks a free one. Default: 127.0.0.1:0.
	Listen string
	// AllowRemote permits a Listen address that other machines can reach. The
	// endpoint has no TLS: credentials are never sent, but data is readable.
	AllowRemote bool
	// AccessKey and SecretKey are the only account. Required.
	AccessKey, SecretKey string
	// Region that requests are signed for. Default: DefaultRegion.
	Region string
	// NoSync leaves the data in the page cache: for tests, which do not survive
	// a power failure anyway.
	NoSync bool
}

// Server is a running endpoint.
type Server struct {
	addr   string
	region string
	cancel context.CancelFunc
	done   chan struct{} // closed when the gateway has ended; err is final then
	err    error
}

// Start runs the endpoint and returns once it accepts connections. It ends when
// ctx is cancelled or Stop is called. Data in Dir is kept between runs.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Region == "" {
		o.Region = DefaultRegion
	}
	if o.AccessKey == "" || o.SecretKey == "" {
		return nil, errors.New("start dev s3: access key and secret key are required")
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("start dev s3: listen address: %w", err)
	}
	if !o.AllowRemote && !isLoopback(host) {
		return nil, fmt.Errorf("start dev s3: %s is not a loopback address", o.Listen)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("start dev s3: %w", err)
	}
	if err := prepare(dir); err != nil {
		return nil, fmt.Errorf("start dev s3 in %s: %w", dir, err)
	}
	ln, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("start dev s3: %w", err)
	}
	srv, err := run(ctx, dir, ln, o)
	if err != nil {
		return nil, fmt.Errorf("start dev s3: %w", errors.Join(err, ln.Close()))
	}
	return srv, nil
}

// run starts the gateway, and the proxy in front of it once it is ready.
func run(ctx context.Context, dir string, ln net.Listener, o Options) (*Server, error) {
	if !running.CompareAndSwap(false, true) {
		return nil, errRunning
	}
	// What posix.New changes for the whole process is put back when it ends.
	before, err := os.Getwd()
	if err != nil {
		running.Store(false)
		return nil, err
	}
	be, err := newBackend(dir, !o.NoSync)
	if err != nil {
		err = errors.Join(err, os.Chdir(before))
		running.Store(false)
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	// The gateway goes last: when no connection is left, it does not wait for any.
	gateway, stopGateway := context.WithCancel(context.WithoutCancel(ctx))
	listening := make(chan struct{})
	cfg := gatewayConfig(o, func() { close(listening) })
	srv := &Server{addr: ln.Addr().String(), region: o.Region, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(srv.done)
		defer cancel()
		srv.err = errors.Join(embedgw.RunVersityGW(gateway, be, cfg), os.Chdir(before))
		running.Store(false)
	}()
	select {
	case <-listening:
	case <-srv.done:
		stopGateway()
		return nil, srv.err
	}
	front := newProxy(ln)
	go front.serve()
	context.AfterFunc(ctx, func() {
		front.close()
		stopGateway()
	})
	return srv, nil
}

// gatewayConfig is the gateway behind the proxy.
func gatewayConfig(o Options, onListen func()) *embedgw.Config {
	return &embedgw.Config{
		RootUserAccess:    o.AccessKey,
		RootUserSecret:    o.SecretKey,
		Region:            o.Region,
		Ports:             []string{gatewaySocket},
		SocketPerm:        "0600",
		MaxConnections:    maxConnections,
		MaxRequests:       maxRequests,
		MultipartMaxParts: maxParts,
		Quiet:             true,
		KeepAlive:         true,
		DisableACLs:       true,
		// What embedgw would choose itself, without the line it prints about that.
		IAMService: auth.NewIAMServiceSingle(auth.Account{
			Access: o.AccessKey, Secret: o.SecretKey, Role: auth.RoleAdmin,
		}),
		S3Options: []s3api.Option{s3api.WithOnListen(onListen)},
	}
}

// Addr is the address that the server listens on, host:port.
func (s *Server) Addr() string { return s.addr }

// Endpoint is the URL to give to S3 clients. They must use path-style addressing.
func (s *Server) Endpoint() string { return "http://" + s.addr }

// Region is the region that requests must be signed for.
func (s *Server) Region() string { return s.region }

// Stop ends the server: requests in flight get two seconds. It returns what Wait
// returns and may be called more than once.
func (s *Server) Stop() error {
	s.cancel()
	return s.Wait()
}

// Wait returns when the server has ended: nil after Stop or a cancelled context,
// otherwise why.
func (s *Server) Wait() error {
	<-s.done
	return s.err
}

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// prepare creates the folders and makes sure that they can hold locks.
func prepare(dir string) error {
	for _, sub := range []string{dataDir, versionsDir} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
		if err := probeXattr(filepath.Join(dir, sub)); err != nil {
			return fmt.Errorf("this file system cannot hold extended attributes, where locks are kept; choose another folder: %w", err)
		}
	}
	return nil
}

// probeXattr sets an attribute on a file in dir and reads it back. The sidecar
// files that versitygw offers instead are no alternative: they are written one by
// one beside the object, so a crash leaves objects whose lock is missing.
func probeXattr(dir string) (err error) {
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if err := (meta.XattrMeta{}).StoreAttribute(f, "", "", "probe", []byte("1")); err != nil {
		return err
	}
	_, err = meta.XattrMeta{}.RetrieveAttribute(f, "", "", "probe")
	return err
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// newPosix builds the backend without the line that posix.New prints to standard
// output, which belongs to the commands (--json). The swap is why Start must not
// run concurrently with code that prints.
func newPosix(root, versions string) (*posix.Posix, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	out := os.Stdout
	os.Stdout = null
	defer func() { os.Stdout = out }()
	opts := posix.PosixOpts{VersioningDir: versions}
	opts.SetNewDirPerm(0o700)
	opts.SetNewFilePerm(0o600)
	return posix.New(root, meta.XattrMeta{}, opts)
}
