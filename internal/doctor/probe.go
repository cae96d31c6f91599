package doctor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/s3store"
)

const (
	// lockFor is how long the probe's objects are locked: long enough for every
	// attempt on a slow store, short enough that nobody minds.
	lockFor = 2 * time.Minute
	// lockSpare is what must be left of the lock when an attempt is made: what
	// succeeds after its end says nothing.
	lockSpare = 20 * time.Second
	// shortenBy is how much sooner the lock shall end: still in the future, so that
	// a refusal is about the lock.
	shortenBy = 10 * time.Second
)

// noLock: S3 answers a HEAD without the lock to who may not see it.
const noLock = "the version shows no lock: the store ignored it, or this identity may not use s3:GetObjectRetention"

// Store is a bucket that lets itself be tried; an s3store.Prober.
type Store interface {
	object.Store
	Reach(ctx context.Context) error
	Settings(ctx context.Context) s3store.Settings
	Try(ctx context.Context, a s3store.Attempt) (version string, err error)
	Delete(ctx context.Context, key, version string, bypass bool) (marker string, err error)
	Relock(ctx context.Context, key, version string, mode object.Mode, until time.Time, bypass bool) error
	ReleaseHold(ctx context.Context, key, version string) error
	KeepVersioning(ctx context.Context) error
}

var _ Store = s3store.Prober{}

// probe tries the store with objects of its own. A step that needs what an earlier
// one could not make is could_not_look.
type probe struct {
	store Store
	dir   string // <prefix>/probe/
	key   string // of the object that all attacks are about
	body  []byte
	until time.Time
	now   func() time.Time // the store's clock, as far as we know it

	settings s3store.Settings
	version  string // of key: locked until until; "" when that did not work
	broken   string // why there is no version
	made     []made // what we put there
	checks   []Check
	left     []Left
}

// made is a version that the probe has put, and must clear away.
type made struct {
	key, version string
	locked       bool
}

func newProbe(o Options, s s3store.Settings) *probe {
	p := &probe{store: o.Store, settings: s, now: func() time.Time { return o.Now().Add(s.Skew.Value) }}
	p.dir = ledger.Join(o.Prefix, "probe/")
	p.key = p.dir + uuid.NewString()
	p.body = []byte("This object shows that the bucket keeps its promises. It may be deleted once its lock has ended.\n" + p.key + "\n")
	p.until = p.now().Add(lockFor).UTC().Truncate(time.Second)
	return p
}

// run does it all, in this order.
func (p *probe) run(ctx context.Context) {
	for _, step := range []func(context.Context) Check{
		p.lock, p.read, p.list, p.condition, p.checksum,
		p.overwrite, p.deleteVersion, p.bypass, p.shorten, p.governance, p.hide, p.keep,
		p.unlocked, p.mayDelete, p.mayHold, p.mayConfigure,
	} {
		p.checks = append(p.checks, step(ctx))
	}
	p.checks = append(p.checks, p.clean(ctx))
}

func (p *probe) lock(ctx context.Context) Check {
	c := Check{Name: "lock", Level: Must, Do: "use a store that locks objects under COMPLIANCE, and a bucket with Object Lock"}
	version, err := p.store.Try(ctx, s3store.Attempt{Key: p.key, Body: p.body, IfNoneMatch: true, Mode: object.Compliance, RetainUntil: p.until})
	if err != nil {
		why := "the probe could not be written: " + err.Error()
		p.broken = "not tried: the probe could not be written"
		if !s3store.NoLock(err) {
			return c.unknown(why)
		}
		return c.fails("a locked upload is " + answered(err))
	}
	if version == "" || version == "null" {
		p.broken = "not tried: the store gives no version ids"
		p.made = append(p.made, made{p.key, version, true})
		return c.fails("the store gave no version id: the bucket is not versioned")
	}
	p.made = append(p.made, made{p.key, version, true})
	info, err := p.store.Head(ctx, p.key, version)
	if err != nil {
		p.broken = "not tried: the probe could not be looked at"
		return c.unknown("the probe could not be looked at: " + err.Error())
	}
	p.version = version
	switch {
	case info.Mode == "":
		return c.unknown(noLock)
	case info.Mode != object.Compliance:
		return c.fails(fmt.Sprintf("asked for COMPLIANCE, the version says %q", info.Mode))
	case !info.RetainUntil.Equal(p.until):
		return c.fails(fmt.Sprintf("asked for a lock until %s, the version says %s", p.until.Format(time.RFC3339), info.RetainUntil.Format(time.RFC3339)))
	case info.SHA256 != [sha256.Size]byte{} && info.SHA256 != sha256.Sum256(p.body):
		return c.fails("the store says another SHA-256 than that of what was sent")
	}
	return c.passes("an upload is locked under COMPLIANCE to the second that was asked for")
}

