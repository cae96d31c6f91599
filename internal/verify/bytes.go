package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// others reads what belongs to a file beside its rows: auxiliary objects, and the
// copies that a signed repair has put, which are what other readers get.
func (r *run) others(ctx context.Context, s *stream, f *ledger.File) (ok bool, _ error) {
	found := Finding{Level: 3, Stream: s.Open.Stream, First: f.FirstSeq, Last: f.LastSeq}
	ok = true
	for i := range f.Aux {
		a := &f.Aux[i]
		if _, gone := r.gone[a.Key]; gone {
			continue
		}
		found.Kind, found.Key, found.Version = Altered, r.key(a.Key), a.VersionID
		good, err := r.sameBytes(ctx, found, a.Size, a.SHA256)
		if err != nil {
			return false, err
		}
		ok = ok && good
	}
	key := r.key(f.Key)
	for _, copied := range r.repairs.objects[key] {
		if copied.SHA256 != f.SHA256 {
			continue
		}
		found.Kind, found.Key, found.Version = Replaced, key, copied.VersionID
		good, err := r.sameBytes(ctx, found, f.Size, f.SHA256)
		if err != nil {
			return false, err
		}
		ok = ok && good
	}
	return ok, nil
}

// sameBytes reads one version and compares it with what was committed. That it is
// gone, level 2 says.
func (r *run) sameBytes(ctx context.Context, f Finding, size int64, sum ledger.Hash) (ok bool, _ error) {
	b, err := fetch(ctx, r.Store, f.Key, f.Version, size)
	switch {
	case ctx.Err() != nil:
		return false, fmt.Errorf("verify: %w", context.Cause(ctx))
	case errors.Is(err, object.ErrNotFound):
		return true, nil
	case err != nil:
		r.unable(Unchecked{Level: 3, Key: f.Key, Version: f.Version, Why: err.Error()})
		return false, nil //nolint:nilerr // the report has it
	}
	if err := b.Close(); err != nil {
		r.unable(Unchecked{Level: 3, Key: f.Key, Version: f.Version, Why: "temporary file: " + err.Error()})
		return false, nil //nolint:nilerr // the report has it
	}
	if b.size != size || b.sum != sum {
		f.Detail = fmt.Sprintf("its SHA-256 is %s, committed was %s", b.sum, sum)
		r.find(f)
		return false, nil
	}
	r.count(3, func(l *LevelReport) { l.Bytes += b.size })
	return true, nil
}
