// Package awscreds says where a client of an AWS service takes its access keys from.
//
// The promise: keys in a file can be rotated under a running process, and a file
// that was named is the whole truth. The price: within a minute after a rotation
// requests may still be signed with the old keys.
package awscreds

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
)

// age is how old keys from a file may be before it is read again.
const age = time.Minute

// Source is where the keys are.
type Source struct {
	// File is a shared credentials file of the AWS tools with access keys. Empty: the
	// default AWS chain (environment, shared files, roles).
	File string
	// Profile within File or the shared files. Default: default.
	Profile string
	// Now tells how old keys from File are. Required with it.
	Now func() time.Time
}

// Config is what a client of a service is made of: these keys, a region, and a transport.
// The SDK logs nothing. Only local files are read.
func (s Source) Config(ctx context.Context, region string, transport aws.HTTPClient) (aws.Config, error) {
	keys, err := s.options(ctx)
	if err != nil {
		return aws.Config{}, err
	}
	c, err := awsconfig.LoadDefaultConfig(ctx, append(keys, awsconfig.WithRegion(region), awsconfig.WithHTTPClient(transport), awsconfig.WithLogger(logging.Nop{}))...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("aws configuration: %w", err)
	}
	return c, nil
}

// options are the source for [awsconfig.LoadDefaultConfig]. A file is read at once,
// so that one without keys is an error before the first request; the default chain
// is not asked.
func (s Source) options(ctx context.Context) ([]func(*awsconfig.LoadOptions) error, error) {
	switch {
	case s.File != "":
		if _, err := s.read(ctx); err != nil {
			return nil, err
		}
		return []func(*awsconfig.LoadOptions) error{
			awsconfig.WithCredentialsProvider(&fresh{source: s}),
			// Nothing of ~/.aws may change the meaning, nor may AWS_PROFILE.
			awsconfig.WithSharedConfigFiles([]string{}), awsconfig.WithSharedCredentialsFiles([]string{s.File}),
			awsconfig.WithSharedConfigProfile(s.profile()),
		}, nil
	case s.Profile != "":
		return []func(*awsconfig.LoadOptions) error{awsconfig.WithSharedConfigProfile(s.Profile)}, nil
	default:
		return nil, nil
	}
}

func (s Source) profile() string {
	if s.Profile == "" {
		return "default"
	}
	return s.Profile
}

// fresh keeps the keys of a file for a minute. The SDK's own cache compares dates: keys that
// were read while the clock was ahead would stay until it gets there.
type fresh struct {
	source Source

	mu   sync.Mutex // also held while the file is read: once for all who ask
	keys aws.Credentials
	at   time.Time // when they were read; zero: never
}

// Retrieve returns keys that have expired for the SDK, whose cache around this one asks for
// each request then. Nobody else looks at that date.
func (f *fresh) Retrieve(ctx context.Context) (aws.Credentials, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if old := f.source.Now().Sub(f.at); !f.at.IsZero() && old >= 0 && old < age {
		return f.keys, nil
	}
	keys, err := f.source.read(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	keys.CanExpire, keys.Expires = true, time.Unix(0, 0)
	f.keys, f.at = keys, f.source.Now()
	return keys, nil
}

// read reads the keys in File.
func (s Source) read(ctx context.Context) (aws.Credentials, error) {
	// The SDK takes a missing file for an empty one.
	if _, err := os.Stat(s.File); err != nil {
		return aws.Credentials{}, fmt.Errorf("credentials: %w", err)
	}
	shared, err := awsconfig.LoadSharedConfigProfile(ctx, s.profile(), func(o *awsconfig.LoadSharedConfigOptions) {
		o.CredentialsFiles = []string{s.File}
		o.ConfigFiles = []string{}
	})
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("credentials %s: %w", s.File, err)
	}
	keys := shared.Credentials
	if !keys.HasKeys() {
		return aws.Credentials{}, fmt.Errorf("credentials %s: profile %s has no access key", s.File, s.profile())
	}
	return keys, nil
}

// Keys reads the access key and its secret in File once: for a server that lets in
// whoever holds them.
func (s Source) Keys(ctx context.Context) (access, secret string, err error) {
	keys, err := s.read(ctx)
	return keys.AccessKeyID, keys.SecretAccessKey, err
}
