package athena

import (
	"testing"
	"time"
)

func TestYears(t *testing.T) {
	day := func(s string) (time.Time, error) { return time.Parse(dateLayout, s) }
	for _, tt := range []struct {
		text string
		want time.Time
	}{
		{"2024-02-29", time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)},
		{"9999-12-31", time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)},
		{"+10000-01-01", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"+12000-02-29", time.Date(12000, 2, 29, 0, 0, 0, 0, time.UTC)},
		{"0000-01-01", time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"-0001-12-31", time.Date(-1, 12, 31, 0, 0, 0, 0, time.UTC)},
		{"-12345-12-31", time.Date(-12345, 12, 31, 0, 0, 0, 0, time.UTC)},
	} {
		got, err := parseTime(tt.text, day)
		if err != nil || !got.Equal(tt.want) {
			t.Errorf("%s is read as %v, %v; want %v", tt.text, got, err, tt.want)
		}
		if text := formatTime(tt.want, dateLayout); text != tt.text {
			t.Errorf("%v is written %s, want %s", tt.want, text, tt.text)
		}
	}
	at, err := parseTime("+10000-06-01 00:00:00.000 Europe/Berlin", parseInstant)
	if want := time.Date(10000, 5, 31, 22, 0, 0, 0, time.UTC); err != nil || !at.Equal(want) {
		t.Errorf("a zone behind a long year: %v, %v; want %v", at, err, want)
	}
	for _, s := range []string{"+10001-02-29", "+-1-01-01", "+1e4-01-01", "-", "+10000"} {
		if at, err := parseTime(s, day); err == nil {
			t.Errorf("%s is read as %v", s, at)
		}
	}
}
