package dialect

import (
	"strings"
	"testing"
)

// TestJSONClauses: clauses become arguments, and what stands before them stays where it was.
func TestJSONClauses(t *testing.T) {
	for in, want := range map[string]string{
		"json_value(x, 'lax $.a')":                                                      "json_value(x, 'lax $.a')",
		"json_value(x, 'p' RETURNING bigint)":                                           "json_value(x, 'p', 'returning' , CAST(NULL AS bigint))",
		"json_value(x, 'p' NULL ON EMPTY)":                                              "json_value(x, 'p', 'empty=null' )",
		"json_value(x, 'p' error on error)":                                             "json_value(x, 'p', 'error=error' )",
		"json_value(x, 'p' DEFAULT f(1, 2) ON EMPTY)":                                   "json_value(x, 'p', 'empty=default' , (f(1, 2)) )",
		"json_value(x, 'p' DEFAULT 1 ON EMPTY DEFAULT 2 ON ERROR)":                      "json_value(x, 'p', 'empty=default error=default' , (1) , (2) )",
		"json_value(x, 'p' DEFAULT 2 ON ERROR)":                                         "json_value(x, 'p', 'error=default' , (2) )",
		"json_value(x, 'p' DEFAULT json_value(y, 'q' NULL ON EMPTY) ON EMPTY)":          "json_value(x, 'p', 'empty=default' , (json_value(y, 'q', 'empty=null' )) )",
		"json_query(x, 'p' WITH CONDITIONAL ARRAY WRAPPER EMPTY OBJECT ON ERROR)":       "json_query(x, 'p', 'wrapper=conditional error=empty_object' )",
		"json_query(x, 'p' RETURNING varchar FORMAT JSON OMIT QUOTES ON SCALAR STRING)": "json_query(x, 'p', 'quotes=omit' )",
		"json_exists(x, 'p' UNKNOWN ON ERROR)":                                          "json_exists(x, 'p', 'error=unknown' )",
		"f(json_value)":                                                                 "f(json_value)",
	} {
		got, err := Prepare("SELECT " + in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got = strings.Join(strings.Fields(got), " "); got != "SELECT "+want {
			t.Errorf("%s\nbecomes %s\nwant    SELECT %s", in, got, want)
		}
	}
	for _, in := range []string{
		"json_value(x, 'p', 'empty=null')", "json_value(x, 'p' NULL ON ERROR NULL ON EMPTY)", "json_value(x, 'p' DEFAULT ON EMPTY)", "json_value(x, 'p' WITH WRAPPER)",
		"json_query(x, 'p' RETURNING bigint)", "json_query(x, 'p' DEFAULT 1 ON EMPTY)", "json_exists(x, 'p' NULL ON ERROR)", "json_value(x, 'p' PASSING 1 AS i)", "json_value(x FORMAT JSON, 'p')",
		"json_value(x, ('p'), 'returning')", "json_value(x, ('p'), 'empty=default')", "json_query(x, ('p'), 'quotes=omit')", "json_exists(x, ?)", "json_value(x, p)", "JSON_VALUE /**/ (x,\n('p'))",
	} {
		if got, err := Prepare("SELECT " + in); err == nil {
			t.Errorf("%s becomes %s", in, got)
		}
	}
}
