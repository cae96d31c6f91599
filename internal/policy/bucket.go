package policy

import "strconv"

// bucket binds everybody, the owner of the account included: a Deny has no exception
// but those that stand in it. Lifecycle rules are not bound by it.
func (o Options) bucket() []Statement {
	all := o.under("*")
	deny := func(sid string, actions, resources []string, c ...Condition) Statement {
		return Statement{Sid: sid, Effect: "Deny", Principal: "*", Action: actions, Resource: resources, Condition: with(c...)}
	}
	puts := []string{"s3:PutObject"}
	locks := []string{"s3:PutObject", "s3:PutObjectRetention", "s3:ReplicateObject"}
	statements := []Statement{
		// Without it anybody who may delete hides a locked object behind a marker.
		deny("NobodyDeletes", append([]string{"s3:ReplicateDelete"}, deletes...), all, unless(o.BreakGlass)),
		// Covers multipart uploads too, which cannot carry the header for each part.
		deny("OnlyNewKeys", puts, all, when("Null", keyNoneMatch, "true"), unless(o.BreakGlass)),
		// A key that is not in the request is not equal to anything, so an upload
		// without a lock is denied too.
		deny("OnlyCompliance", []string{"s3:PutObject", "s3:PutObjectRetention"}, all, when("StringNotEquals", keyMode, "COMPLIANCE")),
		deny("LockAtMost", locks, all, when("NumericGreaterThan", keyRemaining, o.most())),
		deny("LockCopiesAtMost", locks, o.copies(), when("NumericGreaterThan", keyRemaining, strconv.Itoa(copiesDays))),
	}
	if least := o.least(); least > 0 {
		// Repair puts what was committed long ago again, with what is left of its lock.
		statements = append(statements,
			deny("LockAtLeast", puts, o.evidence(), when("NumericLessThan", keyRemaining, strconv.Itoa(least)), unless(o.BreakGlass)))
	}
	statements = append(statements,
		deny("NobodyBypasses", []string{"s3:BypassGovernanceRetention"}, all),
		deny("OnlyTheOfficerHolds", []string{"s3:PutObjectLegalHold"}, all, unless(o.HoldOfficer)),
		// What is encrypted with a key that only the sender has is lost to everybody else.
		deny("NoCustomerKeys", puts, all, when("Null", "s3:x-amz-server-side-encryption-customer-algorithm", "false")),
		deny("OnlyTLS", []string{"s3:*"}, []string{o.arn(), o.arn() + "/*"}, when("Bool", "aws:SecureTransport", "false")),
	)
	if o.BreakGlass != "" { // without an exception nobody could ever mend this policy, but the root user
		statements = append(statements,
			deny("NobodyReconfigures", o.only(configure, configureAWS), []string{o.arn()}, unless(o.BreakGlass)))
	}
	return statements
}
