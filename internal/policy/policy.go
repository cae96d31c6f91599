// Package policy writes the access policies of an archive's bucket: what each role
// may do, and what nobody may.
//
// Object Lock keeps versions. These policies keep the rest: that no name is hidden or
// written twice, that nothing is unlocked or locked for a century, and that the
// bucket stays as it is. They are IAM policies as Amazon and MinIO know them
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html);
// what a store cannot express is left to verify.
package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/audit-archiver/archiver/internal/ledger"
)

// Role is whom a policy is for.
type Role string

// The roles. Bucket is the policy of the bucket itself, which binds everybody.
const (
	Bucket      Role = "bucket"
	Writer      Role = "writer"       // serve
	Reader      Role = "reader"       // queries
	Verifier    Role = "verifier"     // verify
	HoldOfficer Role = "hold-officer" // legal holds
	BreakGlass  Role = "break-glass"  // repair, and changes of the bucket
)

// Roles are all of them.
func Roles() []Role { return []Role{Bucket, Writer, Reader, Verifier, HoldOfficer, BreakGlass} }

// Store is whose policies they are.
type Store string

// The stores.
const (
	AWS   Store = "aws"
	MinIO Store = "minio"
)

// Options say which archive, and who is who.
type Options struct {
	Store  Store
	Bucket string
	Prefix string // of every key
	// Partition is what the bucket's ARN begins with: aws (the default), aws-cn, aws-us-gov, …
	Partition string

	ShortestDays, LongestDays int // of the retention classes
	// OutageDays is how long sealed batches may wait for the bucket and then still be
	// let in: their dates count from sealing.
	OutageDays int

	BreakGlass  string // ARN of the role or user that is exempt; "": nobody is
	HoldOfficer string // ARN of the role or user that may put and lift legal holds; "": nobody may
	KMSKey      string // ARN of the key that the bucket is encrypted with; "": none
	Attest      bool   // the verifier may put its reports
}

// DefaultOutageDays is what OutageDays should be for who has no reason to choose.
const DefaultOutageDays = 30

// copiesDays bounds the locks of what lies under wal/ and probe/: the longest
// wal.ship_retention, and a day.
const copiesDays = 31

// Document is a policy.
type Document struct {
	Version   string
	Statement []Statement
}

// Statement is one rule of a policy.
type Statement struct {
	Sid       string
	Effect    string
	Principal string `json:",omitempty"` // of a bucket policy
	Action    []string
	Resource  []string
	Condition Condition `json:",omitempty"`
}

// Condition is operator -> key -> values.
type Condition map[string]map[string][]string

// JSON is the document as every tool takes it.
func (d Document) JSON() []byte {
	raw, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		panic(err) // strings, lists and maps of strings
	}
	return append(raw, '\n')
}

// Make writes the policy of a role.
func Make(role Role, o Options) (Document, error) {
	if o.Store != AWS && o.Store != MinIO {
		return Document{}, fmt.Errorf("store %q is none of %s, %s", o.Store, AWS, MinIO)
	}
	if o.ShortestDays < 1 || o.LongestDays < o.ShortestDays {
		return Document{}, fmt.Errorf("retention classes of %d to %d days make no sense", o.ShortestDays, o.LongestDays)
	}
	d := Document{Version: "2012-10-17"}
	switch role {
	case Bucket:
		if o.Store == MinIO {
			return d, fmt.Errorf("MinIO evaluates bucket policies for anonymous requests only, so one would bind nobody: give its users those of %s", rolesBut(Bucket))
		}
		d.Statement = o.bucket()
	case Writer:
		d.Statement = o.writer()
	case Reader:
		d.Statement = o.reader()
	case Verifier:
		d.Statement = o.verifier()
	case HoldOfficer:
		d.Statement = o.holdOfficer()
	case BreakGlass:
		d.Statement = o.breakGlass()
	default:
		return d, fmt.Errorf("%q is none of %s", role, rolesBut(""))
	}
	return d, nil
}

func rolesBut(not Role) string {
	var names []string
	for _, r := range Roles() {
		if r != not {
			names = append(names, string(r))
		}
	}
	return strings.Join(names, ", ")
}

// arn is the bucket's.
func (o Options) arn() string {
	return "arn:" + cmp.Or(o.Partition, "aws") + ":s3:::" + o.Bucket
}

// under are the ARNs of keys under the archive's prefix.
func (o Options) under(names ...string) []string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = o.arn() + "/" + ledger.Join(o.Prefix, n)
	}
	return all
}

// evidence is what is kept for years, copies what is of use for days only.
func (o Options) evidence() []string {
	return o.under("archive", "events/*", "ledger/*", "attest/*", "index/*")
}

func (o Options) copies() []string { return o.under("wal/*", "probe/*") }

// most is the longest lock that the archiver asks for, in days: that of the ledger.
// Stores round the remaining time up or down, so it has a day more.
func (o Options) most() string { return strconv.Itoa(o.LongestDays + ledger.BeyondDays + 1) }

// least is the shortest lock that evidence may come with; 0: there is no such bound,
// because the shortest class is shorter than an outage may be.
func (o Options) least() int { return max(0, o.ShortestDays-o.OutageDays-1) }

// Condition keys.
const (
	keyMode      = "s3:object-lock-mode"
	keyRemaining = "s3:object-lock-remaining-retention-days"
	keyNoneMatch = "s3:if-none-match"
)

// with joins conditions, all of which must hold.
func with(all ...Condition) Condition {
	joined := Condition{}
	for _, c := range all {
		for op, keys := range c {
			if joined[op] == nil {
				joined[op] = map[string][]string{}
			}
			for k, v := range keys {
				joined[op][k] = v
			}
		}
	}
	if len(joined) == 0 {
		return nil
	}
	return joined
}

func when(op, key string, values ...string) Condition {
	return Condition{op: {key: values}}
}

// unless exempts a principal; nobody when it is "".
func unless(arn string) Condition {
	if arn == "" {
		return nil
	}
	return when("ArnNotEquals", "aws:PrincipalArn", arn)
}

// Groups of actions.
var (
	deletes   = []string{"s3:DeleteObject", "s3:DeleteObjectVersion"}
	configure = []string{"s3:PutLifecycleConfiguration", "s3:PutBucketVersioning", "s3:PutBucketObjectLockConfiguration",
		"s3:PutReplicationConfiguration", "s3:PutEncryptionConfiguration", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:DeleteBucket"}
	configureAWS = []string{"s3:PutBucketPublicAccessBlock", "s3:PutBucketAcl", "s3:PutBucketOwnershipControls"}
	lookAtBucket = []string{"s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketLocation"}
	lookAtRules  = []string{"s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration", "s3:GetLifecycleConfiguration",
		"s3:GetEncryptionConfiguration", "s3:GetBucketPolicy", "s3:GetReplicationConfiguration"}
	lookAtRulesAWS = []string{"s3:GetBucketPublicAccessBlock"}
	read           = []string{"s3:GetObject", "s3:GetObjectVersion"}
	readLocks      = []string{"s3:GetObjectRetention", "s3:GetObjectLegalHold"}
)

// only are actions that MinIO does not know, and refuses a policy for.
func (o Options) only(common, aws []string) []string {
	if o.Store == AWS {
		return slices.Concat(common, aws)
	}
	return common
}
