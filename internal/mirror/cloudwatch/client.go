package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"

	"github.com/audit-archiver/archiver/internal/awscreds"
)

// What is not worth configuring.
const (
	attempts    = 3
	backoffMax  = 5 * time.Second
	dialTimeout = 10 * time.Second
	idleTimeout = 60 * time.Second

	// codeUnavailable: the service says that it has not completed the request.
	codeUnavailable = "ServiceUnavailableException"
)

// newClient reads local files only.
func newClient(ctx context.Context, o Options) (*awslogs.Client, error) {
	sdk, err := awscreds.Source{File: o.CredentialsFile, Profile: o.Profile, Now: o.Now}.Config(ctx, o.Region, newHTTPClient(o.Timeout))
	if err != nil {
		return nil, err
	}
	return awslogs.NewFromConfig(sdk, func(c *awslogs.Options) {
		if o.Endpoint != "" {
			c.BaseEndpoint = aws.String(o.Endpoint)
		}
		c.Retryer = newRetryer()
	}), nil
}

// newRetryer repeats only what certainly stored nothing: the service was too busy, or
// was never reached. Each repeat of a request whose answer was lost may store its
// events once more, so that is left to the slower back-off of whole commits. The SDK
// waits at least as long as the service asks for (x-amz-retry-after).
func newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.MaxBackoff = backoffMax
		o.Retryables = []retry.IsErrorRetryable{
			retry.NoRetryCanceledError{},
			retry.RetryableError{}, // the SDK found that the clocks differ, and signs with the other one
			retry.RetryableErrorCode{Codes: retry.DefaultThrottleErrorCodes},
			retry.RetryableErrorCode{Codes: map[string]struct{}{codeUnavailable: {}}},
			retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
				if neverSent(err) {
					return aws.TrueTernary
				}
				return aws.UnknownTernary
			}),
		}
		// Whole commits are repeated for ever; a shared budget of tokens would only
		// make single requests fail early after an outage.
		o.RateLimiter = ratelimit.None
	})
}

// neverSent: the connection was not even made.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// newHTTPClient bounds the waits that the deadline of a call sees too late for a
// second attempt.
func newHTTPClient(timeout time.Duration) *awshttp.BuildableClient {
	dial := min(dialTimeout, timeout/2)
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.TLSHandshakeTimeout = dial
		t.IdleConnTimeout = idleTimeout
	}).WithDialerOptions(func(d *net.Dialer) { d.Timeout = dial })
}

// put sends the entries whose indexes are at, and rejects those that the answer
// rejects. It creates what is missing.
func (t *Target) put(ctx context.Context, logStream string, entries []entry, at []int) error {
	in := &awslogs.PutLogEventsInput{
		LogGroupName: &t.o.LogGroup, LogStreamName: &logStream,
		LogEvents: make([]logstypes.InputLogEvent, len(at)),
	}
	bytes := 0
	for i, k := range at {
		in.LogEvents[i] = logstypes.InputLogEvent{Message: &entries[k].message, Timestamp: &entries[k].ms}
		bytes += entries[k].size()
	}
	out, err := t.call(ctx, in)
	var missing *logstypes.ResourceNotFoundException
	if errors.As(err, &missing) {
		if err := t.create(ctx, logStream); err != nil {
			return err
		}
		out, err = t.call(ctx, in)
	}
	if err != nil {
		return err
	}
	t.metrics.bytes.Add(float64(bytes))
	if r := out.RejectedLogEventsInfo; r != nil {
		verdict(entries, at, r.TooOldLogEventEndIndex, r.ExpiredLogEventEndIndex, r.TooNewLogEventStartIndex)
	}
	return nil
}

func (t *Target) call(ctx context.Context, in *awslogs.PutLogEventsInput) (*awslogs.PutLogEventsOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, t.o.Timeout)
	defer cancel()
	start := t.o.Now()
	out, err := t.client.PutLogEvents(ctx, in)
	t.metrics.seconds.Observe(t.o.Now().Sub(start).Seconds())

	// Amazon has not answered this since 2023; who does has the events already.
	var already *logstypes.DataAlreadyAcceptedException
	if errors.As(err, &already) {
		out, err = &awslogs.PutLogEventsOutput{}, nil
	}
	result := resultOf(err)
	t.metrics.requests.WithLabelValues(result).Inc()
	if result == resultUnknown {
		return nil, fmt.Errorf("outcome unknown: %w", err)
	}
	return out, err
}

func resultOf(err error) string {
	var answer smithy.APIError
	var status interface{ HTTPStatusCode() int }
	switch {
	case err == nil:
		return resultTaken
	case isRefused(err):
		return resultRefused
	case !errors.As(err, &answer):
		if neverSent(err) {
			return resultFailed
		}
		return resultUnknown
	case answer.ErrorCode() != codeUnavailable && errors.As(err, &status) && status.HTTPStatusCode() >= http.StatusInternalServerError:
		return resultUnknown // it failed half-way, for all we know
	}
	return resultFailed
}

// isRefused: the service finds the request wrong, which no repetition mends.
func isRefused(err error) bool {
	var invalid *logstypes.InvalidParameterException
	return errors.As(err, &invalid)
}

// create makes the log stream, and the log group if it may. Somebody else may do the
// same at the same time.
func (t *Target) create(ctx context.Context, logStream string) error {
	ctx, cancel := context.WithTimeout(ctx, t.o.Timeout)
	defer cancel()
	stream := func() error {
		_, err := t.client.CreateLogStream(ctx, &awslogs.CreateLogStreamInput{LogGroupName: &t.o.LogGroup, LogStreamName: &logStream})
		return ignoreExisting(err)
	}
	err := stream()
	var missing *logstypes.ResourceNotFoundException
	if errors.As(err, &missing) {
		if !t.o.CreateMissing {
			return fmt.Errorf("log group %s does not exist: create it, or allow it to be created: %w", t.o.LogGroup, err)
		}
		_, err = t.client.CreateLogGroup(ctx, &awslogs.CreateLogGroupInput{LogGroupName: &t.o.LogGroup})
		if err := ignoreExisting(err); err != nil {
			return fmt.Errorf("create log group %s: %w", t.o.LogGroup, err)
		}
		err = stream()
	}
	if err != nil {
		return fmt.Errorf("create log stream %s: %w", logStream, err)
	}
	return nil
}

func ignoreExisting(err error) error {
	var exists *logstypes.ResourceAlreadyExistsException
	if errors.As(err, &exists) {
		return nil
	}
	return err
}
