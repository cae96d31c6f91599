// Package results puts answers of Athena's API into a bucket, for clients that read them from there.
//
// The bucket is never the archive's: results are neither locked nor evidence, they
// are written over and expire, and whoever reads them needs rights there. Nothing is
// ever read or deleted by this package; how long results stay, a lifecycle rule of the
// bucket says.
package results

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/awscreds"
)

const (
	attempts    = 3
	dialTimeout = 10 * time.Second
	callTimeout = time.Minute     // until the headers of an answer, and for what has no bytes
	lookTimeout = 5 * time.Second // of Check: a server that starts does not wait for a bucket
	minimumRate = 64 << 10        // bytes a second: the slowest transfer to put up with

	putBytesMax = 5 << 30 // what S3 takes in one request
)

// Options say where results go.
type Options struct {
	Bucket string // required
	Prefix string // of every key, without slashes at the ends; may be empty
	Region string // required

	Endpoint  string // URL of the store; empty: Amazon S3 in Region
	PathStyle bool   // the bucket is in the path and not in the host name

	// CredentialsFile is a shared credentials file of the AWS tools. Empty: the
	// default AWS chain.
	CredentialsFile string
	Profile         string
	CAFile          string // adds PEM certificates to the system's
}

// Bucket stores results. It is safe for concurrent use.
type Bucket struct {
	o      Options
	client *awss3.Client
}

// Open makes a Bucket. It makes no request.
func Open(ctx context.Context, o Options) (*Bucket, error) {
	if o.Bucket == "" || o.Region == "" {
		return nil, errors.New("open results bucket: bucket and region must be set")
	}
	transport, err := transport(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("open results bucket: %w", err)
	}
	sdk, err := awscreds.Source{File: o.CredentialsFile, Profile: o.Profile, Now: time.Now}.Config(ctx, o.Region, transport)
	if err != nil {
		return nil, fmt.Errorf("open results bucket: %w", err)
	}
	return &Bucket{o: o, client: awss3.NewFromConfig(sdk, func(c *awss3.Options) {
		if o.Endpoint != "" {
			c.BaseEndpoint = aws.String(o.Endpoint)
		}
		c.UsePathStyle = o.PathStyle
		c.Retryer = retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts = attempts })
	})}, nil
}

func transport(caFile string) (*awshttp.BuildableClient, error) {
	var roots *x509.CertPool
	if caFile != "" {
		raw, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		if roots, err = x509.SystemCertPool(); err != nil {
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("ca_file: %s holds no PEM certificate", caFile)
		}
	}
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.TLSHandshakeTimeout, t.ResponseHeaderTimeout = dialTimeout, callTimeout
		t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}).WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }), nil
}

func (b *Bucket) key(name string) string { return path.Join(b.o.Prefix, name) }

// Location is where the object called name is. Without a name it is where all are.
func (b *Bucket) Location(name string) string {
	location := "s3://" + path.Join(b.o.Bucket, b.key(name))
	if name == "" {
		location += "/"
	}
	return location
}

// Put stores size bytes of body as the object called name. Memory is bounded: body is
// read twice, once for the signature.
func (b *Bucket) Put(ctx context.Context, name string, body io.ReadSeeker, size int64) error {
	if size > putBytesMax {
		return &athena.Error{Kind: athena.ErrTooBig, Detail: fmt.Sprintf("the answer has more than %d bytes, which S3 takes at most; select fewer columns or rows", int64(putBytesMax))}
	}
	limit := callTimeout + time.Duration(size/minimumRate)*time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	key := b.key(name)
	_, err := b.client.PutObject(ctx, &awss3.PutObjectInput{
		Bucket: &b.o.Bucket, Key: &key, Body: body, ContentLength: &size, ContentType: aws.String(contentType(name)),
	})
	if err == nil {
		return nil
	}
	told := &athena.Error{Kind: athena.ErrResults, Construct: b.Location(name), Detail: reason(err)}
	return errors.Join(told, fmt.Errorf("put %s: %w", b.Location(name), err))
}

// Check reports what stands in the way of storing results, as far as that is seen
// without storing any.
func (b *Bucket) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if _, err := b.client.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: &b.o.Bucket}); err != nil {
		return fmt.Errorf("results bucket %s: %s: %w", b.o.Bucket, reason(err), err)
	}
	return nil
}

// Create makes the bucket, without Object Lock, unless it is there.
func (b *Bucket) Create(ctx context.Context) error {
	if b.Check(ctx) == nil {
		return nil
	}
	if _, err := b.client.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: &b.o.Bucket}); err != nil {
		return fmt.Errorf("create results bucket %s: %w", b.o.Bucket, err)
	}
	return nil
}

func contentType(name string) string {
	switch {
	case strings.HasSuffix(name, ".csv"):
		return "text/csv; charset=utf-8"
	case strings.HasSuffix(name, ".txt"):
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// reason is what a client may be told: no hosts, no paths, and what to do.
func reason(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return "the store does not answer; the server's log says why"
	}
	switch code := api.ErrorCode(); code {
	case "NoSuchBucket", "NotFound":
		return "there is no such bucket; create it, or change athena.results.bucket"
	case "AccessDenied", "Forbidden":
		return "the server may not write there: it needs s3:PutObject"
	default:
		return code
	}
}
