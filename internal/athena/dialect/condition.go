package dialect

import (
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

// fickle words make a condition say one thing today and another tomorrow, or ask
// about other rows than the one at hand.
var fickle = map[string]bool{
	"select": true, "with": true, "values": true, "table": true, "now": true, "current_date": true, "current_timestamp": true, "localtimestamp": true,
}

// Condition checks that cond speaks about one row and says the same of it at any
// time; and that, in parentheses and with a line break behind it, it can only be
// read as one operand: no parenthesis in it closes one that it did not open, and no
// text or comment reaches beyond it. What it means, and whether it is a condition at
// all, the query around it decides: it is translated like any other.
func Condition(cond string) (string, error) {
	cond, err := Prepare(cond)
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(stripComments(cond)) == "" {
		return "", &athena.Error{Kind: athena.ErrSyntax, Detail: "the condition is empty"}
	}
	depth := 0
	for i := 0; i < len(cond); {
		if isWordByte(cond[i]) || startsNumber(cond[i:]) {
			n, err := wordOrNumber(cond, i)
			if err != nil {
				return "", err
			}
			if word := strings.ToLower(cond[i : i+n]); fickle[word] {
				return "", errAt(cond, i, athena.ErrRefused, word, "the condition must be about one row, and say the same of it at any time")
			}
			i += n
			continue
		}
		switch cond[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth < 0 {
			return "", errAt(cond, i, athena.ErrSyntax, "parenthesis", "it closes none that the condition opened")
		}
		n, err := skip(cond, i, "")
		if err != nil {
			return "", err
		}
		i += n
	}
	if depth > 0 {
		return "", errAt(cond, len(cond), athena.ErrSyntax, "parenthesis", "it is not closed")
	}
	return cond, nil
}
