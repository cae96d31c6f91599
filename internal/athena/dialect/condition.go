package dialect

import (
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

// Condition checks that cond, in parentheses and with a line break behind it, can
// only be read as one operand: no parenthesis in it closes one that it did not
// open, and no text or comment reaches beyond it. What it means, and whether it is a
// condition at all, the query around it decides: it is translated like any other.
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
