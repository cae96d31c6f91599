package ledger

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// Signer signs notes under one name with one key, which may be in a file, in the
// environment, or where nobody can read it. Signing may take as long as an answer of
// a network does, may fail for a while, and two signatures of one text may differ:
// whoever needs the same bytes again keeps them.
type Signer interface {
	note.Signer
	// VKey returns the public key in the text form of a note verifier.
	VKey() string
}

// The signature types of C2SP signed-note that we use: the first byte of a verifier
// key's base64.
const (
	algEd25519 = 1
	algECDSA   = 2
)

// parseVKey reads a public key and refuses every spelling but the usual one.
func parseVKey(vkey string) (note.Verifier, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	hash, b64, ok := strings.Cut(rest, "+")
	fail := func(why string) (note.Verifier, error) {
		return nil, fmt.Errorf("verifier key %q: %s", clip(vkey), why)
	}
	if !ok || !validName(name) {
		return fail("not <name>+<hash>+<base64>")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(b64)
	if err != nil || len(raw) == 0 || base64.StdEncoding.EncodeToString(raw) != b64 {
		return fail("not spelled canonically")
	}
	var v note.Verifier
	switch raw[0] {
	case algEd25519:
		v, err = note.NewVerifier(vkey)
	case algECDSA:
		v, err = parseECDSAKey(name, raw[1:])
	default:
		return fail("neither Ed25519 nor ECDSA")
	}
	if err != nil {
		return fail(err.Error())
	}
	if fmt.Sprintf("%08x", v.KeyHash()) != hash {
		return fail("the hash is not that of the key")
	}
	return v, nil
}

// validName: as in C2SP signed-note.
func validName(name string) bool {
	return name != "" && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsSpace) && !strings.Contains(name, "+")
}

// ecdsaVerifier checks ECDSA signatures with P-256 and SHA-256.
type ecdsaVerifier struct {
	name string
	hash uint32
	key  *ecdsa.PublicKey
}

// parseECDSAKey reads a SubjectPublicKeyInfo in DER.
func parseECDSAKey(name string, der []byte) (*ecdsaVerifier, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("not a public key in DER")
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("not an ECDSA key on P-256")
	}
	if again, err := x509.MarshalPKIXPublicKey(key); err != nil || !bytes.Equal(again, der) {
		return nil, errors.New("not spelled canonically")
	}
	// This key id does not depend on the name: two keys of one name still differ in it,
	// and whose name is right is decided by the whole verifier key.
	sum := sha256.Sum256(der)
	return &ecdsaVerifier{name: name, hash: binary.BigEndian.Uint32(sum[:]), key: key}, nil
}

func (v *ecdsaVerifier) Name() string    { return v.name }
func (v *ecdsaVerifier) KeyHash() uint32 { return v.hash }

// Verify demands the one spelling that Sign makes.
func (v *ecdsaVerifier) Verify(text, sig []byte) bool {
	canonical, err := canonicalECDSA(sig)
	if err != nil || !bytes.Equal(canonical, sig) {
		return false
	}
	digest := sha256.Sum256(text)
	return ecdsa.VerifyASN1(v.key, digest[:], sig)
}

// canonicalECDSA returns a signature in DER with the lower of the two values of s
// that are both right. Anybody can compute the other one, so if both were accepted,
// everybody could spell what was signed in a second way.
func canonicalECDSA(sig []byte) ([]byte, error) {
	var values struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(sig, &values)
	order := elliptic.P256().Params().N
	if err != nil || len(rest) > 0 || values.R.Sign() <= 0 || values.S.Sign() <= 0 ||
		values.R.Cmp(order) >= 0 || values.S.Cmp(order) >= 0 {
		return nil, errors.New("not an ECDSA signature in DER")
	}
	if half := new(big.Int).Rsh(order, 1); values.S.Cmp(half) > 0 {
		values.S.Sub(order, values.S)
	}
	return asn1.Marshal(values)
}

type ecdsaSigner struct {
	*ecdsaVerifier
	vkey string
	key  crypto.Signer
}

// NewECDSASigner returns a Signer of that name with an ECDSA key on P-256, wherever
// it is: only digests go to key.
func NewECDSASigner(name string, key crypto.Signer) (Signer, error) {
	if !validName(name) {
		return nil, fmt.Errorf("key name %q has a space or a plus sign, or is empty", clip(name))
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", name, err)
	}
	v, err := parseECDSAKey(name, der)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", name, err)
	}
	vkey := fmt.Sprintf("%s+%08x+%s", name, v.hash, base64.StdEncoding.EncodeToString(append([]byte{algECDSA}, der...)))
	return &ecdsaSigner{v, vkey, key}, nil
}

// Sign signs text, and makes sure that it was signed by the key that VKey names.
func (s *ecdsaSigner) Sign(text []byte) ([]byte, error) {
	digest := sha256.Sum256(text)
	made, err := s.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	sig, err := canonicalECDSA(made)
	if err != nil {
		return nil, err
	}
	if !s.Verify(text, sig) {
		return nil, errors.New("the signature is by another key")
	}
	return sig, nil
}

func (s *ecdsaSigner) VKey() string { return s.vkey }

// VKeyName returns the name of a verifier key.
func VKeyName(vkey string) (string, error) {
	v, err := parseVKey(vkey)
	if err != nil {
		return "", err
	}
	return v.Name(), nil
}

// ParseECDSAKey takes a verifier key apart that is one of ECDSA.
func ParseECDSAKey(vkey string) (name string, key *ecdsa.PublicKey, err error) {
	v, err := parseVKey(vkey)
	if err != nil {
		return "", nil, err
	}
	e, ok := v.(*ecdsaVerifier)
	if !ok {
		return "", nil, fmt.Errorf("verifier key %q: is an Ed25519 key, not an ECDSA key", clip(vkey))
	}
	return e.name, e.key, nil
}
