package athena

import (
	"slices"
	"testing"
)

// TestFieldsOfRows: a name in quotes ends where it ends, whatever quotes its type has.
func TestFieldsOfRows(t *testing.T) {
	for typ, want := range map[string]struct{ names, types []string }{
		`row(a bigint, "b c" varchar)`:                   {[]string{"a", "b c"}, []string{"bigint", "varchar"}},
		`row("a b" row("c d" integer))`:                  {[]string{"a b"}, []string{`row("c d" integer)`}},
		`row("a b" row("c d" row("e f" date)), g real)`:  {[]string{"a b", "g"}, []string{`row("c d" row("e f" date))`, "real"}},
		`row("a "" b" array(row("c "" d" date)))`:        {[]string{`a " b`}, []string{`array(row("c "" d" date))`}},
		`row("""" bigint, "a"""" (" date)`:               {[]string{`"`, `a"" (`}, []string{"bigint", "date"}},
		`row("a, b" timestamp(3) with time zone)`:        {[]string{"a, b"}, []string{"timestamp(3) with time zone"}},
		`row(row("a b" date), timestamp with time zone)`: {[]string{"field0", "field1"}, []string{`row("a b" date)`, "timestamp with time zone"}},
	} {
		if names, types := fieldNames(typ), fieldTypes(typ); !slices.Equal(names, want.names) || !slices.Equal(types, want.types) {
			t.Errorf("%s:\n got %q of types %q\nwant %q of types %q", typ, names, types, want.names, want.types)
		}
	}
}

// TestOfOneDay: the first and the last row decide.
func TestOfOneDay(t *testing.T) {
	const day = 86_400_000_000_000
	for name, tt := range map[string]struct {
		day      string
		min, max int64
		want     bool
	}{
		"the whole day":       {"1970-01-02", day, 2*day - 1, true},
		"the first of years":  {"1970-01-01", 0, 0, true},
		"before 1970":         {"1969-12-31", -day, -1, true},
		"begins before":       {"1970-01-02", day - 1, 2*day - 1, false},
		"ends after":          {"1970-01-02", day, 2 * day, false},
		"all of the next day": {"1970-01-02", 2 * day, 3*day - 1, false},
		"no day":              {"", 0, 0, false},
	} {
		f := &File{Day: tt.day, MinTimestampNS: tt.min, MaxTimestampNS: tt.max}
		if got := f.OfOneDay(); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
