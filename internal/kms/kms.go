// Package kms signs digests with an ECDSA key in AWS KMS, which nobody can read.
//
// The promise: a Key is a crypto.Signer, and each of its calls ends within its
// Timeout. Any error may pass: the caller tries again. Nothing is remembered between
// calls, so a key that is disabled, enabled or re-granted counts at once.
package kms

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/audit-archiver/archiver/internal/awscreds"
)

// What is not worth configuring. A call must end well before a server that is told to
// stop is killed.
const (
	DefaultTimeout = 8 * time.Second

	attempts    = 3
	backoffMax  = time.Second
	dialTimeout = 3 * time.Second
	idleTimeout = 60 * time.Second
)

// Config says which key, and how to reach it.
type Config struct {
	// Key is the id or the ARN of a key, or of an alias of one. Required.
	Key string
	// Region that requests are signed for. Empty: the one in an ARN. One of the two
	// is required.
	Region string
	// Endpoint is the URL of the service. Empty: Amazon's in Region.
	Endpoint string
	// CredentialsFile is a shared credentials file of the AWS tools. Empty: the default
	// AWS chain (environment, shared files, roles).
	CredentialsFile string
	// Profile within CredentialsFile or the shared files. Default: default.
	Profile string
	// Public is what the key is known to be, and spares a request. Nil: Open asks.
	Public *ecdsa.PublicKey
	// Timeout bounds each call, retries included. Default: DefaultTimeout.
	Timeout time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

func (c *Config) setDefaults() {
	if c.Region == "" {
		c.Region = RegionOf(c.Key)
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// Validate reports everything that is wrong, not just the first thing.
func (c Config) Validate() error {
	var problems []error
	if c.Key == "" {
		problems = append(problems, errors.New("key: must be set"))
	}
	if c.Region == "" && RegionOf(c.Key) == "" {
		problems = append(problems, errors.New("region: must be set, unless the key is named by its ARN"))
	}
	if c.Endpoint != "" {
		if u, err := url.Parse(c.Endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			problems = append(problems, errors.New("endpoint: is not an http or https URL"))
		}
	}
	if c.Timeout < 0 {
		problems = append(problems, errors.New("timeout: must not be negative"))
	}
	return errors.Join(problems...)
}

// RegionOf is the region in arn:<partition>:kms:<region>:<account>:…; "" of another name.
func RegionOf(key string) string {
	parts := strings.SplitN(key, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "kms" {
		return ""
	}
	return parts[3]
}

// Key is one key. Its methods may be called concurrently.
type Key struct {
	client *awskms.Client
	cfg    Config
	public *ecdsa.PublicKey
}

var _ crypto.Signer = (*Key)(nil)

// Open makes a Key. It makes no request when Public is set: a server must be able to
// start while KMS is away.
func Open(ctx context.Context, cfg Config) (*Key, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("open KMS key: %w", err)
	}
	cfg.setDefaults()
	client, err := newClient(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open KMS key %s: %w", cfg.Key, err)
	}
	k := &Key{client: client, cfg: cfg, public: cfg.Public}
	if k.public == nil {
		if k.public, err = k.ask(ctx); err != nil {
			return nil, fmt.Errorf("open KMS key %s: %w", cfg.Key, err)
		}
	}
	return k, nil
}

// State asks for the state of any key, as KMS names it: Enabled is the one in which
// it works (https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html).
// cfg.Public is not used.
func State(ctx context.Context, cfg Config) (string, error) {
	if err := cfg.Validate(); err != nil {
		return "", fmt.Errorf("state of KMS key: %w", err)
	}
	cfg.setDefaults()
	client, err := newClient(ctx, cfg)
	if err != nil {
		return "", fmt.Errorf("state of KMS key %s: %w", cfg.Key, err)
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	out, err := client.DescribeKey(ctx, &awskms.DescribeKeyInput{KeyId: &cfg.Key})
	if err != nil {
		return "", fmt.Errorf("state of KMS key %s: %w", cfg.Key, err)
	}
	if out.KeyMetadata == nil {
		return "", fmt.Errorf("state of KMS key %s: the answer is empty", cfg.Key)
	}
	return string(out.KeyMetadata.KeyState), nil
}

func newClient(ctx context.Context, cfg Config) (*awskms.Client, error) {
	transport := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.TLSHandshakeTimeout = dialTimeout
		t.ResponseHeaderTimeout = cfg.Timeout / 2 // a black hole is noticed in time for another attempt
		t.IdleConnTimeout = idleTimeout
	}).WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout })
	sdk, err := awscreds.Source{File: cfg.CredentialsFile, Profile: cfg.Profile, Now: cfg.Now}.Config(ctx, cfg.Region, transport)
	if err != nil {
		return nil, err
	}
	return awskms.NewFromConfig(sdk, func(o *awskms.Options) {
		if cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint)
		}
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = attempts
			o.MaxBackoff = backoffMax
			// The archiver repeats for ever, with its own pauses; a shared budget of tokens
			// would only make single calls fail early after an outage.
			o.RateLimiter = ratelimit.None
		})
	}), nil
}

// ask fetches the public key, and makes sure that it can sign what we sign.
func (k *Key) ask(ctx context.Context) (*ecdsa.PublicKey, error) {
	ctx, cancel := context.WithTimeout(ctx, k.cfg.Timeout)
	defer cancel()
	got, err := k.client.GetPublicKey(ctx, &awskms.GetPublicKeyInput{KeyId: &k.cfg.Key})
	if err != nil {
		return nil, fmt.Errorf("get public key: %w", err)
	}
	parsed, err := x509.ParsePKIXPublicKey(got.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	public, ok := parsed.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() || got.KeyUsage != kmstypes.KeyUsageTypeSignVerify {
		return nil, errors.New("is another kind of key: make one with --key-spec ECC_NIST_P256 --key-usage SIGN_VERIFY")
	}
	return public, nil
}

// Public returns the *ecdsa.PublicKey of the key.
func (k *Key) Public() crypto.PublicKey { return k.public }

// Sign returns the signature of a SHA-256 in DER, as KMS makes it. Whether it is by
// Public is for the caller to see: an alias may have come to mean another key.
func (k *Key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != crypto.SHA256 || len(digest) != crypto.SHA256.Size() {
		return nil, fmt.Errorf("KMS key %s: sign: not a SHA-256", k.cfg.Key)
	}
	// crypto.Signer has no context: the call is bounded by its timeout alone.
	ctx, cancel := context.WithTimeout(context.Background(), k.cfg.Timeout)
	defer cancel()
	got, err := k.client.Sign(ctx, &awskms.SignInput{
		KeyId: &k.cfg.Key, Message: digest, MessageType: kmstypes.MessageTypeDigest,
		SigningAlgorithm: kmstypes.SigningAlgorithmSpecEcdsaSha256,
	})
	if err != nil {
		return nil, fmt.Errorf("KMS key %s: sign: %w", k.cfg.Key, err)
	}
	return got.Signature, nil
}
