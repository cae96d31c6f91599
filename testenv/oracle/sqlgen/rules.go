package sqlgen

import "strings"

// A rule says how a value of a type can be written. {T} is an expression of type
// T, {#kind} a literal of that kind (see literals.go), {\S:U} a lambda from S to
// U ({\K,V:U} one of two parameters), {T|type} the name of T for a cast. A rule that begins with ! may end the query with an error, one that begins
// with ~ gives doubles whose last digits are the machine's.
type rule struct {
	result Type
	parts  []string // texts between the holes
	holes  []string
	fails  bool
	approx bool
	lazy   bool
}

func parseRule(line string) rule {
	var r rule
	for ; ; line = line[1:] {
		switch line[0] {
		case '!':
			r.fails = true
			continue
		case '~':
			r.approx = true
			continue
		}
		break
	}
	typ, text, ok := strings.Cut(line, ": ")
	if !ok {
		panic("bug: rule without a type: " + line)
	}
	r.result = parseType(typ)
	for _, word := range []string{"CASE ", "if(", "coalesce(", " AND ", " OR ", " IN ", "BETWEEN", "nullif(", "try(", "ROW("} {
		r.lazy = r.lazy || strings.Contains(text, word)
	}
	for {
		before, rest, more := strings.Cut(text, "{")
		r.parts = append(r.parts, before)
		if !more {
			return r
		}
		hole, after, closed := strings.Cut(rest, "}")
		if !closed {
			panic("bug: open hole in rule: " + line)
		}
		r.holes, text = append(r.holes, hole), after
	}
}

func parseRules(lines string) []rule {
	var rules []rule
	for line := range strings.Lines(lines) {
		if line = strings.TrimSpace(line); line != "" {
			rules = append(rules, parseRule(line))
		}
	}
	return rules
}

// aggregates may stand in the select list of a query with groups; their
// arguments see the rows. {@} is a column that is unique among the rows.
var aggregates = parseRules(`
bigint: count(*)
bigint: count({T})
bigint: count(DISTINCT {E})
bigint: count(*) FILTER (WHERE {boolean})
bigint: count_if({boolean})
!bigint: sum({bigint})
!bigint: sum(DISTINCT {bigint})
!bigint: sum({integer})
!bigint: sum({bigint}) FILTER (WHERE {boolean})
~double: sum({double})
!decimal: sum({decimal})
real: sum(DISTINCT {real})
real: avg(DISTINCT {real})
~double: avg({double})
~double: avg({bigint})
~double: avg({integer})
!decimal: avg({decimal})
!decimal: sum({decimal}) FILTER (WHERE {boolean})
bigint: count(DISTINCT {E}) FILTER (WHERE {boolean})
bigint: sum(if({boolean}, 1, 0))
bigint: count(DISTINCT ({O}, {O}))
double: round(avg({integer}), 3)
O: max(if({boolean}, {O}))
O: min({O})
O: max({O})
O: min({O}) FILTER (WHERE {boolean})
O: max(DISTINCT {O})
T: min_by({T}, {@})
T: max_by({T}, {@})
T: max_by({T}, {@}) FILTER (WHERE {boolean})
boolean: bool_and({boolean})
boolean: bool_or({boolean})
boolean: every({boolean})
array(S): array_agg({S} ORDER BY {@})
array(S): array_agg({S} ORDER BY {@} DESC)
array(S): array_agg({S} ORDER BY {@}) FILTER (WHERE {boolean})
array(S): array_agg(DISTINCT {S} ORDER BY {S})
array(S): array_sort(array_agg({S}))
varchar: listagg({varchar}, {#separator}) WITHIN GROUP (ORDER BY {@})
varchar: listagg(DISTINCT {varchar}, {#separator}) WITHIN GROUP (ORDER BY {varchar})
varchar: listagg({varchar}) WITHIN GROUP (ORDER BY {@} DESC)
varchar: listagg({varchar}, {#separator}) WITHIN GROUP (ORDER BY {@}) FILTER (WHERE {boolean})
varchar: array_join(array_agg({varchar} ORDER BY {@}), {#separator})
map(V, bigint): histogram({V})
!map(K, V): map_agg({K}, {V})
map(K, bigint): map_agg({K}, bigint '1')
~double: geometric_mean({double})
~double: geometric_mean({bigint})
bigint: arbitrary(bigint '5')
varchar: any_value('x')
bigint: approx_percentile(bigint '3', 0.5e0)
bigint: approx_distinct({E})
~double: stddev({double})
~double: stddev_samp({bigint})
~double: stddev_pop({bigint})
~double: variance({double})
~double: var_samp({bigint})
~double: var_pop({bigint})
~double: corr({double}, {double})
~double: covar_pop({double}, {double})
~double: covar_samp({double}, {double})
~double: regr_slope({double}, {double})
~double: regr_intercept({double}, {double})
bigint: bitwise_and_agg({bigint})
bigint: bitwise_or_agg({bigint})
bigint: bitwise_xor_agg({bigint})
array(K): array_sort(map_keys(map_agg({K}, bigint '1')))
bigint: element_at(histogram({K}), {K})
array(K): array_sort(map_keys(map_filter(histogram({K}), {\K,bigint:boolean})))
bigint: reduce(array_agg({bigint}), bigint '0', (s, x) -> if(x > s, x, s), s -> s)
bigint: date_diff({#unit}, min({timestamp}), max({timestamp}))
bigint: cardinality(array_agg({T}))
bigint: length(array_join(array_agg({varchar}), ''))
`)

