package dialect

import (
	"fmt"
	"strings"
	"unicode"
)

// youngLetters got their other case after Unicode 13, which is that of Java 17, the
// oldest that a Trino of today runs on: which of them upper and lower know depends on
// the Java of the engine that is asked.
var youngLetters = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x019b, 0x019b, 1}, {0x0264, 0x0264, 1}, {0x1c89, 0x1c8a, 1}, {0x2c2f, 0x2c2f, 1}, {0x2c5f, 0x2c5f, 1},
		{0xa7c0, 0xa7c1, 1}, {0xa7cb, 0xa7dc, 1},
	},
	R32: []unicode.Range32{
		{0x10570, 0x105bc, 1}, // Vithkuqi
		{0x10d50, 0x10d85, 1}, // Garay
		{0x16ea0, 0x16ed3, 1}, // Beria Erfe
	},
}

// mapLetters is upper and lower: letter by letter, as Java does it, so that ß stays
// where it is. A table of Unicode may be younger than another; what they disagree
// about is [Unsupported].
func mapLetters(name, s string, to func(rune) rune) (any, error) {
	young := rune(-1)
	out := strings.Map(func(r rune) rune {
		if r > unicode.MaxLatin1 && unicode.Is(youngLetters, r) {
			young = r
		}
		return to(r)
	}, s)
	if young >= 0 {
		return nil, Unsupported(fmt.Sprintf("%s of %q (%U), of which only some versions of Unicode know another case,", name, young, young))
	}
	return out, nil
}
