package sqlgen

import (
	"slices"
	"strings"
)

// literal writes a value of a type without columns: NULL, a value that is
// common, or one at the edge of what the type can hold.
func (g *gen) literal(t Type) string {
	defer g.begin("literal " + t.String())()
	if values, ok := edges[t.name]; ok {
		v := pick(g.source, values)
		if v == "NULL" {
			return g.null(t)
		}
		return v
	}
	if g.chance(10) {
		return g.null(t)
	}
	switch t.name {
	case "array":
		if g.chance(10) {
			return "CAST(ARRAY[] AS " + typeText(t) + ")"
		}
		return "ARRAY[" + g.literals(t.args[0], 1+g.n(3)) + "]"
	case "map":
		n := 1 + g.n(2)
		return "map(ARRAY[" + g.keys(t.args[0], n) + "], ARRAY[" + g.literals(t.args[1], n) + "])"
	}
	panic("bug: no literal of type " + t.String())
}

// null writes a NULL. A function of Trino's that gets one need not look at its other
// arguments, and ours does.
func (g *gen) null(t Type) string {
	g.lazy = true
	return "CAST(NULL AS " + typeText(t) + ")"
}

func (g *gen) literals(t Type, n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = g.literal(t)
	}
	return strings.Join(parts, ", ")
}

// keys are n different values, none NULL.
func (g *gen) keys(t Type, n int) string {
	first := g.n(5)
	parts := make([]string, n)
	for i := range parts {
		parts[i] = edges[t.name][first+i]
	}
	if g.chance(50) {
		slices.Reverse(parts)
	}
	return strings.Join(parts, ", ")
}

// typeText is a type as CAST takes it.
func typeText(t Type) string {
	switch t.name {
	case "decimal":
		return "decimal(10, 2)"
	case "timestamptz":
		return "timestamp with time zone"
	case "array", "map":
		parts := make([]string, len(t.args))
		for i, a := range t.args {
			parts[i] = typeText(a)
		}
		return t.name + "(" + strings.Join(parts, ", ") + ")"
	}
	return t.name
}

