package policy_test

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/policy"
)

const (
	bucket     = "audit"
	prefix     = "team/audit"
	breakGlass = "arn:aws:iam::111122223333:role/break-glass"
	officer    = "arn:aws:iam::111122223333:role/officer"
	app        = "arn:aws:iam::111122223333:role/archiver"

	dataKey   = prefix + "/events/retention=standard/dt=2026-01-31/s-0-9.parquet"
	commitKey = prefix + "/ledger/s/00000000000000000001.commit"
	copyKey   = prefix + "/wal/s/1"
	probeKey  = prefix + "/probe/p"
)

func options(store policy.Store) policy.Options {
	return policy.Options{Store: store, Bucket: bucket, Prefix: prefix, ShortestDays: 365, LongestDays: 2190,
		OutageDays: policy.DefaultOutageDays, BreakGlass: breakGlass, HoldOfficer: officer}
}

func document(t *testing.T, role policy.Role, o policy.Options) policy.Document {
	t.Helper()
	d, err := policy.Make(role, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// put is an upload as s3store sends it, for someone, with days of its lock left.
func put(who, key string, days int) request {
	return request{"s3:PutObject", key, map[string]string{
		"aws:PrincipalArn": who, "aws:SecureTransport": "true", "s3:if-none-match": "*",
		"s3:object-lock-mode": "COMPLIANCE", "s3:object-lock-remaining-retention-days": strconv.Itoa(days),
	}}
}

// but changes one condition of a request; "" takes it away.
func (r request) but(key, value string) request {
	r.conditions = maps.Clone(r.conditions)
	if value == "" {
		delete(r.conditions, key)
	} else {
		r.conditions[key] = value
	}
	return r
}

func (r request) as(action string) request {
	r.action = action
	return r
}

func plain(who, action, key string) request {
	return request{action, key, map[string]string{"aws:PrincipalArn": who, "aws:SecureTransport": "true"}}
}

// What the archiver sends must pass, and nothing that harms may: with the policies of
// the bucket and of the role together, as Amazon evaluates them.
func TestAmazon(t *testing.T) {
	o := options(policy.AWS)
	bound := document(t, policy.Bucket, o)
	const remaining, mode = "s3:object-lock-remaining-retention-days", "s3:object-lock-mode"
	for _, test := range []struct {
		name string
		role policy.Role
		r    request
		want bool
	}{
		{"data, sealed just now", policy.Writer, put(app, dataKey, 365), true},
		{"data, rounded down", policy.Writer, put(app, dataKey, 364), true},
		{"data of the longest class", policy.Writer, put(app, dataKey, 2190), true},
		{"data after an outage of thirty days", policy.Writer, put(app, dataKey, 334), true},
		{"a commit of a new stream", policy.Writer, put(app, commitKey, 366+2190+30), true},
		{"a commit of a new stream, rounded up", policy.Writer, put(app, commitKey, 366+2190+30+1), true},
		{"a copy of the log", policy.Writer, put(app, copyKey, 3), true},
		{"a copy of the log for the longest", policy.Writer, put(app, copyKey, 30), true},
		{"a probe", policy.Writer, put(app, probeKey, 0), true},
		{"the lock of an upload", policy.Writer, put(app, dataKey, 365).as("s3:PutObjectRetention").but("s3:if-none-match", ""), true},
		{"a report", policy.Writer, put(app, prefix+"/attest/verify/0.note", 2190), true},
		{"reading a version", policy.Writer, plain(app, "s3:GetObjectVersion", dataKey), true},
		{"listing versions", policy.Writer, plain(app, "s3:ListBucketVersions", ""), true},

		{"writing over", policy.Writer, put(app, dataKey, 365).but("s3:if-none-match", ""), false},
		{"no lock", policy.Writer, put(app, dataKey, 365).but(mode, "").but(remaining, ""), false},
		{"a weak lock", policy.Writer, put(app, dataKey, 365).but(mode, "GOVERNANCE"), false},
		{"a short lock", policy.Writer, put(app, dataKey, 333), false},
		{"a lock for a century", policy.Writer, put(app, dataKey, 36500), false},
		{"a copy for a century", policy.Writer, put(app, copyKey, 36500), false},
		{"extending to a century", policy.Writer, put(app, dataKey, 36500).as("s3:PutObjectRetention"), false},
		{"another key", policy.Writer, put(app, prefix+"/evil", 365), false},
		{"another prefix", policy.Writer, put(app, "other/events/x", 365), false},
		{"a key of the sender", policy.Writer, put(app, dataKey, 365).but("s3:x-amz-server-side-encryption-customer-algorithm", "AES256"), false},
		{"in the clear", policy.Writer, put(app, dataKey, 365).but("aws:SecureTransport", "false"), false},
		{"a delete marker", policy.Writer, plain(app, "s3:DeleteObject", dataKey), false},
		{"a version", policy.Writer, plain(app, "s3:DeleteObjectVersion", dataKey), false},
		{"a hold", policy.Writer, plain(app, "s3:PutObjectLegalHold", dataKey), false},
		{"a bypass", policy.Writer, plain(app, "s3:BypassGovernanceRetention", dataKey), false},
		{"a lifecycle rule", policy.Writer, plain(app, "s3:PutLifecycleConfiguration", ""), false},
		{"another policy", policy.Writer, plain(app, "s3:PutBucketPolicy", ""), false},

		{"a query", policy.Reader, plain(app, "s3:GetObjectVersion", dataKey), true},
		{"a query of the ledger", policy.Reader, plain(app, "s3:GetObject", commitKey), true},
		{"a query of copies", policy.Reader, plain(app, "s3:GetObject", copyKey), false},
		{"the reader writes", policy.Reader, put(app, dataKey, 365), false},

		{"the verifier looks", policy.Verifier, plain(app, "s3:GetObjectRetention", dataKey), true},
		{"the verifier looks at rules", policy.Verifier, plain(app, "s3:GetLifecycleConfiguration", ""), true},
		{"the verifier writes", policy.Verifier, put(app, prefix+"/attest/verify/0.note", 2190), false},

		{"the officer holds", policy.HoldOfficer, plain(officer, "s3:PutObjectLegalHold", dataKey), true},
		{"somebody else with that policy", policy.HoldOfficer, plain(app, "s3:PutObjectLegalHold", dataKey), false},
		{"the officer reads", policy.HoldOfficer, plain(officer, "s3:GetObject", dataKey), false},

		{"repair removes a marker", policy.BreakGlass, plain(breakGlass, "s3:DeleteObjectVersion", dataKey).but("aws:MultiFactorAuthPresent", "true"), true},
		{"repair puts over", policy.BreakGlass, put(breakGlass, dataKey, 2000).but("s3:if-none-match", "").but("aws:MultiFactorAuthPresent", "true"), true},
		{"repair puts over what is nearly over", policy.BreakGlass, put(breakGlass, dataKey, 2).but("s3:if-none-match", "").but("aws:MultiFactorAuthPresent", "true"), true},
		{"repair puts without a lock", policy.BreakGlass, put(breakGlass, dataKey, 2000).but(mode, "").but("aws:MultiFactorAuthPresent", "true"), false},
		{"repair without a second factor", policy.BreakGlass, plain(breakGlass, "s3:DeleteObjectVersion", dataKey), false},
		{"reconfiguring", policy.BreakGlass, plain(breakGlass, "s3:PutBucketPolicy", "").but("aws:MultiFactorAuthPresent", "true"), true},
		{"somebody else with that policy", policy.BreakGlass, plain(app, "s3:DeleteObjectVersion", dataKey).but("aws:MultiFactorAuthPresent", "true"), false},
	} {
		t.Run(string(test.role)+": "+test.name, func(t *testing.T) {
			if got := allowed(t, test.r, bound, document(t, test.role, o)); got != test.want {
				t.Errorf("allowed: %v, want %v", got, test.want)
			}
		})
	}
}

// The bucket's policy binds even who may do everything.
func TestBucketBindsAdministrators(t *testing.T) {
	everything := policy.Document{Statement: []policy.Statement{{Effect: "Allow", Action: []string{"s3:*"}, Resource: []string{"*"}}}}
	const root = "arn:aws:iam::111122223333:root"
	bound := document(t, policy.Bucket, options(policy.AWS))
	for name, r := range map[string]request{
		"delete":           plain(root, "s3:DeleteObjectVersion", dataKey),
		"hide":             plain(root, "s3:DeleteObject", dataKey),
		"hide by replica":  plain(root, "s3:ReplicateDelete", dataKey),
		"write over":       put(root, dataKey, 365).but("s3:if-none-match", ""),
		"upload unlocked":  put(root, dataKey, 365).but("s3:object-lock-mode", "").but("s3:object-lock-remaining-retention-days", ""),
		"lift a hold":      plain(root, "s3:PutObjectLegalHold", dataKey),
		"suspend versions": plain(root, "s3:PutBucketVersioning", ""),
		"change the rules": plain(root, "s3:PutBucketPolicy", ""),
	} {
		if allowed(t, r, bound, everything) {
			t.Errorf("an administrator may %s", name)
		}
	}
	if !allowed(t, plain(root, "s3:DeleteObject", "other/key"), bound, everything) {
		t.Error("the policy binds what is not of the archive")
	}
}

func TestShortClassesHaveNoLowerBound(t *testing.T) {
	o := options(policy.AWS)
	o.ShortestDays = 31
	if !allowed(t, put(app, dataKey, 0), document(t, policy.Bucket, o), document(t, policy.Writer, o)) {
		t.Error("a batch of a class of 31 days is locked out after an outage of 30")
	}
	o.ShortestDays = 32
	if allowed(t, put(app, dataKey, 0), document(t, policy.Bucket, o), document(t, policy.Writer, o)) {
		t.Error("there is no lower bound at 32 days")
	}
}

// Without a break-glass role init must not lock the operator out of the bucket.
func TestWithoutBreakGlass(t *testing.T) {
	o := options(policy.AWS)
	o.BreakGlass = ""
	everything := policy.Document{Statement: []policy.Statement{{Effect: "Allow", Action: []string{"s3:*"}, Resource: []string{"*"}}}}
	bound := document(t, policy.Bucket, o)
	if !allowed(t, plain(app, "s3:PutBucketPolicy", ""), bound, everything) {
		t.Error("nobody can mend the policy any more")
	}
	if allowed(t, plain(app, "s3:DeleteObject", dataKey), bound, everything) {
		t.Error("somebody may hide")
	}
}

func TestAttestAndKey(t *testing.T) {
	o := options(policy.AWS)
	o.Attest, o.KMSKey = true, "arn:aws:kms:eu-central-1:111122223333:key/k"
	bound, verifier := document(t, policy.Bucket, o), document(t, policy.Verifier, o)
	if !allowed(t, put(app, prefix+"/attest/verify/0.note", 2190), bound, verifier) {
		t.Error("the verifier may not put its report")
	}
	if allowed(t, put(app, dataKey, 365), bound, verifier) {
		t.Error("the verifier may put data")
	}
	if !strings.Contains(string(verifier.JSON()), `"kms:DescribeKey"`) {
		t.Error("the verifier may not use the key")
	}
}

func TestRefusedOptions(t *testing.T) {
	for name, spoil := range map[string]func(*policy.Options, *policy.Role){
		"anonymous":     func(o *policy.Options, r *policy.Role) { o.Store, *r = policy.MinIO, policy.Bucket },
		"is none of":    func(_ *policy.Options, r *policy.Role) { *r = "root" },
		"make no sense": func(o *policy.Options, _ *policy.Role) { o.ShortestDays = 0 },
		"store":         func(o *policy.Options, _ *policy.Role) { o.Store = "ceph" },
	} {
		o, role := options(policy.AWS), policy.Writer
		spoil(&o, &role)
		if _, err := policy.Make(role, o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Limits of Amazon: 20 KB for a bucket policy, 6,144 characters without white space for
// a managed one (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
func TestSizes(t *testing.T) {
	o := options(policy.AWS)
	o.Bucket, o.Prefix, o.Attest, o.KMSKey = strings.Repeat("b", 63), strings.Repeat("p", 150), true, "arn:aws:kms:eu-central-1:111122223333:key/01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e"
	for _, role := range policy.Roles() {
		d := document(t, role, o)
		raw, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		limit := 6144
		if role == policy.Bucket {
			limit = 20 << 10
		}
		if len(raw) > limit {
			t.Errorf("%s: %d bytes, at most %d", role, len(raw), limit)
		}
		tf := string(policy.Terraform(role, d, o, "name"))
		if !strings.HasPrefix(tf, `resource "aws_`) || !strings.Contains(tf, "<<-JSON\n    {\n") || strings.Contains(tf, "${") {
			t.Errorf("%s: terraform\n%s", role, tf)
		}
	}
}
