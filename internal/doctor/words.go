package doctor

import (
	"fmt"
	"strings"

	"github.com/audit-archiver/archiver/internal/s3store"
)

func (c Check) passes(seen string) Check {
	c.Result, c.Seen, c.Do = Pass, seen, ""
	return c
}

func (c Check) fails(seen string) Check {
	c.Result, c.Seen = Fail, seen
	return c
}

// unknown says why it could not be looked at, which is what has to be mended first.
func (c Check) unknown(why string) Check {
	c.Result, c.Seen, c.Do = CouldNotLook, why, "see to what is said here, and run it again"
	return c
}

func (c Check) notApplicable(why string) Check {
	c.Result, c.Seen, c.Do = NotApplicable, why, ""
	return c
}

// answered puts a refusal into words.
func answered(err error) string {
	if a := s3store.Answer(err); a != "" {
		return "refused (" + a + ")"
	}
	return "refused (" + err.Error() + ")"
}

// brief names checks in an error. The report has all of it.
func brief(checks []Check) string {
	const most, letters = 3, 300
	var all []string
	for i, c := range checks {
		if i == most {
			all = append(all, fmt.Sprintf("and %d more", len(checks)-most))
			break
		}
		seen := []rune(c.Seen)
		if len(seen) > letters {
			seen = append(seen[:letters], '…')
		}
		all = append(all, c.Name+": "+string(seen))
	}
	return strings.Join(all, "; ")
}
