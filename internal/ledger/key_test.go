package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "root.key")
	k, err := NewKey(RootName(testArchive))
	if err != nil {
		t.Fatal(err)
	}
	if err := SaveKey(path, k); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	again, err := LoadKey(path)
	if err != nil || again.VKey() != k.VKey() || again.text != k.text {
		t.Errorf("loaded another key, or none: %v", err)
	}
	other, err := NewKey(RootName(testArchive))
	if err != nil {
		t.Fatal(err)
	}
	if other.text == k.text {
		t.Error("two new keys are the same")
	}
	if err := SaveKey(path, other); !errors.Is(err, fs.ErrExist) {
		t.Errorf("saved over an existing key: %v", err)
	}
	if again, err := LoadKey(path); err != nil || again.text != k.text {
		t.Errorf("the first key is gone: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".key-*")); len(left) != 0 {
		t.Errorf("temporary files are left: %v", left)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o660, 0o700, 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKey(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKey(path); err != nil {
		t.Errorf("mode 0400: %v", err)
	}
	if _, err := LoadKey(dir); err == nil {
		t.Error("a folder was loaded as a key")
	}
}

// TestKeysAreNotPrinted: no way of formatting a key, and no error about one,
// shows the private half.
func TestKeysAreNotPrinted(t *testing.T) {
	k := rootKey(t)
	secret := k.text[strings.LastIndex(k.text, "+")+1:]
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if out := fmt.Sprintf(format, k); strings.Contains(out, secret) || strings.Contains(out, "PRIVATE") {
			t.Errorf("%s shows the private key", format)
		}
	}
	for _, bad := range []string{k.text + "x", strings.Replace(k.text, "archiver", "archivar", 1), secret, "", k.VKey()} {
		if _, err := ParseKey(bad); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%.20s…: %v", bad, err)
		}
	}
}

func TestNames(t *testing.T) {
	root := rootKey(t).VKey()
	if id, err := ParseRootName(root); err != nil || id != testArchive {
		t.Errorf("root name: %s, %v", id, err)
	}
	for _, bad := range []string{streamKey(t, testStream).VKey(), "", "x", root + "\n", " " + root,
		seedKey(t, "archiver/"+strings.ToUpper(testArchive.String()), "x").VKey(), seedKey(t, testArchive.String(), "x").VKey()} {
		if _, err := ParseRootName(bad); err == nil {
			t.Errorf("root key %q: accepted", bad)
		}
	}
	for name, want := range map[string]string{
		testStream.String() + "/open":                          "-1 true",
		testStream.String() + "/00000000000000000000.commit":   "0 true",
		testStream.String() + "/00009007199254740991.commit":   "9007199254740991 true",
		testStream.String() + "/00009007199254740992.commit":   "0 false",
		testStream.String() + "/99999999999999999999.commit":   "0 false",
		testStream.String() + "/+0000000000000000001.commit":   "0 false",
		testStream.String() + "/0.commit":                      "0 false",
		testStream.String() + "/00000000000000000000.commit/x": "0 false",
		testStream.String() + "/":                              "0 false",
		testStream.String():                                    "0 false",
		strings.ToUpper(testStream.String()) + "/open":         "0 false",
		"urn:uuid:" + testStream.String() + "/open":            "0 false",
		"x/open": "0 false",
		"":       "0 false",
	} {
		if _, index, ok := parseLedgerName(name); fmt.Sprint(index, " ", ok) != want {
			t.Errorf("%q: %d %v, want %s", name, index, ok, want)
		}
	}
	if got := OpenKey("", testStream); got != "ledger/"+testStream.String()+"/open" {
		t.Errorf("open key without prefix: %s", got)
	}
}
