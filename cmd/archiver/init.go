package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/policy"
	"github.com/audit-archiver/archiver/internal/s3store"
)

func newInitCommand(a *app) *cobra.Command {
	var (
		file                    string
		use                     useExisting
		noPolicy, asJSON        bool
		breakGlass, holdOfficer string
	)
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Create a new archive: bucket, root key, archive object, first stream",
		Long: `Create a new archive. It makes the bucket with Object Lock and versioning, the root
key, the archive object with its retention classes, and the key and certificate of
the first stream. It touches nothing that is there: an existing key file, bucket or
archive is an error. When it did not finish, run it again: it goes on.

Keys that the configuration places in the environment or in AWS KMS are used, not
made, and with --use-keys so are key files that archiver key new made: see
docs/keys.md.

The bucket gets the policy that archiver policy --for bucket prints, unless it has one.
If the store does not hold anybody to it, it is taken back: see docs/operations/store.md.

The root key is needed again only to certify another stream. Keep it away from the
servers, and put the public key that is printed into archive.root_vkey of every
configuration: trust starts there.

Exit codes:
  0  the archive was created
  1  it did not work, or there is something already
  2  the command line or the configuration is wrong`,
		Example: `  archiver init --config archiver.yaml
  archiver init --config archiver.yaml --use-bucket --json`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(file)
			if err != nil {
				return err
			}
			if err := c.ForInit(file); err != nil {
				return err
			}
			made, fresh, err := createArchive(cmd.Context(), c, time.Now(), use)
			if err != nil {
				return fmt.Errorf("init: %w", err)
			}
			if !fresh && storeKind(c) != policy.AWS {
				noPolicy = true // it was tried when the archive was made
			}
			state, err := initPolicy(cmd.Context(), c, noPolicy, breakGlass, holdOfficer)
			if err != nil {
				return fmt.Errorf("init: the archive is made, its bucket has no policy: %w (run it again, or with --no-policy)", err)
			}
			made.Policy = state
			if !fresh && state != policyApplied {
				return fmt.Errorf("init: archive %s is in bucket %s already: nothing was changed", made.Archive, made.Bucket)
			}
			if asJSON {
				return printJSON(a.out, made)
			}
			return announceArchive(a.out, c, file, made)
		},
	}
	addConfigFlag(cmd, &file)
	cmd.Flags().BoolVar(&use.bucket, "use-bucket", false, "use a bucket that exists, if it has Object Lock and versioning")
	cmd.Flags().BoolVar(&use.keys, "use-keys", false, "use the key files that are there, if no archive was made with them, and make the others")
	cmd.Flags().BoolVar(&noPolicy, "no-policy", false, "give the bucket no policy")
	cmd.Flags().StringVar(&breakGlass, "break-glass", "", "`ARN` of the role that the bucket's policy exempts; without one anybody who may change the policy can")
	cmd.Flags().StringVar(&holdOfficer, "hold-officer", "", "`ARN` of the role that may put and lift legal holds; without one nobody may")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// announceArchive says what was made, and what comes next.
func announceArchive(w io.Writer, c config.Config, file string, made created) error {
	_, err := fmt.Fprintf(w, `Created archive %s in bucket %s.
%s

1. Put this into %s, so that everybody knows whom to trust:

   archive:
     root_vkey: %q

2. %s: it is needed again only to certify another stream.
3. archiver serve --config %s
`, made.Archive, made.Bucket, made.Policy.saying(), file, made.RootVKey, keepRoot(c), file)
	return err
}

// keepRoot says what to do with the root key.
func keepRoot(c config.Config) string {
	switch p := rootPlace(c); {
	case p.kms != "":
		return "Take the right to use " + p.String() + " away from the servers"
	case p.env != "":
		return "Keep the key in " + p.String() + " where no server gets it"
	default:
		return "Move " + p.String() + " off this machine"
	}
}

// initPolicy gives the bucket its policy, unless it shall have none.
func initPolicy(ctx context.Context, c config.Config, no bool, breakGlass, holdOfficer string) (policyState, error) {
	if no {
		return policyNotAsked, nil
	}
	store, err := openStore(ctx, c)
	if err != nil {
		return "", err
	}
	return applyPolicy(ctx, c, s3store.Prober{Store: store}, breakGlass, holdOfficer)
}
