package dialect

import "sync"

// Macros returns the statements that define in DuckDB what a translated query
// may call, by the name that is called. Arguments of a macro are put in as
// expressions, so they may be evaluated more than once. No macro calls another.
// Nobody changes the map.
func Macros() map[string]string { return macroTexts() }

var macroTexts = sync.OnceValue(allMacros)

func allMacros() map[string]string {
	all := make(macros)
	m := all.add
	all.arrays()
	all.comparisons()
	all.sequences()
	all.elements()

	m("div(a, b)", "CASE WHEN b = 0 AND a IS NOT NULL THEN "+raise("'Division by zero'")+" ELSE a // b END")
	m("mod(a, b)", "CASE WHEN b = 0 AND a IS NOT NULL THEN "+raise("'Division by zero'")+" WHEN b = -1 THEN a - a ELSE a % b END") // of the least number too

	m("upper(s)", "CASE WHEN strlen(s) > length(s) THEN "+internal+"upper_text(s) ELSE upper(s) END")
	m("lower(s)", "CASE WHEN strlen(s) > length(s) THEN "+internal+"lower_text(s) ELSE lower(s) END")
	m("finite(x)", "CASE WHEN isfinite(x) THEN x END")
	m("no_minus(x)", "CASE WHEN x = 0 THEN abs(x) ELSE x END")
	// Trino multiplies by a tenth where DuckDB divides by ten, which has other last digits.
	all.once("round_tens(x, n)", "CASE WHEN NOT isfinite(x) AND n IS NOT NULL THEN x WHEN n < 0 THEN round(x * pow(10, n)) / pow(10, n) ELSE round(x, CAST(n AS INTEGER)) END")
	m("no_nan(x)", "CASE WHEN isnan(x) THEN "+refuse("greatest or least of NaN", "x")+" ELSE x END")
	m("ordered(x)", "CASE WHEN isnan(x) THEN "+refuse("min_by or max_by by NaN", "x")+" ELSE x END")
	m("substr(s, i)", "CASE WHEN s IS NOT NULL AND (i = 0 OR i < -length(s)) THEN '' ELSE substr(s, i) END")
	m("substr_len(s, i, n)", "CASE WHEN s IS NOT NULL AND i IS NOT NULL AND n IS NOT NULL AND (i = 0 OR i < -length(s) OR n <= 0) THEN '' ELSE substr(s, i, n) END")
	m("replace(s, a, b)", "CASE WHEN a = '' THEN "+internal+"replace_nothing(s, b) ELSE replace(s, a, b) END")
	m("split_part(s, d, i)", "CASE WHEN i < 1 AND s IS NOT NULL AND d IS NOT NULL THEN "+raise("'Index must be greater than zero'")+" WHEN s = '' AND d = '' THEN NULL WHEN d = '' AND i > 2147483647 THEN "+raise("'integer overflow'")+" ELSE list_extract(string_split(s, d), i) END")
	// A NULL among the arguments makes NULL of what would end the query, as in Trino.
	// A pad is the one text that can be much bigger than its arguments.
	m("lpad(s, n, p)", "CASE WHEN n < 0 AND s IS NOT NULL AND p IS NOT NULL THEN "+raise("'Target length must be in the range [0..2147483647]'")+" WHEN p = '' AND s IS NOT NULL AND n IS NOT NULL THEN "+raise("'Padding string must not be empty'")+" WHEN n > 100000 THEN "+refuse("lpad to more than 100000 characters", "s", "n", "p")+" ELSE lpad(s, CAST(n AS INTEGER), p) END")
	m("rpad(s, n, p)", "CASE WHEN n < 0 AND s IS NOT NULL AND p IS NOT NULL THEN "+raise("'Target length must be in the range [0..2147483647]'")+" WHEN p = '' AND s IS NOT NULL AND n IS NOT NULL THEN "+raise("'Padding string must not be empty'")+" WHEN n > 100000 THEN "+refuse("rpad to more than 100000 characters", "s", "n", "p")+" ELSE rpad(s, CAST(n AS INTEGER), p) END")
	m("split2(s, d)", "CASE WHEN d = '' AND s IS NOT NULL THEN "+raise("'The delimiter may not be the empty string'")+" ELSE string_split(s, d) END")
	// Texts for which a regular expression means other things to DuckDB than to Trino.
	m("ascii_text(s)", "CASE WHEN strlen(s) > length(s) THEN "+refuse(`a regular expression with \b, [[:class:]] or (?i) over letters beyond ASCII`, "s")+" ELSE s END")
	m("line_text(s)", "CASE WHEN suffix(s, chr(10)) THEN "+refuse(`a regular expression with $, or ^ in (?m), over a text that ends in a line feed (write \z for $)`, "s")+" ELSE s END")
	m("end_text(s)", "CASE WHEN unicode(right(s, 1)) > 127 THEN "+refuse("a regular expression that may find an empty text at the end, such as b?$, over a text that ends in a character beyond ASCII", "s")+" ELSE s END")
	m("known_text(s)", `CASE WHEN regexp_matches(s, '[^`+knownCharacters+`]') THEN `+refuse(`a regular expression with \p over characters that versions of Unicode do not agree about`, "s")+" ELSE s END")
	m("regexp_extract(s, p, g)", "CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p, g) END")
	m("int_text(s)", `CASE WHEN regexp_full_match(s, '[\x01-\x20]*[+-]?[0-9]+[\x01-\x20]*') THEN trim(s, '`+blanks+`') ELSE `+raise(`'Cannot cast ''' || s || ''' to a whole number'`)+` END`)
	m("try_int_text(s)", `CASE WHEN regexp_full_match(s, '[\x01-\x20]*[+-]?[0-9]+[\x01-\x20]*') THEN trim(s, '`+blanks+`') END`)
	m("bool_text(s)", `CASE WHEN lower(s) IN ('true', 't', '1') THEN 'true' WHEN lower(s) IN ('false', 'f', '0') THEN 'false' ELSE `+raise(`'Cannot cast ''' || s || ''' to boolean'`)+` END`)
	m("try_bool_text(s)", `CASE WHEN lower(s) IN ('true', 't', '1') THEN 'true' WHEN lower(s) IN ('false', 'f', '0') THEN 'false' END`)

	// Beyond the range of real DuckDB has an error, and Trino infinity.
	m("double_to_real(x)", "CASE WHEN x IS NOT NULL THEN coalesce(TRY_CAST(x AS FLOAT), CAST(CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END AS FLOAT)) END")
	m("decimal_text(d)", `regexp_replace(CAST(d AS VARCHAR), '^(-?)\.', '\10.')`) // DuckDB writes .5 for a decimal(1,1)
	// Trino writes the years behind 9999 with a sign, but not those of dates.
	m("date_text(d)", "CASE WHEN date_part('year', d) < 1 THEN "+refuse("the text of a date before the year 1", "d")+" ELSE CAST(d AS VARCHAR) END")
	m("year_text(t, s)", "CASE WHEN date_part('year', t) > 9999 THEN '+' || s WHEN date_part('year', t) < 1 THEN "+refuse("the text of a timestamp before the year 1", "t")+" ELSE s END")
	m("clock_text(c, d)", "left(strftime(DATE '1970-01-01' + c, '%H:%M:%S.%g'), CASE WHEN d = 0 THEN 8 ELSE 9 + d END)")
	// A root or logarithm may be no number.
	m("sqrt(x)", "CASE WHEN x < 0 THEN CAST('NaN' AS DOUBLE) ELSE sqrt(x) END")
	for _, wave := range []string{"sin", "cos", "tan"} {
		m(wave+"(x)", "CASE WHEN isfinite(x) THEN "+wave+"(x) WHEN x IS NOT NULL THEN CAST('NaN' AS DOUBLE) END")
	}
	log := func(name, x string) string {
		return "CASE WHEN " + x + " = 0 THEN CAST('-Infinity' AS DOUBLE) WHEN " + x + " < 0 THEN CAST('NaN' AS DOUBLE) ELSE " + name + "(CAST(" + x + " AS DOUBLE)) END"
	}
	m("ln(x)", log("ln", "x"))
	m("log10(x)", log("log10", "x"))
	m("log2(x)", "("+log("ln", "x")+") / ln(CAST(2 AS DOUBLE))") // as Trino has it: other last digits than log2
	m("log(b, x)", "("+log("ln", "x")+") / ("+log("ln", "b")+")")
	for _, arc := range []string{"asin", "acos"} {
		m(arc+"(x)", "CASE WHEN x BETWEEN -1 AND 1 THEN "+arc+"(x) WHEN x IS NOT NULL THEN CAST('NaN' AS DOUBLE) END")
	}
	m("atan(x)", "atan(x)")
	m("atan2(y, x)", "atan2(y, x)")
	m("sinh(x)", "sinh(x)")
	m("cosh(x)", "cosh(x)")

	m("millis(t)", "date_part('millisecond', t) % 1000")
	m("from_iso8601(s)", "CAST("+internal+"iso_text(s) AS TIMESTAMP WITH TIME ZONE)")
	return all
}

