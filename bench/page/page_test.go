package page

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReplace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	const before = "# By hand\n\n<!-- a:begin (made by x) -->\nold\n<!-- a:end -->\n\nmore\n\n<!-- b:begin -->\n<!-- b:end -->\n"
	if err := os.WriteFile(file, []byte(before), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time changes nothing
		if err := Replace(file, "a", []byte("new $1\n")); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Replace(before, "old", "\nnew $1\n", 1); string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if err := Replace(file, "c", nil); err == nil {
		t.Error("replaced a part that is not there")
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.004: "0.00", 0.949: "0.95", 1.04: "1.0", 99.4: "99.4", 99.9: "100", 1234: "1,234", 1234567: "1,234,567"} {
		if got := Number(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 20: "20", 999: "999", 1000: "1,000", 10_001: "10,001", 2_000_000: "2,000,000"} {
		if got := Count(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestMedian(t *testing.T) {
	if got := Median([]float64{9, 1, 4}); got != 4 {
		t.Errorf("odd: %v", got)
	}
	if got := Median([]float64{9, 1, 4, 5}); got != 4.5 {
		t.Errorf("even: %v", got)
	}
}

func TestSVGIsXML(t *testing.T) {
	d := xml.NewDecoder(strings.NewReader(string(SVG([]Chart{{Title: "a < b", Unit: "s", Better: "less", Bars: []Bar{{Label: "x & y", Value: 3, Low: 1, High: 4}, {}}}}))))
	rects := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
			rects++
		}
	}
	if rects != 3 {
		t.Errorf("%d rectangles, want 2 bars and the background", rects)
	}
}
