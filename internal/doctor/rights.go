package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/s3store"
)

// clearMost bounds what one run looks at to clear it away: somebody may have filled
// probe/ with what stays locked, and serve waits for this.
const clearMost = 1000

// unlocked: what has no lock can be deleted again, so nothing of an archive may be
// without.
func (p *probe) unlocked(ctx context.Context) Check {
	c := Check{Name: "unlocked", Level: Should, Do: "deny uploads without COMPLIANCE (archiver policy); verify finds them where the store cannot"}
	// The object would be locked for as long as a default says.
	switch l := p.settings.Lock; {
	case l.State == s3store.SettingUnknown:
		return c.unknown("not tried: whether the bucket has a default retention could not be looked at")
	case l.Value.DefaultMode != "":
		return c.passes("an upload without a lock gets the bucket's default retention")
	}
	key := p.key + "-unlocked"
	version, err := p.store.Try(ctx, s3store.Attempt{Key: key, Body: p.body, IfNoneMatch: true})
	switch {
	case err == nil:
		p.made = append(p.made, made{key, version, false})
		return c.fails("an upload without a lock is taken")
	case s3store.Refused(err):
		return c.passes("an upload without a lock is " + answered(err))
	}
	return c.unknown("an upload without a lock: " + err.Error())
}

// mayDelete asks to delete a version that does not exist: who may delete is told
// that it is gone.
func (p *probe) mayDelete(ctx context.Context) Check {
	c := Check{Name: "may-delete", Level: Should, Do: "take s3:DeleteObjectVersion from this identity (archiver policy): the archiver needs it for nothing"}
	_, err := p.store.Delete(ctx, p.key+"-none", "null", false)
	return p.right(c, "delete versions whose lock has ended", err)
}

func (p *probe) mayHold(ctx context.Context) Check {
	c := Check{Name: "may-lift-holds", Level: Should, Do: "take s3:PutObjectLegalHold from this identity (archiver policy): a hold is for another person"}
	return p.on(c, func() Check {
		return p.right(c, "lift legal holds", p.store.ReleaseHold(ctx, p.key, p.version))
	})
}

func (p *probe) mayConfigure(ctx context.Context) Check {
	c := Check{Name: "may-configure", Level: Should, Do: "take s3:PutBucket… from this identity (archiver policy): the archiver needs it for nothing"}
	if v := p.settings.Versioning; !v.Known() || v.Value != "Enabled" {
		return c.notApplicable("not tried on a bucket whose versioning is not known to be enabled")
	}
	return p.right(c, "configure the bucket", p.store.KeepVersioning(ctx))
}

// right judges whether this identity may do what it should not.
func (p *probe) right(c Check, what string, err error) Check {
	switch {
	case err == nil || s3store.NotThere(err):
		return c.fails("this identity may " + what)
	case s3store.Refused(err):
		return c.passes("this identity may not " + what + ": " + answered(err))
	case s3store.Unsupported(err):
		return c.notApplicable("the store has nothing of the kind")
	}
	return c.unknown(err.Error())
}

// clean removes what this run and earlier ones have put and what is not locked any
// more. What it may not remove stays, and is told.
func (p *probe) clean(ctx context.Context) Check {
	c := Check{Name: "clean", Level: Info}
	removed := 0
	for _, m := range p.made {
		if m.locked {
			p.left = append(p.left, Left{m.key, m.version, "locked until " + p.until.Format(time.RFC3339)})
			continue
		}
		if p.remove(ctx, m.key, m.version) {
			removed++
		}
	}
	old, err := p.old(ctx)
	if err != nil {
		return c.unknown(err.Error())
	}
	for _, v := range old {
		if p.remove(ctx, v.Key, v.VersionID) {
			removed++
		}
	}
	return c.passes(fmt.Sprintf("removed %d versions of this probe and earlier ones, left %d", removed, len(p.left)))
}

// old are the versions of earlier probes that nothing locks. Those of a probe that
// may still be running are not old.
func (p *probe) old(ctx context.Context) ([]object.Info, error) {
	var old []object.Info
	looked := 0
	for v, err := range p.store.Versions(ctx, p.dir) {
		if err != nil {
			return nil, err
		}
		if looked++; looked > clearMost {
			break
		}
		if p.now().Sub(v.LastModified) < 2*lockFor {
			continue
		}
		if !v.DeleteMarker {
			info, err := p.store.Head(ctx, v.Key, v.VersionID)
			if errors.Is(err, object.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if info.RetainUntil.After(p.now()) {
				continue
			}
		}
		old = append(old, v)
	}
	return old, nil
}

func (p *probe) remove(ctx context.Context, key, version string) bool {
	if version == "" { // would put a marker
		return false
	}
	_, err := p.store.Delete(ctx, key, version, false)
	if err != nil && !s3store.NotThere(err) {
		p.left = append(p.left, Left{key, version, err.Error()})
		return false
	}
	return true
}
