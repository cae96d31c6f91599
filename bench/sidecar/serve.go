package sidecar

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/s3store"
)

// Archive is the archive of a running `archiver dev`, seen from outside, with its root key at hand.
type Archive struct {
	Store  *s3store.Store
	Prefix string
	Root   ledger.Key
	About  ledger.Archive
	Own    uuid.UUID // stream of the dev server
	config []byte    // of the dev server
}

// OpenArchive reads what is needed to add streams.
func OpenArchive(ctx context.Context, dev *Sidecar) (*Archive, error) {
	c, err := config.Load(dev.Ready.Config)
	if err != nil {
		return nil, err
	}
	a := &Archive{Prefix: c.S3.Prefix}
	if a.Root, err = ledger.LoadKey(c.Archive.RootKeyFile); err != nil {
		return nil, err
	}
	signed, err := os.ReadFile(filepath.Join(c.DataDir, "archive.signed"))
	if err != nil {
		return nil, err
	}
	if a.About, err = ledger.ParseArchive(signed, a.Root.VKey()); err != nil {
		return nil, err
	}
	open, err := os.ReadFile(c.Stream.OpenFile)
	if err != nil {
		return nil, err
	}
	head, err := ledger.NewHead(open, a.Root.VKey())
	if err != nil {
		return nil, err
	}
	a.Own = head.Stream
	a.Store, err = s3store.Open(ctx, s3store.Config{Endpoint: dev.Ready.S3, Region: c.S3.Region, Bucket: c.S3.Bucket, PathStyle: true,
		CredentialsFile: c.S3.CredentialsFile, Profile: c.S3.Profile})
	if err != nil {
		return nil, err
	}
	a.config, err = os.ReadFile(dev.Ready.Config)
	return a, err
}

// Rows reads the ledger in the bucket and says how many rows each stream has committed.
func (a *Archive) Rows(ctx context.Context) (map[uuid.UUID]int64, error) {
	r, err := ledger.NewReader(a.Store, a.Prefix, a.Root.VKey())
	if err != nil {
		return nil, err
	}
	view, err := r.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	if len(view.Findings) > 0 {
		return nil, fmt.Errorf("the ledger has findings, such as %v", view.Findings[0])
	}
	rows := make(map[uuid.UUID]int64)
	for i := range view.Streams {
		s := &view.Streams[i]
		for j := range s.Manifests {
			rows[s.Open.Stream] += s.Manifests[j].Count
		}
	}
	return rows, nil
}

// Put creates a locked object.
func (a *Archive) Put(ctx context.Context, key string, body []byte, until time.Time) error {
	_, err := a.Store.Put(ctx, object.Put{Key: key, Body: bytes.NewReader(body), Size: int64(len(body)), SHA256: sha256.Sum256(body),
		ContentType: "text/plain; charset=utf-8", RetainUntil: until})
	return err
}

// Certify opens another stream in the bucket and returns its key and certificate.
func (a *Archive) Certify(ctx context.Context) (ledger.Key, []byte, error) {
	id := uuid.New()
	key, err := ledger.NewKey(ledger.StreamName(a.About.ID, id))
	if err != nil {
		return key, nil, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	o := ledger.Open{Archive: a.About.ID, Stream: id, VKey: key.VKey(), OpenedAt: now, RetainUntil: a.About.RetainUntil(now)}
	open, err := ledger.SignOpen(o, a.Root)
	if err != nil {
		return key, nil, err
	}
	return key, open, a.Put(ctx, ledger.OpenKey(a.Prefix, id), open, o.RetainUntil)
}

// Configure writes a configuration for a command that reads the archive of a dev server.
func (a *Archive) Configure(file string, dev *Sidecar) error {
	text := regexp.MustCompile(`endpoint: .*`).ReplaceAll(a.config, []byte("endpoint: "+dev.Ready.S3))
	return os.WriteFile(file, text, 0o600)
}

// Serve starts `archiver serve` with a stream of its own in the archive. dir must be empty.
func (a *Archive) Serve(ctx context.Context, binary, dir string, dev *Sidecar, s Seal) (*Sidecar, error) {
	key, open, err := a.Certify(ctx)
	if err != nil {
		return nil, err
	}
	keyFile, openFile, file := filepath.Join(dir, "stream.key"), filepath.Join(dir, "stream.open"), filepath.Join(dir, "archiver.yaml")
	text := a.config
	for _, edit := range [][2]string{
		{`data_dir: .*`, "data_dir: " + filepath.Join(dir, "node")}, {`listen: .*`, "listen: 127.0.0.1:0"}, {`endpoint: .*`, "endpoint: " + dev.Ready.S3},
		{`credentials_file: .*`, "credentials_file: " + dev.Ready.Credentials}, {`(?m)^  key_file: .*`, "  key_file: " + keyFile},
		{`open_file: .*`, "open_file: " + openFile}, {`(?m)^  root_key_file: .*\n`, ""}, {`(?m)^seal:\n(  .*\n)+`, s.yaml()},
	} {
		text = regexp.MustCompile(edit[0]).ReplaceAll(text, []byte(edit[1]))
	}
	err = errors.Join(os.MkdirAll(dir, 0o700), ledger.SaveKey(keyFile, key), os.WriteFile(openFile, open, 0o600), os.WriteFile(file, text, 0o600))
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", dir, err)
	}
	sc, err := start(exec.Command(binary, "serve", "--config", file, "--json"))
	if err != nil {
		return nil, err
	}
	sc.seal = s
	return sc, nil
}
