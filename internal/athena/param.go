package athena

import (
	"fmt"
	"regexp"
	"strings"
)

// Literals, one expression for each kind. The text between quotes is anything
// but a quote, or a quote doubled, so that none of them can end early.
var (
	wordLiteral     = regexp.MustCompile(`(?i)^(null|true|false)$`)
	numberLiteral   = regexp.MustCompile(`(?i)^[+-]?([0-9]+(\.[0-9]+)?|\.[0-9]+)(e[+-]?[0-9]+)?$`)
	textLiteral     = regexp.MustCompile(`(?is)^((date|timestamp|decimal)\s*)?'([^']|'')*'$`)
	intervalLiteral = regexp.MustCompile(`(?i)^interval\s*'[+-]?[0-9]+'\s+(second|minute|hour|day|month|year)$`)
)

// CheckLiteral returns text without blanks around it if it is exactly one SQL
// literal: NULL, TRUE, FALSE, a number, '…', DATE '…', TIMESTAMP '…', DECIMAL '…'
// or INTERVAL 'n' unit. Such a text means the same at any place of a query where
// a value may stand, and nothing but a value.
func CheckLiteral(text string) (string, error) {
	text = strings.Trim(text, " \t\r\n")
	if strings.IndexByte(text, 0) >= 0 {
		return "", &Error{Kind: ErrInvalid, Construct: "parameter", Detail: "it holds the character U+0000"}
	}
	for _, form := range []*regexp.Regexp{wordLiteral, numberLiteral, textLiteral, intervalLiteral} {
		if form.MatchString(text) {
			return strings.TrimPrefix(text, "+"), nil
		}
	}
	return "", &Error{Kind: ErrInvalid, Construct: "parameter " + clipped(text),
		Detail: "it is no SQL literal: write 'text', 5, 1.5, TRUE, NULL, DATE '2026-11-23', TIMESTAMP '2026-11-23 10:00:00' or INTERVAL '1' DAY"}
}

// CheckLiterals is CheckLiteral for each of params.
func CheckLiterals(params []string) ([]string, error) {
	checked := make([]string, len(params))
	for i, p := range params {
		var err error
		if checked[i], err = CheckLiteral(p); err != nil {
			return nil, fmt.Errorf("parameter %d: %w", i+1, err)
		}
	}
	return checked, nil
}

// TextLiteral is s as a SQL literal.
func TextLiteral(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func clipped(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
