// Package s3store is the WORM store on S3 with Object Lock: Amazon S3, or a store
// that enforces the same (MinIO, versitygw).
//
// The promise: a Put that returned a version id has stored exactly those bytes,
// under COMPLIANCE retention until the asked date, as a new version of a key that
// had no current one. A Store deletes, overwrites and weakens nothing. Prober tries
// to, on objects of its own, to prove that the bucket would not let it. Mender does
// what an operator asks for to undo what somebody else did to the bucket, and a lock
// it cannot undo either. Every call ends: each has a deadline that grows with the
// bytes it moves.
//
// The price: one HTTP request per call (more when it is retried). A Put whose
// answer was lost is retried inside and then finds its own object: it reports
// object.ErrExists, and the caller adopts what is there.
package s3store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/audit-archiver/archiver/internal/object"
)

// Limits of S3.
const (
	keyBytesMax  = 1024
	putBytesMax  = 5 << 30 // of one PutObject; we never use multipart (its SHA-256 is a hash of hashes)
	retentionMax = 36500   // days: what S3 and its clones accept
)

// Store is one bucket. It is safe for concurrent use.
type Store struct {
	client *awss3.Client
	cfg    Config
}

var _ object.Store = (*Store)(nil)

// Put implements object.Store.
func (s *Store) Put(ctx context.Context, p object.Put) (string, error) {
	return s.put(ctx, p, aws.String("*"))
}

// put stores p under the condition, nil for none.
func (s *Store) put(ctx context.Context, p object.Put, ifNoneMatch *string) (string, error) {
	if err := s.checkPut(p); err != nil {
		return "", fmt.Errorf("put %s: %w", p.Key, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.timeFor(p.Size), errSlow)
	defer cancel()
	sum := base64.StdEncoding.EncodeToString(p.SHA256[:])
	out, err := s.client.PutObject(ctx, &awss3.PutObjectInput{
		Bucket:                    &s.cfg.Bucket,
		Key:                       &p.Key,
		Body:                      io.NewSectionReader(p.Body, 0, p.Size),
		ContentLength:             &p.Size,
		ContentType:               &p.ContentType,
		ChecksumSHA256:            &sum,
		IfNoneMatch:               ifNoneMatch,
		ObjectLockMode:            s3types.ObjectLockModeCompliance,
		ObjectLockRetainUntilDate: aws.Time(p.RetainUntil.UTC()),
		ExpectedBucketOwner:       s.owner(),
	}, signWith(p.SHA256))
	if err != nil {
		return "", explain(ctx, "put "+p.Key, permPut, err)
	}
	// Some stores answer 200 to what they do not do. What they say must at least
	// agree with what was asked; Head tells about the lock.
	if got := aws.ToString(out.ChecksumSHA256); got != "" && got != sum {
		return "", fmt.Errorf("put %s: the store says it holds SHA-256 %s, sent was %s", p.Key, got, sum)
	}
	version := aws.ToString(out.VersionId)
	if version == "" || version == "null" {
		return "", fmt.Errorf("put %s: the store gave no version id: the bucket is not versioned", p.Key)
	}
	return version, nil
}

// checkPut refuses what must never reach a bucket that cannot forget.
func (s *Store) checkPut(p object.Put) error {
	now := s.cfg.Now()
	switch {
	case p.Key == "" || len(p.Key) > keyBytesMax || !utf8.ValidString(p.Key):
		return fmt.Errorf("key must be 1 to %d bytes of UTF-8", keyBytesMax)
	case p.Body == nil || p.Size < 0 || p.Size > putBytesMax:
		return fmt.Errorf("size %d is not within 0 to %d bytes", p.Size, int64(putBytesMax))
	case p.SHA256 == [sha256.Size]byte{}:
		return errors.New("no SHA-256")
	case p.ContentType == "":
		return errors.New("no content type")
	case p.RetainUntil.IsZero():
		return errors.New("no retention date")
	case !p.RetainUntil.Equal(p.RetainUntil.Truncate(time.Second)):
		return fmt.Errorf("retention date %s has a fraction of a second, which stores cut off",
			p.RetainUntil.UTC().Format(time.RFC3339Nano))
	case !p.RetainUntil.After(now):
		return fmt.Errorf("retention date %s is not in the future; is the clock right?",
			p.RetainUntil.UTC().Format(time.RFC3339))
	case p.RetainUntil.After(now.AddDate(0, 0, retentionMax)):
		return fmt.Errorf("retention date %s is more than %d days away; is the clock right?",
			p.RetainUntil.UTC().Format(time.RFC3339), retentionMax)
	}
	return nil
}

// signWith signs the request for the content we know, so that the SDK neither
// reads the body once more nor leaves it unsigned.
func signWith(sum [sha256.Size]byte) func(*awss3.Options) {
	set := middleware.InitializeMiddlewareFunc("KnownPayloadHash", func(ctx context.Context,
		in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(v4.SetPayloadHash(ctx, hex.EncodeToString(sum[:])), in)
	})
	return awss3.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Initialize.Add(set, middleware.Before)
	})
}

