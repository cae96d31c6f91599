package ingest

import (
	"fmt"
	"iter"
	"strings"
)

// format is how a body holds events.
type format int

const (
	formatJSON   format = iota // one object, or an array of them
	formatNDJSON               // one object per line
)

// split yields the text of each event in body, in order and without white
// space around them, or the reason why the body cannot be taken apart from
// there on. It does not say that what it yields is JSON: where every part is one
// JSON object, the body as a whole is what its format says.
func split(body string, f format) iter.Seq2[string, string] {
	if f == formatNDJSON {
		return splitLines(body)
	}
	body = trim(body)
	if len(body) > 0 && body[0] == '[' {
		return splitArray(body)
	}
	return func(yield func(string, string) bool) {
		if len(body) > 0 {
			yield(body, "")
		}
	}
}

// trim cuts JSON's white space off both ends.
func trim(s string) string {
	// strings.Trim makes a set of the cutset each time, which for events is a tenth
	// of the work of decoding them.
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func splitLines(body string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for line := range strings.SplitSeq(body, "\n") {
			if line = trim(line); len(line) > 0 && !yield(line, "") {
				return
			}
		}
	}
}

// splitArray takes an array apart that begins at array[0].
func splitArray(array string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		rest := trim(array[1:])
		if len(rest) == 1 && rest[0] == ']' {
			return
		}
		for {
			n := element(rest)
			if n == 0 {
				yield("", "there is no event where one must be"+found(rest))
				return
			}
			if !yield(rest[:n], "") {
				return
			}
			rest = trim(rest[n:])
			switch {
			case len(rest) == 1 && rest[0] == ']':
				return
			case len(rest) > 0 && rest[0] == ',':
				rest = trim(rest[1:])
			case len(rest) > 0 && rest[0] == ']':
				yield("", "there is something after the end of the array"+found(trim(rest[1:])))
				return
			default:
				yield("", "the array goes on with neither ',' nor ']'"+found(rest))
				return
			}
		}
	}
}

func found(rest string) string {
	if len(rest) == 0 {
		return "; the body ends there"
	}
	return fmt.Sprintf("; found %q", rest[:min(len(rest), 16)])
}

// element returns the length of the array element at the start of b: to its
// closing brace, bracket or quote, to the end of b when there is none, or to
// the next delimiter. 0: there is no element.
func element(b string) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // the array's own bracket
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			i += 1 + quoted(b[i+1:])
			if depth == 0 {
				return min(i+1, len(b))
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}

// quoted returns the index of the quote that closes the string whose inside b
// starts with, or len(b).
func quoted(b string) int {
	for from := 0; ; {
		n := strings.IndexByte(b[from:], '"')
		if n < 0 {
			return len(b)
		}
		at := from + n
		backslashes := 0
		for at-backslashes > 0 && b[at-backslashes-1] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return at
		}
		from = at + 1
	}
}
