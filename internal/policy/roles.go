package policy

import (
	"slices"
	"strconv"
)

func allow(sid string, actions, resources []string, c ...Condition) Statement {
	return Statement{Sid: sid, Effect: "Allow", Action: actions, Resource: resources, Condition: with(c...)}
}

// never denies what a role must not get from another policy either.
func (o Options) never(actions ...[]string) Statement {
	return Statement{Sid: "Never", Effect: "Deny", Action: slices.Concat(actions...), Resource: []string{o.arn(), o.arn() + "/*"}}
}

var (
	holds  = []string{"s3:PutObjectLegalHold"}
	bypass = []string{"s3:BypassGovernanceRetention"}
	writes = []string{"s3:PutObject", "s3:PutObjectRetention"}
)

// writer may add locked objects, and look at what it has added.
func (o Options) writer() []Statement {
	s := o.adds("Evidence", o.evidence(), o.most(), o.least())
	s = append(s, o.adds("Copies", o.copies(), strconv.Itoa(copiesDays), 0)...)
	s = append(s,
		allow("Read", append(slices.Clone(read), "s3:GetObjectRetention"), o.under("*")),
		allow("Look", slices.Concat(lookAtBucket, o.only(lookAtRules, lookAtRulesAWS)), []string{o.arn()}),
	)
	s = o.withKey(s, "kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey")
	return append(s, o.never(deletes, bypass, holds, o.only(configure, configureAWS)))
}

// adds lets locked objects be put: new ones, and with a lock within bounds, where the
// store can tell. MinIO knows neither If-None-Match nor, of an upload, the days that
// its lock has left; it bounds only what is asked for later.
func (o Options) adds(what string, resources []string, most string, least int) []Statement {
	locked := when("StringEquals", keyMode, "COMPLIANCE")
	if o.Store == MinIO {
		tooLong := allow("Bound"+what, []string{"s3:PutObjectRetention"}, resources, when("NumericGreaterThan", keyRemaining, most))
		tooLong.Effect = "Deny"
		return []Statement{allow("Put"+what, writes, resources, locked), tooLong}
	}
	within := when("NumericLessThanEquals", keyRemaining, most)
	if least > 0 {
		within = with(within, Condition{"NumericGreaterThanEquals": {keyRemaining: {strconv.Itoa(least)}}})
	}
	return []Statement{
		allow("Put"+what, []string{"s3:PutObject"}, resources, locked, within, when("Null", keyNoneMatch, "false")),
		allow("Lock"+what, []string{"s3:PutObjectRetention"}, resources, locked, within),
	}
}

// reader may read what queries read.
func (o Options) reader() []Statement {
	s := []Statement{
		allow("Read", append(slices.Clone(read), "s3:GetObjectRetention"), o.under("archive", "events/*", "ledger/*")),
		allow("Look", lookAtBucket, []string{o.arn()}),
	}
	s = o.withKey(s, "kms:Decrypt")
	return append(s, o.never(writes, deletes, bypass, holds, o.only(configure, configureAWS)))
}

// verifier may look at everything, locks and settings included.
func (o Options) verifier() []Statement {
	s := []Statement{
		allow("Read", slices.Concat(read, readLocks), o.under("*")),
		allow("Look", slices.Concat(lookAtBucket, o.only(lookAtRules, lookAtRulesAWS)), []string{o.arn()}),
	}
	if o.Attest {
		s = append(s, o.adds("Reports", o.under("attest/*"), o.most(), 0)...)
	}
	s = o.withKey(s, "kms:Decrypt", "kms:DescribeKey")
	if o.Attest {
		return append(s, o.never(deletes, bypass, holds, o.only(configure, configureAWS)))
	}
	return append(s, o.never(writes, deletes, bypass, holds, o.only(configure, configureAWS)))
}

// holdOfficer may put and lift legal holds, on versions that it finds by listing.
func (o Options) holdOfficer() []Statement {
	return []Statement{
		allow("Hold", append(slices.Clone(holds), readLocks...), o.under("*")),
		allow("Look", lookAtBucket, []string{o.arn()}),
		o.never(writes, deletes, bypass, o.only(configure, configureAWS)),
	}
}

// breakGlass is for repair and for changes of the bucket, by somebody with a second
// factor. Nothing that is locked can be deleted with it.
func (o Options) breakGlass() []Statement {
	var mfa Condition
	if o.Store == AWS {
		mfa = when("Bool", "aws:MultiFactorAuthPresent", "true")
	}
	s := []Statement{
		allow("Repair", slices.Concat(read, readLocks, writes, deletes), o.under("*"), mfa),
		allow("Look", slices.Concat(lookAtBucket, o.only(lookAtRules, lookAtRulesAWS)), []string{o.arn()}, mfa),
		allow("Configure", o.only(configure, configureAWS), []string{o.arn()}, mfa),
	}
	s = o.withKey(s, "kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey")
	return append(s, o.never(bypass, holds))
}

// withKey adds what an encrypted bucket needs.
func (o Options) withKey(s []Statement, actions ...string) []Statement {
	if o.KMSKey == "" {
		return s
	}
	return append(s, allow("UseKey", actions, []string{o.KMSKey}))
}
