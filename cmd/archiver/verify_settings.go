package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/internal/verify"
)

// bucketSettings is level 0 of verify on S3.
type bucketSettings struct {
	store  *s3store.Store
	prefix string
}

// Settings implements verify.Settings.
func (b bucketSettings) Settings(ctx context.Context, a ledger.Archive) []verify.Setting {
	return judgeSettings(b.store.Settings(ctx), b.prefix, a)
}

// judgeSettings says which settings of a bucket endanger the evidence in it.
func judgeSettings(s s3store.Settings, prefix string, a ledger.Archive) []verify.Setting {
	bad := map[string]string{}
	if s.Versioning.Known() && s.Versioning.Value != "Enabled" {
		bad["versioning"] = "versioning is not enabled: a write over an object destroys it"
	}
	if s.Lock.Known() && !s.Lock.Value.Enabled {
		bad["object_lock"] = "Object Lock is not enabled: every object may be deleted"
	}
	for _, rule := range s.Lifecycle.Value {
		if why := judgeRule(rule, prefix, a); why != "" {
			bad["lifecycle"] = fmt.Sprintf("rule %q: %s", rule.ID, why)
		}
	}
	var all []verify.Setting
	for _, i := range s.List() {
		out := verify.Setting{Name: i.Name, State: verify.SettingGood, Value: i.Value}
		switch {
		case i.State == s3store.SettingNotApplicable:
			out.State = verify.SettingNotApplicable
		case i.State == s3store.SettingUnknown:
			out.State, out.Why = verify.SettingUnknown, i.Err.Error()
		case bad[i.Name] != "":
			out.State, out.Why = verify.SettingBad, bad[i.Name]
		}
		all = append(all, out)
	}
	return all
}

// unreadable are the storage classes from which objects must be restored before
// anybody can read them.
var unreadable = map[string]bool{"GLACIER": true, "DEEP_ARCHIVE": true}

// judgeRule says what a lifecycle rule does to an archive, "" for nothing that harms.
func judgeRule(rule s3store.LifecycleRule, prefix string, a ledger.Archive) string {
	if !rule.Enabled {
		return ""
	}
	for _, p := range lives(prefix, a) {
		if !strings.HasPrefix(p.prefix, rule.Prefix) && !strings.HasPrefix(rule.Prefix, p.prefix) {
			continue
		}
		if rule.Expires && (p.days == 0 || int64(rule.ExpiresAfterDays) < p.days) {
			return fmt.Sprintf("puts delete markers on objects under %s before their time", p.prefix)
		}
		for _, class := range rule.Transitions {
			if unreadable[class] {
				return fmt.Sprintf("moves objects under %s to %s, where SQL engines do not see them", p.prefix, class)
			}
		}
	}
	return ""
}

// life is how long what lies under a prefix has to stay as it is.
type life struct {
	prefix string
	days   int64 // 0: for ever
}

// lives are the parts of an archive. Of one that is not known each stays for ever.
func lives(prefix string, a ledger.Archive) []life {
	longest := int64(0)
	all := []life{{ledger.ArchiveKey(prefix), 0}, {ledger.Join(prefix, "attest/"), 0}}
	for _, c := range a.Classes {
		longest = max(longest, c.Days)
		all = append(all, life{ledger.Join(prefix, "events/retention="+c.Name+"/"), c.Days})
	}
	ledgerDays := int64(0)
	if longest > 0 {
		ledgerDays = int64(a.RetainUntil(a.Created).Sub(a.Created).Hours() / 24)
	} else {
		all = append(all, life{ledger.Join(prefix, "events/"), 0})
	}
	return append(all, life{ledger.Join(prefix, "ledger/"), ledgerDays})
}