// windows may stand in the select list of a query without groups. {%} is a
// window whose order is total, {%%} one with any order, {%%%} one with a frame of
// rows over a total order, {%%%%} one with a range around one key.
var windows = parseRules(`
bigint: row_number() OVER ({%})
bigint: rank() OVER ({%%})
bigint: dense_rank() OVER ({%%})
bigint: ntile({#instance}) OVER ({%})
~double: percent_rank() OVER ({%%})
~double: cume_dist() OVER ({%%})
bigint: count(*) OVER ({%%%%})
bigint: count({T}) OVER ({%%%%})
!bigint: sum({integer}) OVER ({%%%%})
O: min({O}) OVER ({%%%%})
O: max({O}) OVER ({%%%%})
!bigint: sum({integer}) OVER ({%%%}) - sum({integer}) OVER ({%%})
~double: stddev({double}) OVER ({%%%})
!decimal: sum({decimal}) OVER ({%%%})
!decimal: avg({decimal}) OVER ({%%%})
T: max_by({T}, {@}) OVER ({%%%})
T: last_value({T}) IGNORE NULLS OVER ({%%%})
T: nth_value({T}, {#instance}) IGNORE NULLS OVER ({%%%})
T: lead({T}, {#offset}, {T}) IGNORE NULLS OVER ({%})
bigint: date_diff('second', lag({timestamp}) OVER ({%}), {timestamp})
T: lag({T}) OVER ({%})
T: lag({T}, {#offset}) OVER ({%})
T: lag({T}, {#offset}, {T}) OVER ({%})
T: lead({T}, {#offset}) OVER ({%})
bigint: lead({integer}, {#offset}, {bigint}) OVER ({%})
double: lag({bigint}, {#offset}, {double}) OVER ({%})
timestamp: lag({date}, {#offset}, {timestamp}) OVER ({%})
T: first_value({T}) OVER ({%%%})
T: last_value({T}) OVER ({%%%})
T: nth_value({T}, {#instance}) OVER ({%%%})
T: first_value({T}) IGNORE NULLS OVER ({%%%})
T: lag({T}) IGNORE NULLS OVER ({%})
bigint: count(*) OVER ({%%})
bigint: count({T}) OVER ({%%%})
!bigint: sum({bigint}) OVER ({%%})
!bigint: sum({integer}) OVER ({%%%})
O: max({O}) OVER ({%%})
O: min({O}) OVER ({%%%})
~double: avg({bigint}) OVER ({%%%})
bigint: count_if({boolean}) OVER ({%%})
boolean: bool_or({boolean}) OVER ({%%%})
array(S): array_agg({S}) OVER ({%%%})
`)