// Head implements object.Store.
func (s *Store) Head(ctx context.Context, key, versionID string) (object.Info, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout, errSlow)
	defer cancel()
	out, err := s.client.HeadObject(ctx, &awss3.HeadObjectInput{
		Bucket:              &s.cfg.Bucket,
		Key:                 &key,
		VersionId:           optional(versionID),
		ChecksumMode:        s3types.ChecksumModeEnabled,
		ExpectedBucketOwner: s.owner(),
	})
	if err != nil {
		err = explain(ctx, "head "+key, permHead, err)
		return object.Info{}, s.reallyAbsent(ctx, err)
	}
	sum, err := decodeSHA256(aws.ToString(out.ChecksumSHA256), out.ChecksumType)
	if err != nil {
		return object.Info{}, fmt.Errorf("head %s: %w", key, err)
	}
	return object.Info{
		Key:          key,
		VersionID:    aws.ToString(out.VersionId),
		Size:         aws.ToInt64(out.ContentLength),
		SHA256:       sum,
		Mode:         object.Mode(out.ObjectLockMode),
		RetainUntil:  aws.ToTime(out.ObjectLockRetainUntilDate).UTC(),
		LastModified: aws.ToTime(out.LastModified).UTC(),
	}, nil
}

// decodeSHA256 is zero when the store told no SHA-256 of the whole object. The
// checksum of a multipart upload ("…-3") is one of part hashes: not told.
func decodeSHA256(text string, kind s3types.ChecksumType) (sum [sha256.Size]byte, err error) {
	if text == "" || kind == s3types.ChecksumTypeComposite {
		return sum, nil
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != len(sum) {
		return sum, fmt.Errorf("the store answered a malformed SHA-256 %q", text)
	}
	return [sha256.Size]byte(b), nil
}

// Get implements object.Store. The reader has its own deadline, which counts only
// the time that its Read calls wait for the store.
func (s *Store) Get(ctx context.Context, key, versionID string) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	watch := time.AfterFunc(s.cfg.Timeout, func() { cancel(errSlow) })
	out, err := s.client.GetObject(ctx, &awss3.GetObjectInput{
		Bucket:              &s.cfg.Bucket,
		Key:                 &key,
		VersionId:           optional(versionID),
		ExpectedBucketOwner: s.owner(),
	})
	watch.Stop()
	if err != nil {
		err = s.reallyAbsent(ctx, explain(ctx, "get "+key, permGet, err))
		cancel(nil)
		return nil, err
	}
	return &body{
		ctx: ctx, cancel: cancel, now: s.cfg.Now, key: key, r: out.Body,
		left: s.cfg.timeFor(aws.ToInt64(out.ContentLength)),
	}, nil
}

// body cuts off a store that sends slower than the configured rate.
type body struct {
	ctx    context.Context // of the request: cancelling it ends a hanging Read
	cancel context.CancelCauseFunc
	now    func() time.Time
	key    string
	r      io.ReadCloser
	left   time.Duration // that Read may still wait, in total
}

func (b *body) Read(p []byte) (int, error) {
	start := b.now()
	watch := time.AfterFunc(b.left, func() { b.cancel(errSlow) })
	n, err := b.r.Read(p)
	watch.Stop()
	b.left -= b.now().Sub(start)
	if err != nil && err != io.EOF { //nolint:errorlint // a Reader's io.EOF is never wrapped
		err = explain(b.ctx, "get "+b.key, permGet, err)
	}
	return n, err
}

func (b *body) Close() error {
	err := b.r.Close()
	b.cancel(nil)
	return err
}

// reallyAbsent tells a missing key from a missing bucket: S3 answers both with the
// same 404, and a HEAD has no body to say which. Mistaking one for the other would
// make a lost bucket look like an empty one.
func (s *Store) reallyAbsent(ctx context.Context, err error) error {
	if !errors.Is(err, object.ErrNotFound) {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout, errSlow)
	defer cancel()
	if _, bucketErr := s.client.HeadBucket(ctx, &awss3.HeadBucketInput{
		Bucket: &s.cfg.Bucket, ExpectedBucketOwner: s.owner(),
	}); statusOf(bucketErr) == 404 {
		return fmt.Errorf("bucket %s does not exist", s.cfg.Bucket)
	}
	return err
}

func (s *Store) owner() *string { return optional(s.cfg.ExpectedBucketOwner) }

func optional(v string) *string {
	if v == "" {
		return nil
	}
	return &v
}
