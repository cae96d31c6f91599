package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/devs3"
	"github.com/audit-archiver/archiver/internal/durable"
)

const (
	devBucket        = "audit"
	devRetentionDays = 1
	devSegmentBytes  = 32 * config.MiB // zero-filled on first use: small keeps the first start quick
	devProfile       = "default"
)

type devFlags struct {
	dir, listen, s3Listen, athenaListen string
	athenaResults                       string
	sealAge                             time.Duration
	listenSet, sealAgeSet, athenaSet    bool
	allowRemoteS3                       bool
	asJSON                              bool
}

func newDevCommand(a *app) *cobra.Command {
	var f devFlags
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run everything on this machine: S3 with Object Lock, archiver, SQL",
		Long: `Run everything on this machine, with nothing to set up: an S3 endpoint with real
Object Lock on a local folder, an archive in it, and the archiver. Objects are
locked for one day. The data is kept: stop it with Ctrl-C and start it again.

The folder holds archiver.yaml, which every other command takes with --config, and
credentials, which every S3 client takes with AWS_SHARED_CREDENTIALS_FILE. Settings
that you change in archiver.yaml stay, except the S3 endpoint.

Exit codes:
  0  it was stopped
  1  it did not work
  2  the command line or the configuration is wrong`,
		Example: `  archiver dev
  archiver dev --dir /tmp/demo --seal-age 1s
  archiver dev --listen 127.0.0.1:0 --s3-listen 127.0.0.1:0 --athena-listen 127.0.0.1:0 --json   # free ports, printed as JSON`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.listenSet = cmd.Flags().Changed("listen")
			f.sealAgeSet = cmd.Flags().Changed("seal-age")
			f.athenaSet = cmd.Flags().Changed("athena-listen")
			return runDev(cmd.Context(), a, f)
		},
	}
	cmd.Flags().StringVar(&f.dir, "dir", "./archiver-data", "`folder` of all data; made when missing")
	cmd.Flags().StringVar(&f.listen, "listen", "127.0.0.1:8420", "`address` for events and SQL")
	cmd.Flags().StringVar(&f.s3Listen, "s3-listen", "127.0.0.1:8421", "`address` of the S3 endpoint")
	cmd.Flags().StringVar(&f.athenaListen, "athena-listen", "127.0.0.1:8422", "`address` of Athena's API; empty: not served")
	cmd.Flags().StringVar(&f.athenaResults, "athena-results", "", "`bucket` at the S3 endpoint that answers of Athena's API go into too, for older clients")
	cmd.Flags().BoolVar(&f.allowRemoteS3, "s3-allow-remote", false, "let --s3-listen be an address that other machines reach (no TLS)")
	cmd.Flags().DurationVar(&f.sealAge, "seal-age", 5*time.Second, "longest `time` that an event waits before it is archived")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document when ready")
	return cmd
}

