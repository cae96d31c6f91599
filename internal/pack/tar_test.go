package pack

import (
	"archive/tar"
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/ledger"
)

// plain puts members together as a pack does.
func plain(t *testing.T, members ...[2]string) []byte {
	t.Helper()
	var b []byte
	for _, m := range members {
		h, err := Header(m[0], int64(len(m[1])))
		if err != nil {
			t.Fatal(err)
		}
		b = append(append(append(b, h...), m[1]...), make([]byte, Padding(int64(len(m[1]))))...)
	}
	return append(b, make([]byte, EndBytes)...)
}

// with writes a tar file as other programs do.
func with(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestIndex(t *testing.T) {
	long := strings.Repeat("d", 100) + "/" + strings.Repeat("n", 90)
	b := plain(t, [2]string{"a", "one"}, [2]string{"b/c", ""}, [2]string{long, strings.Repeat("x", 513)})
	names, members, err := index(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(names) != 3 || names[2] != long || members["a"] != (place{512, 3}) {
		t.Fatalf("%v %v %v", names, members, err)
	}
	if n := members[long]; n.size != 513 {
		t.Errorf("%+v", n)
	}
	// Another program reads the same.
	r := tar.NewReader(bytes.NewReader(b))
	for _, name := range names {
		h, err := r.Next()
		if err != nil || h.Name != name || h.Typeflag != tar.TypeReg {
			t.Errorf("%+v, %v", h, err)
		}
	}
}

// Whatever is not written as a pack is refused, before anything of it is used.
func TestIndexRefuses(t *testing.T) {
	good := tar.Header{Typeflag: tar.TypeReg, Name: "a", Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
	change := func(f func(*tar.Header)) tar.Header {
		h := good
		f(&h)
		return h
	}
	whole := plain(t, [2]string{"a", "one"})
	huge, err := Header("a", MaxMemberBytes)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty":            nil,
		"no tar":           bytes.Repeat([]byte("x"), 2048),
		"a member twice":   plain(t, [2]string{"a", "1"}, [2]string{"a", "1"}),
		"out of order":     plain(t, [2]string{"b", "1"}, [2]string{"a", "1"}),
		"a link":           with(t, change(func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "/etc/passwd" })),
		"a folder":         with(t, change(func(h *tar.Header) { h.Typeflag, h.Name = tar.TypeDir, "a/" })),
		"an owner":         with(t, change(func(h *tar.Header) { h.Uid = 7 })),
		"a mode":           with(t, change(func(h *tar.Header) { h.Mode = 0o755 })),
		"a time":           with(t, change(func(h *tar.Header) { h.ModTime = time.Unix(1, 0) })),
		"PAX":              with(t, change(func(h *tar.Header) { h.Format, h.PAXRecords = tar.FormatPAX, map[string]string{"VENDOR.note": "b"} })),
		"GNU":              with(t, change(func(h *tar.Header) { h.Format, h.Name = tar.FormatGNU, strings.Repeat("n", 300) })),
		"a size of 8 GiB":  append(huge, make([]byte, 2048)...),
		"something behind": append(plain(t, [2]string{"a", "one"}), make([]byte, 512)...),
		"one block of end": whole[:len(whole)-512],
		"no end":           whole[:1024],
		"half a member":    whole[:514],
		"dirty padding":    bytes.Replace(whole, []byte("one\x00"), []byte("one\x01"), 1),
	} {
		_, _, err := index(bytes.NewReader(b), int64(len(b)))
		if f := (*Finding)(nil); !errors.As(err, &f) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Names are only names: a checker writes nothing anywhere. What the format does not
// know is told all the same.
func TestNamesThatLeadAway(t *testing.T) {
	key, err := ledger.NewKey("archiver/0193a1b2-0000-7000-8000-00000000000a")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../../etc/passwd", "/etc/passwd", "ledger/../open", "ledger//open", "manifest.json/x"} {
		b := plain(t, [2]string{name, "x"})
		r, err := Check(t.Context(), bytes.NewReader(b), int64(len(b)), key.VKey(), nil)
		if err != nil || r.Result != Violation {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// FuzzCheck: no input ends the process or is accepted.
func FuzzCheck(f *testing.F) {
	key, err := ledger.NewKey("archiver/0193a1b2-0000-7000-8000-00000000000a")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"version":1,"archive":"0193a1b2-0000-7000-8000-00000000000a","members":[]}`+"\n"), []byte("x"))
	f.Fuzz(func(t *testing.T, manifest, statement []byte) {
		b := plain(t, [2]string{ManifestName, string(manifest)}, [2]string{StatementName, string(statement)})
		r, err := Check(t.Context(), bytes.NewReader(b), int64(len(b)), key.VKey(), nil)
		if err == nil && r.Result != Violation {
			t.Errorf("accepted: %+v", r)
		}
	})
}
