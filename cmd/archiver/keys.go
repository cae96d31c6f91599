package main

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/kms"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/streams"
)

// keyPlace is where a configuration says that a private key is: one of the three.
type keyPlace struct {
	file, env, kms string
}

func rootPlace(c config.Config) keyPlace {
	return keyPlace{c.Archive.RootKeyFile, c.Archive.RootKeyEnv, c.Archive.RootKeyKMS}
}

func streamPlace(c config.Config) keyPlace {
	return keyPlace{c.Stream.KeyFile, c.Stream.KeyEnv, c.Stream.KeyKMS}
}

// inKMS is what the key file of a successor begins with whose key is in KMS.
const inKMS = "kms:"

// placeOf is where the key of a successor is: in that file, or where the file says.
func placeOf(file string) keyPlace {
	raw, err := os.ReadFile(file)
	if key, ok := strings.CutPrefix(strings.TrimSpace(string(raw)), inKMS); err == nil && ok {
		return keyPlace{kms: key}
	}
	return keyPlace{file: file}
}

// successorKey is how the key of a successor is made: in a file; or, for a server whose
// stream key is in KMS, it is that same key, under the name of the successor.
func successorKey(ctx context.Context, c config.Config, rootVKey string) streams.NewKey {
	if c.Stream.KeyKMS == "" {
		return streams.KeyInFile
	}
	return func(name string) (ledger.Signer, func(file string) error, error) {
		p := keyPlace{kms: c.Stream.KeyKMS}
		key, err := p.remote(ctx, c, name, nil)
		if err == nil && sameKey(key.VKey(), rootVKey) {
			err = errors.New("is the root key: a server must not have it")
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", p, err)
		}
		return key, func(file string) error {
			return durable.WriteFile(durable.OS(), file, []byte(inKMS+p.kms+"\n"), 0o600)
		}, nil
	}
}

// String names the place in messages; it never holds a key.
func (p keyPlace) String() string {
	switch {
	case p.kms != "":
		return "KMS key " + p.kms
	case p.env != "":
		return "environment variable " + p.env
	default:
		return p.file
	}
}

// rootSigner is the root key of the archive that archive.root_vkey stands for.
func rootSigner(ctx context.Context, c config.Config) (ledger.Signer, error) {
	s, err := rootPlace(c).signer(ctx, c, c.Archive.RootVKey)
	if err != nil {
		return nil, fmt.Errorf("root key: %w", err)
	}
	return s, nil
}

// streamSigner is the key of a stream, whose certificate names it vkey.
func streamSigner(ctx context.Context, c config.Config, vkey string) (ledger.Signer, error) {
	s, err := streamPlace(c).signer(ctx, c, vkey)
	if err != nil {
		return nil, fmt.Errorf("stream key: %w", err)
	}
	return s, nil
}

// certified is the verifier key in the stream's certificate; "" when there is none yet.
func certified(c config.Config) (vkey string, _ error) {
	raw, err := os.ReadFile(c.Stream.OpenFile)
	if errors.Is(err, fs.ErrNotExist) || c.Archive.RootVKey == "" {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("stream certificate: %w", err)
	}
	o, err := ledger.ParseOpen(raw, c.Archive.RootVKey)
	if err != nil {
		return "", fmt.Errorf("%s: %w", c.Stream.OpenFile, err)
	}
	return o.VKey, nil
}

