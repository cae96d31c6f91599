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

// knownCharacters are ranges of characters which are in the same categories to the Unicode
// 6.1 of Trino's regular expressions and to the youngest of today, also those that none has:
// letters of Europe and the Near East, signs, and those of China, Japan and Korea.
const knownCharacters = `\x00-\x{37e}\x{380}-\x{527}\x{58f}-\x{5ee}\x{61e}-\x{7fc}\x{1dfc}-\x{2065}\x{206a}-\x{20b9}\x{20c1}-\x{2189}\x{218c}-\x{2307}\x{2400}-\x{26ff}` +
	`\x{3000}-\x{312d}\x{4dc0}-\x{9fcc}\x{abc0}-\x{d7ff}\x{fe30}-\x{ffff}\x{1f400}-\x{1f43e}\x{1f442}-\x{1f4f7}\x{1f500}-\x{1f53d}\x{1f5fb}-\x{1f640}`
