package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/policy"
)

// policyFlags say who is who.
type policyFlags struct {
	config, role, store, format     string
	breakGlass, holdOfficer, kmsKey string
	outageDays                      int
	attest                          bool
}

func newPolicyCommand(a *app) *cobra.Command {
	var f policyFlags
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Print the access policies for an archive's bucket",
		Long: `Print the policy that a role needs, or that of the bucket itself, for this archive:
its bucket, its prefix, its retention classes. Nothing is changed anywhere.

  bucket        binds everybody: no deletes, no markers, no overwriting, no upload
                without COMPLIANCE or with a lock out of bounds, no customer keys, TLS
  writer        archiver serve
  reader        archiver query, and other engines
  verifier      archiver verify; with --attest it may put its reports
  hold-officer  puts and lifts legal holds
  break-glass   archiver repair and changes of the bucket, with a second factor on AWS

MinIO evaluates bucket policies for anonymous requests only, knows no condition for
If-None-Match, and does not see how long an upload is to be locked: there the policies
of its users keep less, and verify finds the rest. See docs/operations/store.md.

Exit codes:
  0  it was printed
  1  the retention classes could not be read
  2  the command line or the configuration is wrong`,
		Example: `  archiver policy --config archiver.yaml --for writer > writer.json
  archiver policy --config archiver.yaml --for bucket --format terraform \
    --break-glass arn:aws:iam::111122223333:role/audit-break-glass`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			out, err := writePolicy(cmd.Context(), f)
			if err != nil {
				return err
			}
			if _, err := a.out.Write(out); err != nil {
				return fmt.Errorf("write answer: %w", err)
			}
			return nil
		},
	}
	addConfigFlag(cmd, &f.config)
	cmd.Flags().StringVar(&f.role, "for", "", "`role`: "+roleNames())
	cmd.Flags().StringVar(&f.store, "store", "", "`kind` of store: aws or minio. Default: by s3.endpoint")
	cmd.Flags().StringVar(&f.format, "format", "json", "json or terraform")
	cmd.Flags().StringVar(&f.breakGlass, "break-glass", "", "`ARN` of the role that may repair and reconfigure the bucket; without one nobody is exempt")
	cmd.Flags().StringVar(&f.holdOfficer, "hold-officer", "", "`ARN` of the role that may put and lift legal holds; without one nobody may")
	cmd.Flags().StringVar(&f.kmsKey, "kms-key", "", "`ARN` of the KMS key that the bucket is encrypted with")
	cmd.Flags().IntVar(&f.outageDays, "outage-days", policy.DefaultOutageDays, "for how many `days` the bucket may be away: what was sealed before is let in with less of its lock left")
	cmd.Flags().BoolVar(&f.attest, "attest", false, "the verifier may put its reports under attest/")
	return cmd
}

func roleNames() string {
	names := make([]string, 0, len(policy.Roles()))
	for _, r := range policy.Roles() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

func writePolicy(ctx context.Context, f policyFlags) ([]byte, error) {
	if f.format != "json" && f.format != "terraform" {
		return nil, usagef("--format %s: must be json or terraform", f.format)
	}
	if f.role == "" {
		return nil, usagef("--for is missing: one of %s", roleNames())
	}
	c, err := loadConfig(f.config)
	if err != nil {
		return nil, err
	}
	classes, err := retentionClasses(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	o := policyOptions(c, classes, f)
	d, err := policy.Make(policy.Role(f.role), o)
	if err != nil {
		return nil, usagef("--for %s: %w", f.role, err)
	}
	if f.format == "terraform" {
		return policy.Terraform(policy.Role(f.role), d, o, "archiver-"+c.S3.Bucket+"-"+f.role), nil
	}
	return d.JSON(), nil
}

// policyOptions are for the archive of a configuration.
func policyOptions(c config.Config, classes []ledger.Class, f policyFlags) policy.Options {
	o := policy.Options{Store: policy.Store(f.store), Bucket: c.S3.Bucket, Prefix: c.S3.Prefix, OutageDays: f.outageDays,
		BreakGlass: f.breakGlass, HoldOfficer: f.holdOfficer, KMSKey: f.kmsKey, Attest: f.attest}
	if f.store == "" {
		o.Store = storeKind(c)
	}
	if o.Store == policy.AWS {
		o.Partition = partition(c.S3.Region)
	}
	for i, class := range classes {
		days := int(class.Days)
		if i == 0 || days < o.ShortestDays {
			o.ShortestDays = days
		}
		o.LongestDays = max(o.LongestDays, days)
	}
	return o
}

// storeKind takes every endpoint that is not Amazon's for one that knows what MinIO
// knows.
func storeKind(c config.Config) policy.Store {
	u, err := url.Parse(c.S3.Endpoint)
	if c.S3.Endpoint == "" || err == nil && amazonHost(u.Hostname()) {
		return policy.AWS
	}
	return policy.MinIO
}

func amazonHost(name string) bool {
	return strings.HasSuffix(name, ".amazonaws.com") || strings.HasSuffix(name, ".amazonaws.com.cn")
}

// partition is the group of regions that ARNs begin with
// (https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html).
func partition(region string) string {
	for prefix, name := range map[string]string{"cn-": "aws-cn", "us-gov-": "aws-us-gov", "eusc-": "aws-eusc"} {
		if strings.HasPrefix(region, prefix) {
			return name
		}
	}
	return "aws"
}

// retentionClasses are those of the archive, or of the configuration before there is
// one.
func retentionClasses(ctx context.Context, c config.Config) ([]ledger.Class, error) {
	if c.Archive.RootVKey == "" {
		if len(c.Retention.Classes) == 0 {
			return nil, usagef("retention.classes is not in the configuration, and without archive.root_vkey nobody can tell which archive to ask")
		}
		return configuredClasses(c), nil
	}
	store, err := openStore(ctx, c)
	if err != nil {
		return nil, err
	}
	about, _, err := fetchArchive(ctx, store, c)
	if err != nil {
		return nil, err
	}
	return about.Classes, nil
}

func configuredClasses(c config.Config) []ledger.Class {
	var classes []ledger.Class
	for _, class := range c.Retention.Classes {
		classes = append(classes, ledger.Class{Name: class.Name, Days: int64(class.Days)})
	}
	return classes
}
