package main

import (
	"context"
	"slices"

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
	return settingsOf(doctor.Settings(b.store.Settings(ctx), b.prefix, a))
}

var (
	// breakEvidence are the checks of which a failure endangers what is in the bucket.
	breakEvidence = []string{"versioning", "object-lock", "lifecycle"}
	// ofNoSetting are the checks that say nothing about the bucket itself, or nothing new.
	ofNoSetting = []string{"clock", "clock-close", "default-retention"}
)

// settingsOf takes from the doctor's checks what concerns evidence.
func settingsOf(checks []doctor.Check) []verify.Setting {
	var all []verify.Setting
	for _, c := range checks {
		if slices.Contains(ofNoSetting, c.Name) {
			continue
		}
		s := verify.Setting{Name: c.Name, State: verify.SettingGood, Value: c.Seen}
		switch {
		case c.Result == doctor.NotApplicable:
			s.State = verify.SettingNotApplicable
		case c.Result == doctor.CouldNotLook:
			s.State, s.Value, s.Why = verify.SettingUnknown, "", c.Seen
		case c.Result == doctor.Fail && slices.Contains(breakEvidence, c.Name):
			s.State, s.Why = verify.SettingBad, c.Seen+": "+c.Do
		}
		all = append(all, s)
	}
	return all
}
