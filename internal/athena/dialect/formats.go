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
	format, err := t.javaFormat(c)
	if err != nil {
		return "", err
	}
	become(c.n, castTo(parsed(c.args[0], format), "TIMESTAMP WITH TIME ZONE"))
	return typeZone, nil
}

// parsed is strptime; a format without a year means 1970 in Trino, 1900 in DuckDB.
func parsed(s node, format string) node {
	at := function("strptime", s, varcharConst(format))
	if strings.Contains(format, "%Y") || strings.Contains(format, "%y") {
		return at
	}
	const later = 1970 - 1900
	return operator("+", at, function("to_years", intConst(later)))
}

// javaFormat translates Java's letters into strftime's specifiers.
func (t *translator) javaFormat(c *call) (string, error) {
	s, ok := literal(c.args[1])
	if !ok {
		return "", t.refuse(c.n, c.name+" with a computed format", "write the format as a literal")
	}
	specifiers := map[string]string{
		"yyyy": "%Y", "yy": "%y", "MM": "%m", "M": "%-m", "MMM": "%b", "MMMM": "%B", "dd": "%d", "d": "%-d", "DDD": "%j",
		"HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S", "SSS": "%g",
		"a": "%p", "E": "%a", "EEE": "%a", "EEEE": "%A",
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		n := 1
		switch {
		case s[i] == '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return "", t.invalid(c.args[1], "the format '%s' has a quote that is not closed", s)
			}
			quoted := s[i+1 : i+1+end]
			if quoted == "" {
				quoted = "'"
			}
			b.WriteString(strings.ReplaceAll(quoted, "%", "%%"))
			n = end + 2
		case isWordByte(s[i]) && !isDigit(s[i]) && s[i] != '_' && s[i] < 0x80:
			for i+n < len(s) && s[i+n] == s[i] {
				n++
			}
			specifier := specifiers[s[i:i+n]]
			if specifier == "" {
				return "", t.refuse(c.args[1], "format '"+s+"'", "allowed are yyyy yy MM M MMM MMMM dd d DDD HH H hh h mm m ss s SSS a EEE EEEE")
			}
			b.WriteString(specifier)
		case s[i] == '%':
			b.WriteString("%%")
		default:
			b.WriteByte(s[i])
		}
		i += n
	}
	return b.String(), nil
}
