// Package page writes what was measured into the documentation: the part of a page between two markers, and plots
// as SVG. What stands around the markers is written by hand and stays.
package page

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
)

// Replace puts text between the lines `<!-- name:begin … -->` and `<!-- name:end -->` of a file.
func Replace(file, name string, text []byte) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	between := regexp.MustCompile(`(?s)(<!-- ` + regexp.QuoteMeta(name) + `:begin[^\n]*-->\n).*?(<!-- ` + regexp.QuoteMeta(name) + `:end -->)`)
	at := between.FindSubmatchIndex(old)
	if at == nil {
		return fmt.Errorf("%s: has no part %q between markers", file, name)
	}
	changed := slices.Concat(old[:at[3]], []byte{'\n'}, bytes.TrimSpace(text), []byte("\n\n"), old[at[4]:])
	return os.WriteFile(file, changed, 0o644)
}

// Machine is where something was measured, in one line.
func Machine() string {
	cpu, memory := "unknown CPU", ""
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if m := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(raw); m != nil {
			cpu = string(m[1])
		}
	}
	if raw, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kb int64
		if _, err := fmt.Sscanf(string(raw), "MemTotal: %d kB", &kb); err == nil {
			memory = fmt.Sprintf(", %d GiB", (kb+1<<19)>>20)
		}
	}
	return fmt.Sprintf("%d x %s%s, %s/%s, %s", runtime.NumCPU(), cpu, memory, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// Median is the middle one, or the mean of the two in the middle; 0 of nothing.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// Number is v with separators of thousands, or with the digits that matter when it is small.
func Number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 0.95:
		return fmt.Sprintf("%.2f", v)
	case v < 99.5:
		return fmt.Sprintf("%.1f", v)
	}
	return Count(int64(math.Round(v)))
}

// Count is a number of things, with separators of thousands.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}
