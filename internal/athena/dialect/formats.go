package dialect

import "strings"

// Formats of date and time in Java's letters: format_datetime and parse_datetime.

func formatDatetime(t *translator, c *call) (string, error) {
	format, err := t.javaFormat(c)
	if err != nil {
		return "", err
	}
	at := c.args[0]
	if c.types[0] == typeZone || c.types[0] == typeDate {
		at = castTo(at, "TIMESTAMP")
	}
	become(c.n, function("strftime", at, varcharConst(format)))
	return typeVarchar, nil
}

// parseDatetime gives an instant: the format has no zone, so it is UTC.
func parseDatetime(t *translator, c *call) (string, error) {
	layout, err := t.javaLayout(c)
	if err != nil {
		return "", err
	}
	at, err := t.parseBy(c, layout)
	if err != nil {
		return "", err
	}
	become(c.n, castTo(at, "TIMESTAMP WITH TIME ZONE"))
	return typeZone, nil
}

// formatLiteral is the format that a call has as its second argument.
func (t *translator) formatLiteral(c *call) (string, error) {
	s, ok := literal(c.args[1])
	switch {
	case !ok:
		return "", t.refuse(c.n, c.name+" with a computed format", "write the format as a literal")
	case s == "":
		return "", t.invalid(c.args[1], "the format is empty")
	}
	return s, nil
}

// javaFormat translates Java's letters into strftime's specifiers.
func (t *translator) javaFormat(c *call) (string, error) {
	return t.javaLetters(c, func(letters string, _ bool) string {
		return map[string]string{
			"yyyy": "%Y", "yy": "%y", "MM": "%m", "M": "%-m", "MMM": "%b", "MMMM": "%B", "dd": "%d", "d": "%-d", "DDD": "%j",
			"HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S", "SSS": "%g",
			"a": "%p", "E": "%a", "EEE": "%a", "EEEE": "%A",
		}[letters]
	}, "yyyy yy MM M MMM MMMM dd d DDD HH H hh h mm m ss s SSS a E EEE EEEE")
}

// javaLayout translates Java's letters into a layout; see [translator.parseBy].
func (t *translator) javaLayout(c *call) (string, error) {
	return t.javaLetters(c, func(letters string, beforeNumber bool) string {
		if letters == "yyyy" && !beforeNumber {
			return "%L"
		}
		return map[string]string{
			"yyyy": "%Y", "MM": "%m", "M": "%m", "MMM": "%b", "MMMM": "%b", "dd": "%d", "d": "%d", "DDD": "%j",
			"HH": "%H", "H": "%H", "hh": "%h", "h": "%h", "mm": "%i", "m": "%i", "ss": "%s", "s": "%s", "SSS": "%S", "a": "%p",
			"E": "%a", "EEE": "%a", "EEEE": "%a",
		}[letters]
	}, "yyyy MM M MMM MMMM dd d DDD HH H hh h mm m ss s SSS a E EEE EEEE")
}

// javaLetters translates a format letter by letter; specifier gives "" for what it does not
// know, and allowed is what it does. Text keeps its place, with % written twice.
func (t *translator) javaLetters(c *call, specifier func(letters string, beforeNumber bool) string, allowed string) (string, error) {
	s, err := t.formatLiteral(c)
	if err != nil {
		return "", err
	}
	pieces := javaPieces(s)
	if len(pieces) == 0 {
		return "", t.invalid(c.args[1], "the format is empty")
	}
	var b strings.Builder
	for i, p := range pieces {
		if p.letters == "" {
			b.WriteString(strings.ReplaceAll(p.text, "%", "%%"))
			continue
		}
		translated := specifier(p.letters, i+1 < len(pieces) && pieces[i+1].number())
		if translated == "" {
			return "", t.noLetters(c, p.letters, s, allowed)
		}
		b.WriteString(translated)
	}
	return b.String(), nil
}

func (t *translator) noLetters(c *call, letters, format, allowed string) error {
	if c.name == "parse_datetime" && letters == "yy" {
		return t.refuse(c.args[1], "parse_datetime of a year of two digits", "of which century it is, the day of the query decides: write yyyy, or date_parse with %y, which is 1970 to 2069")
	}
	return t.refuse(c.args[1], "format '"+format+"'", "allowed are "+allowed)
}

// javaPiece is a part of a format: a letter so many times, or a text.
type javaPiece struct{ letters, text string }

// number reports whether the piece is written in digits.
func (p javaPiece) number() bool {
	return p.letters != "" && !strings.HasPrefix(p.letters, "MMM") && p.letters[0] != 'E' && p.letters != "a"
}

// javaPieces takes a format apart. Two quotes are one in the text, also within quotes, and
// what is quoted last need not end in one.
func javaPieces(s string) []javaPiece {
	isLetter := func(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
	var pieces []javaPiece
	for i := 0; i < len(s); {
		if isLetter(s[i]) {
			n := len(s[i:]) - len(strings.TrimLeft(s[i:], s[i:i+1]))
			pieces = append(pieces, javaPiece{letters: s[i : i+n]})
			i += n
			continue
		}
		var text strings.Builder
		for quoted := false; i < len(s) && (quoted || !isLetter(s[i])); i++ {
			switch {
			case s[i] != '\'':
				text.WriteByte(s[i])
			case strings.HasPrefix(s[i+1:], "'"):
				text.WriteByte('\'')
				i++
			default:
				quoted = !quoted
			}
		}
		if text.Len() > 0 {
			pieces = append(pieces, javaPiece{text: text.String()})
		}
	}
	return pieces
}