// signer opens the key that is known to be vkey. It asks no KMS: a server must be
// able to start while that is away, and each signature is checked.
func (p keyPlace) signer(ctx context.Context, c config.Config, vkey string) (ledger.Signer, error) {
	if p.kms != "" {
		name, public, err := ledger.ParseECDSAKey(vkey)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		return p.remote(ctx, c, name, public)
	}
	k, err := p.local()
	if err == nil && k.VKey() != vkey {
		err = fmt.Errorf("%s holds %s, want %s", p, k.VKey(), vkey)
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

// local reads a key that is in a file or in the environment.
func (p keyPlace) local() (ledger.Key, error) {
	if p.env == "" {
		return ledger.LoadKey(p.file)
	}
	text := os.Getenv(p.env)
	if text == "" {
		return ledger.Key{}, fmt.Errorf("%s is not set", p)
	}
	k, err := ledger.ParseKey(text)
	if err != nil {
		return ledger.Key{}, fmt.Errorf("%s: %w", p, err)
	}
	return k, nil
}

// remote is a key in KMS under a name. With public, KMS is not asked.
func (p keyPlace) remote(ctx context.Context, c config.Config, name string, public *ecdsa.PublicKey) (ledger.Signer, error) {
	cfg := kms.Config{Key: p.kms, Region: c.KMS.Region, Endpoint: c.KMS.Endpoint, CredentialsFile: c.KMS.CredentialsFile,
		Profile: c.KMS.Profile, Public: public, Now: time.Now}
	if cfg.Region == "" && kms.RegionOf(p.kms) == "" {
		cfg.Region = c.S3.Region
	}
	key, err := kms.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return ledger.NewECDSASigner(name, key)
}

// newKey is the key of an archive or a stream that is being made.
type newKey struct {
	ledger.Signer
	id    uuid.UUID   // of the archive or stream
	fresh *ledger.Key // to be saved in a file; nil: it has its place
}

// exists reports whether there is anything under the name of a file.
func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

// begin chooses the key of a new archive or stream. One that is there, in the
// environment or, with use, in a file, has its id in its name, and read takes it out;
// one in KMS has no name of its own; any other one in a file is made.
func (p keyPlace) begin(ctx context.Context, c config.Config, use bool, name func(uuid.UUID) string, read func(ledger.Key) (uuid.UUID, error)) (newKey, error) {
	n := newKey{id: uuid.New()}
	switch {
	case p.env != "", use && p.file != "" && exists(p.file):
		k, err := p.local()
		if err != nil {
			return n, err
		}
		n.Signer = k
		if n.id, err = read(k); err != nil {
			return n, fmt.Errorf("%s: %w", p, err)
		}
		return n, nil
	case p.kms != "":
		var err error
		n.Signer, err = p.remote(ctx, c, name(n.id), nil)
		return n, err
	default:
		k, err := ledger.NewKey(name(n.id))
		n.Signer, n.fresh = k, &k
		return n, err
	}
}

// beginRoot chooses the root key of a new archive; use: one in a file may be there.
func beginRoot(ctx context.Context, c config.Config, use bool) (newKey, error) {
	n, err := rootPlace(c).begin(ctx, c, use, ledger.RootName, func(k ledger.Key) (uuid.UUID, error) {
		return ledger.ParseRootName(k.VKey())
	})
	if err != nil {
		return n, fmt.Errorf("root key: %w", err)
	}
	return n, nil
}

// beginStream chooses the key of a new stream of an archive; use: one in a file may be
// there. It is not the root key: whoever has the server could certify streams.
func beginStream(ctx context.Context, c config.Config, archive uuid.UUID, rootVKey string, use bool) (newKey, error) {
	name := func(stream uuid.UUID) string { return ledger.StreamName(archive, stream) }
	n, err := streamPlace(c).begin(ctx, c, use, name, func(k ledger.Key) (uuid.UUID, error) {
		of, stream, err := ledger.ParseStreamName(k.Name())
		if err == nil && of != archive {
			err = fmt.Errorf("is for archive %s, not %s", of, archive)
		}
		return stream, err
	})
	if err == nil && sameKey(n.VKey(), rootVKey) {
		err = errors.New("is the root key: a server must not have it")
	}
	if err != nil {
		return n, fmt.Errorf("stream key: %w", err)
	}
	return n, nil
}

// sameKey reports whether two verifier keys differ in their names only.
func sameKey(x, y string) bool {
	const parts = 3 // name, hash of name and key, key; each key has one spelling
	a, b := strings.SplitN(x, "+", parts), strings.SplitN(y, "+", parts)
	return len(a) == parts && len(b) == parts && a[2] == b[2]
}
