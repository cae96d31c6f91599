package dialect

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// urlFunctions take URLs apart as java.net.URI does: what is none has no parts.
func urlFunctions() map[string]signature {
	all := make(map[string]signature)
	for _, part := range []string{"host", "path", "query", "protocol", "fragment"} {
		all["url_extract_"+part] = sig(typeVarchar, "varchar").by(nativeOf("url_extract_"+part, typeVarchar))
	}
	all["url_extract_port"] = sig(typeBigint, "varchar").by(nativeOf("url_extract_port", typeBigint))
	all["url_extract_parameter"] = sig(typeVarchar, "varchar", "varchar").by(nativeOf("url_extract_parameter", typeVarchar))
	all["url_encode"] = sig(typeVarchar, "varchar").by(nativeOf("url_encode", typeVarchar))
	all["url_decode"] = sig(typeVarchar, "varchar").by(nativeOf("url_decode", typeVarchar))
	return all
}

func urlNatives() map[string]Native {
	all := map[string]Native{
		"url_extract_port": {[]string{"VARCHAR"}, "BIGINT", func(args []any) (any, error) {
			u, ok := parseURI(args[0].(string))
			if !ok || u.port < 0 {
				return nil, nil
			}
			return u.port, nil
		}},
		"url_extract_parameter": {[]string{"VARCHAR", "VARCHAR"}, "VARCHAR", func(args []any) (any, error) {
			u, ok := parseURI(args[0].(string))
			if !ok || !u.hasQuery {
				return nil, nil
			}
			for pair := range strings.SplitSeq(u.query, "&") {
				if name, value, _ := strings.Cut(pair, "="); name == args[1].(string) {
					return unescape(value), nil
				}
			}
			return nil, nil
		}},
		"url_encode": {[]string{"VARCHAR"}, "VARCHAR", func(args []any) (any, error) { return urlEncode(args[0].(string)), nil }},
		"url_decode": {[]string{"VARCHAR"}, "VARCHAR", func(args []any) (any, error) {
			s, err := url.QueryUnescape(args[0].(string))
			if err != nil {
				return nil, errors.New("url_decode: incomplete or invalid escape in " + strconv.Quote(args[0].(string)))
			}
			return strings.ToValidUTF8(s, "\ufffd"), nil
		}},
	}
	for part, get := range map[string]func(uri) (string, bool){
		"host": func(u uri) (string, bool) { return u.host, true }, "path": func(u uri) (string, bool) { return unescape(u.path), true },
		"query": func(u uri) (string, bool) { return unescape(u.query), true }, "protocol": func(u uri) (string, bool) { return u.scheme, true },
		"fragment": func(u uri) (string, bool) { return unescape(u.fragment), true },
	} {
		all["url_extract_"+part] = Native{[]string{"VARCHAR"}, "VARCHAR", func(args []any) (any, error) {
			u, ok := parseURI(args[0].(string))
			if !ok {
				return nil, nil
			}
			s, _ := get(u)
			return s, nil
		}}
	}
	return all
}

// uri is a parsed URI, its parts as they are written.
type uri struct {
	scheme, host, path, query, fragment string
	port                                int64 // -1: none
	hasQuery                            bool
}

// parseURI reads RFC 2396 with Java's extension: other characters than ASCII stand for themselves.
func parseURI(s string) (u uri, ok bool) {
	u.port = -1
	if s == "" || !uriCharacters(s) {
		return u, s == ""
	}
	rest, fragment, _ := strings.Cut(s, "#")
	u.fragment = fragment
	if strings.Contains(fragment, "#") || strings.ContainsAny(fragment, "[]") {
		return u, false
	}
	if end := strings.IndexAny(rest, ":/?"); end >= 0 && rest[end] == ':' {
		if u.scheme = rest[:end]; !isScheme(u.scheme) {
			return u, false
		}
		if rest = rest[end+1:]; rest == "" {
			return u, false
		}
		if rest[0] != '/' { // opaque: mailto:a@example.com
			return u, true
		}
	}
	rest, u.query, u.hasQuery = strings.Cut(rest, "?")
	if authority, ok := strings.CutPrefix(rest, "//"); ok {
		end := strings.IndexByte(authority, '/')
		if end < 0 {
			end = len(authority)
		}
		u.path = authority[end:]
		u.authority(authority[:end])
	} else {
		u.path = rest
	}
	return u, !strings.ContainsAny(u.path, "[]")
}

// authority reads user@host:port; one that names no server has neither.
func (u *uri) authority(s string) {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		s = s[at+1:]
	}
	host, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		host, port = s[:i], s[i+1:]
	}
	if port != "" {
		n, err := strconv.ParseInt(port, 10, 32)
		if err != nil || n < 0 {
			return
		}
		u.port = n
	}
	if !isHost(host) {
		u.port = -1
		return
	}
	u.host = host
}

func isHost(s string) bool {
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		return true
	}
	labels := strings.Split(strings.TrimSuffix(s, "."), ".")
	for _, l := range labels {
		if l == "" || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for _, c := range []byte(l) {
			if !isDigit(c) && c != '-' && (c|0x20 < 'a' || c|0x20 > 'z') {
				return false
			}
		}
	}
	last := labels[len(labels)-1]
	return !isDigit(last[0]) || len(labels) == 4 && isDotted(labels)
}

func isDotted(labels []string) bool {
	for _, l := range labels {
		if n, err := strconv.Atoi(l); err != nil || n > 255 {
			return false
		}
	}
	return true
}

func isScheme(s string) bool {
	for i, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

// uriCharacters refuses what may not stand in a URI at all.
func uriCharacters(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return false
			}
		case c <= ' ' || c == 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0:
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// unescape replaces %xx; bytes that are no UTF-8 become U+FFFD.
func unescape(s string) string {
	out, err := url.PathUnescape(s)
	if err != nil {
		return s
	}
	return strings.ToValidUTF8(out, "\ufffd")
}

// urlEncode is application/x-www-form-urlencoded as java.net.URLEncoder writes it.
func urlEncode(s string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case isDigit(c), c|0x20 >= 'a' && c|0x20 <= 'z', c == '.', c == '-', c == '*', c == '_':
			b.WriteByte(c)
		case c == ' ':
			b.WriteByte('+')
		default:
			b.WriteString("%" + hexDigits[c>>4:c>>4+1] + hexDigits[c&15:c&15+1])
		}
	}
	return b.String()
}