func runDev(ctx context.Context, a *app, f devFlags) (err error) {
	if host, _, err := net.SplitHostPort(f.s3Listen); err != nil || !f.allowRemoteS3 && !loopback(host) {
		return usagef("--s3-listen %s: must be host:port on a loopback address; --s3-allow-remote lifts that, without TLS", f.s3Listen)
	}
	dir, err := prepareDevDir(f.dir)
	if err != nil {
		return err
	}
	// Before anything below is touched: a second S3 endpoint on the folder would take
	// the first one's socket away, and write itself into archiver.yaml.
	lock, err := durable.Lock(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	access, secret, err := devCredentials(filepath.Join(dir, "credentials"))
	if err != nil {
		return err
	}
	// Whatever is wrong with flags and configuration is said before anything is made.
	c, err := devConfig(dir, f)
	if err != nil {
		return err
	}
	if c.Archive.RootVKey == "" {
		if err := dropEmptyBucket(filepath.Join(dir, "s3", "data", devBucket)); err != nil {
			return err
		}
	}
	s3, err := devs3.Start(context.WithoutCancel(ctx), devs3.Options{Dir: filepath.Join(dir, "s3"), Listen: f.s3Listen,
		AllowRemote: f.allowRemoteS3, AccessKey: access, SecretKey: secret})
	if err != nil {
		return err
	}
	c.S3.Endpoint = s3.Endpoint()
	err = serveDev(ctx, a, dir, s3, c, f)
	return errors.Join(err, s3.Stop()) // last: draining needs it
}

func serveDev(ctx context.Context, a *app, dir string, s3 *devs3.Server, c config.Config, f devFlags) error {
	file := devConfigFile(dir)
	log := newLogger(a.err, c.Log)
	if c.Archive.RootVKey == "" {
		if err := setAside(c); err != nil {
			return err
		}
		made, _, err := createArchive(ctx, c, time.Now(), useExisting{bucket: true})
		if err != nil {
			return fmt.Errorf("create archive: %w", err)
		}
		c.Archive.RootVKey = made.RootVKey
	}
	if err := saveDevConfig(file, c); err != nil {
		return err
	}
	if err := createDevResults(ctx, c, log); err != nil {
		return err
	}
	// A dev server without its S3 endpoint is of no use: end together.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s3Ended := make(chan struct{})
	go func() {
		defer close(s3Ended)
		select {
		case <-s3.Done():
			cancel(errors.New("the S3 endpoint ended"))
		case <-ctx.Done():
		}
	}()
	// The root key is here, so nobody has to be asked for a successor.
	successor := func(ctx context.Context, previous uuid.UUID) error {
		_, err := makeSuccessor(ctx, c, previous)
		return err
	}
	if host, _, err := net.SplitHostPort(c.Listen); err != nil || loopback(host) {
		// Whoever reaches it is on this machine. Where SQL cannot be isolated, the log says so.
		c.Query.Isolation = config.IsolationBestEffort
	}
	err := serve(ctx, c, log, successor, func(at opened) error {
		return announceDev(a, f, devReady{URL: baseURL(c, at.listen), Athena: at.athena, S3: s3.Endpoint(), Bucket: devBucket, Dir: dir,
			Config: file, Credentials: filepath.Join(dir, "credentials"), RootVKey: c.Archive.RootVKey})
	})
	cancel(nil)
	<-s3Ended
	return err
}

// createDevResults makes the bucket for answers, if there shall be one at our endpoint.
func createDevResults(ctx context.Context, c config.Config, log *slog.Logger) error {
	if c.Athena.Results.Bucket == "" || c.Athena.Results.Endpoint != "" {
		return nil
	}
	bucket, err := resultsBucket(ctx, c)
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "answers of the Athena API are stored", "location", bucket.Location(""))
	return bucket.Create(ctx)
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// baseURL is what a client on this machine takes for --url.
func baseURL(c config.Config, at net.Addr) string {
	switch {
	case at.Network() == "unix":
		return "unix:" + at.String()
	case c.TLS.CertFile != "":
		return "https://" + at.String()
	default:
		return "http://" + at.String()
	}
}

// devReady is what dev prints.
type devReady struct {
	URL         string `json:"url"`
	Athena      string `json:"athena_url,omitempty"`
	S3          string `json:"s3_endpoint"`
	Bucket      string `json:"bucket"`
	Dir         string `json:"dir"`
	Config      string `json:"config"`
	Credentials string `json:"credentials"`
	RootVKey    string `json:"root_vkey"`
}

func announceDev(a *app, f devFlags, r devReady) error {
	if f.asJSON {
		return printJSON(a.out, r)
	}
	athenaAt, athenaTry := "not served", ""
	if r.Athena != "" {
		athenaAt = r.Athena + "   database audit; the keys are those of S3"
		athenaTry = fmt.Sprintf("\n  AWS_SHARED_CREDENTIALS_FILE=%s aws --endpoint-url %s athena list-table-metadata --catalog-name AwsDataCatalog --database-name audit\n", r.Credentials, r.Athena)
	}
	_, err := fmt.Fprintf(a.out, `archiver dev is ready. Everything is in %[1]s.

  events, SQL   %[2]s
  Athena's API  %[10]s
  S3            %[3]s/%[4]s   Object Lock COMPLIANCE, %[5]d day
  configuration %[6]s
  root vkey     %[7]s

Try:

  curl %[2]s/v1/events -H 'content-type: application/json' -d '{"action":"user.login","actor":{"id":"user-123","type":"user"},"resource":{"type":"session"},"outcome":"success"}'

  %[9]s query --url %[2]s "SELECT timestamp, actor_id, action, outcome FROM audit_logs ORDER BY timestamp DESC LIMIT 10"

  AWS_SHARED_CREDENTIALS_FILE=%[8]s aws --endpoint-url %[3]s s3 ls --recursive s3://%[4]s/
%[11]s
Stop it with Ctrl-C.
`, r.Dir, r.URL, r.S3, r.Bucket, devRetentionDays, r.Config, r.RootVKey, r.Credentials, ownName(), athenaAt, athenaTry)
	return err
}

// ownName is what to type for this program: it may not be in the PATH, as with go run.
func ownName() string {
	own, err := os.Executable()
	if err != nil {
		return "archiver"
	}
	if found, err := exec.LookPath("archiver"); err == nil {
		a, errA := os.Stat(own)
		b, errB := os.Stat(found)
		if errA == nil && errB == nil && os.SameFile(a, b) {
			return "archiver"
		}
	}
	return own
}
