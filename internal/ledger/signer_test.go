package ledger

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
)

// ecdsaKey is the private key that SHA-256 of seed is.
func ecdsaKey(t testing.TB, seed string) *ecdsa.PrivateKey {
	t.Helper()
	raw := sha256.Sum256([]byte(seed))
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// repeatable signs as RFC 6979 says, so that vectors stay the same.
type repeatable struct{ *ecdsa.PrivateKey }

func (k repeatable) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.PrivateKey.Sign(nil, digest, opts)
}

func ecdsaSignerOf(t testing.TB, name, seed string) Signer {
	t.Helper()
	s, err := NewECDSASigner(name, repeatable{ecdsaKey(t, seed)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// highS is a key whose signatures all have the higher of the two values of s, as half
// of those of a KMS do.
type highS struct{ *ecdsa.PrivateKey }

func (k highS) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	sig, err := k.PrivateKey.Sign(r, digest, opts)
	if err != nil {
		return nil, err
	}
	return withHighS(sig), nil
}

func withHighS(sig []byte) []byte {
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(sig, &v); err != nil {
		panic(err)
	}
	order := elliptic.P256().Params().N
	if v.S.Cmp(new(big.Int).Rsh(order, 1)) <= 0 {
		v.S.Sub(order, v.S)
	}
	b, err := asn1.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// TestECDSASigner: whatever the key returns, the note has one spelling, and it is by
// the key that was named.
func TestECDSASigner(t *testing.T) {
	key := ecdsaKey(t, "k")
	for name, by := range map[string]crypto.Signer{"as it comes": key, "always high": highS{key}} {
		s, err := NewECDSASigner("example.com/k", by)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			text := fmt.Appendf(nil, "text %d\n", i)
			signed, err := seal(text, s)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := unseal(signed, s.VKey()); err != nil || !bytes.Equal(got, text) {
				t.Fatalf("%s: %q, %v", name, got, err)
			}
		}
	}
	failing := map[string]struct {
		by   func(digest []byte) ([]byte, error)
		says string
	}{
		"away":        {func([]byte) ([]byte, error) { return nil, errors.New("no route to host") }, "no route to host"},
		"another key": {func(d []byte) ([]byte, error) { return ecdsaKey(t, "other").Sign(rand.Reader, d, crypto.SHA256) }, "by another key"},
		"nothing":     {func([]byte) ([]byte, error) { return nil, nil }, "not an ECDSA signature"},
		"no DER":      {func([]byte) ([]byte, error) { return make([]byte, 64), nil }, "not an ECDSA signature"},
		"zeros":       {func([]byte) ([]byte, error) { return []byte{0x30, 6, 2, 1, 0, 2, 1, 0}, nil }, "not an ECDSA signature"},
		"one s of it": {func([]byte) ([]byte, error) { return []byte{0x30, 6, 2, 1, 1, 2, 1, 1}, nil }, "by another key"},
	}
	for name, f := range failing {
		s, err := NewECDSASigner("example.com/k", stub{key, f.by})
		if err != nil {
			t.Fatal(err)
		}
		if signed, err := seal([]byte("text\n"), s); err == nil || !strings.Contains(err.Error(), f.says) {
			t.Errorf("%s: signed %q, %v, want %q", name, signed, err, f.says)
		}
	}
}

// stub has a public key and signs as by says.
type stub struct {
	*ecdsa.PrivateKey
	by func(digest []byte) ([]byte, error)
}

func (s stub) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	return s.by(digest)
}

// badSpellings are signatures that are right in a spelling that is not: everybody can
// make them of a true one.
func badSpellings(sig []byte) map[string][]byte {
	body := sig[2:]
	r := body[2 : 2+body[1]]
	s := body[2+body[1]+2:]
	integer := func(b []byte) []byte { return append([]byte{2, byte(len(b))}, b...) }
	sequence := func(b ...[]byte) []byte {
		all := bytes.Join(b, nil)
		return append([]byte{0x30, byte(len(all))}, all...)
	}
	fixed := func(b []byte) []byte { return new(big.Int).SetBytes(b).FillBytes(make([]byte, 32)) }
	return map[string][]byte{
		"the higher s":          withHighS(sig),
		"64 bytes of r and s":   append(fixed(r), fixed(s)...),
		"a zero before r":       sequence(integer(append([]byte{0}, r...)), integer(s)),
		"a length of two bytes": append([]byte{0x30, 0x81, sig[1]}, body...),
		"a byte after it":       append(bytes.Clone(sig), 0),
		"a third number":        sequence(integer(r), integer(s), integer([]byte{1})),
		"an indefinite length":  append(append([]byte{0x30, 0x80}, body...), 0, 0),
		"r cut by one byte":     sequence(integer(r[:len(r)-1]), integer(s)),
		"a negative s":          sequence(integer(r), integer(append([]byte{0xff}, s...))),
		"a set, not a sequence": append([]byte{0x31}, sig[1:]...),
		"no signature at all":   nil,
	}
}

func TestECDSASpelling(t *testing.T) {
	s := ecdsaSignerOf(t, "example.com/k", "k")
	text := []byte("text\n")
	sig, err := s.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	note := func(hash uint32, sig []byte) []byte {
		raw := append(binary.BigEndian.AppendUint32(nil, hash), sig...)
		return fmt.Appendf(nil, "%s\n— %s %s\n", text, s.Name(), base64.StdEncoding.EncodeToString(raw))
	}
	if _, err := unseal(note(s.KeyHash(), sig), s.VKey()); err != nil {
		t.Fatal(err)
	}
	if _, err := unseal(note(s.KeyHash()+1, sig), s.VKey()); err == nil {
		t.Error("accepted another key id")
	}
	for why, bad := range badSpellings(sig) {
		if _, err := unseal(note(s.KeyHash(), bad), s.VKey()); err == nil {
			t.Errorf("accepted %s", why)
		}
	}
}

// badVKeys are verifier keys that are none, or not spelled as they must be.
func badVKeys(t testing.TB, s Signer) map[string]string {
	t.Helper()
	name, rest, _ := strings.Cut(s.VKey(), "+")
	_, b64, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		t.Fatal(err)
	}
	of := func(raw []byte) string {
		sum := sha256.Sum256(raw[1:])
		return fmt.Sprintf("%s+%x+%s", name, sum[:4], base64.StdEncoding.EncodeToString(raw))
	}
	if of(raw) != s.VKey() {
		t.Fatalf("%s is not %s", of(raw), s.VKey())
	}
	scalar := sha512.Sum384([]byte(name))
	p384, err := ecdsa.ParseRawPrivateKey(elliptic.P384(), scalar[:])
	if err != nil {
		t.Fatal(err)
	}
	other, err := x509.MarshalPKIXPublicKey(p384.Public())
	if err != nil {
		t.Fatal(err)
	}
	point := raw[len(raw)-64:]
	compressed := bytes.Clone(raw[:len(raw)-32])
	compressed[2], compressed[2+23], compressed[len(compressed)-33] = 0x39, 0x22, 2+point[63]&1
	off := bytes.Clone(raw)
	off[len(off)-1] ^= 1
	ed := append([]byte{1}, raw[1:]...)
	return map[string]string{
		"another hash":     strings.Replace(s.VKey(), "+", "+0", 1)[:len(name)+9] + "+" + b64,
		"hash in capitals": name + "+" + strings.ToUpper(rest[:8]) + "+" + b64,
		"the hash of a C2SP type 0x01 key": func() string {
			sum := sha256.Sum256(append([]byte(name+"\n"), raw...))
			return fmt.Sprintf("%s+%x+%s", name, sum[:4], b64)
		}(),
		"a type that is not assigned": of(append([]byte{3}, raw[1:]...)),
		"an Ed25519 key of 91 bytes":  of(ed),
		"another curve":               of(append([]byte{2}, other...)),
		"a compressed point":          of(compressed),
		"a point off the curve":       of(off),
		"a byte after the key":        of(append(bytes.Clone(raw), 0)),
		"no key":                      of([]byte{2}),
		"no name":                     s.VKey()[len(name):],
		"a space in the name":         strings.Replace(s.VKey(), "/", " /", 1),
	}
}

func TestECDSAVKeys(t *testing.T) {
	s := ecdsaSignerOf(t, RootName(testArchive), "root")
	if v, err := parseVKey(s.VKey()); err != nil || v.Name() != s.Name() || v.KeyHash() != s.KeyHash() {
		t.Fatalf("%s: %v", s.VKey(), err)
	}
	if name, got, err := ParseECDSAKey(s.VKey()); err != nil || name != s.Name() || !got.Equal(ecdsaKey(t, "root").Public()) {
		t.Errorf("public key: %s %v, %v", name, got, err)
	}
	if _, _, err := ParseECDSAKey(rootKey(t).VKey()); err == nil {
		t.Error("an Ed25519 key is one of ECDSA")
	}
	for why, bad := range badVKeys(t, s) {
		if _, err := parseVKey(bad); err == nil {
			t.Errorf("accepted %s: %s", why, bad)
		}
	}
	for _, name := range []string{"", "a b", "a+b", "a\u00a0b", "a\xff"} {
		if _, err := NewECDSASigner(name, ecdsaKey(t, "k")); err == nil {
			t.Errorf("accepted the name %q", name)
		}
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewECDSASigner("k", p384); err == nil {
		t.Error("accepted P-384")
	}
}
