package dialect

import (
	"errors"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
)

func TestConditionKeepsOneOperand(t *testing.T) {
	for in, want := range map[string]string{
		"actor_id = 'x'":                              "actor_id = 'x'",
		"a = ')' OR (b = 1)":                          "a = ')' OR (b = 1)",
		"a = 'select' AND \"now\" = 1;":               "a = 'select' AND \"now\" = 1",
		"a = 1 -- )":                                  "a = 1 -- )",
		"a /* ) */ = 1":                               "a /* ) */ = 1",
		"selected = 1 AND nowhere = 2":                "selected = 1 AND nowhere = 2",
		"timestamp > timestamp '2026-01-01 00:00:00'": "timestamp > timestamp '2026-01-01 00:00:00'",
	} {
		if got, err := Condition(in); err != nil || got != want {
			t.Errorf("%q becomes %q, %v", in, got, err)
		}
	}
}

func TestConditionRefuses(t *testing.T) {
	for in, want := range map[string]error{
		"":                                     athena.ErrSyntax,
		" -- nothing":                          athena.ErrSyntax,
		"a = 1) OR (b = 2":                     athena.ErrSyntax,
		"(a = 1":                               athena.ErrSyntax,
		"a = 1)":                               athena.ErrSyntax,
		"a = 'open":                            athena.ErrSyntax,
		"a = 1 /* open":                        athena.ErrSyntax,
		"a = 1; DROP TABLE x":                  athena.ErrRefused,
		"id IN (SELECT id FROM audit_logs)":    athena.ErrRefused,
		"timestamp > now() - interval '1' day": athena.ErrRefused,
		"dt = cast(CURRENT_DATE AS varchar)":   athena.ErrRefused,
	} {
		if got, err := Condition(in); !errors.Is(err, want) {
			t.Errorf("%q becomes %q, %v; want %v", in, got, err, want)
		}
	}
}
