package s3store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/audit-archiver/archiver/internal/object"
)

// Prober is a Store that also tries what nobody must be able to do, to find out
// whether the bucket lets it happen. Only doctor and init make one, for objects of
// their own under probe/. A nil error of its methods means that the store did it;
// an error for which Refused is true, that it would not.
type Prober struct{ *Store }

// Reach asks whether the bucket answers.
func (p Prober) Reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.cfg.Timeout, errSlow)
	defer cancel()
	if _, err := p.client.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: &p.cfg.Bucket, ExpectedBucketOwner: p.owner()}); err != nil {
		return tried(ctx, "bucket "+p.cfg.Bucket, permCheck, err)
	}
	return nil
}

// Attempt is one PutObject, as bad as it may be.
type Attempt struct {
	Key         string
	Body        []byte
	SHA256      [sha256.Size]byte // announced: zero is the one of Body
	IfNoneMatch bool
	Mode        object.Mode // "": without a lock
	RetainUntil time.Time   // with Mode
}

// Try sends an Attempt. version is "" for a store that gives none.
func (p Prober) Try(ctx context.Context, a Attempt) (version string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.cfg.Timeout, errSlow)
	defer cancel()
	sum := sha256.Sum256(a.Body)
	announced := a.SHA256
	if announced == [sha256.Size]byte{} {
		announced = sum
	}
	in := &awss3.PutObjectInput{
		Bucket: &p.cfg.Bucket, Key: &a.Key, Body: bytes.NewReader(a.Body), ContentLength: aws.Int64(int64(len(a.Body))),
		ContentType: aws.String("text/plain; charset=utf-8"), ExpectedBucketOwner: p.owner(),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(announced[:])),
	}
	if a.IfNoneMatch {
		in.IfNoneMatch = aws.String("*")
	}
	if a.Mode != "" {
		in.ObjectLockMode = s3types.ObjectLockMode(a.Mode)
		in.ObjectLockRetainUntilDate = aws.Time(a.RetainUntil.UTC())
	}
	// The request is signed for what is sent, so that a wrong announcement is the
	// only thing that is wrong with it.
	out, err := p.client.PutObject(ctx, in, signWith(sum))
	if err != nil {
		return "", tried(ctx, "put "+a.Key, permPut, err)
	}
	return aws.ToString(out.VersionId), nil
}

// Delete deletes one version for good or, without a version id, puts a delete
// marker over the key. marker is the marker's version id.
func (p Prober) Delete(ctx context.Context, key, version string, bypass bool) (marker string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.cfg.Timeout, errSlow)
	defer cancel()
	in := &awss3.DeleteObjectInput{
		Bucket: &p.cfg.Bucket, Key: &key, VersionId: optional(version), ExpectedBucketOwner: p.owner(),
	}
	if bypass {
		in.BypassGovernanceRetention = aws.Bool(true)
	}
	out, err := p.client.DeleteObject(ctx, in)
	if err != nil {
		return "", tried(ctx, fmt.Sprintf("delete %s version %q", key, version), permDelete, err)
	}
	return aws.ToString(out.VersionId), nil
}

// Relock asks for another lock on a version.
func (p Prober) Relock(ctx context.Context, key, version string, mode object.Mode, until time.Time, bypass bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.cfg.Timeout, errSlow)
	defer cancel()
	in := &awss3.PutObjectRetentionInput{
		Bucket: &p.cfg.Bucket, Key: &key, VersionId: &version, ExpectedBucketOwner: p.owner(),
		Retention: &s3types.ObjectLockRetention{
			Mode: s3types.ObjectLockRetentionMode(mode), RetainUntilDate: aws.Time(until.UTC()),
		},
		ChecksumAlgorithm: s3types.ChecksumAlgorithmSha256,
	}
	if bypass {
		in.BypassGovernanceRetention = aws.Bool(true)
	}
	if _, err := p.client.PutObjectRetention(ctx, in); err != nil {
		return tried(ctx, "lock "+key, permRelock, err)
	}
	return nil
}

// ReleaseHold takes the legal hold off a version that has none: harmless, and only
// possible for somebody who may lift holds.
func (p Prober) ReleaseHold(ctx context.Context, key, version string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.cfg.Timeout, errSlow)
	defer cancel()
	_, err := p.client.PutObjectLegalHold(ctx, &awss3.PutObjectLegalHoldInput{
		Bucket: &p.cfg.Bucket, Key: &key, VersionId: &version, ExpectedBucketOwner: p.owner(),
		LegalHold:         &s3types.ObjectLockLegalHold{Status: s3types.ObjectLockLegalHoldStatusOff},
		ChecksumAlgorithm: s3types.ChecksumAlgorithmSha256,
	})
	if err != nil {
		return tried(ctx, "release hold of "+key, permHold, err)
	}
	return nil
}

