package saved

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) // a Tuesday

func TestThePackIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, q := range All() {
		if seen[q.Name] || q.Title == "" || q.About == "" || len(q.Frameworks) < 3 {
			t.Errorf("%s: is there twice, or says too little of itself", q.Name)
		}
		seen[q.Name] = true
		for _, framework := range []string{"SOC 2", "HIPAA", "PCI DSS"} {
			if !strings.Contains(strings.Join(q.Frameworks, ","), framework) {
				t.Errorf("%s: nothing for %s", q.Name, framework)
			}
		}
		for _, p := range q.Params {
			if p.Default != "" && p.check(p.Default) != nil {
				t.Errorf("%s: default of %s is none of its values", q.Name, p.Name)
			}
		}
		if found, ok := Find(q.Name); !ok || found.Title != q.Title {
			t.Errorf("%s is not found", q.Name)
		}
	}
	if _, ok := Find("no-such"); ok || len(Names()) != len(All()) {
		t.Error("found what is not there")
	}
}

func TestAsk(t *testing.T) {
	q, _ := Find("user-activity")
	ask, err := q.Ask(map[string]string{"actor": "o'hara' OR '1'='1", "hours": "36"}, now)
	if err != nil {
		t.Fatal(err)
	}
	want := "TIMESTAMP '2026-11-23 00:00:00.000' '2026-11-23' 'o''hara'' OR ''1''=''1'"
	if got := strings.Join(ask.Params, " "); got != want || ask.SQL != q.SQL {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := athena.CheckLiterals(ask.Params); err != nil {
		t.Error(err)
	}
	for word, values := range map[string]map[string]string{
		"parameter actor: it must be given":       {},
		"parameter hour: query user-activity tak": {"actor": "a", "hour": "1"},
		`parameter hours: "0" is no whole number`: {"actor": "a", "hours": "0"},
		`"1.5" is no`:      {"actor": "a", "hours": "1.5"},
		`"+5" is no`:       {"actor": "a", "hours": "+5"},
		`"1 OR 1=1" is no`: {"actor": "a", "hours": "1 OR 1=1"},
		`"" is no`:         {"actor": "a", "hours": ""},
		`from 1 to 87600`:  {"actor": "a", "hours": "87601"},
		"character U+0000": {"actor": "a\x00"},
	} {
		if _, err := q.Ask(values, now); !errors.Is(err, athena.ErrInvalid) || !strings.Contains(err.Error(), word) {
			t.Errorf("%v: error %v, want %s", values, err, word)
		}
	}
}