// elements are what is at a place of an array or at a key of a map, and arrays of numbers.
func (m macros) elements() {
	m.add("element_at(a, i)", "CASE WHEN i = 0 AND a IS NOT NULL THEN "+raise("'SQL array indices start at 1'")+" ELSE list_extract(a, i) END")
	m.add("subscript(a, i)", "CASE WHEN i < 1 AND a IS NOT NULL THEN "+raise("'SQL array indices start at 1'")+" WHEN i > len(a) THEN "+raise("'Array subscript must be less than or equal to array length'")+" ELSE list_extract(a, i) END")
	m.add("map_subscript(m, k)", "CASE WHEN map_contains(m, k) OR m IS NULL OR k IS NULL THEN m[k] ELSE "+raise("'Key not present in map'")+" END")
	m.add("sequence(a, b)", "CASE WHEN abs(b - a) >= 10000 THEN "+raise("'result of sequence must not have more than 10000 entries'")+" ELSE generate_series(a, b, CASE WHEN a <= b THEN 1 ELSE -1 END) END")
	m.add("sequence_step(a, b, s)", "CASE WHEN (b - a) IS NOT NULL AND (s = 0 OR (b - a) * sign(s) < 0 OR abs((b - a) // s) >= 10000) THEN "+raise("'the step of sequence must lead from start to stop, in less than 10000 entries'")+" ELSE generate_series(a, b, s) END")
}
