package doctor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/doctor"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/s3store"
)

func known[T any](v T) s3store.Setting[T] {
	return s3store.Setting[T]{State: s3store.SettingKnown, Value: v}
}

// perfect is how Amazon S3 shows a bucket that init made.
func perfect() s3store.Settings {
	return s3store.Settings{
		Skew: known(time.Duration(0)), Versioning: known("Enabled"), Lock: known(s3store.LockSetting{Enabled: true}),
		Lifecycle: known([]s3store.LifecycleRule(nil)), PublicAccess: known(s3store.PublicAccessBlocked),
		Encryption: known(s3store.Encryption{Algorithm: "AES256"}), Policy: known(s3store.Policy{Raw: "{}", SHA256: "44136f"}),
		Replication: known([]s3store.Replication(nil)),
	}
}

var classes = ledger.Archive{Classes: []ledger.Class{{Name: "long", Days: 2190}, {Name: "standard", Days: 365}}}

func TestSettings(t *testing.T) {
	rule := func(r s3store.LifecycleRule) func(*s3store.Settings) {
		r.ID, r.Enabled = "r", true
		return func(s *s3store.Settings) { s.Lifecycle = known([]s3store.LifecycleRule{r}) }
	}
	for _, test := range []struct {
		name  string
		spoil func(*s3store.Settings)
		check string // "": all pass
		want  doctor.Result
	}{
		{"perfect", func(*s3store.Settings) {}, "", doctor.Pass},
		{"suspended", func(s *s3store.Settings) { s.Versioning = known("Suspended") }, "versioning", doctor.Fail},
		{"no lock", func(s *s3store.Settings) { s.Lock = known(s3store.LockSetting{}) }, "object-lock", doctor.Fail},
		{"a clock a quarter of an hour off", func(s *s3store.Settings) { s.Skew = known(-15 * time.Minute) }, "clock", doctor.Fail},
		{"a clock seconds off", func(s *s3store.Settings) { s.Skew = known(3 * time.Second) }, "clock-close", doctor.Fail},
		{"public", func(s *s3store.Settings) { s.PublicAccess = known(s3store.PublicAccessOpen) }, "public-access", doctor.Fail},
		{"a setting that may not be read", func(s *s3store.Settings) {
			s.Versioning = s3store.Setting[string]{State: s3store.SettingUnknown, Err: errors.New("access denied")}
		}, "versioning", doctor.CouldNotLook},
		{"a setting that is not there", func(s *s3store.Settings) {
			s.Versioning = s3store.Setting[string]{State: s3store.SettingNotApplicable}
		}, "versioning", doctor.NotApplicable},

		{"everything expires", rule(s3store.LifecycleRule{Expires: true, ExpiresAfterDays: 30}), "lifecycle", doctor.Fail},
		{"data expires with its class", rule(s3store.LifecycleRule{Prefix: prefix + "/events/retention=standard/", Expires: true, ExpiresAfterDays: 365}), "", doctor.Pass},
		{"data expires before its class", rule(s3store.LifecycleRule{Prefix: prefix + "/events/retention=long/", Expires: true, ExpiresAfterDays: 365}), "lifecycle", doctor.Fail},
		{"the ledger expires with the data", rule(s3store.LifecycleRule{Prefix: prefix + "/ledger/", Expires: true, ExpiresAfterDays: 2190}), "lifecycle", doctor.Fail},
		{"the ledger expires after all proofs", rule(s3store.LifecycleRule{Prefix: prefix + "/ledger/", Expires: true, ExpiresAfterDays: 2190 + 366 + 30}), "", doctor.Pass},
		{"on a date", rule(s3store.LifecycleRule{Prefix: prefix + "/events/", Expires: true}), "lifecycle", doctor.Fail},
		{"copies expire", rule(s3store.LifecycleRule{Prefix: prefix + "/wal/", Expires: true, ExpiresAfterDays: 4}), "", doctor.Pass},
		{"probes expire", rule(s3store.LifecycleRule{Prefix: prefix + "/probe/", Expires: true, ExpiresAfterDays: 1}), "", doctor.Pass},
		{"another prefix expires", rule(s3store.LifecycleRule{Prefix: "other/", Expires: true, ExpiresAfterDays: 1}), "", doctor.Pass},
		{"old versions go", rule(s3store.LifecycleRule{ExpiresNoncurrent: true, RemovesExpiredDeleteMarkers: true, AbortsUploads: true}), "", doctor.Pass},
		{"into the deep", rule(s3store.LifecycleRule{Transitions: []string{"STANDARD_IA", "DEEP_ARCHIVE"}}), "lifecycle", doctor.Fail},
		{"into a cheap class", rule(s3store.LifecycleRule{Transitions: []string{"STANDARD_IA", "GLACIER_IR"}}), "", doctor.Pass},
		{"a rule that is switched off", func(s *s3store.Settings) {
			s.Lifecycle = known([]s3store.LifecycleRule{{Expires: true, ExpiresAfterDays: 1}})
		}, "", doctor.Pass},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := perfect()
			test.spoil(&s)
			for _, c := range doctor.Settings(s, prefix, classes) {
				switch {
				case c.Name == test.check && c.Result != test.want:
					t.Errorf("%s: %s (%s), want %s", c.Name, c.Result, c.Seen, test.want)
				case c.Name != test.check && c.Result != doctor.Pass && (test.check != "clock" || c.Name != "clock-close"):
					t.Errorf("%s: %s (%s)", c.Name, c.Result, c.Seen)
				}
			}
		})
	}
}