// read is about bytes, by version id.
func (p *probe) read(ctx context.Context) Check {
	c := Check{Name: "read", Level: Must, Do: "let this identity read versions by id; if it may, do not use this store"}
	return p.on(c, func() Check {
		same, err := p.same(ctx)
		if err != nil {
			return c.unknown(err.Error())
		}
		if !same {
			return c.fails("the version holds other bytes than were sent")
		}
		return c.passes("the version is read back as it was sent")
	})
}

func (p *probe) list(ctx context.Context) Check {
	c := Check{Name: "list-versions", Level: Must, Do: "let this identity list versions; if it may, do not use this store"}
	return p.on(c, func() Check {
		for v, err := range p.store.Versions(ctx, p.key) {
			if err != nil {
				return c.unknown(err.Error())
			}
			if v.Key == p.key && v.VersionID == p.version && !v.DeleteMarker {
				return c.passes("the version is listed at once")
			}
		}
		return c.fails("the version is not listed")
	})
}

// condition: without it, two writers could both believe that they wrote a commit.
func (p *probe) condition(ctx context.Context) Check {
	c := Check{Name: "if-none-match", Level: Must, Do: "use a store that refuses a conditional write over an object with 412"}
	return p.on(c, func() Check {
		version, err := p.tryOver(ctx, true)
		switch {
		case errors.Is(err, object.ErrExists):
			return c.passes("a second upload with If-None-Match is " + answered(err))
		case err != nil:
			return c.unknown("a second upload with If-None-Match: " + err.Error())
		}
		return c.fails("a second upload with If-None-Match was taken as version " + version)
	})
}

func (p *probe) checksum(ctx context.Context) Check {
	c := Check{Name: "checksum", Level: Must, Do: "use a store that checks x-amz-checksum-sha256"}
	key := p.key + "-checksum"
	version, err := p.store.Try(ctx, s3store.Attempt{Key: key, Body: p.body, SHA256: sha256.Sum256([]byte("other bytes")),
		IfNoneMatch: true, Mode: object.Compliance, RetainUntil: p.until})
	if err == nil {
		p.made = append(p.made, made{key, version, true})
		return c.fails("an upload with the SHA-256 of other bytes was taken")
	}
	if !s3store.Refused(err) || s3store.Denied(err) {
		return c.unknown("an upload with the SHA-256 of other bytes: " + err.Error())
	}
	return c.passes("an upload with the SHA-256 of other bytes is " + answered(err))
}

// overwrite is allowed by S3: it must add a version and leave the old one alone.
func (p *probe) overwrite(ctx context.Context) Check {
	c := Check{Name: "overwrite", Level: Must, Do: "use a store that keeps the locked version when a new one is put over it"}
	return p.on(c, func() Check {
		version, err := p.tryOver(ctx, false)
		if err != nil && !s3store.Refused(err) {
			return c.unknown("an upload over it: " + err.Error())
		}
		if version == p.version || err == nil && version == "" {
			return c.fails(fmt.Sprintf("an upload over it was taken as version %q: the old one is gone", version))
		}
		if bad, ok := p.intact(ctx, c); !ok {
			return bad
		}
		if err != nil {
			return c.passes("an upload over it is " + answered(err))
		}
		return c.passes("an upload over it adds a version and keeps the old one; verify reports it")
	})
}

// tryOver puts something else under the key.
func (p *probe) tryOver(ctx context.Context, condition bool) (string, error) {
	version, err := p.store.Try(ctx, s3store.Attempt{Key: p.key, Body: []byte("over it\n"), IfNoneMatch: condition,
		Mode: object.Compliance, RetainUntil: p.until})
	if err == nil {
		p.made = append(p.made, made{p.key, version, true})
	}
	return version, err
}

func (p *probe) deleteVersion(ctx context.Context) Check {
	c := Check{Name: "delete-version", Level: Must, Do: "do not use this store: it deletes what is locked"}
	return p.refuses(ctx, c, "deleting the version", func() error {
		_, err := p.store.Delete(ctx, p.key, p.version, false)
		return err
	})
}

