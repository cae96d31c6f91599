package dialect

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

// TestParseByLayout: what Trino says is in the corpus; this is about values that it answers
// and we do not.
func TestParseByLayout(t *testing.T) {
	for _, tt := range []struct{ text, layout, want string }{
		{"2024-02-29 23:59:59.999", "%Y-%m-%d %H:%i:%s.%S", "2024-02-29 23:59:59.999"},
		{"1-1-1", "%L-%m-%d", "0001-01-01 00:00:00.000"},
		{"9999-12-31", "%L-%m-%d", "9999-12-31 00:00:00.000"},
		{"10000-01-01", "%L-%m-%d", "refused"},
		{"0-1-1", "%Y-%m-%d", "refused"},
		{"-2024", "%Y", "refused"},
		{"Mon 0001-01-01", "%a %Y-%m-%d", "0001-01-01 00:00:00.000"},
		{"Sun 9999-12-31", "%a %Y-%m-%d", "refused"},
		{"999999999", "%L", "error"},
		{"-", "%Y", "error"},
		{"", "%Y", "error"},
		{"2024", "", "error"},
	} {
		got, err := parseByLayout(tt.text, tt.layout)
		said := "error"
		switch unsupported := Unsupported(""); {
		case errors.As(err, &unsupported):
			said = "refused"
		case err == nil:
			said = time.UnixMilli(got.(int64)).UTC().Format("2006-01-02 15:04:05.000")
		}
		if said != tt.want {
			t.Errorf("%s by %s: %s, want %s", tt.text, tt.layout, said, tt.want)
		}
	}
}

func TestJavaPieces(t *testing.T) {
	letters := func(s string) javaPiece { return javaPiece{letters: s} }
	text := func(s string) javaPiece { return javaPiece{text: s} }
	for format, want := range map[string][]javaPiece{
		"":                 nil,
		"'":                nil,
		"''":               {text("'")},
		"yyyyMM":           {letters("yyyy"), letters("MM")},
		"h 'o''clock' a":   {letters("h"), text(" o'clock "), letters("a")},
		"yyyy'T'HH":        {letters("yyyy"), text("T"), letters("HH")},
		"''yy''''MM":       {text("'"), letters("yy"), text("''"), letters("MM")},
		"d 'MM":            {letters("d"), text(" MM")},
		"d'":               {letters("d")},
		"'a''''b' é_1 [%]": {text("a''b é_1 [%]")},
	} {
		if got := javaPieces(format); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", format, got, want)
		}
	}
}