// amazon is a store that answers for its settings only.
type amazon struct {
	away
	settings s3store.Settings
}

func (amazon) Reach(ctx) error                 { return nil }
func (s amazon) Settings(ctx) s3store.Settings { return s.settings }
func keyed(e s3store.Encryption) (s s3store.Settings) {
	s = perfect()
	s.Encryption = known(e)
	return s
}

// Fault case 47: without its key everything in the bucket is noise, lock or not.
func TestKeyState(t *testing.T) {
	kms := s3store.Encryption{Algorithm: "aws:kms", KeyID: "arn:aws:kms:eu-central-1:1:key/k"}
	state := func(s string, err error) func(context.Context, string) (string, error) {
		return func(_ context.Context, id string) (string, error) {
			if id != kms.KeyID {
				t.Errorf("asked for key %q", id)
			}
			return s, err
		}
	}
	for _, test := range []struct {
		name string
		e    s3store.Encryption
		ask  func(context.Context, string) (string, error)
		want doctor.Result
		seen string
	}{
		{"no encryption", s3store.Encryption{}, nil, doctor.NotApplicable, "no KMS key"},
		{"keys of S3", s3store.Encryption{Algorithm: "AES256"}, nil, doctor.NotApplicable, "no KMS key"},
		{"Amazon's key", s3store.Encryption{Algorithm: "aws:kms"}, nil, doctor.Pass, "store's own"},
		{"enabled", kms, state("Enabled", nil), doctor.Pass, "enabled"},
		{"disabled", kms, state("Disabled", nil), doctor.Fail, "Disabled"},
		{"about to go", kms, state("PendingDeletion", nil), doctor.Fail, "PendingDeletion"},
		{"not allowed to ask", kms, state("", errors.New("access denied")), doctor.CouldNotLook, "access denied"},
		{"nobody to ask", kms, nil, doctor.CouldNotLook, "cannot be asked"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := doctor.Run(t.Context(), doctor.Options{Store: amazon{settings: keyed(test.e)}, Prefix: prefix, KeyState: test.ask, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range r.Checks {
				if c.Name == "kms-key" && (c.Result != test.want || !strings.Contains(c.Seen, test.seen)) {
					t.Errorf("%s: %s, want %s with %q", c.Result, c.Seen, test.want, test.seen)
				}
			}
		})
	}
}
