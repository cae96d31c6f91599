// Package amazon answers queries with Amazon Athena.
//
// One contract with the embedded engine: the same values in the same types, and
// an answer that is not whole is an error. The difference: Athena reads the
// objects that are current in the bucket and checks nothing against the ledger,
// and rows that are still in a WAL are not there yet. Both are said in the notes
// of each answer, with the bytes scanned and their price.
//
// Memory is bounded by one page of 1,000 rows. A query that is canceled, times
// out or is closed before its end is stopped in Athena.
package amazon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsathena "github.com/aws/aws-sdk-go-v2/service/athena"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/awscreds"
)

const (
	attempts    = 5
	dialTimeout = 5 * time.Second
	callTimeout = 30 * time.Second // until the headers of one answer
	stopTimeout = 5 * time.Second  // of StopQueryExecution, when nobody waits any more
	idleTimeout = 60 * time.Second

	pollFirst = 100 * time.Millisecond // between two looks at a running query; doubles
	pollMost  = 2 * time.Second
)

// Options say where Athena is and how it shall run queries.
type Options struct {
	Region   string // required
	Endpoint string // URL of the service; empty: Amazon's in Region

	// CredentialsFile is a shared credentials file of the AWS tools. Empty: the
	// default AWS chain.
	CredentialsFile string
	Profile         string

	Catalog   string // default AwsDataCatalog
	Database  string // where audit_logs is declared; required
	WorkGroup string // default primary
	// OutputLocation is s3://bucket/prefix/ for results; never the archive's own
	// bucket. Empty: the workgroup says.
	OutputLocation string

	Timeout time.Duration // from the start of a query to the end of reading it; default 30 min, Athena's own
	// PricePerTB in US dollars for each 10^12 bytes scanned, for the note on cost; 0: no price is shown.
	PricePerTB float64

	Progress func(athena.Progress) // called while a query runs, from Query's goroutine; may be nil
}

// Validate reports everything that is wrong, not just the first thing.
func (o Options) Validate() error {
	var problems []error
	if o.Region == "" {
		problems = append(problems, errors.New("region: must be set"))
	}
	if o.Database == "" {
		problems = append(problems, errors.New("database: must be set"))
	}
	if o.Endpoint != "" {
		if u, err := url.Parse(o.Endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			problems = append(problems, errors.New("endpoint: is not an http or https URL"))
		}
	}
	if o.OutputLocation != "" {
		if u, err := url.Parse(o.OutputLocation); err != nil || u.Scheme != "s3" || u.Host == "" {
			problems = append(problems, errors.New("output_location: is not s3://bucket/prefix/"))
		}
	}
	if o.Timeout < 0 || o.PricePerTB < 0 {
		problems = append(problems, errors.New("timeout and price: must not be negative"))
	}
	return errors.Join(problems...)
}

// Engine answers queries with Amazon Athena. It is safe for concurrent use.
type Engine struct {
	o      Options
	client *awsathena.Client
}

var _ athena.Engine = (*Engine)(nil)

// Open makes an engine. It makes no request.
func Open(ctx context.Context, o Options) (*Engine, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("open amazon engine: %w", err)
	}
	if o.Catalog == "" {
		o.Catalog = "AwsDataCatalog"
	}
	if o.WorkGroup == "" {
		o.WorkGroup = "primary"
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Minute
	}
	if o.Progress == nil {
		o.Progress = func(athena.Progress) {}
	}
	client, err := newClient(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open amazon engine: %w", err)
	}
	return &Engine{o: o, client: client}, nil
}

func newClient(ctx context.Context, o Options) (*awsathena.Client, error) {
	transport := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.TLSHandshakeTimeout = dialTimeout
		t.ResponseHeaderTimeout = callTimeout
		t.IdleConnTimeout = idleTimeout
	}).WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout })
	sdk, err := awscreds.Source{File: o.CredentialsFile, Profile: o.Profile, Now: time.Now}.Config(ctx, o.Region, transport)
	if err != nil {
		return nil, err
	}
	return awsathena.NewFromConfig(sdk, func(c *awsathena.Options) {
		if o.Endpoint != "" {
			c.BaseEndpoint = aws.String(o.Endpoint)
		}
		c.Retryer = retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts = attempts })
	}), nil
}

// Close does nothing: each Result stops its own query.
func (e *Engine) Close() error { return nil }
