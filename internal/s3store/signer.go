package s3store

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signer signs each request with a key derived for it. The SDK's own signer keeps
// derived keys by access key and day: a secret that was corrected, or rotated under
// the same access key, would not be used before midnight UTC. Deriving is four
// HMACs.
type signer struct{}

func (signer) SignHTTP(ctx context.Context, keys aws.Credentials, r *http.Request, payload, service, region string, at time.Time,
	options ...func(*v4.SignerOptions)) error {
	s := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }) // as for S3
	return s.SignHTTP(ctx, keys, r, payload, service, region, at, options...)
}
