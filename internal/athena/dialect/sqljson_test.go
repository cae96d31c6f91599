package dialect

import (
	"reflect"
	"testing"
)

func TestParsePath(t *testing.T) {
	member := func(name string) jsonStep { return jsonStep{member: true, name: name} }
	for text, want := range map[string]laxPath{
		"lax $":                    {},
		"lax $.a":                  {steps: []jsonStep{member("a")}},
		"strict$.a.b_1":            {strict: true, steps: []jsonStep{member("a"), member("b_1")}},
		` lax  $ . a [ 0 ] `:       {steps: []jsonStep{member("a"), {place: 0}}},
		`lax $."any name"."ü"[12]`: {steps: []jsonStep{member("any name"), member("ü"), {place: 12}}},
		"lax $.*[*]":               {steps: []jsonStep{{member: true, all: true}, {all: true}}},
		`strict $."type".strict`:   {strict: true, steps: []jsonStep{member("type"), member("strict")}},
	} {
		if got, ok := parsePath(text); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as %+v, %v; want %+v", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "a", "lax", "strict .a", "$.a", "lax $a", "lax $.", "lax $..a", "lax $.1a", "lax $.a.size()", "lax $.a ? (@ > 1)", "lax $[-1]", "lax $[last]", "lax $[0 to 1]", "lax $[0", "lax $[]",
		`lax $."a`, `lax $."a""b"`, `lax $."a\"b"`, "lax $.ü", "lax $.true", "lax $ + 1", "lax -$.a", "lax $.a b", "laxed $.a",
	} {
		if got, ok := parsePath(text); ok {
			t.Errorf("%s is read as %+v", text, got)
		}
	}
}

func TestCompareUTF16(t *testing.T) {
	sorted := []string{"", "A", "a", "ab", "é", "日", "\U0001f600", "\U0010ffff", "\ue000", "\uffee"}
	for i, a := range sorted {
		for j, b := range sorted {
			if got := compareUTF16(a, b); got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("compareUTF16(%q, %q) is %d", a, b, got)
			}
		}
	}
}
