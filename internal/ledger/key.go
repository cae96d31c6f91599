package ledger

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
)

// RootName is the name of an archive's root key.
func RootName(archive uuid.UUID) string { return "archiver/" + archive.String() }

// StreamName is the name of a stream's key, and the origin of its checkpoints.
func StreamName(archive, stream uuid.UUID) string {
	return "archiver/" + archive.String() + "/" + stream.String()
}

// ParseRootName returns the archive that a root verifier key speaks for.
func ParseRootName(vkey string) (archive uuid.UUID, err error) {
	v, err := parseVKey(vkey)
	if err != nil {
		return uuid.UUID{}, fmt.Errorf("root key: %w", err)
	}
	id, ok := strings.CutPrefix(v.Name(), "archiver/")
	if archive, err = uuid.Parse(id); !ok || err != nil || RootName(archive) != v.Name() {
		return uuid.UUID{}, fmt.Errorf("root key %q: its name is not archiver/<archive id>", clip(vkey))
	}
	return archive, nil
}

// ParseStreamName returns the archive and the stream that a stream key's name has.
func ParseStreamName(name string) (archive, stream uuid.UUID, err error) {
	a, s, _ := strings.Cut(strings.TrimPrefix(name, "archiver/"), "/")
	archive, errA := uuid.Parse(a)
	stream, errS := uuid.Parse(s)
	if errA != nil || errS != nil || StreamName(archive, stream) != name {
		return uuid.UUID{}, uuid.UUID{}, fmt.Errorf("key name %q is not archiver/<archive id>/<stream id>", clip(name))
	}
	return archive, stream, nil
}

// Key is a private Ed25519 key that signs notes, from a file or the environment.
// Signing the same text twice gives the same bytes.
type Key struct {
	note.Signer
	text string
	vkey string
}

// NewKey makes a key with the given name from the system's randomness.
func NewKey(name string) (Key, error) {
	text, _, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return Key{}, fmt.Errorf("make key %s: %w", name, err)
	}
	return ParseKey(text)
}

// ParseKey reads a private key in the text form of a note signer. No error
// contains key material.
func ParseKey(text string) (Key, error) {
	text = strings.TrimSuffix(text, "\n")
	signer, err := note.NewSigner(text)
	if err != nil {
		return Key{}, errors.New("not a private note key (PRIVATE+KEY+<name>+<hash>+<base64>)")
	}
	// Not the last plus sign: the base64 alphabet has one too.
	parts := strings.SplitN(text, "+", 5) // PRIVATE, KEY, name, hash, key
	raw, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return Key{}, errors.New("not a private Ed25519 note key")
	}
	public := ed25519.NewKeyFromSeed(raw[1:]).Public().(ed25519.PublicKey)
	vkey, err := note.NewEd25519VerifierKey(signer.Name(), public)
	if err != nil {
		return Key{}, fmt.Errorf("key %s: %w", signer.Name(), err)
	}
	return Key{Signer: signer, text: text, vkey: vkey}, nil
}

// VKey returns the public key in the text form of a note verifier.
func (k Key) VKey() string { return k.vkey }

// String returns the public key: a Key that is printed by mistake stays secret.
func (k Key) String() string { return k.vkey }

// GoString is String.
func (k Key) GoString() string { return k.vkey }

// keyFileMode lets nobody but the owner read a private key.
const keyFileMode = 0o600

// SaveKey writes a new key file, durably and whole or not at all. It never
// overwrites: an error that is fs.ErrExist means that there is a file already.
func SaveKey(path string, k Key) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".key-*") // created with mode 0600
	if err != nil {
		return fmt.Errorf("save key: %w", err)
	}
	defer func() { err = errors.Join(err, removeTemp(f.Name())) }()
	_, err = io.WriteString(f, k.text+"\n")
	if err = errors.Join(err, f.Chmod(keyFileMode), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("save key: %w", err)
	}
	// Unlike a rename, a link fails when the name is taken.
	if err := os.Link(f.Name(), path); err != nil {
		return fmt.Errorf("save key: %w", err)
	}
	return syncDir(dir)
}

func removeTemp(name string) error {
	if err := os.Remove(name); err != nil {
		return fmt.Errorf("save key: remove temporary file: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("save key: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("save key: sync %s: %w", dir, err)
	}
	return nil
}

// LoadKey reads a key file. It refuses one that others may read or write.
func LoadKey(path string) (Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return Key{}, fmt.Errorf("load key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat() // of what was opened, not of what the name means by now
	if err != nil {
		return Key{}, fmt.Errorf("load key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return Key{}, fmt.Errorf("load key %s: not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&^keyFileMode != 0 {
		return Key{}, fmt.Errorf("load key %s: mode is %04o: others may read it; chmod 600 it, or make a new key", path, mode)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxText))
	if err != nil {
		return Key{}, fmt.Errorf("load key %s: %w", path, err)
	}
	k, err := ParseKey(string(raw))
	if err != nil {
		return Key{}, fmt.Errorf("load key %s: %w", path, err)
	}
	return k, nil
}
