package s3store

import (
	"context"
	"fmt"
	"iter"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/audit-archiver/archiver/internal/object"
)

// Versions implements object.Store. S3 lists versions and delete markers apart, so
// the place of a marker among versions of the same second is a guess; IsLatest and
// the order of the versions themselves are not.
func (s *Store) Versions(ctx context.Context, prefix string) iter.Seq2[object.Info, error] {
	return func(yield func(object.Info, error) bool) {
		in := &awss3.ListObjectVersionsInput{
			Bucket:  &s.cfg.Bucket,
			Prefix:  &prefix,
			MaxKeys: &s.cfg.PageSize,
			// Anybody who can write may choose a key that XML cannot carry, and
			// must not be able to stop the listing with it.
			EncodingType:        s3types.EncodingTypeUrl,
			ExpectedBucketOwner: s.owner(),
		}
		for {
			page, next, err := s.page(ctx, in)
			if err != nil {
				yield(object.Info{}, fmt.Errorf("list versions of %s: %w", prefix, err))
				return
			}
			for _, info := range page {
				if !yield(info, nil) {
					return
				}
			}
			if next == nil {
				return
			}
			in = next
		}
	}
}

// page fetches one page in order, and the request for the next one: nil at the end.
func (s *Store) page(ctx context.Context, in *awss3.ListObjectVersionsInput) ([]object.Info, *awss3.ListObjectVersionsInput, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout, errSlow)
	defer cancel()
	out, err := s.client.ListObjectVersions(ctx, in)
	if err != nil {
		return nil, nil, explain(ctx, "page", permList, err)
	}
	infos, err := merge(out)
	if err != nil {
		return nil, nil, err
	}
	if !aws.ToBool(out.IsTruncated) {
		return infos, nil, nil
	}
	key, err := decodeKey(out, aws.ToString(out.NextKeyMarker))
	if err != nil {
		return nil, nil, err
	}
	next := *in
	next.KeyMarker = &key
	next.VersionIdMarker = optional(aws.ToString(out.NextVersionIdMarker))
	if key == "" || (key == aws.ToString(in.KeyMarker) &&
		aws.ToString(next.VersionIdMarker) == aws.ToString(in.VersionIdMarker)) {
		// Asking again would never end.
		return nil, nil, fmt.Errorf("the store says there is more after %q but not where", key)
	}
	return infos, &next, nil
}

// merge brings the two lists of a page into one order: by key, newest first.
func merge(out *awss3.ListObjectVersionsOutput) ([]object.Info, error) {
	infos := make([]object.Info, 0, len(out.Versions)+len(out.DeleteMarkers))
	versions, markers := out.Versions, out.DeleteMarkers
	for len(versions) > 0 || len(markers) > 0 {
		var info object.Info
		if len(markers) == 0 || len(versions) > 0 && versionFirst(versions[0], markers[0]) {
			v := versions[0]
			versions = versions[1:]
			info = object.Info{
				Key: aws.ToString(v.Key), VersionID: aws.ToString(v.VersionId), Size: aws.ToInt64(v.Size),
				IsLatest: aws.ToBool(v.IsLatest), LastModified: aws.ToTime(v.LastModified).UTC(),
			}
		} else {
			m := markers[0]
			markers = markers[1:]
			info = object.Info{
				Key: aws.ToString(m.Key), VersionID: aws.ToString(m.VersionId), DeleteMarker: true,
				IsLatest: aws.ToBool(m.IsLatest), LastModified: aws.ToTime(m.LastModified).UTC(),
			}
		}
		key, err := decodeKey(out, info.Key)
		if err != nil {
			return nil, err
		}
		info.Key = key
		infos = append(infos, info)
	}
	return infos, nil
}

// versionFirst compares encoded keys, which sort as the store sorted them only if
// they differ in no escaped byte; equal keys, where the order matters to callers,
// are compared exactly.
func versionFirst(v s3types.ObjectVersion, m s3types.DeleteMarkerEntry) bool {
	vKey, mKey := aws.ToString(v.Key), aws.ToString(m.Key)
	switch {
	case vKey != mKey:
		return vKey < mKey
	case aws.ToBool(v.IsLatest) != aws.ToBool(m.IsLatest):
		return aws.ToBool(v.IsLatest)
	}
	return aws.ToTime(v.LastModified).After(aws.ToTime(m.LastModified))
}

func decodeKey(out *awss3.ListObjectVersionsOutput, key string) (string, error) {
	if out.EncodingType != s3types.EncodingTypeUrl {
		return key, nil
	}
	decoded, err := url.QueryUnescape(key)
	if err != nil {
		return "", fmt.Errorf("the store listed a malformed key %q: %w", key, err)
	}
	return decoded, nil
}
