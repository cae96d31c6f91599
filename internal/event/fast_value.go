package event

import (
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

// value reads any value that nests at most levels deep.
func (f *fast) value(levels int) bool {
	f.space()
	if f.i == len(f.s) {
		return false
	}
	switch f.s[f.i] {
	case '{':
		return levels > 0 && f.members(levels-1)
	case '[':
		return levels > 0 && f.elements(levels-1)
	case '"':
		return f.anyText()
	case 't':
		return f.literal("true")
	case 'f':
		return f.literal("false")
	case 'n':
		return f.literal("null")
	}
	return f.number()
}

func (f *fast) members(levels int) bool {
	outer := len(f.names)
	defer func() { f.names = f.names[:outer] }()
	f.i++
	if f.next('}') {
		return true
	}
	for {
		f.space()
		name, ok := f.text()
		if !ok || len(f.names)-outer == namesMost || slices.Contains(f.names[outer:], name) {
			return false
		}
		f.names = append(f.names, name)
		if !f.next(':') || !f.value(levels) {
			return false
		}
		if !f.next(',') {
			return f.next('}')
		}
	}
}

func (f *fast) elements(levels int) bool {
	f.i++
	if f.next(']') {
		return true
	}
	for {
		if !f.value(levels) {
			return false
		}
		if !f.next(',') {
			return f.next(']')
		}
	}
}

// space skips white space: nearly always there is none.
func (f *fast) space() {
	if f.i < len(f.s) && f.s[f.i] <= ' ' {
		f.skip()
	}
}

func (f *fast) skip() {
	for f.i < len(f.s) {
		switch f.s[f.i] {
		case ' ', '\t', '\n', '\r':
			f.i++
		default:
			return
		}
	}
}

// next reads c, after white space, if it is there.
func (f *fast) next(c byte) bool {
	f.space()
	if f.i == len(f.s) || f.s[f.i] != c {
		return false
	}
	f.i++
	return true
}

func (f *fast) literal(word string) bool {
	if !strings.HasPrefix(f.s[f.i:], word) {
		return false
	}
	f.i += len(word)
	return true
}

// text reads a string without escapes and returns what it stands for.
func (f *fast) text() (string, bool) {
	if f.i == len(f.s) || f.s[f.i] != '"' {
		return "", false
	}
	start := f.i + 1
	end, high := plain(f.s, start)
	if end == len(f.s) || f.s[end] != '"' {
		return "", false
	}
	f.i = end + 1
	s := f.s[start:end]
	return s, !high || utf8.ValidString(s)
}

// anyText reads a string that may have escapes of one character. \u is left to the
// strict decoder: it may stand for half a character, or for U+0000.
func (f *fast) anyText() bool {
	start := f.i + 1
	at, some := start, false
	for {
		end, high := plain(f.s, at)
		some = some || high
		if end == len(f.s) {
			return false
		}
		switch f.s[end] {
		case '"':
			f.i = end + 1
			return !some || utf8.ValidString(f.s[start:end])
		case '\\':
			if end+1 == len(f.s) || !strings.ContainsRune(`"\/bfnrt`, rune(f.s[end+1])) {
				return false
			}
			at = end + 2
		default:
			return false // a control character
		}
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain returns where the first quote, backslash or control character from i on is,
// len(s) if there is none, and whether there may be bytes above 0x7F before it: eight
// bytes at a time (Bit Twiddling Hacks, "Determine if a word has a byte less than n").
func plain(s string, i int) (end int, high bool) {
	for ; i+8 <= len(s); i += 8 {
		x := load(s, i)
		quote, back := x^('"'*ones), x^('\\'*ones)
		stop := ((quote-ones)&^quote | (back-ones)&^back | (x-0x20*ones)&^x) & highs
		if stop == 0 {
			high = high || x&highs != 0
			continue
		}
		n := bits.TrailingZeros64(stop) / 8
		return i + n, high || x&highs&(1<<(8*n)-1) != 0
	}
	for ; i < len(s); i++ {
		c := s[i]
		if c == '"' || c == '\\' || c < 0x20 {
			return i, high
		}
		high = high || c >= 0x80
	}
	return i, high
}

// load is one instruction where the processor allows it.
func load(s string, i int) uint64 {
	b := s[i : i+8]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func load4(s string, i int) uint64 {
	b := s[i : i+4]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24
}

// number reads a number as RFC 8259 has it.
func (f *fast) number() bool {
	if f.i < len(f.s) && f.s[f.i] == '-' {
		f.i++
	}
	switch {
	case f.i < len(f.s) && f.s[f.i] == '0':
		f.i++
	case f.digits() == 0:
		return false
	}
	if f.i < len(f.s) && f.s[f.i] == '.' {
		f.i++
		if f.digits() == 0 {
			return false
		}
	}
	if f.i < len(f.s) && (f.s[f.i] == 'e' || f.s[f.i] == 'E') {
		f.i++
		if f.i < len(f.s) && (f.s[f.i] == '+' || f.s[f.i] == '-') {
			f.i++
		}
		return f.digits() > 0
	}
	return true
}

func (f *fast) digits() (n int) {
	for ; f.i < len(f.s) && f.s[f.i] >= '0' && f.s[f.i] <= '9'; f.i++ {
		n++
	}
	return n
}
