package dialect

import (
	"maps"
	"slices"
	"sync"
)

// signature is an allowed function.
//
// args are classes: a Trino type, or any, integer, number, time, local (a time,
// also AT TIME ZONE), instant (a time, also with an offset), array, map; "?" marks an optional one, "…" the last one
// that may be repeated. returns is a type, or "first": that of the first argument.
type signature struct {
	args      []string
	returns   string
	name      string // DuckDB's name, when it is another
	apply     func(t *translator, c *call) (string, error)
	aggregate bool
	lambda    bool // arguments are translated by apply
}

func sig(returns string, args ...string) signature { return signature{args: args, returns: returns} }

func (f signature) as(name string) signature { f.name = name; return f }

func (f signature) by(apply func(*translator, *call) (string, error)) signature {
	f.apply = apply
	return f
}

// macro names the macro that gives Trino's answer.
func (f signature) macro(name string) signature { return f.as(internal + name) }

// functions is the allow-list. What is not in it is refused. It is made once: it does not
// change, and making it would take as long as all else that is done with a small query here.
var functions = sync.OnceValue(allFunctions)

func allFunctions() map[string]signature {
	all := make(map[string]signature)
	for _, group := range []map[string]signature{
		textFunctions(), numberFunctions(), timeFunctions(), jsonFunctions(), arrayFunctions(), aggregates(),
		moreTextFunctions(), moreNumberFunctions(), moreArrayFunctions(), binaryFunctions(), urlFunctions(), moreJSONFunctions(), sqlJSONFunctions(), mapFunctions(),
	} {
		maps.Copy(all, group)
	}
	return all
}