func (p *probe) bypass(ctx context.Context) Check {
	c := Check{Name: "bypass", Level: Must, Do: "do not use this store: it lets COMPLIANCE be bypassed"}
	return p.refuses(ctx, c, "deleting the version with a bypass", func() error {
		_, err := p.store.Delete(ctx, p.key, p.version, true)
		return err
	})
}

func (p *probe) shorten(ctx context.Context) Check {
	c := Check{Name: "shorten", Level: Must, Do: "do not use this store: it shortens locks"}
	return p.refuses(ctx, c, "shortening the lock", func() error {
		return p.store.Relock(ctx, p.key, p.version, object.Compliance, p.until.Add(-shortenBy), true)
	})
}

func (p *probe) governance(ctx context.Context) Check {
	c := Check{Name: "governance", Level: Must, Do: "do not use this store: it weakens locks"}
	return p.refuses(ctx, c, "changing the lock to GOVERNANCE", func() error {
		return p.store.Relock(ctx, p.key, p.version, object.Governance, p.until, true)
	})
}

// hide is allowed by S3, which is why verify exists.
func (p *probe) hide(ctx context.Context) Check {
	c := Check{Name: "hide", Level: Should, Do: "deny s3:DeleteObject to everybody (archiver policy); verify finds it where the store cannot"}
	return p.on(c, func() Check {
		marker, err := p.store.Delete(ctx, p.key, "", false)
		switch {
		case err == nil:
			p.made = append(p.made, made{p.key, marker, false})
			return c.fails("a delete marker can be put over a locked object")
		case s3store.Refused(err):
			return c.passes("a delete marker is " + answered(err))
		}
		return c.unknown("a delete marker: " + err.Error())
	})
}

// keep looks once more, after all of it.
func (p *probe) keep(ctx context.Context) Check {
	c := Check{Name: "keep", Level: Must, Do: "do not use this store: what is locked did not survive"}
	return p.on(c, func() Check {
		if bad, ok := p.intact(ctx, c); !ok {
			return bad
		}
		return c.passes("after all of it the version is there, with its bytes and its lock")
	})
}

// on runs a check that is about the locked version.
func (p *probe) on(c Check, look func() Check) Check {
	if p.version == "" {
		return c.unknown(p.broken)
	}
	return look()
}

// refuses passes when the store would not do it and the version is as it was. The
// lock must last long enough for that to mean something.
func (p *probe) refuses(ctx context.Context, c Check, what string, try func() error) Check {
	return p.on(c, func() Check {
		if left := p.until.Sub(p.now()); left < lockSpare {
			return c.unknown(fmt.Sprintf("the store is too slow: the probe's lock of %s has nearly ended", lockFor))
		}
		tried := try()
		if tried != nil && !s3store.Refused(tried) && !s3store.Unsupported(tried) {
			return c.unknown(what + ": " + tried.Error())
		}
		if bad, ok := p.intact(ctx, c); !ok {
			bad.Seen = what + ": " + bad.Seen
			return bad
		}
		if tried == nil {
			return c.passes(what + " is answered with success, but not done")
		}
		return c.passes(what + " is " + answered(tried))
	})
}

// intact looks whether the version still has its bytes and its lock.
func (p *probe) intact(ctx context.Context, c Check) (Check, bool) {
	info, err := p.store.Head(ctx, p.key, p.version)
	switch {
	case errors.Is(err, object.ErrNotFound):
		return c.fails("the locked version is gone"), false
	case err != nil:
		return c.unknown(err.Error()), false
	case info.Mode == "":
		return c.unknown(noLock), false
	case info.Mode != object.Compliance || !info.RetainUntil.Equal(p.until):
		return c.fails(fmt.Sprintf("the lock is now %q until %s", info.Mode, info.RetainUntil.Format(time.RFC3339))), false
	}
	same, err := p.same(ctx)
	switch {
	case errors.Is(err, object.ErrNotFound):
		return c.fails("the locked version is gone"), false
	case err != nil:
		return c.unknown(err.Error()), false
	case !same:
		return c.fails("the locked version holds other bytes"), false
	}
	return c, true
}

func (p *probe) same(ctx context.Context) (bool, error) {
	r, err := p.store.Get(ctx, p.key, p.version)
	if err != nil {
		return false, err
	}
	defer r.Close()
	raw, err := io.ReadAll(io.LimitReader(r, int64(len(p.body))+1))
	if err != nil {
		return false, fmt.Errorf("get %s: %w", p.key, err)
	}
	return bytes.Equal(raw, p.body), nil
}
