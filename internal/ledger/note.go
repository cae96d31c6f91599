package ledger

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// seal signs text, which ends in a newline, as a C2SP signed note.
func seal(text []byte, signer Signer) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: string(text)}, signer)
	if err != nil {
		return nil, fmt.Errorf("sign as %s: %w", signer.Name(), err)
	}
	return signed, nil
}

// unseal checks a signed note and returns its text. It is stricter than the
// note format: exactly one signature, by exactly this key, spelled in exactly
// one way. So nobody but the signer can make a second valid spelling of a signed
// object, and every other version of one is foreign without further thought.
func unseal(signed []byte, vkey string) (text []byte, err error) {
	verifier, err := parseVKey(vkey)
	if err != nil {
		return nil, err
	}
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return nil, fmt.Errorf("signature by %s: %w", verifier.Name(), err)
	}
	sig := n.Sigs[0].Base64
	raw, err := base64.StdEncoding.Strict().DecodeString(sig)
	if err != nil || base64.StdEncoding.EncodeToString(raw) != sig {
		return nil, errors.New("signature: base64 is not canonical")
	}
	if whole := n.Text + "\n— " + n.Sigs[0].Name + " " + sig + "\n"; whole != string(signed) {
		return nil, errors.New("signature: want exactly one, and nothing else")
	}
	return []byte(n.Text), nil
}

// Every signed text starts with a line that says what it is, so that no text can
// be taken for one of another kind: these magic lines start with "archiver ",
// and the first line of a checkpoint, its origin, starts with "archiver/".
const (
	magicArchive  = "archiver archive v1\n"
	magicOpen     = "archiver open v1\n"
	magicShipment = "archiver wal v1\n"
	magicCommit   = "archiver commit v1\n" // unsigned frame; its parts are signed
)

// sealDocument signs magic + one line of JSON.
func sealDocument(magic string, doc any, signer Signer) ([]byte, error) {
	line, err := encodeLine(doc)
	if err != nil {
		return nil, err
	}
	return seal(append([]byte(magic), line...), signer)
}

// unsealDocument is the reverse. The document must be spelled exactly as
// sealDocument spells it, without members that this version does not know.
func unsealDocument(magic string, signed []byte, vkey string, doc any) error {
	if len(signed) > maxNoteBytes {
		return fmt.Errorf("%d bytes, want at most %d", len(signed), maxNoteBytes)
	}
	text, err := unseal(signed, vkey)
	if err != nil {
		return err
	}
	line, ok := bytes.CutPrefix(text, []byte(magic))
	if !ok {
		first, _, _ := strings.Cut(string(text), "\n")
		if strings.HasSuffix(first, " v0") {
			return fmt.Errorf("first line is %q: version 0 was never released and is not read: make a new archive", clip(first))
		}
		return fmt.Errorf("first line is %q, want %q", clip(first), strings.TrimSuffix(magic, "\n"))
	}
	return decodeLine(line, doc, rejectUnknown)
}
