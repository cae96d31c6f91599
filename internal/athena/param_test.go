package athena

import (
	"errors"
	"testing"
)

func TestCheckLiteral(t *testing.T) {
	for text, want := range map[string]string{
		"'abc'": "'abc'", "''": "''", "'it''s'": "'it''s'", "'a\nb; --'": "'a\nb; --'", " 5 ": "5", "+5": "5", "-5": "-5", "1.50": "1.50",
		".5": ".5", "-1E-5": "-1E-5", "true": "true", "NULL": "NULL", "DATE '2026-11-23'": "DATE '2026-11-23'",
		"timestamp'2026-11-23 00:00:00'": "timestamp'2026-11-23 00:00:00'", "INTERVAL '-1' hour": "INTERVAL '-1' hour", "decimal '1.2'": "decimal '1.2'",
	} {
		if got, err := CheckLiteral(text); err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "abc", "'abc", "abc'", "'a' OR 'b'", "'a''", "'''", "1 OR 1", "1;", "1--", "1/**/", "(1)", "1,2", "- 5", "--5", "1.", "1e", "0x10", "1_0",
		"now()", "X'00'", "e'a'", "'a' 'b'", "date 'a' || 'b'", "interval '1' hour + interval '1' hour", "interval '1 hour'", "$$a$$", "'a\x00b'", "NaN", "?", "nullx",
	} {
		if got, err := CheckLiteral(text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: got %q, %v; want ErrInvalid", text, got, err)
		}
	}
}

func TestTextLiteral(t *testing.T) {
	for _, s := range []string{"", "a", "'", "it's", "''", `\'; DROP`, "日本"} {
		text := TextLiteral(s)
		if got, err := CheckLiteral(text); err != nil || got != text {
			t.Errorf("%q: %q is no literal: %v", s, text, err)
		}
	}
}
