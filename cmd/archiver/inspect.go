package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/object"
)

func newInspectCommand(a *app) *cobra.Command {
	var file, version string
	cmd := &cobra.Command{
		Use:   "inspect FILE | inspect --config FILE KEY",
		Short: "Print any file or object of an archive as JSON",
		Long: `Print what is in a WAL segment, a Parquet file, a commit, an archive object or a
stream's certificate, as JSON. What it is, is seen from its first bytes.

Without --config the argument is a local file. With --config it is a key in the
bucket, and the answer also tells version, lock and date as the store reports
them; signatures of the root key are checked with archive.root_vkey. A commit's
signature and chain take the whole stream to check, so they are not checked here.

Exit codes:
  0  it was read and printed
  1  it could not be read, is damaged, or has a wrong signature
  2  the command line or the configuration is wrong`,
		Example: `  archiver inspect archiver-data/node/wal/0*.wal
  archiver inspect part.parquet | jq '.content.columns[].name'
  archiver inspect --config archiver.yaml audit-logs/archive
  archiver inspect --config archiver.yaml --version-id 3sL4kq audit-logs/archive`,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if file == "" {
				if version != "" {
					return usagef("--version-id needs --config: a local file has no versions")
				}
				return inspectFiles(a.out, args)
			}
			c, err := loadConfig(file)
			if err != nil {
				return err
			}
			if len(args) > 1 {
				return usagef("one KEY at a time")
			}
			return inspectKey(cmd.Context(), a.out, c, args[0], version)
		},
	}
	addConfigFlag(cmd, &file)
	cmd.Flags().Bool("json", true, "print JSON, which is all that this command prints")
	cmd.Flags().StringVar(&version, "version-id", "", "`version` of the object (default: the current one)")
	return cmd
}

// inspection is the answer about one file or object.
type inspection struct {
	Name    string        `json:"name"`
	Kind    string        `json:"kind"`
	Bytes   int64         `json:"bytes"`
	Stored  *storedObject `json:"stored,omitempty"` // what the bucket says about it
	Content any           `json:"content"`
}

type storedObject struct {
	VersionID   string      `json:"version_id"`
	SHA256      string      `json:"sha256,omitempty"` // absent when the store does not tell
	Mode        object.Mode `json:"mode,omitempty"`   // absent when it is not locked
	RetainUntil string      `json:"retain_until,omitempty"`
}

func inspectFiles(out io.Writer, names []string) error {
	for _, name := range names {
		if err := inspectFile(out, name); err != nil {
			return err
		}
	}
	return nil
}

func inspectFile(out io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("inspect %s: not a regular file", name)
	}
	return inspect(out, inspection{Name: name, Bytes: info.Size()}, f, "")
}

func inspectKey(ctx context.Context, out io.Writer, c config.Config, key, version string) error {
	store, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	return inspectObject(ctx, out, store, c.Archive.RootVKey, key, version)
}

// inspectObject copies an object to a temporary file first: Parquet is read from
// its end, and one GET of one version cannot change under our hands.
func inspectObject(ctx context.Context, out io.Writer, store object.Store, rootVKey, key, version string) error {
	info, err := store.Head(ctx, key, version)
	if err != nil {
		return fmt.Errorf("inspect %s: %w", key, err)
	}
	body, err := store.Get(ctx, key, info.VersionID)
	if err != nil {
		return fmt.Errorf("inspect %s: %w", key, err)
	}
	defer body.Close()
	temp, err := os.CreateTemp("", "archiver-inspect-*")
	if err != nil {
		return fmt.Errorf("inspect %s: %w", key, err)
	}
	defer func() {
		_ = temp.Close()
		_ = os.Remove(temp.Name())
	}()
	size, err := io.Copy(temp, body)
	if err != nil {
		return fmt.Errorf("inspect %s: %w", key, err)
	}
	stored := &storedObject{VersionID: info.VersionID, Mode: info.Mode}
	if info.SHA256 != [32]byte{} {
		stored.SHA256 = fmt.Sprintf("%x", info.SHA256)
	}
	if !info.RetainUntil.IsZero() {
		stored.RetainUntil = info.RetainUntil.UTC().Format(time.RFC3339)
	}
	return inspect(out, inspection{Name: key, Bytes: size, Stored: stored}, temp, rootVKey)
}

// inspect tells the kind from the first bytes and prints the content. What can
// be shown is shown, also when something is wrong with it.
func inspect(out io.Writer, doc inspection, r io.ReaderAt, rootVKey string) error {
	head := make([]byte, 32)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("inspect %s: %w", doc.Name, err)
	}
	for _, k := range kinds {
		if !bytes.HasPrefix(head[:n], []byte(k.magic)) {
			continue
		}
		doc.Kind = k.name
		content, err := k.read(r, doc.Bytes, rootVKey)
		if content != nil {
			doc.Content = content
			err = errors.Join(err, printJSON(out, doc))
		}
		if err != nil {
			return fmt.Errorf("inspect %s: %s: %w", doc.Name, k.name, err)
		}
		return nil
	}
	return fmt.Errorf("inspect %s: starts with %q, which is no format of the archiver", doc.Name, head[:min(n, 16)])
}