// lines are literals, one a line.
func lines(s string) []string {
	var out []string
	for line := range strings.Lines(s) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// texts that engines disagree about: case mapping, combining characters,
// characters beyond the BMP, blanks, and what looks like another type.
var texts = lines(`
'a'
'b'
'abc'
'user.login'
'A'
''
' '
'  x  '
'aa,bb,,cc'
'a.b.c'
'%'
'_'
'100%'
'\'
'a\b'
'it''s'
'"quoted"'
'äöü ÄÖÜ ß'
'STRASSE'
'İstanbul ı'
'ǆ ǅ'
'ΑΣ ας'
'ƛ'
'ႠႡ აბ Აბ'
'é'
'é'
'日本語'
'😀'
'a😀b'
'👩‍👩‍👧'
'0'
'1'
'-1'
'+5'
'007'
' 7 '
'1.5'
'1.'
'.5'
'1e3'
'1_000'
'0x1F'
'9223372036854775808'
'2147483648'
'NaN'
'Infinity'
'-0'
'true'
'TRUE'
't'
'f'
'yes'
'null'
'2024-02-29'
'2023-02-29'
'2024-2-3'
'2024-03-31 02:30:00'
'2024-03-31 02:30'
'2024-01-01 00:00:00.123456'
'2024-01-01T00:00:00Z'
'9999-12-31'
'0001-01-01'
'12:30:00'
'10.0.0.1'
'192.168.1.300'
'2001:db8::1'
'::ffff:10.0.0.1'
'https://user@example.com:8443/a/b%20c?a=1&b=2&a=3#frag'
'http://example.com'
'/only/path?a=x+y%2F'
'not a url ::'
'arn:aws:iam::123456789012:user/Alice'
'AKIAIOSFODNN7EXAMPLE'
'Mozilla/5.0 (X11; Linux x86_64)'
`)

// documents are JSON of every shape, and what is nearly JSON.
var documents = lines(`
'{}'
'{"a":1}'
'[]'
'[1,2,3]'
'{"a":{"b":[1,"two",null,true,1.50,-0.0,1e2]}}'
'{"a":null}'
'{"a":"x","a":"y"}'
'{"a b":"blank","":"empty","ü":"umlaut","a.b":"point"}'
'{"b":2,"a":1}'
'{"n":12345678901234567890,"d":0.1,"e":1E400,"m":-1}'
'"text"'
'[{"a":1},{"a":2},3,[{"a":4}]]'
'{"a":[{"b":1,"b":2},{"c":null}],"type":"x","size":[]}'
'{"a":9223372036854775808,"b":[1.5,1E2,-0,0.0]}'
'{"\ud83d\ude00":1,"\uffee":2,"a":3}'
'"esc \" \\ \/ \n \u00e9 \ud83d\ude00"'
'null'
'true'
'0'
'-1.50'
'1e2'
' {"a" : 1 } '
'[[],{},[[1]]]'
'["a","b",1,true,null]'
'[1,1.0,"1"]'
'{"a":[{"b":1},{"b":2}]}'
'{"html":"<b>&</b>"}'
'{"a":1'
'{a:1}'
"x"
'[1,]'
'{"a":1} trailing'
'nul'
`)

// edges are literals by type, the simplest first.
var edges = map[string][]string{
	"boolean": {"true", "false", "NULL"},
	"integer": {"0", "1", "2", "-1", "3", "7", "10", "100", "-7", "2147483647", "integer '-2147483648'", "NULL"},
	"bigint": {"bigint '0'", "bigint '1'", "bigint '2'", "bigint '-1'", "bigint '3'", "bigint '10'", "bigint '-7'", "bigint '255'", "1700000000000",
		"9223372036854775807", "bigint '-9223372036854775808'", "4294967296", "NULL"},
	"double": {"0e0", "1e0", "1.5e0", "-1e0", "-2.5e0", "2.5e0", "0.5e0", "3.7e0", "1e10", "12345678.9e0", "1e-5", "1e300", "-1e300", "1e-320", "1e17", "1e23", "8.41e21", "1e18",
		"9.007199254740993e15", "nan()", "infinity()", "-infinity()", "double '-0.0'", "0.1e0", "1e7", "0.001e0", "NULL"},
	"real":    {"REAL '0'", "REAL '1'", "REAL '1.5'", "REAL '-2.5'", "REAL '0.1'", "REAL '0.2'", "REAL '16777217'", "REAL '1e-45'", "REAL '3.4e38'", "REAL 'NaN'", "REAL '-0.0'", "REAL 'Infinity'", "NULL"},
	"decimal": {"0.0", "1.5", "-1.5", "2.25", "0.05", "-0.005", "10.00", "123.456", "99999999.99", "0.1", "12345678901234567.89", "2.5", "-2.5", "NULL"},
	"varchar": append(texts, "NULL"),
	"json":    append(jsonLiterals(), "NULL"),
	"date": {"date '2024-01-01'", "date '1970-01-01'", "date '2024-02-29'", "date '2024-03-31'", "date '2023-12-31'", "date '2024-12-30'", "date '2021-01-03'",
		"date '1969-12-31'", "date '0001-01-01'", "date '9999-12-31'", "date '1582-10-10'", "date '1900-01-01'", "NULL"},
	"timestamp": {"timestamp '2024-01-01 00:00:00.000'", "timestamp '1970-01-01 00:00:00.000'", "timestamp '2024-02-29 12:34:56.789'", "timestamp '2024-03-31 01:30:00.000'",
		"timestamp '2024-03-31 02:30:00.000'", "timestamp '2024-10-27 00:30:00.000'", "timestamp '2024-10-27 01:30:00.000'", "timestamp '2023-12-31 23:59:59.999'",
		"timestamp '1969-12-31 23:59:59.999'", "timestamp '0001-01-01 00:00:00.000'", "timestamp '9999-12-31 23:59:59.999'", "timestamp '1900-01-01 00:00:00.001'",
		"timestamp '2024-01-01 00:00:00'", "timestamp '2024-05-06 07:08'", "timestamp '2024-05-06'",
		"timestamp '1940-07-01 12:00:00.000'", "timestamp '1968-10-27 01:30:00.000'", "timestamp '1883-11-18 17:00:00.000'", "timestamp '2040-07-01 00:30:00.000'", "timestamp '2086-04-01 02:00:00.000'",
		"timestamp '2024-11-03 06:30:00.000'", "timestamp '2024-04-06 15:15:00.000'", "timestamp '2024-10-05 15:45:00.000'", "NULL"},
	"timestamptz": {"from_unixtime(0)", "from_unixtime(1711846800)", "from_unixtime(1700000000.123e0)", "CAST(timestamp '2024-02-29 12:34:56.789' AS timestamp with time zone)",
		"timestamp '2024-03-31 01:30:00.000 UTC'", "CAST(timestamp '0001-01-01 00:00:00.000' AS timestamp with time zone)", "from_unixtime(-0.001e0)", "NULL"},
}

func jsonLiterals() []string {
	var out []string
	for _, d := range documents {
		if d[0] == '\'' && validJSON[d] {
			out = append(out, "json_parse("+d+")")
		}
	}
	return out
}

// validJSON are the documents that json_parse takes in every engine.
var validJSON = func() map[string]bool {
	valid := make(map[string]bool)
	for _, d := range documents {
		if d == `' {"a" : 1 } '` || d == `"x"` {
			break
		}
		valid[d] = true
	}
	return valid
}()

// kinds are literals that stand at special places.
var kinds = map[string][]string{
	"index":      {"1", "2", "3", "0", "-1", "-2", "5", "100"},
	"instance":   {"1", "2", "3", "4"},
	"offset":     {"1", "2", "0", "3"},
	"digits":     {"0", "1", "2", "-1", "5"},
	"small":      {"1", "0", "2", "3", "5", "-1", "-3", "12", "31"},
	"length":     {"3", "0", "1", "5", "10"},
	"base":       {"16", "2", "10", "36"},
	"separator":  {"','", "'.'", "', '", "'-'", "'😀'"},
	"char":       {"'a'", "'Z'", "'0'", "'ß'", "'é'", "'日'", "'😀'"},
	"word":       {"'Robert'", "'Rupert'", "'Ashcraft'", "'a'"},
	"codepoint":  {"65", "97", "0", "9", "223", "128512", "55296", "-1", "1114112"},
	"trimchars":  {"'a'", "' '", "'ab'", "'😀'", "''"},
	"like":       {"'a%'", "'%'", "'%a%'", "'_'", "'__%'", "''", "'%é%'", "'%.%'", "'a_c'", "'%\\%'", "'😀'", "'_😀_'", "'A%'"},
	"likeescape": {"'a!%'", "'%!_%'", "'!!%'", "'%!'", "'a!b'"},
	"regexp": {"'a'", "'[a-z]+'", "'^a'", "'b$'", "'.'", "''", "'(?i)A'", "'\\d+'", "'\\w+'", "'\\s'", "'\\bb'", "'[^a-z]'", "'a|b'", "'x*'", "'(a)(b)?'", "'^$'", "'é'", "'\\.'", "'[[:alpha:]]'", "'\\p{L}'", "'\\p{Lu}'", "'(?s).'", "'(?m)^.'", "'a{2}'", "'.*?b'",
		"'^[A-Z][a-z]*$'", "'\\d{1,3}(\\.\\d{1,3}){3}'", "'(a|b)+'", "'[a-z]+?'", "'\\S+@\\S+'", "'^$|^.$'", "'(?:ab)+'", "'[^\\s]+'", "'\\D'", "'\\W+'", "'\\A.'", "'.\\z'", "'[\\d.]+'", "'\\Qa.b\\E'", "'\\x41'", "'a?'", "'(?<n>a)'", "'a.c'", "'[a-c&&[b]]'", "'\\p{Alpha}'", "'[^,]+'", "',+'", "'(?i)user'", "'\\B'", "'a|'"},
	"groups":  {"'(a)(b)'", "'(\\w)(\\w)'", "'(\\d+)\\.(\\d+)'", "'(x)?(a)'", "'([^,]*),'"},
	"url":     {"'https://example.com/?a=1&b=2&a=3#frag'", "'/only/path?a=x+y%2F'", "'?a'", "'https://example.com/?b=2&a='"},
	"numeral": {"'79927398713'", "'0'", "'79927398714'", "''"},
	"jodatext": {"'2024-02-29', 'yyyy-MM-dd'", "'2024-02-29 12:34:56', 'yyyy-MM-dd HH:mm:ss'", "'x', 'yyyy'",
		"'20240229', 'yyyyMMdd'", "'29/Feb/2024:12:34:56', 'dd/MMM/yyyy:HH:mm:ss'", "'2024-1-2', 'yyyy-M-d'", "'12:34:56.789', 'HH:mm:ss.SSS'", "'2024-02-30', 'yyyy-MM-dd'", "'2024-01-01 03:04 pm', 'yyyy-MM-dd hh:mm a'", "'2024-01-01x', 'yyyy-MM-dd'",
		"'2024-01-02 12:15:00', 'yyyy-MM-dd hh:mm:ss'", "'10/10/2024 10:00:00 PM', 'MM/dd/yyyy HH:mm:ss a'", "'Jan 05 10:00:00', 'MMM dd HH:mm:ss'", "'29 february', 'd MMM'", "'Mon, 2 Jan 2024', 'EEE, d MMM yyyy'", "'5', 'SSS'", "'-7', 'yyyy'", "'12024-01-01', 'yyyy-MM-dd'",
		"'12 o''clock AM', 'h ''o''''clock'' a'", "' 2024', 'yyyy'", "'2024-366', 'yyyy-DDD'", "'2024t10', 'yyyy''T''HH'", "'14 3', 'HH hh'", "'2023 Mon', 'yyyy E'", "'02/09/50', 'dd/MM/yy'"},
	"group":       {"1", "2", "0", "3"},
	"filling":     {"'-'", "'[$0]'"},
	"replacement": {"'x'", "''", "'$1'", "'[$0]'", "'$2$1'", "'\\$'", "'\\\\'"},
	"zone": {"'UTC'", "'Europe/Berlin'", "'America/New_York'", "'Asia/Kolkata'", "'Australia/Lord_Howe'", "'America/Sao_Paulo'", "'+05:30'", "'Asia/Tokyo'",
		"'Africa/Casablanca'", "'Pacific/Apia'", "'America/St_Johns'", "'Europe/Dublin'", "'-03:00'", "'Asia/Kathmandu'", "'America/Caracas'"},
	"unit":          {"'day'", "'hour'", "'minute'", "'second'", "'millisecond'", "'week'", "'month'", "'quarter'", "'year'", "'DAY'"},
	"truncunit":     {"'day'", "'hour'", "'minute'", "'second'", "'week'", "'month'", "'quarter'", "'year'"},
	"dateunit":      {"'day'", "'week'", "'month'", "'quarter'", "'year'"},
	"field":         {"year", "month", "day", "hour", "minute", "second", "week", "quarter", "day_of_week", "dow", "doy", "yow"},
	"datefield":     {"year", "month", "day", "week", "quarter", "day_of_week", "doy", "yow", "day_of_month"},
	"interval":      {"interval '1' day", "interval '1' hour", "interval '30' minute", "interval '1' second", "interval '1' month", "interval '1' year", "interval '-1' day", "interval '2' month", "interval '90' day", "interval '36' hour", "interval '13' month", "interval '-1' month"},
	"dateinterval":  {"interval '1' day", "interval '1' month", "interval '1' year", "interval '-1' month", "interval '7' day"},
	"dayinterval":   {"interval '1' day", "interval '1' hour", "interval '0' second", "interval '-1' day", "interval '30' day", "interval '90' minute"},
	"time":          {"time '08:00:00'", "time '18:00:00'", "time '00:00:00'", "time '12:34:56.789'", "time '23:59:59.999'", "time '01:30'"},
	"timeunit":      {"'hour'", "'minute'", "'second'", "'millisecond'"},
	"jsonrow":       {`'{"a":3,"b":"x"}'`, `'[7,"y"]'`, `'{"b":null}'`, `'null'`, `'{"A":1,"c":2}'`},
	"onerror":       {"NULL", "ERROR"},
	"onerror2":      {"NULL", "ERROR", "EMPTY ARRAY", "EMPTY OBJECT"},
	"onerror3":      {"FALSE", "TRUE", "UNKNOWN"},
	"wrapper":       {"WITHOUT", "WITH", "WITH CONDITIONAL", "WITH UNCONDITIONAL", "WITH ARRAY", "WITHOUT ARRAY", "WITH CONDITIONAL ARRAY"},
	"quotes":        {"KEEP", "OMIT"},
	"sequencedates": {"date '2024-01-31', date '2024-04-02'", "date '2024-02-28', date '2024-03-01'", "date '2024-03-01', date '2024-02-28'", "date '2024-01-01', date '2024-01-01'", "date '2020-02-29', date '2024-03-01'"},
	"sequencetimes": {"timestamp '2024-01-31 10:00:00.000', timestamp '2024-02-02 09:59:59.999'", "timestamp '2024-01-01 00:00:00.000', timestamp '2024-01-01 00:00:00.000'", "timestamp '2023-12-31 23:30:00.000', timestamp '2024-03-31 00:00:00.000'"},
	"dateformat":    {"'%Y-%m-%d'", "'%W, %M %e'", "'%H:%i'", "'%j/%y'"},
	"format": {"'%Y-%m-%d'", "'%H:%i:%s'", "'%Y-%m-%d %H:%i:%s.%f'", "'%W %a %M %b'", "'%c/%e/%y'", "'%k %l %h %I %p'", "'%j'", "'%T %r'", "'100%%'", "'%v %x'", "'%d%S'",
		"'%Y%m%d%H'", "'%M %e, %Y'", "'%h:%i:%s %p'", "'%x-W%v'", "'%f'", "'%s'", "'it''s %Y'", "'%a, %d %b %Y %T'", "'%y%c%e'", "'%I %l %k'"},
	"joda": {"'yyyy-MM-dd'", "'HH:mm:ss.SSS'", "'EEE, d MMM yyyy'", "'yyyy-MM-dd''T''HH:mm:ss'", "'hh:mm a'", "'EEEE MMMM'", "'yy D'",
		"'yyyyMMddHHmmss'", "'H:m:s'", "'d.M.yy'", "'MMM d, yyyy'", "'E'", "'h a'", "'DDD'", "'yyyy ''oclock H, MM/dd/yyyy HH:mm:ss.SSS, Q'' M'", "'HHmm'", "'h ''o''''clock'' a'", "'d '''' MMM'"},
	"formatted": {"'2024-02-29 12:34:56', '%Y-%m-%d %H:%i:%s'", "'29.02.2024', '%d.%m.%Y'", "'2023-02-29', '%Y-%m-%d'", "'Feb 3 2024', '%b %e %Y'", "'24-1-2', '%y-%c-%e'", "'2024-01-01 1:02 PM', '%Y-%m-%d %l:%i %p'", "'x', '%Y'", "'2024-01-01 00:00:00.123', '%Y-%m-%d %H:%i:%s.%f'",
		"'20240229', '%Y%m%d'", "'2024-060', '%Y-%j'", "'29/Feb/2024:12:34:56', '%d/%b/%Y:%H:%i:%s'", "'2024-02-30', '%Y-%m-%d'", "'February 3 2024', '%M %e %Y'", "'12:34', '%H:%i'", "'2024-01-01 12:02 AM', '%Y-%m-%d %h:%i %p'", "'2024-01-01 24:00:00', '%Y-%m-%d %H:%i:%s'", "' 2024-01-01', '%Y-%m-%d'", "'2024-01-01x', '%Y-%m-%d'", "'99-12-31', '%y-%m-%d'", "'2024-1-2 3:4:5', '%Y-%m-%d %H:%i:%s'", "'2024-01-01T00:00:00', '%Y-%m-%dT%T'",
		"'12:30', '%h:%i'", "'10:00 PM', '%H:%i %p'", "'03-15', '%m-%d'", "'02-29', '%m-%d'", "'060', '%j'", "'.1239', '.%f'", "'12:00:00.123456789', '%T.%f'", "'2024-01-01    10:00', '%Y-%m-%d %H:%i'", "'2023-366', '%Y-%j'", "'5-1-2', '%y-%c-%e'", "'69', '%y'", "'Mon 2024-01-02', '%a %Y-%m-%d'",
		"'FEBRUARY 3 2024', '%b %e %Y'", "'feb 3 2024', '%M %e %Y'", "'fEb', '%b'", "'0:30 AM', '%l:%i %p'", "'AM', '%p'", "'2024 3 31 060', '%Y %m %d %j'", "'2023 sunday', '%Y %W'", "'+2024', '%Y'", "'0000', '%Y'", "'2024T', '%Yt'", "'31 2 1', '%d %m %e'"},
	"parseformat": {"'%Y-%m-%d'", "'%Y-%c-%e'", "'%Y'", "'%y'", "'%f'", "'%T'", "'%h:%i:%s'", "'%h'", "'%d'", "'%j'", "'%Y-%m-%d %H:%i:%s.%f'", "'%Y-%m-%d %k:%i'", "'%e.%m'", "'a'", "'%p'"},
	"jodaparse":   {"'yyyy-MM-dd'", "'yyyy-M-d'", "'yyyy'", "'H:m:s'", "'hh'", "'d'", "'DDD'", "'SSS'", "'yyyy-MM-dd HH:mm'", "'yyyy-MM-dd''T''HH:mm:ss''Z'''", "'yyyyMMdd'", "'s.SSS'"},
	"isodate":     {"'2024-02-29'", "'2024-060'", "'2024-W09'", "'2024-2-9'", "'x'"},
	"isotime":     {"'2024-02-29T12:34:56Z'", "'2024-02-29T12:34:56.789+01:00'", "'2024-02-29'", "'2024-02-29T12'", "'2024-02-29T12:34'", "'2024-02-29T12:34:56.123456789Z'", "'x'", "'2024-02-29 12:34:56'", "'2024-02-29T12:34:56+0100'", "'2024'"},
	"epoch":       {"0", "1700000000", "1700000000.123e0", "-1", "253402300799", "1.0005e0", "0.5"},
	"jsonpath":    {"'$'", "'$.a'", "'$.a.b'", "'$.a.b[0]'", "'$[0]'", "'$[1]'", "'$[\"a b\"]'", "'$.a[0].b'", "'$.b'", "'$.n'", "'$.d'", "'$.e'", "'$[100]'", "'$[\"a.b\"]'", "'$.ü'", "'$[\"\"]'", "'$.x.y'"},
	"laxpath": {"'lax $'", "'lax $.b'", "'lax $.a.b'", "'lax $.a.b[0]'", "'lax $[0]'", "'lax $.a'", "'strict $.a'", "'lax $.a[*].b'", "'lax $.*'", "'strict $[*]'", "'lax $[*]'", "'lax $[1].a'",
		"'strict $.a.b'", "'lax $.\"a b\"'", "' lax  $ . a [ 0 ] '", "'lax $.a.n'", "'lax $.d'", "'lax $.n'", "'lax $.m'", "'lax $.b[1]'", "'lax $.type'", "'lax $.size'", "'strict $[0]'"},
	"jsontext": documents,
	"cidr":     {"'10.0.0.0/8'", "'192.168.1.0/24'", "'2001:db8::/32'", "'0.0.0.0/0'", "'10.0.0.1/32'", "'::/0'"},
	"ip":       {"'10.0.0.1'", "'192.168.1.7'", "'2001:db8::1'", "'::ffff:10.0.0.1'", "'255.255.255.255'"},
}
