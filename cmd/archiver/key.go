package main

import (
	"context"
	"fmt"
	"io"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/ledger"
)

func newKeyCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Make signing keys, and show their public halves",
		Long: `Make signing keys, and show their public halves. See docs/keys.md.

Exit codes:
  0  it worked
  1  it did not work
  2  the command line or the configuration is wrong`,
		Example: `  archiver key new --out root.key
  archiver key show --config archiver.yaml`,
	}
	cmd.AddCommand(newKeyNewCommand(a), newKeyShowCommand(a))
	return group(cmd)
}

// shownKey is a public key as the commands print it.
type shownKey struct {
	Role    string    `json:"role"` // root, stream
	VKey    string    `json:"vkey"`
	Archive uuid.UUID `json:"archive"`
	Stream  uuid.UUID `json:"stream,omitzero"` // of a stream key
	Place   string    `json:"place"`
}

func showKey(vkey, place string) (shownKey, error) {
	name, err := ledger.VKeyName(vkey)
	if err != nil {
		return shownKey{}, err
	}
	if archive, stream, err := ledger.ParseStreamName(name); err == nil {
		return shownKey{"stream", vkey, archive, stream, place}, nil
	}
	archive, err := ledger.ParseRootName(vkey)
	if err != nil {
		return shownKey{}, fmt.Errorf("%s: a key named %q is neither a root key nor a stream key", place, name)
	}
	return shownKey{"root", vkey, archive, uuid.Nil, place}, nil
}

func printKeys(w io.Writer, asJSON bool, keys ...shownKey) error {
	if asJSON {
		return printJSON(w, keys)
	}
	for _, k := range keys {
		if _, err := fmt.Fprintf(w, "%s key, %s:\n  %s\n", k.Role, k.Place, k.VKey); err != nil {
			return fmt.Errorf("write answer: %w", err)
		}
	}
	return nil
}

func newKeyNewCommand(a *app) *cobra.Command {
	var (
		out, root string
		asJSON    bool
	)
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Make a private key in a file",
		Long: `Make a private Ed25519 key in a new file of mode 0600, and print its public half.
Without --stream-of it is a root key, with a new archive's id in its name; with it
a key for a new stream of that archive.

init and stream make key files by themselves. This is for a root key that is made on
another machine than the server (init --use-keys), and for keys that come to a program
in an environment variable (archive.root_key_env, stream.key_env): put the content of
the file there, and remove the file.

Exit codes:
  0  the key was made
  1  it did not work, or there is such a file
  2  the command line is wrong`,
		Example: `  archiver key new --out root.key
  archiver key new --out stream.key --stream-of archiver/0193a1b2-…+5e41b3c2+AWq2…`,
		Args: arguments(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if out == "" {
				return usagef("--out is missing")
			}
			name := ledger.RootName(uuid.New())
			if root != "" {
				archive, err := ledger.ParseRootName(root)
				if err != nil {
					return usageError{fmt.Errorf("--stream-of: %w", err)}
				}
				name = ledger.StreamName(archive, uuid.New())
			}
			k, err := ledger.NewKey(name)
			if err != nil {
				return err
			}
			shown, err := showKey(k.VKey(), out)
			if err != nil {
				return err
			}
			if err := ledger.SaveKey(out, k); err != nil {
				return err
			}
			return printKeys(a.out, asJSON, shown)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`file` to make")
	cmd.Flags().StringVar(&root, "stream-of", "", "make a stream key, for the archive with this root `vkey`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newKeyShowCommand(a *app) *cobra.Command {
	var (
		file   string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "show [FILE...]",
		Short: "Show the public half of key files, or of the keys of a configuration",
		Long: `Show the public half of key files, or with --config of the keys that a configuration
names and this machine can use: from files, the environment or AWS KMS, which is
asked for them.

A KMS key has no name of its own. It is shown under the one that archive.root_vkey,
or the stream's certificate, gives to it; before there is one, init makes it.

Exit codes:
  0  all keys are shown
  1  one could not be read, or is not the one that the configuration expects
  2  the command line or the configuration is wrong`,
		Example: `  archiver key show root.key
  archiver key show --config archiver.yaml --json | jq -r '.[].vkey'`,
		Args: arguments(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (file == "") == (len(args) == 0) {
				return usagef("name key files, or --config")
			}
			keys, err := keyFiles(args)
			if err == nil && file != "" {
				keys, err = configuredKeys(cmd.Context(), file)
			}
			if err != nil {
				return err
			}
			return printKeys(a.out, asJSON, keys...)
		},
	}
	addConfigFlag(cmd, &file)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func keyFiles(names []string) (keys []shownKey, _ error) {
	for _, name := range names {
		k, err := ledger.LoadKey(name)
		if err != nil {
			return nil, err
		}
		shown, err := showKey(k.VKey(), name)
		if err != nil {
			return nil, err
		}
		keys = append(keys, shown)
	}
	return keys, nil
}

// configuredKeys are the keys of a configuration, each compared with what is known of it.
func configuredKeys(ctx context.Context, file string) (keys []shownKey, _ error) {
	c, err := loadConfig(file)
	if err != nil {
		return nil, err
	}
	if p := rootPlace(c); p != (keyPlace{}) {
		shown, err := p.show(ctx, c, c.Archive.RootVKey)
		if err != nil {
			return nil, fmt.Errorf("root key: %w", err)
		}
		keys = append(keys, shown)
	}
	vkey, err := certified(c)
	if err != nil {
		return nil, err
	}
	shown, err := streamPlace(c).show(ctx, c, vkey)
	if err != nil {
		return nil, fmt.Errorf("stream key: %w", err)
	}
	return append(keys, shown), nil
}

// show reads the public half of a key, wherever it is. want is what it must be; "" when
// that is not known.
func (p keyPlace) show(ctx context.Context, c config.Config, want string) (shownKey, error) {
	var s ledger.Signer
	var err error
	switch {
	case p.kms == "":
		s, err = p.local()
	case want == "":
		return shownKey{}, fmt.Errorf("%s has no name yet: init gives it one", p)
	default:
		var name string
		if name, err = ledger.VKeyName(want); err == nil {
			s, err = p.remote(ctx, c, name, nil)
		}
	}
	if err != nil {
		return shownKey{}, err
	}
	if want != "" && s.VKey() != want {
		return shownKey{}, fmt.Errorf("%s holds %s, want %s", p, s.VKey(), want)
	}
	return showKey(s.VKey(), p.String())
}
