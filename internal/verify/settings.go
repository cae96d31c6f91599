package verify

import (
	"context"

	"github.com/audit-archiver/archiver/internal/ledger"
)

// settings looks at the bucket's settings: level 0.
func (r *run) settings(ctx context.Context) {
	if r.Settings == nil {
		r.unable(Unchecked{Level: 0, Why: "nobody says how to look at the bucket's settings"})
		return
	}
	var about ledger.Archive
	if r.view != nil {
		about = r.view.Archive
	}
	r.bucket = r.Settings.Settings(ctx, about)
	none := true
	for _, s := range r.bucket {
		switch s.State {
		case SettingUnknown:
			r.unable(Unchecked{Level: 0, Key: s.Name, Why: s.Why})
		case SettingBad:
			r.find(Finding{Kind: BadSetting, Level: 0, Key: s.Name, First: -1, Last: -1, Detail: s.Why})
		}
		if s.State != SettingNotApplicable {
			none = false
			r.count(0, func(l *LevelReport) { l.Objects++ })
		}
	}
	if none {
		r.count(0, func(l *LevelReport) { l.State = NotApplicable })
	}
}
