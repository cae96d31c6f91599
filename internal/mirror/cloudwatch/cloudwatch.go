// Package cloudwatch mirrors an archive into CloudWatch Logs: one log group, one
// log stream per stream of the archive, one JSON object per event.
//
// The promise: every event of a commit is either taken by CloudWatch Logs or
// reported with its id and the reason why not, before the position passes it; and
// what CloudWatch Logs refuses for good (older than 14 days, more than 2 hours
// ahead, too large) stops nothing. The price is at least once: PutLogEvents is not
// idempotent, so when its answer is lost, or we die between the answer and the
// cursor, that one request (up to 10,000 events) is sent again. The fields stream
// and seq of a message identify an event; count those, not the lines.
//
// Commits are sent in their order, and the events of a file in the order of time.
package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"time"

	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/mirror"
)

// DefaultTimeout is the default of Options.Timeout.
const DefaultTimeout = 60 * time.Second

// maxName is how long the names of log groups and log streams may be, in characters.
const maxName = 512

// Options say which log group, how to reach it, and where the cursors are.
type Options struct {
	// Region that requests are signed for. Required.
	Region string
	// Endpoint is the URL of the service. Empty: Amazon's in Region.
	Endpoint string
	// CredentialsFile is a shared credentials file of the AWS tools with access
	// keys, read again every minute. Empty: the default AWS chain (environment,
	// shared files, roles).
	CredentialsFile string
	// Profile within CredentialsFile or the shared files. Default: default.
	Profile string
	// Timeout bounds one call, the repeats by the SDK included. Default: DefaultTimeout.
	Timeout time.Duration

	// LogGroup is the name of the log group. Required.
	LogGroup string
	// LogStreamPrefix and the id of the archive's stream are the name of a log stream.
	// May be empty.
	LogStreamPrefix string
	// CreateMissing creates the log group when there is none. Its events then never
	// expire and are encrypted with a key of Amazon's: create it yourself to choose.
	// Log streams are always created.
	CreateMissing bool

	// Dir holds a cursor and the reports of rejected events for each stream. The
	// caller holds its lock (durable.Lock): two mirrors with one Dir would both send.
	Dir string
	FS  durable.FS

	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Validate reports everything that is wrong with the settings that people make, not
// just the first thing.
func (o Options) Validate() error {
	var problems []error
	complain := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf(format, args...))
	}
	if o.Region == "" {
		complain("region: must be set")
	}
	if o.Endpoint != "" {
		u, err := url.Parse(o.Endpoint)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			complain("endpoint: %q is not an http or https URL", o.Endpoint)
		}
	}
	if o.Timeout < 0 {
		complain("timeout: must not be negative")
	}
	// The alphabets are those of CreateLogGroup and CreateLogStream in the API reference.
	if !regexp.MustCompile(`^[-./_#A-Za-z0-9]{1,512}$`).MatchString(o.LogGroup) || strings.HasPrefix(o.LogGroup, "aws/") {
		complain("log group: %q is not 1 to %d of A-Z a-z 0-9 - . / _ #, or begins with aws/", o.LogGroup, maxName)
	}
	if strings.ContainsAny(o.LogStreamPrefix, ":*") {
		complain("log stream prefix: %q has a colon or an asterisk", o.LogStreamPrefix)
	}
	if n := maxName - len(uuid.UUID{}.String()); len(o.LogStreamPrefix) > n {
		complain("log stream prefix: has %d bytes, want at most %d", len(o.LogStreamPrefix), n)
	}
	if o.Dir == "" {
		complain("dir: must be set")
	}
	return errors.Join(problems...)
}

// Target is a mirror.Target for one log group.
type Target struct {
	o       Options
	client  *awslogs.Client
	metrics *metrics
	streams map[uuid.UUID]*progress

	// broken is the first failed sync. Nothing that this process believes about the
	// folder is trustworthy after it, so every call returns it; a restart reads the
	// disk again.
	broken error
}

var _ mirror.Target = (*Target)(nil)

// New makes a Target. It creates o.Dir and reads local files only: whether the log
// group answers is for Write to tell, because a mirror must start while it is away.
func New(ctx context.Context, o Options) (*Target, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("open cloudwatch mirror: %w", err)
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	client, err := newClient(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open cloudwatch mirror: %w", err)
	}
	return newTarget(o, client)
}

func newTarget(o Options, client *awslogs.Client) (*Target, error) {
	if err := durable.MkdirAll(o.FS, o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open cloudwatch mirror: create %s: %w", o.Dir, err)
	}
	return &Target{o: o, client: client, metrics: newMetrics(o.Metrics), streams: make(map[uuid.UUID]*progress)}, nil
}

// Position returns how far a stream is mirrored. It makes durable what an earlier
// Write could not.
func (t *Target) Position(_ context.Context, stream uuid.UUID) (mirror.Position, error) {
	p, err := t.open(stream)
	if err == nil {
		err = t.settle(p)
	}
	if err != nil {
		return mirror.Position{}, fmt.Errorf("cloudwatch: stream %s: position: %w", stream, err)
	}
	return mirror.Position{Index: p.saved.Index, Row: p.saved.Row}, nil
}

// Write sends the rows of a commit that the log stream does not have yet. After an
// error it goes on behind the last request that was answered.
func (t *Target) Write(ctx context.Context, c *mirror.Commit) error {
	p, err := t.open(c.Stream)
	if err == nil {
		err = t.write(ctx, p, c)
	}
	if err != nil {
		return fmt.Errorf("cloudwatch: stream %s: commit %d: %w", c.Stream, c.Index, err)
	}
	return nil
}

func (t *Target) write(ctx context.Context, p *progress, c *mirror.Commit) error {
	unsaved := !p.settled()
	if err := t.settle(p); err != nil {
		return err
	}
	if unsaved && p.saved.Index == c.Index+1 {
		return nil // the last Write sent it all, and could only not save that
	}
	if p.saved.Index != c.Index || p.saved.Row > c.Count {
		return fmt.Errorf("has %d rows, and the log stream needs commit %d from row %d", c.Count, p.saved.Index, p.saved.Row)
	}
	if p.saved.Row < c.Count {
		w := &writer{t: t, p: p, tally: make(map[Reason]*tally)}
		defer w.report(ctx)
		if err := w.rows(ctx, c); err != nil {
			return err
		}
	}
	// With the last request's rows in one save: a commit that fits one request
	// costs one fsync of the cursor.
	p.next.Index, p.next.Row = c.Index+1, 0
	return t.settle(p)
}
