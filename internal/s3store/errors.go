package s3store

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/audit-archiver/archiver/internal/object"
)

// codeConflict is the answer to a conditional write that raced with another: it
// says nothing about what is stored, unlike a 412, and is to be repeated.
const codeConflict = "ConditionalRequestConflict"

// codeNoLock is the answer about a bucket that was made without Object Lock.
const codeNoLock = "ObjectLockConfigurationNotFoundError"

// errSlow is the cause of a call that was ended by its deadline.
var errSlow = errors.New("the store did not answer in time")

// permission names what an identity needs for a call: the hint after a 403.
type permission string

const (
	permPut    permission = "s3:PutObject and s3:PutObjectRetention"
	permHead   permission = "s3:GetObjectVersion, s3:GetObjectRetention and s3:ListBucket"
	permGet    permission = "s3:GetObjectVersion and s3:ListBucket"
	permExtend permission = "s3:PutObjectRetention"
	permList   permission = "s3:ListBucketVersions"
	permDelete permission = "s3:DeleteObjectVersion, and no lock or legal hold on the version"
	permCreate permission = "s3:CreateBucket and s3:PutBucketObjectLockConfiguration and s3:PutBucketVersioning"
	permCheck  permission = "s3:ListBucket, s3:GetBucketVersioning and s3:GetBucketObjectLockConfiguration"
	permBlock  permission = "s3:PutBucketPublicAccessBlock"

	permRelock    permission = "s3:PutObjectRetention"
	permHold      permission = "s3:PutObjectLegalHold"
	permConfigure permission = "s3:PutBucketVersioning"
	permPolicy    permission = "s3:PutBucketPolicy and s3:DeleteBucketPolicy"
)

// explain makes an error that reads as a path, with a hint for the human at its
// end, and marks the two outcomes that callers decide on.
func explain(ctx context.Context, what string, need permission, err error) error {
	switch {
	case isExists(err):
		return fmt.Errorf("%s: %w", what, object.ErrExists)
	case isAbsent(err):
		return fmt.Errorf("%s: %w", what, object.ErrNotFound)
	}
	if cause := context.Cause(ctx); cause != nil {
		// The SDK says "canceled, context deadline exceeded" in many words. The
		// cause says who ran out of time: we, or the caller.
		return fmt.Errorf("%s: %w", what, cause)
	}
	if hint := hintFor(err, need); hint != "" {
		return fmt.Errorf("%s: %w (%s)", what, err, hint)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func isExists(err error) bool {
	return statusOf(err) == http.StatusPreconditionFailed
}

// isAbsent is true for a missing key, a missing version, and a version that is a
// delete marker (405). A missing bucket has its own code.
func isAbsent(err error) bool {
	switch statusOf(err) {
	case http.StatusNotFound:
		return codeOf(err) != "NoSuchBucket"
	case http.StatusMethodNotAllowed:
		return true
	}
	return false
}

// hintFor says what to do about an error, "" when we do not know better.
func hintFor(err error, need permission) string {
	switch codeOf(err) {
	case "RequestTimeTooSkewed":
		return "the clock of this machine differs from the store's by more than it allows: set the clock"
	case "ExpiredToken", "TokenRefreshRequired", "InvalidToken":
		return "the credentials have expired: renew them"
	case "InvalidAccessKeyId", "SignatureDoesNotMatch":
		return "the store does not know these credentials: check access key, secret key and region"
	case "BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch":
		return "the store received other bytes than were announced: they changed on the way or on disk"
	case "NoSuchBucket":
		return "create it with `archiver init`"
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return "the bucket is in another region: check region and endpoint"
	case "InvalidRequest", "InvalidBucketState":
		return "does the bucket have Object Lock?"
	}
	switch statusOf(err) {
	case http.StatusForbidden:
		return "needed: " + string(need) + "; or the bucket belongs to another account"
	case http.StatusMovedPermanently:
		return "the bucket is in another region: check region and endpoint"
	}
	return ""
}

func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// statusOf is the HTTP status of an answer, 0 when there was none.
func statusOf(err error) int {
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}
