package event

import (
	"strings"
	"testing"
)

// TestUUIDText puts every byte into every place of an id.
func TestUUIDText(t *testing.T) {
	const id, digits = "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e", "0123456789abcdefABCDEF"
	for at := range len(id) {
		for c := range 256 {
			s := id[:at] + string([]byte{byte(c)}) + id[at+1:]
			valid := strings.IndexByte(digits, byte(c)) >= 0
			if id[at] == '-' {
				valid = c == '-'
			}
			if got, ok := uuidText(s); ok != valid || ok && got != strings.ToLower(s) {
				t.Fatalf("%q: %q, %v; want %v", s, got, ok, valid)
			}
		}
	}
	for _, s := range []string{"", id[1:], id + "0", strings.ReplaceAll(id, "-", ""), "{" + id[1:], strings.ToUpper(id)} {
		if got, ok := uuidText(s); ok != (s == strings.ToUpper(id)) || ok && got != id {
			t.Errorf("%q: %q, %v", s, got, ok)
		}
	}
}
