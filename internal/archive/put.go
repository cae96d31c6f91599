package archive

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/object"
)

// ErrConflict stops the stream: a key that only we may write holds something
// that we did not write. A human decides; we never write elsewhere.
var ErrConflict = errors.New("foreign object under our key")

// bucket puts objects into the store and makes sure that they are there, locked.
type bucket struct {
	store   object.Store
	log     *slog.Logger
	foreign prometheus.Counter // versions under our keys that we did not write
}

// upload is one object that has to be in the bucket, once.
type upload struct {
	object.Put
	// earliest is the least date that an object which is already there must be
	// locked until. It differs from RetainUntil only when that had passed before
	// the object could be sent, and a later date was chosen for the repetition.
	earliest time.Time
	// same, when set, accepts other bytes that mean the same: a former release
	// may have written the same rows differently. It returns errDiffers when they
	// are other rows, or somebody else's bytes.
	same func(ctx context.Context, info object.Info) error
}

// ensure makes sure that exactly one version with our content exists, locked,
// and returns it. It may be repeated after any failure and after a crash.
//
// It always looks at the versions first: If-None-Match sees only the current
// version, and a delete marker on top of our object would let a second copy in.
func (b *bucket) ensure(ctx context.Context, u upload) (object.Info, error) {
	if info, found, err := b.adopt(ctx, u); err != nil || found {
		return info, err
	}
	version, err := b.store.Put(ctx, u.Put)
	if errors.Is(err, object.ErrExists) {
		info, found, err := b.adopt(ctx, u)
		if err == nil && !found {
			// The version that caused the refusal is not listed (yet).
			err = fmt.Errorf("put %s: exists, but no version of it is listed", u.Key)
		}
		return info, err
	}
	if err != nil {
		return object.Info{}, fmt.Errorf("put %s: %w", u.Key, err)
	}
	info, err := b.store.Head(ctx, u.Key, version)
	if err != nil {
		return object.Info{}, fmt.Errorf("confirm %s version %s: %w", u.Key, version, err)
	}
	if err := b.confirm(ctx, u, &info, u.RetainUntil); err != nil {
		return object.Info{}, fmt.Errorf("confirm %s version %s: %w", u.Key, version, err)
	}
	return info, nil
}

// adopt looks at all versions of a key, oldest first, takes the first that is
// ours, and reports every other. Where ours are all locked for too short, the first
// is locked for longer. found is false when the key has no versions,
// or only delete markers: there is nothing of ours to hide behind.
func (b *bucket) adopt(ctx context.Context, u upload) (_ object.Info, found bool, _ error) {
	var versions []object.Info
	for info, err := range b.store.Versions(ctx, u.Key) {
		if err != nil {
			return object.Info{}, false, fmt.Errorf("list versions of %s: %w", u.Key, err)
		}
		if info.Key == u.Key {
			versions = append(versions, info)
		}
	}
	slices.Reverse(versions) // the store lists newest first
	var ours, short object.Info
	var foreign, undecided []error
	for _, v := range versions {
		if v.DeleteMarker {
			b.foreign.Inc()
			b.log.WarnContext(ctx, "delete marker on our key", "key", u.Key, "version", v.VersionID)
			continue
		}
		info, err := b.store.Head(ctx, u.Key, v.VersionID)
		if err != nil {
			return object.Info{}, false, fmt.Errorf("look at %s version %s: %w", u.Key, v.VersionID, err)
		}
		err = b.confirm(ctx, u, &info, u.earliest)
		switch {
		case err == nil && (ours.VersionID == "" || ours.SHA256 != u.SHA256 && info.SHA256 == u.SHA256):
			ours = info // our very bytes are better than the same rows in other bytes
			continue
		case err == nil:
			err = errors.New("a second copy")
		case errors.Is(err, errDiffers):
			foreign = append(foreign, fmt.Errorf("version %s: %w", v.VersionID, err))
		case errors.Is(err, errShort) && short.VersionID == "":
			short = info
			continue
		default: // could not look, or our bytes without a lock that we can see
			undecided = append(undecided, fmt.Errorf("version %s: %w", v.VersionID, err))
			continue
		}
		b.foreign.Inc()
		b.log.ErrorContext(ctx, "foreign version on our key", "key", u.Key, "version", v.VersionID, "why", err)
	}
	if ours.VersionID != "" {
		return ours, true, nil
	}
	if short.VersionID != "" {
		info, err := b.lengthen(ctx, u, short)
		return info, err == nil, err
	}
	if len(undecided) > 0 {
		return object.Info{}, false, fmt.Errorf("adopt %s: %w", u.Key, errors.Join(undecided...))
	}
	if len(foreign) > 0 {
		return object.Info{}, false, fmt.Errorf("%w: %s: %w (somebody else wrote to the bucket: delete that version, "+
			"if it has no lock, and start again; this stream cannot go on before)", ErrConflict, u.Key, errors.Join(foreign...))
	}
	return object.Info{}, false, nil
}

