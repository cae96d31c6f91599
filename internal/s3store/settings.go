package s3store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/audit-archiver/archiver/internal/object"
)

// SettingState says what is known about one setting of a bucket.
type SettingState string

// The three things that a store can say when it is asked for a setting.
const (
	SettingKnown         SettingState = "known"          // Value is what the store says; its zero value: nothing is set
	SettingNotApplicable SettingState = "not_applicable" // the store has nothing of the kind (501, say)
	SettingUnknown       SettingState = "could_not_look" // Err says why
)

// Setting is one setting of a bucket, or why it is not known.
type Setting[T any] struct {
	State SettingState
	Value T     // when State is SettingKnown
	Err   error // when State is SettingUnknown
}

// Known reports whether Value is what the store says.
func (s Setting[T]) Known() bool { return s.State == SettingKnown }

// LockSetting is the Object Lock configuration of a bucket.
type LockSetting struct {
	Enabled     bool
	DefaultMode object.Mode // "" when there is no default retention
	Default     int32       // days, or years when Years is set
	Years       bool
}

// LifecycleRule is what one rule of a bucket does to whose objects.
type LifecycleRule struct {
	ID      string
	Enabled bool
	Prefix  string // "" is every key
	// Narrowed says that the rule asks for tags or sizes too: it touches some of the
	// objects under Prefix only.
	Narrowed                    bool
	Expires                     bool  // puts delete markers on current versions
	ExpiresAfterDays            int32 // 0 with Expires: on a date
	ExpiresNoncurrent           bool  // removes older versions when their lock has ended
	RemovesExpiredDeleteMarkers bool  // harmless
	AbortsUploads               bool  // harmless: of multipart uploads that did not end
	// Transitions are storage classes that current or older versions move to.
	Transitions []string
}

// Encryption is what a bucket does to objects that ask for nothing.
type Encryption struct {
	Algorithm string // AES256, aws:kms, aws:kms:dsse; "" is none
	KeyID     string // of the KMS key; "" is the store's own
}

// Policy is a bucket policy.
type Policy struct {
	Raw    string // JSON, as the store has it; "" when there is none
	SHA256 string // of Raw, in hex
}

// Replication is one rule that copies objects to another bucket.
type Replication struct {
	ID      string
	Enabled bool
	Bucket  string // ARN of the destination
}

// Settings is how a bucket is configured, as far as it concerns an archive.
type Settings struct {
	Versioning   Setting[string] // Enabled, Suspended; "" when it never was enabled
	Lock         Setting[LockSetting]
	Lifecycle    Setting[[]LifecycleRule]
	PublicAccess Setting[PublicAccess] // PublicAccessBlocked or PublicAccessOpen
	Encryption   Setting[Encryption]
	Policy       Setting[Policy]
	Replication  Setting[[]Replication]
	// Skew is the store's clock minus ours when it answered, from the Date header,
	// which has whole seconds. A positive one: the store is ahead.
	Skew Setting[time.Duration]
}

// Settings asks the store how the bucket is configured. What it does not tell is in
// the Setting that it concerns: one permission that is missing hides one setting.
// It makes eight small requests, one after the other, and changes nothing.
func (s *Store) Settings(ctx context.Context) Settings {
	return Settings{
		Skew:         ask(ctx, s, "clock", permCheck, "", s.skew),
		Versioning:   ask(ctx, s, "versioning", "s3:GetBucketVersioning", "", s.versioning),
		Lock:         ask(ctx, s, "object lock", "s3:GetBucketObjectLockConfiguration", codeNoLock, s.lock),
		Lifecycle:    ask(ctx, s, "lifecycle", "s3:GetLifecycleConfiguration", "NoSuchLifecycleConfiguration", s.lifecycle),
		PublicAccess: s.publicAccess(ctx),
		Encryption:   ask(ctx, s, "encryption", "s3:GetEncryptionConfiguration", "ServerSideEncryptionConfigurationNotFoundError", s.encryption),
		Policy:       ask(ctx, s, "policy", "s3:GetBucketPolicy", "NoSuchBucketPolicy", s.policy),
		Replication:  ask(ctx, s, "replication", "s3:GetReplicationConfiguration", "ReplicationConfigurationNotFoundError", s.replication),
	}
}

