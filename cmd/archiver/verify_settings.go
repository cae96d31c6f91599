package main

import (
	"context"
	"fmt"

	"github.com/audit-archiver/archiver/internal/doctor"
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
		if why := doctor.LifecycleHarm(rule, prefix, a); why != "" {
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