// lengthen locks our content, which is there and locked already, until the date that is
// wanted now. Where a seal is lost, who recovers makes up its date: it may be later than
// the one for which the node had sent the same file. The lock only ever becomes longer.
// If we die here, it is longer than anybody says, or the next try finds it short again.
func (b *bucket) lengthen(ctx context.Context, u upload, short object.Info) (info object.Info, err error) {
	b.log.WarnContext(ctx, "our own object is locked until an earlier date than is wanted now: locking longer", "key", u.Key,
		"version", short.VersionID, "until", short.RetainUntil, "retain_until", u.RetainUntil)
	if err = b.extend(ctx, u.Key, short.VersionID, u.RetainUntil); err == nil {
		info, err = b.store.Head(ctx, u.Key, short.VersionID)
	}
	if err == nil {
		err = b.confirm(ctx, u, &info, u.RetainUntil)
	}
	if err != nil {
		return object.Info{}, fmt.Errorf("adopt %s version %s: %w: until %s, and not until %s: %w", u.Key, short.VersionID,
			errShort, short.RetainUntil.UTC().Format(time.RFC3339), u.RetainUntil.UTC().Format(time.RFC3339), err)
	}
	return info, nil
}

func (b *bucket) extend(ctx context.Context, key, version string, until time.Time) error {
	store, ok := b.store.(object.Extender)
	if !ok {
		return fmt.Errorf("%w: this store cannot lengthen it", object.ErrUnlocked)
	}
	return store.Extend(ctx, key, version, until)
}

var (
	errDiffers = errors.New("content differs")
	errShort   = fmt.Errorf("%w for long enough", object.ErrUnlocked)
)

// confirm compares a version with what was asked for: content first, then lock
// mode and date. Other content is errDiffers, for good; our content without the
// lock is object.ErrUnlocked, which the store's owner can mend. One that only ends
// too early is errShort, which we can mend.
func (b *bucket) confirm(ctx context.Context, u upload, info *object.Info, until time.Time) error {
	if err := b.sameContent(ctx, u, info); err != nil {
		return err
	}
	if info.Mode != object.Compliance {
		return fmt.Errorf("%w: mode is %q", object.ErrUnlocked, info.Mode)
	}
	if info.RetainUntil.Before(until) {
		return fmt.Errorf("%w: locked until %s, want %s", errShort,
			info.RetainUntil.UTC().Format(time.RFC3339), until.UTC().Format(time.RFC3339))
	}
	return nil
}

// sameContent compares size and checksum. A store that does not tell a checksum
// is read back, and info is completed.
func (b *bucket) sameContent(ctx context.Context, u upload, info *object.Info) error {
	if info.SHA256 == [sha256.Size]byte{} {
		var err error
		if info.SHA256, err = b.hash(ctx, *info); err != nil {
			return err
		}
	}
	switch {
	case info.Size == u.Size && info.SHA256 == u.SHA256:
		return nil
	case u.same != nil:
		return u.same(ctx, *info)
	default:
		return fmt.Errorf("%w: SHA-256 %x, want %x", errDiffers, info.SHA256, u.SHA256)
	}
}

// formerEncoders are the created_by of files that former releases wrote, whose bytes
// for the same rows differ from today's. There are none yet.
//
// The rows are not all of a file. It also says which values are where (statistics,
// indexes, bloom filters): engines believe it, and no hash of ours is over it. Whoever
// may write to the bucket and knows the rows before we send them, from what was
// shipped, could put a file in our place that hides some of them from every query,
// and we would sign it.
var formerEncoders []string

// sameRows reads a version back and compares its Merkle root with the one of the
// rows that we wanted to store. It takes what a former release wrote, and no other.
func (b *bucket) sameRows(ctx context.Context, info object.Info, want spooled) error {
	body, err := b.store.Get(ctx, info.Key, info.VersionID)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	defer body.Close()
	most := 4*want.Size + 1<<20 // no encoder of the same rows is that much worse than ours
	raw, err := io.ReadAll(io.LimitReader(body, most+1))
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if int64(len(raw)) > most {
		return fmt.Errorf("%w: more than %d bytes", errDiffers, most)
	}
	root, rows, by, err := rootOf(ctx, bytes.NewReader(raw), int64(len(raw)), want.Class)
	if err != nil {
		return fmt.Errorf("%w: not readable as our table: %w", errDiffers, err)
	}
	if !slices.Contains(formerEncoders, by) {
		return fmt.Errorf("%w: %d rows with root %x in bytes that no release of ours writes", errDiffers, rows, root)
	}
	if root != want.Root || rows != want.Rows {
		return fmt.Errorf("%w: %d rows with root %x, want %d with %x", errDiffers, rows, root, want.Rows, want.Root)
	}
	return nil
}

// read returns at most so many bytes of a version.
func (b *bucket) read(ctx context.Context, info object.Info, most int64) ([]byte, error) {
	body, err := b.store.Get(ctx, info.Key, info.VersionID)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(io.LimitReader(body, most))
}

func (b *bucket) hash(ctx context.Context, info object.Info) (sum [sha256.Size]byte, _ error) {
	body, err := b.store.Get(ctx, info.Key, info.VersionID)
	if err != nil {
		return sum, err
	}
	defer body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, body); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// anyVersion reports whether some version of key is as is says. One that cannot be
// read does not stand in the way of the others.
func (b *bucket) anyVersion(ctx context.Context, key string, is func(object.Info) (bool, error)) (bool, error) {
	var unread error
	for info, err := range b.store.Versions(ctx, key) {
		if err != nil {
			return false, err
		}
		if info.Key != key || info.DeleteMarker {
			continue
		}
		ok, err := is(info)
		if ok {
			return true, nil
		}
		unread = cmp.Or(unread, err)
	}
	return false, unread
}