// ask makes one request under its own deadline. absent is the code that says that
// nothing is set.
func ask[T any](ctx context.Context, s *Store, what string, need permission, absent string, get func(context.Context) (T, error)) Setting[T] {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout, errSlow)
	defer cancel()
	value, err := get(ctx)
	switch {
	case err == nil:
		return Setting[T]{State: SettingKnown, Value: value}
	case absent != "" && codeOf(err) == absent:
		return Setting[T]{State: SettingKnown}
	case isUnsupported(err):
		return Setting[T]{State: SettingNotApplicable}
	}
	return Setting[T]{State: SettingUnknown, Err: explain(ctx, "bucket "+s.cfg.Bucket+": "+what, need, err)}
}

func (s *Store) versioning(ctx context.Context) (string, error) {
	out, err := s.client.GetBucketVersioning(ctx, &awss3.GetBucketVersioningInput{
		Bucket: &s.cfg.Bucket, ExpectedBucketOwner: s.owner(),
	})
	if err != nil {
		return "", err
	}
	return string(out.Status), nil
}

func (s *Store) lock(ctx context.Context) (LockSetting, error) {
	out, err := s.client.GetObjectLockConfiguration(ctx, &awss3.GetObjectLockConfigurationInput{
		Bucket: &s.cfg.Bucket, ExpectedBucketOwner: s.owner(),
	})
	if err != nil {
		return LockSetting{}, err
	}
	c := out.ObjectLockConfiguration
	if c == nil || c.ObjectLockEnabled != s3types.ObjectLockEnabledEnabled {
		return LockSetting{}, nil
	}
	l := LockSetting{Enabled: true}
	if c.Rule != nil && c.Rule.DefaultRetention != nil {
		rule := c.Rule.DefaultRetention
		l.DefaultMode, l.Default = object.Mode(rule.Mode), aws.ToInt32(rule.Days)
		if rule.Years != nil {
			l.Default, l.Years = *rule.Years, true
		}
	}
	return l, nil
}

func (s *Store) lifecycle(ctx context.Context) ([]LifecycleRule, error) {
	out, err := s.client.GetBucketLifecycleConfiguration(ctx, &awss3.GetBucketLifecycleConfigurationInput{
		Bucket: &s.cfg.Bucket, ExpectedBucketOwner: s.owner(),
	})
	if err != nil {
		return nil, err
	}
	rules := make([]LifecycleRule, 0, len(out.Rules))
	for _, r := range out.Rules {
		rules = append(rules, lifecycleRule(r))
	}
	return rules, nil
}

func lifecycleRule(r s3types.LifecycleRule) LifecycleRule {
	l := LifecycleRule{
		ID: aws.ToString(r.ID), Enabled: r.Status == s3types.ExpirationStatusEnabled,
		Prefix:            aws.ToString(r.Prefix), //nolint:staticcheck // rules that were made years ago still have it
		ExpiresNoncurrent: r.NoncurrentVersionExpiration != nil,
		AbortsUploads:     r.AbortIncompleteMultipartUpload != nil,
	}
	if e := r.Expiration; e != nil {
		l.Expires = e.Days != nil || e.Date != nil
		l.ExpiresAfterDays = aws.ToInt32(e.Days)
		l.RemovesExpiredDeleteMarkers = aws.ToBool(e.ExpiredObjectDeleteMarker)
	}
	for _, t := range r.Transitions {
		l.Transitions = append(l.Transitions, string(t.StorageClass))
	}
	for _, t := range r.NoncurrentVersionTransitions {
		l.Transitions = append(l.Transitions, string(t.StorageClass))
	}
	f := r.Filter
	if f == nil {
		return l
	}
	if f.Prefix != nil {
		l.Prefix = *f.Prefix
	}
	l.Narrowed = f.Tag != nil || f.ObjectSizeGreaterThan != nil || f.ObjectSizeLessThan != nil
	if f.And != nil {
		if f.And.Prefix != nil {
			l.Prefix = *f.And.Prefix
		}
		l.Narrowed = true // And joins at least two of them, so one is not the prefix
	}
	return l
}

// publicAccess has an absence that means something: the switches are there and off.
func (s *Store) publicAccess(ctx context.Context) Setting[PublicAccess] {
	got := ask(ctx, s, "public access block", "s3:GetBucketPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration", s.publicAccessBlock)
	if got.Known() && got.Value == "" {
		got.Value = PublicAccessOpen
	}
	return got
}

