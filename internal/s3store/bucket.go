package s3store

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/audit-archiver/archiver/internal/object"
)

// ErrBucketExists: CreateBucket found a bucket and was not told to use it.
var ErrBucketExists = errors.New("bucket exists")

// PublicAccess says whether a bucket can be opened to the world.
type PublicAccess string

// Public access, as far as the store tells.
const (
	PublicAccessBlocked     PublicAccess = "blocked"     // all four switches are on
	PublicAccessOpen        PublicAccess = "open"        // the store has the switches, and one is off
	PublicAccessUnsupported PublicAccess = "unsupported" // the store has no such switches
	PublicAccessUnknown     PublicAccess = "unknown"     // we may not look
)

// BucketState is what the store says about the bucket.
type BucketState struct {
	Exists      bool
	Versioning  bool // enabled, not suspended
	ObjectLock  bool
	DefaultMode object.Mode // of the default retention; "" when there is none
	DefaultDays int32       // days or, when DefaultYears, years
	// DefaultYears says that DefaultDays counts years.
	DefaultYears bool
	PublicAccess PublicAccess
}

// CreateOptions say what CreateBucket may do.
type CreateOptions struct {
	// UseExisting accepts a bucket that is there already, if it has Object Lock
	// and versioning. It is not changed.
	UseExisting bool
}

// CreateBucket makes the bucket with Object Lock and versioning, and blocks public
// access where the store can (BucketState.PublicAccess tells). It sets no default
// retention: every object carries its own. A bucket that is there is never
// changed: ErrBucketExists, unless o.UseExisting and it has what an archive needs.
func (s *Store) CreateBucket(ctx context.Context, o CreateOptions) (BucketState, error) {
	// Look first: in us-east-1 Amazon S3 answers 200 when one's own bucket exists.
	state, err := s.CheckBucket(ctx)
	if err != nil {
		return state, err
	}
	what := "create bucket " + s.cfg.Bucket
	if state.Exists {
		switch {
		case !state.ObjectLock:
			return state, fmt.Errorf("%s: %w, without Object Lock", what, ErrBucketExists)
		case !state.Versioning:
			return state, fmt.Errorf("%s: %w, without versioning", what, ErrBucketExists)
		case !o.UseExisting:
			return state, fmt.Errorf("%s: %w", what, ErrBucketExists)
		}
		return state, nil
	}
	if err := s.create(ctx); err != nil {
		return state, err
	}
	if err := s.blockPublicAccess(ctx); err != nil {
		return state, fmt.Errorf("%s: %w", what, err)
	}
	state, err = s.CheckBucket(ctx)
	if err != nil {
		return state, err
	}
	if !state.ObjectLock || !state.Versioning {
		return state, fmt.Errorf("%s: the store made a bucket without Object Lock", what)
	}
	return state, nil
}

func (s *Store) create(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout, errSlow)
	defer cancel()
	in := &awss3.CreateBucketInput{
		Bucket:                     &s.cfg.Bucket,
		ObjectLockEnabledForBucket: aws.Bool(true),
	}
	if s.cfg.Region != "us-east-1" { // which S3 does not accept as a location
		in.CreateBucketConfiguration = &s3types.CreateBucketConfiguration{
			LocationConstraint: s3types.BucketLocationConstraint(s.cfg.Region),
		}
	}
	if _, err := s.client.CreateBucket(ctx, in); err != nil {
		return explain(ctx, "create bucket "+s.cfg.Bucket, permCreate, err)
	}
	return nil
}

// blockPublicAccess is nil too when the store has nothing of the kind.
func (s *Store) blockPublicAccess(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout, errSlow)
	defer cancel()
	_, err := s.client.PutPublicAccessBlock(ctx, &awss3.PutPublicAccessBlockInput{
		Bucket:              &s.cfg.Bucket,
		ExpectedBucketOwner: s.owner(),
		PublicAccessBlockConfiguration: &s3types.PublicAccessBlockConfiguration{
			BlockPublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(true),
			IgnorePublicAcls: aws.Bool(true), RestrictPublicBuckets: aws.Bool(true),
		},
	})
	if err != nil && !isUnsupported(err) {
		return explain(ctx, "block public access", permBlock, err)
	}
	return nil
}

// isUnsupported is true for the answers of stores that do not know a request:
// not implemented, or taken for another one whose body it is not.
func isUnsupported(err error) bool {
	switch codeOf(err) {
	case "NotImplemented", "MalformedXML", "MethodNotAllowed", "XNotImplemented":
		return true
	}
	return statusOf(err) == http.StatusNotImplemented
}

// CheckBucket asks the store for the state of the bucket. That it does not exist
// is not an error: BucketState.Exists is false then.
func (s *Store) CheckBucket(ctx context.Context) (BucketState, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout, errSlow)
	defer cancel()
	var state BucketState
	what := "check bucket " + s.cfg.Bucket
	_, err := s.client.HeadBucket(ctx, &awss3.HeadBucketInput{
		Bucket: &s.cfg.Bucket, ExpectedBucketOwner: s.owner(),
	})
	if statusOf(err) == http.StatusNotFound {
		return state, nil
	}
	if err != nil {
		return state, explain(ctx, what, permCheck, err)
	}
	state.Exists = true
	versioning := ask(ctx, s, "versioning", permCheck, "", s.versioning)
	lock := ask(ctx, s, "object lock", permCheck, codeNoLock, s.lock)
	if err := errors.Join(versioning.Err, lock.Err); err != nil {
		return state, err
	}
	state.Versioning = versioning.Value == string(s3types.BucketVersioningStatusEnabled)
	state.ObjectLock = lock.Value.Enabled
	state.DefaultMode, state.DefaultDays, state.DefaultYears = lock.Value.DefaultMode, lock.Value.Default, lock.Value.Years
	state.PublicAccess = checkedPublicAccess(s.publicAccess(ctx))
	return state, nil
}

// checkedPublicAccess is advice, so it never fails a check.
func checkedPublicAccess(got Setting[PublicAccess]) PublicAccess {
	switch got.State {
	case SettingNotApplicable:
		return PublicAccessUnsupported
	case SettingUnknown:
		return PublicAccessUnknown
	}
	return got.Value
}
