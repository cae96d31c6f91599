package event

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestTimestamps(t *testing.T) {
	lim := DefaultLimits()
	lim.Floor = time.Date(2016, 11, 23, 12, 0, 0, 500, time.UTC)
	for _, tt := range []struct{ sent, want string }{ // want: a time, or part of the reason
		{"2026-11-23T10:11:12Z", "2026-11-23T10:11:12Z"},
		{"2026-11-23t10:11:12z", "2026-11-23T10:11:12Z"},
		{"2026-11-23T10:11:12.000000001Z", "2026-11-23T10:11:12.000000001Z"},
		{"2026-11-23T10:11:12.5+14:00", "2026-11-22T20:11:12.5Z"},
		{"2026-11-23T10:11:12-00:00", "2026-11-23T10:11:12Z"},
		{"2026-11-23T10:11:12-23:59", "2026-11-24T10:10:12Z"},
		{"2024-02-29T23:59:59.999999999Z", "2024-02-29T23:59:59.999999999Z"},
		{"2026-11-24T12:00:00Z", "2026-11-24T12:00:00Z"}, // now + 24 h
		{"2016-11-23T12:00:00.0000005Z", "2016-11-23T12:00:00.0000005Z"},

		{"2026-11-24T12:00:00.000000001Z", "24 hours in the future"},
		{"2036-11-23T00:00:00Z", "24 hours in the future"},
		{"2016-11-23T12:00:00.000000499Z", "before 2016-11-23T12:00:00Z"},
		{"1970-01-01T00:00:00Z", "before 2016"},
		{"0001-01-01T00:00:00Z", "1678 to 2261"},
		{"0000-01-01T00:00:00+23:59", "1678 to 2261"},
		{"9999-12-31T23:59:59.999999999-23:59", "1678 to 2261"},
		{"2026-12-31T23:59:60Z", "leap second"},
		{"2026-11-23T10:11:12.0000000000Z", "9 fraction digits"},
		{"2026-11-23T10:11:12,5Z", "RFC 3339"},
		{"2026-11-23T10:11:12.Z", "RFC 3339"},
		{"2026-11-23T10:11:12", "RFC 3339"},
		{"2026-11-23 10:11:12Z", "RFC 3339"},
		{"2026-11-23T10:11Z", "RFC 3339"},
		{"2026-11-23T10:11:12+0100", "RFC 3339"},
		{"2026-11-23T10:11:12+24:00", "RFC 3339"},
		{"2026-11-23T10:11:12Zz", "RFC 3339"},
		{"2026-11-23T1:11:12Z", "RFC 3339"},
		{"+002026-11-23T10:11:12Z", "RFC 3339"},
		{"294247-01-10T04:00:54Z", "RFC 3339"},
		{"1795515072", "RFC 3339"},
		{"yesterday", "RFC 3339"},
		{"", "RFC 3339"},
		{"2026-02-29T10:11:12Z", "calendar"},
		{"2026-00-10T10:11:12Z", "calendar"},
		{"2026-13-10T10:11:12Z", "calendar"},
		{"2026-11-00T10:11:12Z", "calendar"},
		{"2026-11-31T10:11:12Z", "calendar"},
		{"2026-11-23T24:00:00Z", "time of day"},
		{"2026-11-23T10:60:00Z", "time of day"},
		{"2026-11-23T10:11:61Z", "time of day"},
	} {
		e, errs := Decode([]byte(with(`"timestamp":"`+tt.sent+`"`)), testNow, lim)
		if want, err := time.Parse(time.RFC3339Nano, tt.want); err == nil {
			if errs != nil || e.TimestampNS != want.UnixNano() {
				t.Errorf("%s: %v %v, want %v", tt.sent, time.Unix(0, e.TimestampNS).UTC(), errs, tt.want)
			}
			continue
		}
		if len(errs) != 1 || errs[0].Field != "timestamp" || !strings.Contains(errs[0].Reason, tt.want) {
			t.Errorf("%s: %v, want timestamp: %s", tt.sent, errs, tt.want)
		}
	}
	for _, raw := range []string{`1795515072`, `1.5`, `{}`, `true`} {
		_, errs := Decode([]byte(with(`"timestamp":`+raw)), testNow, lim)
		if len(errs) != 1 || errs[0].Field != "timestamp" || !strings.HasPrefix(errs[0].Reason, "must be a string") {
			t.Errorf("%s: %v", raw, errs)
		}
	}
}

func TestTimestampsWithoutFloor(t *testing.T) {
	for sent, want := range map[string]int64{
		"1970-01-01T00:00:00Z":              0,
		"1969-12-31T23:59:59.999999999Z":    -1,
		"1678-01-01T00:00:00Z":              time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano(),
		"1969-12-31T00:00:00.000000001Z":    1 - 86_400_000_000_000,
		"1900-02-28T23:59:59.123-12:00":     time.Date(1900, 3, 1, 11, 59, 59, 123e6, time.UTC).UnixNano(),
		"2026-11-23T12:00:00.123456789Z":    testNow.UnixNano() + 123456789,
		"1677-09-21T00:12:43.145224192Z":    math.MaxInt64, // the first instant of all: refused
		"2262-04-11T23:47:16.854775807Z":    math.MaxInt64,
		"0001-01-01T00:00:00.000000001Z":    math.MaxInt64,
		"9999-12-31T23:59:59.999999999999Z": math.MaxInt64,
	} {
		e, errs := Decode([]byte(with(`"timestamp":"`+sent+`"`)), testNow, DefaultLimits())
		if refused := want == math.MaxInt64; refused != (errs != nil) || !refused && e.TimestampNS != want {
			t.Errorf("%s: %d %v, want %d", sent, e.TimestampNS, errs, want)
		}
	}
}

// TestDates tries every date that can be written, and those around them that cannot.
func TestDates(t *testing.T) {
	for year := range int64(10_000) {
		for month := range int64(15) {
			for day := range int64(34) {
				at := time.Date(int(year), time.Month(month), int(day), 0, 0, 0, 0, time.UTC)
				exists := at.Year() == int(year) && at.Month() == time.Month(month) && at.Day() == int(day)
				days, ok := daysTo(year, month, day)
				if ok != exists || ok && days != at.Unix()/86_400 {
					t.Fatalf("%d-%d-%d: %d, %v; want %d, %v", year, month, day, days, ok, at.Unix()/86_400, exists)
				}
			}
		}
	}
}

func TestDayAndMilliseconds(t *testing.T) {
	for _, ns := range []int64{
		0, -1, 1, 86_400_000_000_000, 86_400_000_000_000 - 1, -86_400_000_000_000, -86_400_000_000_001,
		999_999, 1_000_000, -1_000_000, -1_000_001, math.MinInt64, math.MaxInt64, testNow.UnixNano(),
	} {
		e := Event{TimestampNS: ns}
		at := time.Unix(0, ns).UTC()
		if got, want := e.Day(), at.Format(time.DateOnly); got != want {
			t.Errorf("%d: day %s, want %s", ns, got, want)
		}
		if got, want := e.TimestampMS(), at.UnixMilli(); got != want {
			t.Errorf("%d: %d ms, want %d", ns, got, want)
		}
	}
}

func TestDayNumber(t *testing.T) {
	const day = 86_400_000_000_000
	for ns, want := range map[int64]int64{0: 0, day - 1: 0, day: 1, -1: -1, -day: -1, -day - 1: -2} {
		if got := DayNumber(ns); got != want {
			t.Errorf("DayNumber(%d) = %d, want %d", ns, got, want)
		}
	}
}
