package dialect

import (
	"strconv"
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

// lex walks over the text as both parsers would and stops where they would part.
func lex(sql string) (string, error) {
	end := len(sql) // where the statement ends
	word := ""      // the identifier just before i, lower case
	for i := 0; i < len(sql); {
		if isWordByte(sql[i]) || startsNumber(sql[i:]) {
			n, err := wordOrNumber(sql, i)
			if err != nil {
				return "", err
			}
			next := strings.ToLower(sql[i : i+n])
			if end < len(sql) {
				return "", severalStatements(sql, i)
			}
			if noJSON[next] {
				return "", errAt(sql, i, athena.ErrRefused, "function "+next, "use json_extract or json_extract_scalar")
			}
			word, i = next, i+n
			continue
		}
		n, err := skip(sql, i, word)
		if err != nil {
			return "", err
		}
		switch c := sql[i]; {
		case c == ';' && end == len(sql):
			end = i
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || isComment(sql[i:]):
		case c == ';':
		case end < len(sql):
			return "", severalStatements(sql, i)
		}
		if c := sql[i]; c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			word = ""
		}
		i += n
	}
	return strings.TrimRight(sql[:end], " \t\r\n"), nil
}

// noJSON is a function with a syntax of its own, which DuckDB's parser does not know.
var noJSON = map[string]bool{"json_table": true}

func severalStatements(sql string, i int) error {
	return errAt(sql, i, athena.ErrRefused, "a second statement", "send exactly one SELECT")
}

// skip returns the length of the token at i, which is no word. word is the
// identifier before it, blanks between them ignored.
func skip(sql string, i int, word string) (int, error) {
	rest := sql[i:]
	switch {
	case rest[0] == '\'':
		if i > 0 && isWordByte(sql[i-1]) {
			return 0, prefixedString(sql, i, word)
		}
		return quoted(sql, i, '\'')
	case rest[0] == '&' && word == "u" && (strings.HasPrefix(rest[1:], "'") || strings.HasPrefix(rest[1:], `"`)):
		return 0, errAt(sql, i-1, athena.ErrRefused, "text in U&'…'", "write the characters themselves")
	case rest[0] == '"':
		return quoted(sql, i, '"')
	case rest[0] == '`':
		return 0, errAt(sql, i, athena.ErrSyntax, "backquoted identifier", `quote identifiers with "`)
	case rest[0] == '$' && len(rest) > 1 && (rest[1] == '$' || isWordByte(rest[1])):
		return 0, errAt(sql, i, athena.ErrRefused, "dollar-quoted string or parameter", "quote strings with '")
	case strings.HasPrefix(rest, "::"):
		return 0, errAt(sql, i, athena.ErrSyntax, "::", "write CAST(x AS type)")
	case strings.HasPrefix(rest, "--"):
		if n := strings.IndexByte(rest, '\n'); n >= 0 {
			return n, nil
		}
		return len(rest), nil
	case strings.HasPrefix(rest, "/*"):
		n := strings.Index(rest[2:], "*/")
		if n < 0 {
			return 0, errAt(sql, i, athena.ErrSyntax, "comment", "it is not closed")
		}
		// Trino ends a comment at the first */, DuckDB counts openings.
		if strings.Contains(rest[2:2+n], "/*") {
			return 0, errAt(sql, i, athena.ErrRefused, "nested comment", "")
		}
		return n + 4, nil
	case rest[0] == '(' && (word == "varchar" || word == "char"):
		// DuckDB forgets the length, Trino cuts the value.
		return 0, errAt(sql, i, athena.ErrRefused, word+"(n)", "use varchar, and substr(x, 1, n) to shorten a value")
	}
	return 1, nil
}

// prefixedString refuses x'…', b'…', e'…', u&'…'. Keywords may stand right
// before a string: interval'1', date'2024-01-01', like'%x'.
func prefixedString(sql string, i int, word string) error {
	switch word {
	case "x", "b":
		return errAt(sql, i-1, athena.ErrRefused, "binary literal "+strings.ToUpper(word)+"'…'", "")
	case "e", "n", "u", "":
		return errAt(sql, i-1, athena.ErrRefused, "string literal with a prefix", "write '…'")
	}
	return errAt(sql, i, athena.ErrSyntax, "string right after "+word, "put a blank between them")
}

// quoted returns the length of a quoted token; the quote is doubled inside.
func quoted(sql string, i int, quote byte) (int, error) {
	for j := i + 1; j < len(sql); j++ {
		if sql[j] != quote {
			continue
		}
		if j+1 < len(sql) && sql[j+1] == quote {
			j++
			continue
		}
		return j + 1 - i, nil
	}
	return 0, errAt(sql, i, athena.ErrSyntax, "quoted text", "it is not closed")
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func startsNumber(s string) bool {
	return isDigit(s[0]) || s[0] == '.' && len(s) > 1 && isDigit(s[1])
}

// wordOrNumber returns the length of the word or number at i. DuckDB reads 0xff as
// 0 AS xff, 1e as 1 AS e, 1e400 as infinity and 39 digits as a double; Trino does not.
func wordOrNumber(sql string, i int) (int, error) {
	rest := sql[i:]
	if !startsNumber(rest) {
		return wordLen(rest), nil
	}
	digits := func(n int) int {
		for n < len(rest) && isDigit(rest[n]) {
			n++
		}
		return n
	}
	n := digits(0)
	if n < len(rest) && rest[n] == '.' {
		point := n
		if n = digits(n + 1); n == point+1 {
			return 0, errAt(sql, i, athena.ErrRefused, "number "+rest[:n], "write "+rest[:n]+"0")
		}
	}
	exact := n
	if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
		e := n + 1
		if e < len(rest) && (rest[e] == '+' || rest[e] == '-') {
			e++
		}
		if end := digits(e); end > e {
			n = end
		}
	}
	if w := wordLen(rest[n:]); w > 0 {
		return 0, errAt(sql, i, athena.ErrRefused, "number "+rest[:n+w], "write decimal digits, and a blank after them")
	}
	if n == exact && len(strings.Replace(rest[:n], ".", "", 1)) > maxPrecision {
		return 0, errAt(sql, i, athena.ErrRefused, "number "+rest[:n], "it has more than 38 digits; write it as a double, with e0 behind it")
	}
	if _, err := strconv.ParseFloat(rest[:n], 64); err != nil {
		return 0, errAt(sql, i, athena.ErrRefused, "number "+rest[:n], "it is beyond the range of double")
	}
	return n, nil
}

func isComment(s string) bool { return strings.HasPrefix(s, "--") || strings.HasPrefix(s, "/*") }

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

func wordLen(s string) int {
	n := 0
	for n < len(s) && isWordByte(s[n]) {
		n++
	}
	return n
}

// stripComments removes leading comments and blanks.
func stripComments(sql string) string {
	for {
		sql = strings.TrimLeft(sql, " \t\r\n(;")
		switch {
		case strings.HasPrefix(sql, "--"):
			_, sql, _ = strings.Cut(sql, "\n")
		case strings.HasPrefix(sql, "/*"):
			_, after, ok := strings.Cut(sql[2:], "*/")
			if !ok {
				return ""
			}
			sql = after
		default:
			return sql
		}
	}
}
