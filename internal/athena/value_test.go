package athena

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

func TestAppendJSONAndText(t *testing.T) {
	at := time.Date(2026, 1, 31, 10, 11, 12, 345_999_999, time.UTC)
	for _, tt := range []struct {
		typ        string
		value      any
		json, text string
	}{
		{"boolean", true, "true", "true"},
		{"bigint", int64(math.MaxInt64), "9223372036854775807", "9223372036854775807"},
		{"integer", int64(-1), "-1", "-1"},
		{"double", 1.5, "1.5", "1.5"},
		{"double", 3.0, "3.0", "3.0"},
		{"double", 1e7, "1.0E7", "1.0E7"},
		{"double", 1.25e-5, "1.25E-5", "1.25E-5"},
		{"double", 123456.789, "123456.789", "123456.789"},
		{"double", math.NaN(), `"NaN"`, "NaN"},
		{"double", math.Inf(-1), `"-Infinity"`, "-Infinity"},
		{"double", math.Copysign(0, -1), "-0.0", "-0.0"},
		{"real", float32(0.1), "0.1", "0.1"},
		{"decimal(10,2)", Decimal("-0.05"), `"-0.05"`, "-0.05"},
		{"varchar", "a\"\\\n\t\x00<é😀", `"a\"\\\n\t\u0000<é😀"`, "a\"\\\n\t\x00<é😀"},
		{"varchar", "", `""`, ""},
		{"varchar", "\xff", `"` + "\uFFFD" + `"`, "\xff"},
		{"json", JSON(`{"a":1}`), `"{\"a\":1}"`, `{"a":1}`},
		{"date", time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), `"2026-01-31"`, "2026-01-31"},
		{"timestamp", at, `"2026-01-31 10:11:12.345"`, "2026-01-31 10:11:12.345"},
		{"timestamp with time zone", at.In(time.FixedZone("", 3600)), `"2026-01-31 10:11:12.345 UTC"`, "2026-01-31 10:11:12.345 UTC"},
		{"array(varchar)", []any{"a", nil, ""}, `["a",null,""]`, "[a, null, ]"},
		{"array(timestamp)", []any{at}, `["2026-01-31 10:11:12.345"]`, "[2026-01-31 10:11:12.345]"},
		{"map(varchar, array(bigint))", Map{{"k", []any{int64(1)}}}, `{"k":[1]}`, "{k=[1]}"},
		{"map(date, double)", Map{{time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), 1.0}}, `{"2026-01-31":1.0}`, "{2026-01-31=1.0}"},
		{`row(a date, "b c" map(varchar, bigint))`, Row{{"a", at}, {"b c", Map{{"x", int64(1)}}}}, `{"a":"2026-01-31","b c":{"x":1}}`, "{a=2026-01-31, b c={x=1}}"},
		{"row(row(integer, array(varchar)), map(varchar, double), timestamp with time zone)", Row{{"field0", Row{{"field0", int64(1)}, {"field1", []any{"a"}}}}, {"field1", Map{{"x", 1.0}}}, {"field2", at}},
			`{"field0":{"field0":1,"field1":["a"]},"field1":{"x":1.0},"field2":"2026-01-31 10:11:12.345 UTC"}`, "{field0={field0=1, field1=[a]}, field1={x=1.0}, field2=2026-01-31 10:11:12.345 UTC}"},
	} {
		got, err := AppendJSON(nil, tt.typ, tt.value)
		if err != nil || string(got) != tt.json {
			t.Errorf("%s %v as JSON: %s, %v; want %s", tt.typ, tt.value, got, err, tt.json)
		}
		if !json.Valid(got) {
			t.Errorf("%s is no JSON", got)
		}
		if text, err := Text(tt.typ, tt.value); err != nil || text != tt.text {
			t.Errorf("%s %v as text: %s, %v; want %s", tt.typ, tt.value, text, err, tt.text)
		}
	}
	if got, err := AppendJSON(nil, "varchar", nil); err != nil || string(got) != "null" {
		t.Errorf("NULL: %s, %v", got, err)
	}
	for typ, v := range map[string]any{"varchar": struct{}{}, "bigint": 1, "time": at} {
		if got, err := AppendJSON(nil, typ, v); err == nil {
			t.Errorf("%s of Go type %T is encoded as %s", typ, v, got)
		}
	}
}

func TestPosition(t *testing.T) {
	const sql = "SELECT 'é'\n  FROM x"
	for offset, want := range map[int][2]int{0: {1, 1}, 7: {1, 8}, 12: {2, 1}, 14: {2, 3}, -1: {0, 0}, 99: {0, 0}} {
		if line, column := Position(sql, offset); line != want[0] || column != want[1] {
			t.Errorf("offset %d is at %d:%d, want %v", offset, line, column, want)
		}
	}
}

func TestBoundsMatch(t *testing.T) {
	f := File{Class: "standard", Day: "2026-01-31", MinTimestampNS: 1_000_000, MaxTimestampNS: 2_999_999}
	for name, tt := range map[string]struct {
		change func(*Bounds)
		want   bool
	}{
		"everything":    {func(*Bounds) {}, true},
		"class":         {func(b *Bounds) { b.Classes = []string{"long"} }, false},
		"no class":      {func(b *Bounds) { b.Classes = []string{} }, false},
		"day":           {func(b *Bounds) { b.Days = []string{"2026-01-31"} }, true},
		"other day":     {func(b *Bounds) { b.Days = []string{"2026-01-30"} }, false},
		"later day":     {func(b *Bounds) { b.MinDay = "2026-02-01" }, false},
		"earlier day":   {func(b *Bounds) { b.MaxDay = "2026-01-30" }, false},
		"first ms":      {func(b *Bounds) { b.MaxMS = 1 }, true},
		"before first":  {func(b *Bounds) { b.MaxMS = 0 }, false},
		"last ms":       {func(b *Bounds) { b.MinMS = 2 }, true},
		"after last":    {func(b *Bounds) { b.MinMS = 3 }, false},
		"in the middle": {func(b *Bounds) { b.MinMS, b.MaxMS = 2, 2 }, true},
	} {
		b := Everything()
		tt.change(&b)
		if got := b.Match(&f); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
		if u := b.Union(Everything()); !u.Match(&f) {
			t.Errorf("%s united with everything excludes", name)
		}
	}
}
