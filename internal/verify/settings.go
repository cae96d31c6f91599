package verify

import (
	"context"
	"fmt"
)

// settings looks at the bucket's settings: level 0.
func (r *run) settings(ctx context.Context) {
	if r.Settings == nil {
		r.unable(Unchecked{Level: 0, Why: "nobody says how to look at the bucket's settings"})
		return
	}
	all, err := r.Settings.Settings(ctx)
	if err != nil {
		r.unable(Unchecked{Level: 0, Why: err.Error()})
		return
	}
	there := false
	for _, s := range all {
		switch s.State {
		case SettingUnknown:
			r.unable(Unchecked{Level: 0, Key: s.Name, Why: fmt.Sprint(s.Err)})
		case SettingBad:
			r.find(Finding{Kind: BadSetting, Level: 0, Key: s.Name, First: -1, Last: -1, Detail: s.Value + ": " + s.Why})
		case SettingNotApplicable:
			continue
		}
		there = true
		r.count(0, func(l *LevelReport) { l.Objects++ })
	}
	if !there {
		r.count(0, func(l *LevelReport) { l.State = NotApplicable })
	}
}