func (s *Store) publicAccessBlock(ctx context.Context) (PublicAccess, error) {
	out, err := s.client.GetPublicAccessBlock(ctx, &awss3.GetPublicAccessBlockInput{
		Bucket: &s.cfg.Bucket, ExpectedBucketOwner: s.owner(),
	})
	if err != nil {
		return "", err
	}
	c := out.PublicAccessBlockConfiguration
	if c != nil && aws.ToBool(c.BlockPublicAcls) && aws.ToBool(c.BlockPublicPolicy) &&
		aws.ToBool(c.IgnorePublicAcls) && aws.ToBool(c.RestrictPublicBuckets) {
		return PublicAccessBlocked, nil
	}
	return PublicAccessOpen, nil
}

func (s *Store) encryption(ctx context.Context) (Encryption, error) {
	out, err := s.client.GetBucketEncryption(ctx, &awss3.GetBucketEncryptionInput{
		Bucket: &s.cfg.Bucket, ExpectedBucketOwner: s.owner(),
	})
	if err != nil {
		return Encryption{}, err
	}
	if out.ServerSideEncryptionConfiguration != nil {
		for _, r := range out.ServerSideEncryptionConfiguration.Rules { // S3 allows one
			if d := r.ApplyServerSideEncryptionByDefault; d != nil {
				return Encryption{Algorithm: string(d.SSEAlgorithm), KeyID: aws.ToString(d.KMSMasterKeyID)}, nil
			}
		}
	}
	return Encryption{}, nil
}

func (s *Store) policy(ctx context.Context) (Policy, error) {
	out, err := s.client.GetBucketPolicy(ctx, &awss3.GetBucketPolicyInput{
		Bucket: &s.cfg.Bucket, ExpectedBucketOwner: s.owner(),
	})
	if err != nil || aws.ToString(out.Policy) == "" {
		return Policy{}, err
	}
	sum := sha256.Sum256([]byte(*out.Policy))
	return Policy{Raw: *out.Policy, SHA256: hex.EncodeToString(sum[:])}, nil
}

func (s *Store) replication(ctx context.Context) ([]Replication, error) {
	out, err := s.client.GetBucketReplication(ctx, &awss3.GetBucketReplicationInput{
		Bucket: &s.cfg.Bucket, ExpectedBucketOwner: s.owner(),
	})
	if err != nil || out.ReplicationConfiguration == nil {
		return nil, err
	}
	rules := make([]Replication, 0, len(out.ReplicationConfiguration.Rules))
	for _, r := range out.ReplicationConfiguration.Rules {
		rule := Replication{ID: aws.ToString(r.ID), Enabled: r.Status == s3types.ReplicationRuleStatusEnabled}
		if r.Destination != nil {
			rule.Bucket = aws.ToString(r.Destination.Bucket)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// skew compares the clocks as far as whole seconds and the time that the request
// took allow: 0 says that they may well agree, anything else is the least that they
// differ by. A store that refuses our clock, or us, says what its own is.
func (s *Store) skew(ctx context.Context) (time.Duration, error) {
	asked := s.cfg.Now()
	out, err := s.client.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: &s.cfg.Bucket, ExpectedBucketOwner: s.owner()})
	var answer *awshttp.ResponseError
	switch {
	case err == nil:
		if theirs, ok := awsmiddleware.GetServerTime(out.ResultMetadata); ok {
			return skewOf(theirs, asked, s.cfg.Now()), nil
		}
	case errors.As(err, &answer):
		if theirs, e := http.ParseTime(answer.HTTPResponse().Header.Get("Date")); e == nil {
			return skewOf(theirs, asked, s.cfg.Now()), nil
		}
		return 0, err
	default:
		return 0, err
	}
	return 0, errors.New("the answer has no Date")
}

// skewOf: when the store wrote down the second theirs, our clock was between asked
// and answered.
func skewOf(theirs, asked, answered time.Time) time.Duration {
	if ahead := theirs.Sub(answered); ahead > 0 {
		return ahead
	}
	if behind := asked.Sub(theirs.Add(time.Second)); behind > 0 {
		return -behind
	}
	return 0
}
