package amazon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsathena "github.com/aws/aws-sdk-go-v2/service/athena"
	athenatypes "github.com/aws/aws-sdk-go-v2/service/athena/types"
	"github.com/aws/smithy-go"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// Query starts q in Athena and waits until its answer is there to be read.
func (e *Engine) Query(ctx context.Context, q athena.Query) (athena.Result, error) {
	begin := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, e.o.Timeout, athena.ErrTimeout)
	input, err := e.input(q)
	if err != nil {
		cancel()
		return nil, err
	}
	// The SDK adds a token, so that a request which it sends twice is one query.
	started, err := e.client.StartQueryExecution(ctx, input)
	if err != nil {
		err = callError(ctx, "start query", err)
		cancel()
		return nil, err
	}
	r := &result{e: e, ctx: ctx, cancel: cancel, id: aws.ToString(started.QueryExecutionId), limit: q.Limit(), begin: begin}
	if err := r.open(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (e *Engine) input(q athena.Query) (*awsathena.StartQueryExecutionInput, error) {
	if len(q.SQL) > athena.MaxSQLBytes {
		return nil, &athena.Error{Kind: athena.ErrRefused, Detail: fmt.Sprintf("query is %d bytes long, Athena takes %d", len(q.SQL), athena.MaxSQLBytes)}
	}
	if !q.Declare {
		if err := dialect.Refuse(q.SQL); err != nil {
			return nil, err
		}
	}
	params, err := athena.CheckLiterals(q.Params)
	if err != nil {
		return nil, err
	}
	sql := q.SQL
	if q.Explain {
		sql = "EXPLAIN " + sql
	}
	input := &awsathena.StartQueryExecutionInput{
		QueryString: &sql, ExecutionParameters: params, WorkGroup: &e.o.WorkGroup,
		QueryExecutionContext: &athenatypes.QueryExecutionContext{Catalog: &e.o.Catalog, Database: &e.o.Database},
	}
	if e.o.OutputLocation != "" {
		input.ResultConfiguration = &athenatypes.ResultConfiguration{OutputLocation: &e.o.OutputLocation}
	}
	return input, nil
}

// wait looks at the query until it has ended. Any end but success is an error.
func (r *result) wait() (*athenatypes.QueryExecution, error) {
	pause := pollFirst
	for {
		out, err := r.e.client.GetQueryExecution(r.ctx, &awsathena.GetQueryExecutionInput{QueryExecutionId: &r.id})
		if err != nil {
			return nil, callError(r.ctx, "look at query "+r.id, err)
		}
		x := out.QueryExecution
		if x == nil || x.Status == nil {
			return nil, fmt.Errorf("look at query %s: the answer has no status", r.id)
		}
		r.e.o.Progress(athena.Progress{ID: r.id, State: string(x.Status.State), Elapsed: time.Since(r.begin), BytesRead: scanned(x)})
		switch x.Status.State {
		case athenatypes.QueryExecutionStateSucceeded:
			return x, nil
		case athenatypes.QueryExecutionStateFailed:
			r.ended = true
			return nil, r.failure(x.Status)
		case athenatypes.QueryExecutionStateCancelled:
			r.ended = true
			return nil, fmt.Errorf("query %s: somebody canceled it in Athena: %s", r.id, aws.ToString(x.Status.StateChangeReason))
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-r.ctx.Done():
			timer.Stop()
			return nil, callError(r.ctx, "query "+r.id, r.ctx.Err())
		}
		pause = min(2*pause, pollMost)
	}
}

func scanned(x *athenatypes.QueryExecution) int64 {
	if x.Statistics == nil {
		return 0
	}
	return aws.ToInt64(x.Statistics.DataScannedInBytes)
}

// categoryUser is Athena's error category of mistakes in the query.
const categoryUser = 2

func (r *result) failure(s *athenatypes.QueryExecutionStatus) error {
	reason := aws.ToString(s.StateChangeReason)
	if reason == "" && s.AthenaError != nil {
		reason = aws.ToString(s.AthenaError.ErrorMessage)
	}
	if strings.HasPrefix(reason, "Query exhausted resources") {
		return &athena.Error{Kind: athena.ErrTooBig, Detail: reason}
	}
	if s.AthenaError != nil && aws.ToInt32(s.AthenaError.ErrorCategory) != categoryUser {
		return fmt.Errorf("query %s failed in Athena: %s", r.id, reason)
	}
	return athena.RemoteError("", reason)
}

// callError says what a failed request means for the query.
func callError(ctx context.Context, what string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, athena.ErrTimeout) {
			return &athena.Error{Kind: athena.ErrTimeout, Detail: "narrow it by timestamp and dt, or raise query.amazon.timeout"}
		}
		return fmt.Errorf("%s: %w", what, cause)
	}
	var invalid *athenatypes.InvalidRequestException
	if errors.As(err, &invalid) {
		e := athena.RemoteError("", aws.ToString(invalid.Message))
		if errors.Is(e, athena.ErrExecution) { // nothing ran
			e.Kind = athena.ErrInvalid
		}
		return e
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "TooManyRequestsException", "ThrottlingException":
			return fmt.Errorf("%s: %w: %w", what, athena.ErrBusy, err)
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}
