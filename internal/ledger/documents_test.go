package ledger

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// TestSignedDocuments alters the archive and open documents, signed by the right
// key: the reader refuses what it does not understand.
func TestSignedDocuments(t *testing.T) {
	root := rootKey(t)
	archive, err := SignArchive(archiveDoc(), root)
	if err != nil {
		t.Fatal(err)
	}
	open := signedOpen(t, testStream)
	parseArchive := func(b []byte) error { _, err := ParseArchive(b, root.VKey()); return err }
	parseOpen := func(b []byte) error { _, err := ParseOpen(b, root.VKey()); return err }
	for _, tt := range []struct {
		name     string
		doc      []byte
		parse    func([]byte) error
		old, new string
		want     string // "" : accepted
	}{
		{"archive", archive, parseArchive, "", "", ""},
		{"archive magic", archive, parseArchive, "archiver archive v1", "archiver archive v2", "first line"},
		{"archive as open", archive, parseOpen, "", "", "first line"},
		{"archive version", archive, parseArchive, `"version":1`, `"version":2`, "version is 2"},
		{"archive id", archive, parseArchive, testArchive.String(), otherStream.String(), "id is"},
		{"archive layout", archive, parseArchive, `"day"`, `"hour"`, "layout"},
		{"archive unknown member", archive, parseArchive, `"layout"`, `"x":1,"layout"`, "decode"},
		{"archive unknown member at the end", archive, parseArchive, "\"}\n", "\",\"x\":1}\n", "decode"},
		{"class order", archive, parseArchive, `{"name":"security","days":2555},`, `{"name":"zzz","days":2555},`, "not in order"},
		{"class name", archive, parseArchive, `"security"`, `"Security"`, "is not [a-z]"},
		{"class days", archive, parseArchive, `"days":365`, `"days":0`, "0 days"},
		{"default", archive, parseArchive, `"default":"standard"`, `"default":"none"`, "is not a class"},
		{"root", archive, parseArchive, `"root":"archiver/`, `"root":"archiver+`, "root is not the key"},
		{"created", archive, parseArchive, `"created":"2026-11-23T10:00:00Z"`, `"created":"2026-11-23T10:00:00.5Z"`, "created"},
		{"open", open, parseOpen, "", "", ""},
		{"open as archive", open, parseArchive, "", "", "first line"},
		{"open archive", open, parseOpen, `"archive":"` + testArchive.String(), `"archive":"` + otherStream.String(), "archive is"},
		{"open stream", open, parseOpen, `"stream":"` + testStream.String(), `"stream":"` + otherStream.String(), "key is named"},
		{"open key", open, parseOpen, streamKey(t, testStream).VKey(), streamKey(t, otherStream).VKey(), "key is named"},
		{"open key spelled otherwise", open, parseOpen, streamKey(t, testStream).VKey(), streamKey(t, testStream).VKey() + `\n`, "not spelled canonically"},
		{"open key of the root", open, parseOpen, streamKey(t, testStream).VKey(), root.VKey(), "key is named"},
		{"open life", open, parseOpen, `"retain_until":"2034`, `"retain_until":"2026`, "before the stream's life ends"},
		{"open previous is null", open, parseOpen, `"opened_at"`, `"previous":"` + uuid.Nil.String() + `","opened_at"`, "canonical"},
		{"open previous is itself", open, parseOpen, `"opened_at"`, `"previous":"` + testStream.String() + `","opened_at"`, "previous"},
		{"open previous", open, parseOpen, `"opened_at"`, `"previous":"` + otherStream.String() + `","opened_at"`, ""},
	} {
		text, _, _ := strings.Cut(string(tt.doc), "\n\n")
		changed := strings.ReplaceAll(text+"\n", tt.old, tt.new)
		if tt.old == "" {
			changed = text + "\n"
		} else if changed == text+"\n" {
			t.Errorf("%s: the test changes nothing in %s", tt.name, text)
		}
		signed, err := seal([]byte(changed), root)
		if err != nil {
			t.Fatal(err)
		}
		err = tt.parse(signed)
		if (tt.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	for i := range open {
		bad := bytes.Clone(open)
		bad[i] ^= 1
		if parseOpen(bad) == nil {
			t.Errorf("open with byte %d changed: accepted", i)
		}
	}
}

// TestSignatures: a signed text has one valid spelling, and only its own key's.
func TestSignatures(t *testing.T) {
	root := rootKey(t)
	signed := signedOpen(t, testStream)
	text, sig, _ := strings.Cut(string(signed), "\n\n")
	other, err := seal([]byte(text+"\n"), streamKey(t, testStream))
	if err != nil {
		t.Fatal(err)
	}
	_, otherSig, _ := strings.Cut(string(other), "\n\n")
	impostor, err := seal([]byte(text+"\n"), seedKey(t, RootName(testArchive), "impostor"))
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"signed by the stream":         string(other),
		"signed by an impostor":        string(impostor),
		"a second signature":           string(signed) + otherSig,
		"a second signature first":     text + "\n\n" + otherSig + sig,
		"the same signature twice":     string(signed) + sig,
		"carriage return in base64":    strings.TrimSuffix(string(signed), "\n") + "\r\n",
		"no signature":                 text + "\n",
		"an empty line at the end":     string(signed) + "\n",
		"text before":                  "x\n" + string(signed),
		"base64 with other last digit": lastDigit(string(signed)),
	} {
		if _, err := ParseOpen([]byte(bad), root.VKey()); err == nil {
			t.Errorf("%s: accepted:\n%s", name, bad)
		}
	}
	if _, err := ParseOpen(signed, seedKey(t, RootName(otherStream), "x").VKey()); err == nil {
		t.Error("another archive's root key: accepted")
	}
	if _, err := ParseOpen(signed, streamKey(t, testStream).VKey()); err == nil {
		t.Error("a stream key as root key: accepted")
	}
	if _, err := ParseArchive(nil, ""); err == nil {
		t.Error("no root key: accepted")
	}
}

// lastDigit changes bits of a base64 text that stand for nothing.
func lastDigit(signed string) string {
	i := strings.LastIndex(signed, "=") - 1
	for signed[i] == '=' {
		i--
	}
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	d := strings.IndexByte(digits, signed[i])
	return fmt.Sprintf("%s%c%s", signed[:i], digits[d^1], signed[i+1:])
}
