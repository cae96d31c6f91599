package schema_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"github.com/audit-archiver/archiver/internal/event"
)

// stricter is everything that the server refuses and a JSON Schema cannot say:
// JSON Schema counts characters, sees no names that are there twice, and knows
// neither the clock nor the bytes of a text.
var stricter = map[string]*regexp.Regexp{
	"bytes":      regexp.MustCompile(`has \d+ bytes; at most \d+ are accepted`),
	"U+0000":     regexp.MustCompile(`contains U\+0000`),
	"duplicates": regexp.MustCompile(`^duplicate field$`),
	"depth":      regexp.MustCompile(`nested too deeply`),
	"time":       regexp.MustCompile(`more than 24 hours in the future|outside of the years 1678 to 2261|where this archive begins`),
	"UTF-8":      regexp.MustCompile(`invalid UTF-8|surrogate|invalid escape sequence`),
}

// TestServerAndSchemaAgree: what the server takes the schema takes, and where
// the server is stricter, it is so for a documented reason.
func TestServerAndSchemaAgree(t *testing.T) {
	const cases = 20_000
	valid := validator(t)
	m := &mutator{rand.New(rand.NewPCG(20261123, 1))}
	decoder := event.NewDecoder(event.DefaultLimits())
	both, neither, reasons := 0, 0, map[string]int{}
	for n := range cases {
		raw := m.next()
		_, refused := decoder.Decode(raw, now)
		err := valid(raw)
		switch {
		case refused == nil && err == nil:
			both++
		case refused == nil:
			t.Errorf("case %d: the server takes what the schema refuses: %.300s\n%v", n, raw, err)
		case err != nil:
			neither++
		default:
			for _, r := range refused {
				if reason := documented(r.Reason); reason != "" {
					reasons[reason]++
				} else if !hidden(refused) {
					t.Errorf("case %d: the server alone refuses, without a documented reason: %s: %s\n%.300s", n, r.Field, r.Reason, raw)
				}
			}
		}
	}
	t.Logf("%d cases: both take %d, both refuse %d, the server alone refuses for %v", cases, both, neither, reasons)
	if both < cases/10 || neither < cases/10 {
		t.Errorf("both take %d and both refuse %d of %d: the cases are lopsided", both, neither, cases)
	}
	for name := range stricter {
		if reasons[name] < 5 {
			t.Errorf("no more than %d cases about %s", reasons[name], name)
		}
	}
}

// hidden: of a name that is there twice, a validator of JSON values sees the
// last value only, while the server complains about the others too.
func hidden(refused []event.FieldError) bool {
	return slices.ContainsFunc(refused, func(r event.FieldError) bool { return documented(r.Reason) == "duplicates" })
}

// documented names the reason, or nothing.
func documented(reason string) string {
	for name, words := range stricter {
		if words.MatchString(reason) {
			return name
		}
	}
	return ""
}
