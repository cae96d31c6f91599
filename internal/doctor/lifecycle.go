package doctor

import (
	"fmt"
	"strings"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/s3store"
)

// judgeLifecycle finds the rules that do harm. Those for probe/ and wal/ alone do
// none: what lies there is of use for days only.
func judgeLifecycle(rules []s3store.LifecycleRule, prefix string, a ledger.Archive) (bool, string) {
	var harm []string
	for _, r := range rules {
		if why := LifecycleHarm(r, prefix, a); why != "" {
			harm = append(harm, fmt.Sprintf("rule %q %s", r.ID, why))
		}
	}
	if len(harm) > 0 {
		return false, strings.Join(harm, "; ")
	}
	return true, fmt.Sprintf("%d rules, none harms what is locked under %s/", len(rules), prefix)
}

// unreadable are the storage classes from which objects must be restored before
// anybody can read them.
var unreadable = map[string]bool{"GLACIER": true, "DEEP_ARCHIVE": true}

// LifecycleHarm says what a lifecycle rule does to an archive, "" for nothing that harms.
func LifecycleHarm(rule s3store.LifecycleRule, prefix string, a ledger.Archive) string {
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
