package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// rejectUnknown is for documents that cannot have members of a later minor version.
var rejectUnknown = json.RejectUnknownMembers(true)

// encodeLine spells a document: its members in the order of the struct, nothing
// between tokens, and a newline. There is no other accepted spelling.
func encodeLine(doc any) ([]byte, error) {
	b, err := json.Marshal(doc, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return append(b, '\n'), nil
}

// decodeLine reads what encodeLine wrote and refuses every other spelling:
// duplicate, missing, reordered or differently cased members, white space,
// needless escapes, other forms of a number or a date. Two readers that
// understand a document at all therefore understand the same.
//
// Members that a later minor version appended are kept in the document's Extra.
func decodeLine(line []byte, doc any, opts ...json.Options) error {
	body, ok := bytes.CutSuffix(line, []byte("\n"))
	if !ok || bytes.IndexByte(body, '\n') >= 0 {
		return errors.New("decode: not one line")
	}
	if err := json.Unmarshal(body, doc, opts...); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	again, err := encodeLine(doc)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, line) {
		at := 0
		for at < min(len(again), len(line)) && again[at] == line[at] {
			at++
		}
		return fmt.Errorf("decode: not the canonical spelling at byte %d", at)
	}
	return nil
}

// checkTime demands UTC, a whole multiple of unit, and a year of four digits.
func checkTime(t time.Time, unit time.Duration) error {
	switch {
	case t.IsZero():
		return errors.New("is missing")
	case t.Location() != time.UTC:
		return errors.New("is not in UTC")
	case !t.Equal(t.Truncate(unit)):
		return fmt.Errorf("is not a multiple of %v", unit)
	case t.Year() < 1 || t.Year() > 9999:
		return errors.New("is out of range")
	}
	return nil
}

// unseen reports a character that a text for people must not have: a control
// character but newline, or one that changes the direction of what follows. Whoever
// has a stream's key writes texts, and others read them on a terminal.
func unseen(c rune) bool {
	return c < 0x20 && c != '\n' || 0x7f <= c && c <= 0x9f || 0x2028 <= c && c <= 0x202e || 0x2066 <= c && c <= 0x2069
}

// seen replaces what checkProse refuses, so that no host name or error message keeps
// a commit from being made.
func seen(s string) string {
	return strings.Map(func(c rune) rune {
		if unseen(c) {
			return utf8.RuneError
		}
		return c
	}, s)
}

// checkProse is checkText for a text that is meant for people.
func checkProse(s string, required bool) error {
	if i := strings.IndexFunc(s, unseen); i >= 0 {
		return fmt.Errorf("has a control character at byte %d", i)
	}
	return checkText(s, required)
}

func checkText(s string, required bool) error {
	switch {
	case required && s == "":
		return errors.New("is missing")
	case len(s) > maxText:
		return fmt.Errorf("has %d bytes, want at most %d", len(s), maxText)
	case !utf8.ValidString(s):
		return errors.New("is not UTF-8")
	}
	return nil
}
