package s3store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/audit-archiver/archiver/internal/awscreds"
)

// Defaults of Config, and what is not worth configuring.
const (
	DefaultTimeout           = 60 * time.Second
	DefaultMinBytesPerSecond = 64 << 10
	DefaultPageSize          = 1000

	dialTimeout = 10 * time.Second
	idleTimeout = 60 * time.Second
	idleConns   = 16
	attempts    = 3
	backoffMax  = 5 * time.Second
)

// Config says which bucket, and how to reach it.
type Config struct {
	// Endpoint is the URL of the store. Empty: Amazon S3 in Region.
	Endpoint string
	// Region that requests are signed for. Required.
	Region string
	// Bucket is the name of the bucket. Required.
	Bucket string
	// PathStyle addresses the bucket as a path instead of a host name. Most
	// stores other than Amazon's need it.
	PathStyle bool
	// CredentialsFile is a shared credentials file of the AWS tools with access
	// keys. It is read again every minute, so keys can be rotated under a running
	// process. Empty: the default AWS chain (environment, shared files, roles).
	CredentialsFile string
	// Profile within CredentialsFile or the shared files. Default: default.
	Profile string
	// ExpectedBucketOwner is the account id that must own the bucket; calls fail
	// when another does. Empty: not checked.
	ExpectedBucketOwner string
	// CAFile holds PEM certificates to trust in addition to the system's.
	CAFile string

	// Timeout bounds each call, retries included, apart from the time that its
	// bytes need at MinBytesPerSecond. Default: DefaultTimeout.
	Timeout time.Duration
	// MinBytesPerSecond is the slowest transfer to put up with. Default:
	// DefaultMinBytesPerSecond.
	MinBytesPerSecond int64
	// PageSize is how many versions one listing request asks for, at most 1000.
	// Default: DefaultPageSize.
	PageSize int32
	// Now is the clock, which decides whether a retention date is in the future.
	// Default: time.Now.
	Now func() time.Time
}

func (c *Config) setDefaults() {
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.MinBytesPerSecond == 0 {
		c.MinBytesPerSecond = DefaultMinBytesPerSecond
	}
	if c.PageSize == 0 {
		c.PageSize = DefaultPageSize
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// Validate reports everything that is wrong, not just the first thing.
func (c Config) Validate() error {
	var problems []error
	complain := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf(format, args...))
	}
	if c.Bucket == "" {
		complain("bucket: must be set")
	}
	if c.Region == "" {
		complain("region: must be set")
	}
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			complain("endpoint: %q is not an http or https URL", c.Endpoint)
		}
	}
	if c.Timeout < 0 || c.MinBytesPerSecond < 0 {
		complain("timeout: must not be negative")
	}
	if c.PageSize < 0 || c.PageSize > DefaultPageSize {
		complain("page size: must be 1 to %d", DefaultPageSize)
	}
	return errors.Join(problems...)
}

// timeFor is how long a call may take that moves n bytes.
func (c *Config) timeFor(n int64) time.Duration {
	return c.Timeout + time.Duration(float64(n)/float64(c.MinBytesPerSecond)*float64(time.Second))
}

// Open makes a Store. It reads local files only: whether the bucket answers is for
// CheckBucket to tell, because an archiver must be able to start while it is away.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	cfg.setDefaults()
	httpClient, err := newHTTPClient(cfg)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	sdk, err := awscreds.Source{File: cfg.CredentialsFile, Profile: cfg.Profile, Now: cfg.Now}.Config(ctx, cfg.Region, httpClient)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	client := awss3.NewFromConfig(sdk, func(o *awss3.Options) {
		o.BaseEndpoint = optional(cfg.Endpoint)
		o.UsePathStyle = cfg.PathStyle
		// Our uploads carry their SHA-256. The SDK's own CRC would travel as a
		// trailer, which several stores refuse.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		// The SDK would date a request by the store's clock after the first answer that
		// refuses ours. What is locked until a date by our clock must be refused instead.
		o.DisableClockSkewCorrection = true
		o.Retryer = newRetryer()
		o.HTTPSignerV4 = signer{}
	})
	return &Store{client: client, cfg: cfg}, nil
}

// newRetryer repeats what the SDK repeats, and a lost race of conditional writes.
func newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.MaxBackoff = backoffMax
		o.Retryables = append(o.Retryables, retry.RetryableErrorCode{
			Codes: map[string]struct{}{codeConflict: {}, "OperationAborted": {}},
		})
		// The archiver retries for ever with its own pauses; a shared budget of
		// tokens would only make its single attempts fail early after an outage.
		o.RateLimiter = unlimited{}
	})
}

// newHTTPClient bounds every wait that the deadline of a call does not see in time:
// a black hole is noticed early enough for another attempt.
func newHTTPClient(cfg Config) (*awshttp.BuildableClient, error) {
	var roots *x509.CertPool // nil: the system's
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("CA file: %w", err)
		}
		if roots, err = x509.SystemCertPool(); err != nil {
			return nil, fmt.Errorf("system certificates: %w", err)
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("CA file %s: no certificate in it", cfg.CAFile)
		}
	}
	dialer := min(dialTimeout, cfg.Timeout/2)
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.TLSHandshakeTimeout = dialer
		t.ResponseHeaderTimeout = cfg.Timeout / 2
		t.IdleConnTimeout = idleTimeout
		t.MaxIdleConnsPerHost = idleConns
		if roots != nil {
			t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		}
	}).WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialer }), nil
}

// unlimited is a retry budget without end.
type unlimited struct{}

func (unlimited) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}

func (unlimited) AddTokens(uint) error { return nil }
