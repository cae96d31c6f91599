package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// Attestation is a signed statement about an archive that is no part of its
// ledger: what a verifier found, or what a repair put back. The root key signs
// it, or the key of a stream that the root key certified.
type Attestation struct {
	Version int            `json:"version"`
	Archive uuid.UUID      `json:"archive"`
	Kind    string         `json:"kind"`   // AttestVerify or AttestRepair
	At      time.Time      `json:"at"`     // whole seconds, UTC
	Signer  string         `json:"signer"` // name of the key
	Body    jsontext.Value `json:"body"`   // an object; what is in it depends on the kind
}

// The kinds of attestations.
const (
	AttestVerify = "verify" // what a verifier found
	AttestRepair = "repair" // which copies a repair has put, and over what
)

const (
	magicAttest  = "archiver attest v1\n"
	attestDir    = "attest/"
	attestSuffix = ".note"
	attestDigits = 16
	// MaxAttestBytes bounds an attestation: a repair of 400 objects or so.
	MaxAttestBytes = maxNoteBytes
)

// RepairBody is the body of an AttestRepair.
type RepairBody struct {
	Objects []RepairedObject `json:"objects"`
}

// RepairedObject is a version that holds the committed bytes of its key again.
type RepairedObject struct {
	Key       string `json:"key"` // relative to the archive's prefix
	VersionID string `json:"version_id"`
	SHA256    Hash   `json:"sha256"`
	// Over names the foreign versions and delete markers that it covers.
	Over []string `json:"over"`
}

// Repair returns the body of an AttestRepair.
func (a *Attestation) Repair() (RepairBody, error) {
	var b RepairBody
	if a.Kind != AttestRepair {
		return b, fmt.Errorf("attestation: kind is %q, want %q", a.Kind, AttestRepair)
	}
	if err := json.Unmarshal(a.Body, &b, rejectUnknown); err != nil {
		return RepairBody{}, fmt.Errorf("attestation: body: %w", err)
	}
	return b, nil
}

// AttestKey is the key of an attestation's object. It ends in the first 16
// hexadecimal digits of the object's SHA-256, so that what lies under a name either
// is the attestation or is seen not to be.
func AttestKey(prefix, kind string, signed []byte) string {
	sum := sha256.Sum256(signed)
	return Join(prefix, attestDir+kind+"/"+hex.EncodeToString(sum[:])[:attestDigits]+attestSuffix)
}

// ParseAttestName takes a name under <prefix>/ apart. ok is false for a name that
// no attestation has.
func ParseAttestName(name string) (kind string, ok bool) {
	rest, ok := strings.CutPrefix(name, attestDir)
	kind, file, found := strings.Cut(rest, "/")
	digits, suffixed := strings.CutSuffix(file, attestSuffix)
	if !ok || !found || !suffixed || len(digits) != attestDigits || !validClass(kind) {
		return "", false
	}
	raw, err := hex.DecodeString(digits)
	if err != nil || hex.EncodeToString(raw) != digits {
		return "", false
	}
	return kind, true
}

// SignAttestation returns the bytes of an attestation about an archive, with body
// as JSON. Version, Signer and Body are filled in.
func SignAttestation(a Attestation, body any, signer Signer) ([]byte, error) {
	raw, err := json.Marshal(body, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("attestation: encode body: %w", err)
	}
	a.Version, a.Signer, a.Body, a.At = formatVersion, signer.Name(), raw, a.At.UTC().Truncate(time.Second)
	if err := a.check(); err != nil {
		return nil, fmt.Errorf("attestation: %w", err)
	}
	signed, err := sealDocument(magicAttest, a, signer)
	if err != nil {
		return nil, fmt.Errorf("attestation: %w", err)
	}
	if len(signed) > MaxAttestBytes {
		return nil, fmt.Errorf("attestation: %d bytes, want at most %d", len(signed), MaxAttestBytes)
	}
	return signed, nil
}

// ParseAttestation checks an attestation. lookup returns the verifier key of the
// root or of a certified stream by its name, "" when there is none: the caller
// takes them from where it takes its trust, never from the attestation.
func ParseAttestation(signed []byte, lookup func(name string) (vkey string)) (Attestation, error) {
	fail := func(err error) (Attestation, error) { return Attestation{}, fmt.Errorf("attestation: %w", err) }
	if len(signed) > MaxAttestBytes {
		return fail(fmt.Errorf("%d bytes, want at most %d", len(signed), MaxAttestBytes))
	}
	name, err := signerOf(signed)
	if err != nil {
		return fail(err)
	}
	vkey := lookup(name)
	if vkey == "" {
		return fail(fmt.Errorf("signed by %q, which is no key of this archive", clip(name)))
	}
	var a Attestation
	if err := unsealDocument(magicAttest, signed, vkey, &a); err != nil {
		return fail(err)
	}
	if err := a.check(); err != nil {
		return fail(err)
	}
	if a.Signer != name {
		return fail(fmt.Errorf("signer is %q, signed by %q", clip(a.Signer), name))
	}
	return a, nil
}

// signerOf returns the name in the only signature line of a note, unchecked.
func signerOf(signed []byte) (string, error) {
	split := bytes.LastIndex(signed, []byte("\n\n"))
	if split < 0 {
		return "", errors.New("not a signed note")
	}
	line, ok := strings.CutPrefix(string(signed[split+2:]), "— ")
	name, _, found := strings.Cut(line, " ")
	if !ok || !found {
		return "", errors.New("not a signed note")
	}
	return name, nil
}

func (a *Attestation) check() error {
	switch {
	case a.Version != formatVersion:
		return fmt.Errorf("version is %d, want %d", a.Version, formatVersion)
	case a.Archive == uuid.Nil:
		return errors.New("archive is missing")
	case a.Signer != RootName(a.Archive) && !strings.HasPrefix(a.Signer, RootName(a.Archive)+"/"):
		return fmt.Errorf("signer %q is no key of archive %s", clip(a.Signer), a.Archive)
	case !validClass(a.Kind):
		return fmt.Errorf("kind %q is not [a-z][a-z0-9-]{0,31}", clip(a.Kind))
	case a.Body.Kind() != '{':
		return errors.New("body is not an object")
	}
	if err := checkTime(a.At, time.Second); err != nil {
		return fmt.Errorf("at %w", err)
	}
	if a.Kind == AttestRepair {
		return a.checkRepair()
	}
	return nil
}

func (a *Attestation) checkRepair() error {
	b, err := a.Repair()
	if err != nil {
		return err
	}
	for i, o := range b.Objects {
		if checkText(o.Key, true) != nil || checkText(o.VersionID, true) != nil || o.SHA256 == (Hash{}) {
			return fmt.Errorf("body: object %d: key, version_id or sha256 is missing", i)
		}
		for _, v := range o.Over {
			if checkText(v, true) != nil {
				return fmt.Errorf("body: object %d: over: a version id is missing", i)
			}
		}
	}
	return nil
}
