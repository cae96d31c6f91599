package dialect

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// doubleText is a floating-point number as Trino writes it: 1.5E0. Trino leaves that to
// java.text.DecimalFormat, whose digits are not always the fewest that tell a number
// from its neighbours.
func doubleText(f float64, size int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0 && math.Signbit(f):
		return "-0E0"
	case f == 0:
		return "0E0"
	}
	digits := realDigits
	if size == 64 {
		digits = javaDigits
	}
	mantissa, exponent, _ := strings.Cut(digits(math.Abs(f)), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if fraction = strings.TrimRight(fraction, "0"); fraction == "" {
		fraction = "0"
	}
	n, _ := strconv.Atoi(exponent) // it is FormatFloat's
	text := whole + "." + fraction + "E" + strconv.Itoa(n)
	if f < 0 {
		return "-" + text
	}
	return text
}

// realDigits are the fewest digits of a real, two at least and seven at most.
func realDigits(f float64) string {
	const most = 7
	text := strconv.FormatFloat(f, 'e', -1, 32)
	switch n := significant(text); {
	case n == 1 && !above(text, f):
		return strconv.FormatFloat(f, 'e', 1, 32)
	case n <= most:
		return text
	}
	f, _ = strconv.ParseFloat(text, 64) // it is FormatFloat's
	return strconv.FormatFloat(f, 'e', most-1, 64)
}

// javaDigits is a positive f as mantissa and exponent, with two digits at least.
func javaDigits(f float64) string {
	const exact, long = 1 << 53, 1 << 63
	fraction, _ := math.Frexp(f)
	switch {
	case f >= exact && f < long:
		return longDigits(uint64(f))
	case fraction == 0.5: //nolint:gocritic // a power of two has exactly this one
		return powerDigits(f)
	}
	text := strconv.FormatFloat(f, 'e', -1, 64)
	if significant(text) == 1 && !above(text, f) {
		text = strconv.FormatFloat(f, 'e', 1, 64)
	}
	for digits := significant(text); midway(text, f); digits++ {
		text = strconv.FormatFloat(f, 'e', digits, 64)
	}
	return text
}

// above reports whether text is a power of ten that f is rounded up to.
func above(text string, f float64) bool {
	written, ok := new(big.Rat).SetString(text)
	return ok && strings.HasPrefix(text, "1e") && written.Cmp(new(big.Rat).SetFloat64(f)) > 0
}

// longDigits are the digits of a whole number of more than 53 bits, without those that
// all of the bits beyond cannot tell.
func longDigits(n uint64) string {
	drop := uint64(1)
	for beyond := uint64(1) << max(0, bits.Len64(n)-1-54); beyond >= 10*drop; {
		drop *= 10
	}
	text := strconv.FormatUint((n+drop/2)/drop*drop, 10)
	return text[:1] + "." + text[1:] + "e" + strconv.Itoa(len(text)-1)
}

// powerDigits are the digits of a power of two: so many that they are nearer to it than
// half of the way to the neighbour below, which is the nearer one of the two.
func powerDigits(f float64) string {
	exact := new(big.Rat).SetFloat64(f)
	gap := new(big.Rat).SetFloat64(math.Nextafter(f, math.Inf(1)))
	gap.Sub(gap, exact).Quo(gap, big.NewRat(4, 1))
	for digits := 0; ; digits++ {
		text := strconv.FormatFloat(f, 'e', digits, 64)
		if digits == 0 && !above(text, f) {
			continue
		}
		written, ok := new(big.Rat).SetString(text)
		if !ok || written.Sub(written, exact).Abs(written).Cmp(gap) < 0 {
			return text
		}
	}
}

// significant counts the digits before the exponent.
func significant(text string) int {
	mantissa, _, _ := strings.Cut(text, "e")
	return len(strings.Replace(mantissa, ".", "", 1))
}

// midway reports whether text is a number just between f and a neighbour of its, as
// 1e23 is. It is read as f, which is the even one of the two; Java's format does not
// count on that, and writes more digits.
func midway(text string, f float64) bool {
	const least, most = 1 << 51, 1e40 // there are none beyond
	if f < least || f > most {
		return false
	}
	written, ok := new(big.Rat).SetString(text)
	if !ok {
		return false
	}
	for _, towards := range []float64{0, math.Inf(1)} {
		between := new(big.Rat).SetFloat64(f)
		between.Add(between, new(big.Rat).SetFloat64(math.Nextafter(f, towards)))
		if between.Quo(between, big.NewRat(2, 1)).Cmp(written) == 0 {
			return true
		}
	}
	return false
}
