package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/policy"
	"github.com/audit-archiver/archiver/internal/s3store"
)

// policyState says what init did about the bucket's policy.
type policyState string

const (
	policyApplied      policyState = "applied"
	policyKept         policyState = "kept"          // the very policy was there
	policyForeign      policyState = "foreign"       // there is another one, which was left alone
	policyNotEvaluated policyState = "not_evaluated" // the store takes policies and does nothing about them; it was taken back
	policyUnproved     policyState = "unproved"      // the store refused before what the policy denies, so nothing shows whether it counts
	policyUnsupported  policyState = "unsupported"   // the store takes no policies
	policyNotAsked     policyState = "not_asked"     // --no-policy
)

// saying is the state for people.
func (s policyState) saying() string {
	switch s {
	case policyApplied:
		return "The bucket has a policy now: nobody deletes, hides, overwrites or uploads unlocked."
	case policyKept:
		return "The bucket has its policy already."
	case policyForeign:
		return "The bucket has a policy of its own, which was left alone. Compare it with: archiver policy --for bucket"
	case policyUnproved:
		return "The store refuses uploads without a lock already, so nothing would show whether it does what a bucket policy says: it got none. See: archiver policy --for bucket"
	case policyNotAsked:
		return "The bucket got no policy, as asked. See: archiver policy --for bucket"
	}
	return "The store does not hold this account to bucket policies, so it got none. Where it has users, give them the policies that archiver policy prints."
}

const (
	// Amazon S3 takes a while until a new policy counts; a store on one machine does not.
	evaluatedWithin = time.Minute
	evaluatedLocal  = 2 * time.Second
	evaluatedAgain  = 500 * time.Millisecond
	// shortLock is longer than clocks differ.
	shortLock = time.Hour
)

// applyPolicy gives the bucket its policy and finds out whether the store does
// anything about it; if not, it is taken back, so that nobody relies on it. A policy
// that somebody else made is not touched.
func applyPolicy(ctx context.Context, c config.Config, store s3store.Prober, breakGlass, holdOfficer string) (policyState, error) {
	o := policyOptions(c, configuredClasses(c), policyFlags{store: string(policy.AWS), outageDays: policy.DefaultOutageDays,
		breakGlass: breakGlass, holdOfficer: holdOfficer})
	wanted, err := policy.Make(policy.Bucket, o)
	if err != nil {
		return "", fmt.Errorf("bucket policy: %w", err)
	}
	text := string(wanted.JSON())
	settings := store.Settings(ctx)
	switch current := settings.Policy; {
	case current.State == s3store.SettingNotApplicable:
		return policyUnsupported, nil
	case current.State == s3store.SettingUnknown:
		return "", current.Err
	case current.Value.Raw != "" && sameJSON(current.Value.Raw, text):
		return policyKept, nil
	case current.Value.Raw != "":
		return policyForeign, nil
	}
	if storeKind(c) != policy.AWS { // Amazon evaluates each policy, whatever else denies the same
		denied, err := evaluates(ctx, c, store, settings.Lock, 0)
		if err != nil {
			return "", fmt.Errorf("find out what the store refuses without a policy: %w", err)
		}
		if denied {
			return policyUnproved, nil
		}
	}
	if err := store.SetPolicy(ctx, text); err != nil {
		if storeKind(c) != policy.AWS && (s3store.Unsupported(err) || s3store.Refused(err) && !s3store.Denied(err)) {
			return policyUnsupported, nil // it does not know all conditions
		}
		return "", err
	}
	within := evaluatedLocal
	if storeKind(c) == policy.AWS {
		within = evaluatedWithin
	}
	evaluated, err := evaluates(ctx, c, store, settings.Lock, within)
	if err != nil {
		return "", fmt.Errorf("find out whether the policy counts: %w", err)
	}
	if evaluated {
		return policyApplied, nil
	}
	return policyNotEvaluated, store.RemovePolicy(ctx)
}

// evaluates tries an upload without a lock, which the policy denies to everybody, until
// it is denied or within has passed; at least once. In a
// bucket with a default retention the upload asks for a short GOVERNANCE lock, which is
// denied as well: without it the object would be locked for as long as the default says.
func evaluates(ctx context.Context, c config.Config, store s3store.Prober, lock s3store.Setting[s3store.LockSetting], within time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, within+time.Minute)
	defer cancel()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(evaluatedAgain)
	defer tick.Stop()
	for {
		key := ledger.Join(c.S3.Prefix, "probe/"+uuid.NewString())
		attempt := s3store.Attempt{Key: key, Body: []byte("does the policy count?\n"), IfNoneMatch: true}
		defaults := lock.State == s3store.SettingUnknown || lock.Value.DefaultMode != ""
		if defaults {
			attempt.Mode, attempt.RetainUntil = object.Governance, time.Now().Add(shortLock).Truncate(time.Second)
		}
		version, err := store.Try(ctx, attempt)
		if s3store.Denied(err) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if version != "" { // a policy that counts by now may keep it: doctor clears it away, or nobody
			if _, err := store.Delete(ctx, key, version, defaults); err != nil && !s3store.Refused(err) {
				return false, err
			}
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return false, nil
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// sameJSON compares what two documents mean: stores reformat policies.
func sameJSON(x, y string) bool {
	var a, b any
	err := errors.Join(json.Unmarshal([]byte(x), &a), json.Unmarshal([]byte(y), &b))
	return err == nil && reflect.DeepEqual(a, b)
}