// KeepVersioning enables versioning, which it finds enabled: harmless, and only
// possible for somebody who may configure the bucket.
func (p Prober) KeepVersioning(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.cfg.Timeout, errSlow)
	defer cancel()
	_, err := p.client.PutBucketVersioning(ctx, &awss3.PutBucketVersioningInput{
		Bucket: &p.cfg.Bucket, ExpectedBucketOwner: p.owner(),
		VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		return tried(ctx, "enable versioning", permConfigure, err)
	}
	return nil
}

// tried keeps the store's answer in the error, whatever it means elsewhere: a 404 or
// 405 says here that nothing was tried.
func tried(ctx context.Context, what string, need permission, err error) error {
	if isExists(err) {
		return fmt.Errorf("%s: %w: %w", what, object.ErrExists, err)
	}
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%s: %w", what, cause)
	}
	if hint := hintFor(err, need); hint != "" {
		return fmt.Errorf("%s: %w (%s)", what, err, hint)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// SetPolicy gives the bucket a policy, in place of the one it has.
func (p Prober) SetPolicy(ctx context.Context, policy string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.cfg.Timeout, errSlow)
	defer cancel()
	if _, err := p.client.PutBucketPolicy(ctx, &awss3.PutBucketPolicyInput{
		Bucket: &p.cfg.Bucket, Policy: &policy, ExpectedBucketOwner: p.owner(), ChecksumAlgorithm: s3types.ChecksumAlgorithmSha256,
	}); err != nil {
		return tried(ctx, "set bucket policy", permPolicy, err)
	}
	return nil
}

// RemovePolicy takes the policy from the bucket.
func (p Prober) RemovePolicy(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.cfg.Timeout, errSlow)
	defer cancel()
	if _, err := p.client.DeleteBucketPolicy(ctx, &awss3.DeleteBucketPolicyInput{
		Bucket: &p.cfg.Bucket, ExpectedBucketOwner: p.owner(),
	}); err != nil {
		return tried(ctx, "remove bucket policy", permPolicy, err)
	}
	return nil
}

// Refused reports whether err is the store's answer that it would not do what was
// asked: not a lost or late answer, nor one about who asks or how often.
func Refused(err error) bool {
	status := statusOf(err)
	switch status {
	case http.StatusUnauthorized, http.StatusNotFound, http.StatusRequestTimeout, http.StatusConflict,
		http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusTooManyRequests:
		return false
	}
	switch codeOf(err) {
	case "RequestTimeTooSkewed", "ExpiredToken", "TokenRefreshRequired", "InvalidToken", "InvalidAccessKeyId",
		"SignatureDoesNotMatch", "AuthorizationHeaderMalformed", "NoSuchBucket", "SlowDown", "RequestTimeout":
		return false
	}
	if strings.HasPrefix(codeOf(err), "KMS.") { // somebody may enable the key again
		return false
	}
	return status >= 400 && status < 500
}

// NoLock reports whether err is the answer of a store or bucket that does not lock
// objects, rather than one about anything else that can be wrong with an upload.
func NoLock(err error) bool {
	switch codeOf(err) {
	case "InvalidRequest", "InvalidArgument", "InvalidBucketState", codeNoLock:
		return true
	}
	return Unsupported(err)
}

// Denied reports whether err is the store's answer that this identity may not.
func Denied(err error) bool { return Refused(err) && statusOf(err) == http.StatusForbidden }

// NotThere reports whether err is the store's answer that there is nothing to do
// that to.
func NotThere(err error) bool { return isAbsent(err) }

// Unsupported reports whether err is the answer of a store that does not know the
// request at all.
func Unsupported(err error) bool {
	return statusOf(err) == http.StatusNotImplemented || codeOf(err) == "NotImplemented"
}

// Answer is what the store said, for a report: its status and code, and the message
// if it is short enough; "" when err is not an answer of the store.
func Answer(err error) string {
	status := statusOf(err)
	if status == 0 {
		return ""
	}
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() == "" {
		return fmt.Sprint(status)
	}
	if m := api.ErrorMessage(); m != "" && len(m) <= 200 {
		return fmt.Sprintf("%d %s: %s", status, api.ErrorCode(), m)
	}
	return fmt.Sprintf("%d %s", status, api.ErrorCode())
}
