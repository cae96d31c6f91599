package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/s3store"
)

const (
	// skewMost is what S3 accepts in a signature; dates of locks would be as wrong.
	skewMost = 15 * time.Minute
	// skewWarn is more than whole seconds and a slow answer explain.
	skewWarn = 2 * time.Second
)

// Settings judges how a bucket is configured, for an archive under prefix; the zero
// Archive is one of which nothing is known.
func Settings(s s3store.Settings, prefix string, a ledger.Archive) []Check {
	return []Check{
		judge("versioning", Must, s.Versioning, "make the bucket with `archiver init`: only a versioned bucket has Object Lock", func(v string) (bool, string) {
			return v == "Enabled", fmt.Sprintf("versioning is %q", v)
		}),
		judge("object-lock", Must, s.Lock, "make the bucket with `archiver init`: Object Lock is what holds the evidence", func(l s3store.LockSetting) (bool, string) {
			return l.Enabled, seenLock(l)
		}),
		judge("clock", Must, s.Skew, "set the clocks of this machine and of the store (NTP): dates of locks come from them", func(d time.Duration) (bool, string) {
			return d.Abs() < skewMost, seenSkew(d)
		}),
		judge("clock-close", Should, s.Skew, "set the clocks of this machine and of the store (NTP)", func(d time.Duration) (bool, string) {
			return d.Abs() <= skewWarn, seenSkew(d)
		}),
		judge("lifecycle", Should, s.Lifecycle, "narrow or remove these rules: they hide, move or remove what is archived", func(rules []s3store.LifecycleRule) (bool, string) {
			return judgeLifecycle(rules, prefix, a)
		}),
		judge("public-access", Should, s.PublicAccess, "switch all four public access blocks on", func(p s3store.PublicAccess) (bool, string) {
			return p == s3store.PublicAccessBlocked, "public access is " + string(p)
		}),
		judge("default-retention", Info, s.Lock, "", func(l s3store.LockSetting) (bool, string) { return true, seenLock(l) }),
		judge("encryption", Info, s.Encryption, "", func(e s3store.Encryption) (bool, string) { return true, seenEncryption(e) }),
		judge("policy", Info, s.Policy, "", func(p s3store.Policy) (bool, string) {
			if p.Raw == "" {
				return true, "no bucket policy"
			}
			return true, "bucket policy with SHA-256 " + p.SHA256
		}),
		judge("replication", Info, s.Replication, "", func(rules []s3store.Replication) (bool, string) { return true, seenReplication(rules) }),
	}
}

// judge turns one setting into a check. good is asked only about a value.
func judge[T any](name string, level Level, s s3store.Setting[T], do string, good func(T) (bool, string)) Check {
	c := Check{Name: name, Level: level}
	switch s.State {
	case s3store.SettingNotApplicable:
		c.Result, c.Seen = NotApplicable, "the store has nothing of the kind"
		return c
	case s3store.SettingUnknown:
		c.Result, c.Seen, c.Do = CouldNotLook, s.Err.Error(), "let this identity read the setting"
		return c
	}
	ok, seen := good(s.Value)
	c.Result, c.Seen = Pass, seen
	if !ok {
		c.Result, c.Do = Fail, do
	}
	return c
}

func seenLock(l s3store.LockSetting) string {
	switch {
	case !l.Enabled:
		return "the bucket has no Object Lock"
	case l.DefaultMode == "":
		return "Object Lock is enabled, without a default retention"
	}
	unit := "days"
	if l.Years {
		unit = "years"
	}
	return fmt.Sprintf("Object Lock is enabled, with a default retention of %s for %d %s", l.DefaultMode, l.Default, unit)
}

func seenSkew(d time.Duration) string {
	switch {
	case d > 0:
		return fmt.Sprintf("the store's clock is at least %s ahead", d.Round(time.Millisecond))
	case d < 0:
		return fmt.Sprintf("the store's clock is at least %s behind", -d.Round(time.Millisecond))
	}
	return "the clocks agree to the second"
}

func seenEncryption(e s3store.Encryption) string {
	switch {
	case e.Algorithm == "":
		return "objects are not encrypted by default"
	case e.KeyID == "":
		return "objects are encrypted with " + e.Algorithm
	}
	return "objects are encrypted with " + e.Algorithm + ", key " + e.KeyID
}

func seenReplication(rules []s3store.Replication) string {
	var to []string
	for _, r := range rules {
		if r.Enabled {
			to = append(to, r.Bucket)
		}
	}
	if len(to) == 0 {
		return "objects are not replicated"
	}
	return "objects are replicated to " + strings.Join(to, ", ")
}

// keyState is about the key that everything in the bucket is encrypted with: without
// it the locked objects are noise.
func keyState(ctx context.Context, o Options, s s3store.Settings) Check {
	c := Check{Name: "kms-key", Level: Should}
	e := s.Encryption
	switch {
	case e.State == s3store.SettingUnknown:
		c.Result, c.Seen = CouldNotLook, e.Err.Error()
	case !strings.HasPrefix(e.Value.Algorithm, "aws:kms"):
		c.Result, c.Seen = NotApplicable, "no KMS key is in use"
	case e.Value.KeyID == "":
		c.Result, c.Seen = Pass, "the key is the store's own, which nobody can disable"
	case o.KeyState == nil:
		c.Result, c.Seen = CouldNotLook, "its state cannot be asked for here; the probe shows that it works now"
		c.Do = "look at key " + e.Value.KeyID + ": it must be enabled, and never be deleted"
	default:
		state, err := o.KeyState(ctx, e.Value.KeyID)
		switch {
		case err != nil:
			c.Result, c.Seen, c.Do = CouldNotLook, err.Error(), "let this identity use kms:DescribeKey"
		case state != "Enabled":
			c.Result, c.Seen = Fail, "key "+e.Value.KeyID+" is "+state
			c.Do = "enable it, or cancel its deletion: without it nothing in the bucket can be read"
		default:
			c.Result, c.Seen = Pass, "key "+e.Value.KeyID+" is enabled"
		}
	}
	return c
}