// Functions returns the names of all functions that a query may call.
func Functions() []string {
	names := slices.Collect(maps.Keys(windowFunctions))
	for name := range functions() {
		switch name {
		case "_2", "row", "count_star", "like_escape", "not_like_escape", "date_part", "timezone":
			// what the parser makes of if(a, b), (a, b), count(*), LIKE … ESCAPE, extract and AT TIME ZONE
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func textFunctions() map[string]signature {
	return map[string]signature{
		"length":               sig(typeBigint, "varchar"),
		"lower":                sig(typeVarchar, "varchar").macro("lower"),
		"upper":                sig(typeVarchar, "varchar").macro("upper"),
		"trim":                 sig(typeVarchar, "varchar", "varchar?").by(trim),
		"ltrim":                sig(typeVarchar, "varchar", "varchar?").by(trim),
		"rtrim":                sig(typeVarchar, "varchar", "varchar?").by(trim),
		"substr":               sig(typeVarchar, "varchar", "integer", "integer?").by(substr),
		"substring":            sig(typeVarchar, "varchar", "integer", "integer?").by(substr),
		"position":             sig(typeBigint, "varchar", "varchar"),
		"replace":              sig(typeVarchar, "varchar", "varchar", "varchar?").by(replaceText),
		"translate":            sig(typeVarchar, "varchar", "varchar", "varchar"),
		"concat":               sig(typeVarchar, "any", "any…").by(concat),
		"split_part":           sig(typeVarchar, "varchar", "varchar", "integer").macro("split_part"),
		"starts_with":          sig(typeBool, "varchar", "varchar"),
		"lpad":                 sig(typeVarchar, "varchar", "integer", "varchar").macro("lpad"),
		"rpad":                 sig(typeVarchar, "varchar", "integer", "varchar").macro("rpad"),
		"chr":                  sig(typeVarchar, "integer").by(chr),
		"codepoint":            sig(typeInt, "varchar").by(codepoint),
		"like_escape":          sig(typeBool, "varchar", "varchar", "varchar").by(likeEscape),
		"not_like_escape":      sig(typeBool, "varchar", "varchar", "varchar").by(likeEscape),
		"regexp_like":          sig(typeBool, "varchar", "varchar").by(regexpLike),
		"regexp_extract":       sig(typeVarchar, "varchar", "varchar", "integer?").by(regexpExtract),
		"regexp_replace":       sig(typeVarchar, "varchar", "varchar", "varchar?").by(regexpReplace),
		"levenshtein_distance": sig(typeBigint, "varchar", "varchar").by(nativeOf("levenshtein", typeBigint)),
	}
}

func numberFunctions() map[string]signature {
	return map[string]signature{
		"abs":      sig("first", "number"),
		"ceil":     sig("first", "number").by(roundTo),
		"ceiling":  sig("first", "number").by(roundTo),
		"floor":    sig("first", "number").by(roundTo),
		"round":    sig("first", "number", "integer?").by(roundTo),
		"truncate": sig("first", "number", "integer?").by(roundTo),
		"mod":      sig("first", "number", "number").by(modulo),
		"power":    sig(typeDouble, "number", "number"),
		"pow":      sig(typeDouble, "number", "number"),
		"sqrt":     sig(typeDouble, "number").macro("sqrt"),
		"cbrt":     sig(typeDouble, "number").by(nativeOf("cbrt", typeDouble)),
		"exp":      sig(typeDouble, "number"),
		"ln":       sig(typeDouble, "number").macro("ln"),
		"log2":     sig(typeDouble, "number").macro("log2"),
		"log10":    sig(typeDouble, "number").macro("log10"),
		"greatest": sig("first", "any", "any…").by(extremum),
		"least":    sig("first", "any", "any…").by(extremum),
		"nullif":   sig("first", "any", "any").by(nullif),
		"if":       sig("first", "boolean", "any", "any?").by(ifCall),
		"_2":       sig("first", "boolean", "any").by(ifCall), // if with two arguments, see respell
		"typeof":   {lambda: true, apply: typeOf},
		"row":      sig("", "any", "any…").by(row),
	}
}

func timeFunctions() map[string]signature {
	all := map[string]signature{
		"now":                    sig(typeZone).by(now),
		"date_trunc":             sig("", "varchar", "local").by(dateTrunc),
		"date_part":              sig(typeBigint, "varchar", "local").by(datePart), // extract(x FROM y)
		"date_add":               sig("", "varchar", "integer", "time").by(dateAdd),
		"date_diff":              sig(typeBigint, "varchar", "instant", "instant").by(dateDiff),
		"date":                   sig(typeDate, "any").by(toDate),
		"timezone":               sig("", "varchar", "instant").by(atTimeZone), // AT TIME ZONE
		"at_timezone":            sig("", "instant", "varchar").by(atTimeZone),
		"with_timezone":          sig("", "time", "varchar").by(withTimezone),
		"from_unixtime":          sig(typeZone, "number").as("to_timestamp").by(fromUnixtime),
		"to_unixtime":            sig(typeDouble, "instant").by(toUnixtime),
		"from_iso8601_timestamp": sig(typeZone, "varchar").by(fromISO8601),
		"from_iso8601_date":      sig(typeDate, "varchar").by(toDate),
		"to_iso8601":             sig(typeVarchar, "time").by(toISO8601),
		"date_format":            sig(typeVarchar, "local", "varchar").by(dateFormat),
		"format_datetime":        sig(typeVarchar, "local", "varchar").by(formatDatetime),
		"parse_datetime":         sig(typeZone, "varchar", "varchar").by(parseDatetime),
		"date_parse":             sig(typeTime, "varchar", "varchar").by(dateParse),
	}
	all["last_day_of_month"] = sig(typeDate, "local").as("last_day")
	for _, field := range []string{"year", "quarter", "month", "week", "day", "hour", "minute", "second",
		"millisecond", "day_of_week", "dow", "day_of_month", "day_of_year", "doy", "week_of_year", "year_of_week", "yow"} {
		all[field] = sig(typeBigint, "local").by(timeField)
	}
	return all
}

func jsonFunctions() map[string]signature {
	return map[string]signature{
		"json_extract":        sig(typeJSON, "json or varchar", "varchar").by(jsonExtract),
		"json_extract_scalar": sig(typeVarchar, "json or varchar", "varchar").by(jsonExtract),
		"json_array_length":   sig(typeBigint, "json or varchar").by(jsonArrayLength),
		"json_parse":          sig(typeJSON, "varchar").by(nativeOf("json_parse", typeJSON)),
		"json_format":         sig(typeVarchar, "json").by(jsonFormat),
	}
}

func arrayFunctions() map[string]signature {
	return map[string]signature{
		"cardinality": sig(typeBigint, "array or map").by(cardinality),
		"contains":    sig(typeBool, "array or varchar", "any").by(contains),
		"element_at":  sig("", "array or map", "any").by(elementAt),
		"map_keys":    sig("", "map").by(mapList(keyOf)),
		"map_values":  sig("", "map").by(mapList(valueOf)),
		"map":         sig("", "array", "array").by(mapOf),
		"sequence":    sig("", "any", "any", "any?").by(sequence),
		"transform":   {lambda: true, apply: lambdaCall},
		"filter":      {lambda: true, apply: lambdaCall},
		"reduce":      {lambda: true, apply: reduce},
	}
}

func aggregates() map[string]signature {
	all := map[string]signature{
		"count":             sig(typeBigint, "any?"),
		"count_star":        sig(typeBigint),
		"count_if":          sig(typeBigint, "boolean").by(countIf),
		"sum":               sig("first", "number").by(sumOf),
		"avg":               sig(typeDouble, "number").by(avgOf),
		"min":               sig("first", "any").by(ordered),
		"max":               sig("first", "any").by(ordered),
		"min_by":            sig("first", "any", "any").by(orderedBy("arg_min_null")),
		"max_by":            sig("first", "any", "any").by(orderedBy("arg_max_null")),
		"arbitrary":         sig("first", "any").as("any_value"),
		"any_value":         sig("first", "any"),
		"bool_and":          sig(typeBool, "boolean"),
		"bool_or":           sig(typeBool, "boolean"),
		"every":             sig(typeBool, "boolean").as("bool_and"),
		"array_agg":         sig("", "any").by(func(_ *translator, c *call) (string, error) { return "array(" + c.types[0] + ")", nil }),
		"histogram":         sig("", "any").by(histogram),
		"map_agg":           sig("", "any", "any").by(mapAgg),
		"geometric_mean":    sig(typeDouble, "number").by(geometricMean),
		"approx_distinct":   sig(typeBigint, "any").by(approxDistinct),
		"approx_percentile": sig("first", "number", "number").by(approxPercentile),
	}
	all["listagg"] = sig(typeVarchar, "varchar", "varchar?").by(listagg)
	all["bitwise_and_agg"] = sig(typeBigint, "integer").by(bitAggregate)
	all["bitwise_xor_agg"] = sig(typeBigint, "integer").by(bitAggregate)
	all["bitwise_or_agg"] = sig(typeBigint, "integer").by(bitAggregate)
	for _, name := range []string{"corr", "covar_pop", "covar_samp", "regr_slope", "regr_intercept"} {
		all[name] = sig("", "number", "number").by(ofPairs)
	}
	for _, name := range []string{"stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop"} {
		all[name] = sig(typeDouble, "number")
	}
	for name, f := range all {
		f.aggregate = true
		all[name] = f
	}
	return all
}

// refusedFunctions says what to write instead.
var refusedFunctions = map[string]string{
	"format":              "use concat or ||",
	"zip_with":            "unnest both arrays: UNNEST(a, b) AS t(x, y)",
	"map_entries":         "unnest the map: UNNEST(m) AS t(k, v)",
	"map_from_entries":    "use map_agg, or map(keys, values)",
	"split_to_map":        "use regexp_extract for the value of one key",
	"string_agg":          "use array_join(array_agg(x), ',')",
	"list_value":          "write ARRAY[…]",
	"struct_pack":         "",
	"to_timestamp":        "use from_unixtime",
	"strftime":            "use date_format",
	"strptime":            "use date_parse",
	"json_array_get":      "it returns texts that are no JSON; use json_extract(x, '$[0]')",
	"json_extract_string": "use json_extract_scalar",
	"regexp_matches":      "use regexp_like",
	"len":                 "use length or cardinality",
	"datediff":            "use date_diff",
	"unnest":              "it belongs into FROM: CROSS JOIN UNNEST(x) AS t(y)",
	"regexp_full_match":   "~ and SIMILAR TO are written regexp_like",
}
