package doctor_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"github.com/audit-archiver/archiver/internal/doctor"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

func TestMain(m *testing.M) { s3test.Main(m) }

const prefix = "audit-logs"

func run(t *testing.T, store doctor.Store, now func() time.Time) doctor.Report {
	t.Helper()
	r, err := doctor.Run(t.Context(), doctor.Options{Store: store, Name: "test", Prefix: prefix, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// not are the checks of a report that did not pass, "name result" each.
func not(r doctor.Report, levels ...doctor.Level) (names []string) {
	for _, c := range r.Checks {
		if slices.Contains(levels, c.Level) && c.Result != doctor.Pass && c.Result != doctor.NotApplicable {
			names = append(names, c.Name+" "+string(c.Result))
		}
	}
	return names
}

// Both stores keep every must, and do to their root account all that Object Lock
// does not forbid.
func TestStores(t *testing.T) {
	for name, server := range map[string]func(testing.TB) s3test.Server{"embedded": s3test.Embedded, "MinIO": s3test.MinIO} {
		t.Run(name, func(t *testing.T) {
			store, cfg := server(t).Bucket(t)
			r := run(t, s3store.Prober{Store: store}, time.Now)
			if err := r.Err(); err != nil {
				t.Error(err)
			}
			want := []string{"hide fail", "unlocked fail", "may-delete fail", "may-lift-holds fail", "may-configure fail"}
			if got := not(r, doctor.Should); !slices.Equal(got, want) {
				t.Errorf("shoulds that did not pass: %q, want %q", got, want)
			}
			for _, c := range r.Checks {
				if c.Seen == "" || (c.Result == doctor.Fail) != (c.Do != "") {
					t.Errorf("%s: seen %q, do %q", c.Name, c.Seen, c.Do)
				}
			}
			var musts []string
			for _, c := range r.Checks {
				if c.Level == doctor.Must {
					musts = append(musts, c.Name)
				}
			}
			if !slices.Equal(musts, doctor.Musts()) {
				t.Errorf("musts %q, want %q", musts, doctor.Musts())
			}
			// It cleared away what it could, and says what it left.
			left := versions(t, store)
			if len(left) != 2 || len(r.Left) != 2 {
				t.Errorf("left in the bucket: %v; in the report: %v", left, r.Left)
			}
			for _, v := range left {
				if !slices.ContainsFunc(r.Left, func(l doctor.Left) bool { return l.Key == v.Key && l.Version == v.VersionID }) {
					t.Errorf("%s version %s is not in the report", v.Key, v.VersionID)
				}
			}
			oldMarker(t, server(t), cfg, store)
		})
	}
}

// What an earlier run left goes when nothing locks it any more.
func oldMarker(t *testing.T, server s3test.Server, cfg s3store.Config, store *s3store.Store) {
	attack := server.Attack(t, cfg.Bucket)
	for _, key := range []string{prefix + "/probe/old", prefix + "/probes/other"} {
		if _, err := attack.PutUnlocked(t.Context(), key, []byte("old")); err != nil {
			t.Fatal(err)
		}
		if err := attack.Hide(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	before := len(versions(t, store))
	r := run(t, later{s3store.Prober{Store: store}}, time.Now)
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	// The locked ones of the first run stay: only who asks for the time thinks that
	// it has passed.
	for _, v := range versions(t, store) {
		if strings.HasSuffix(v.Key, "/old") {
			t.Errorf("%s version %s is still there", v.Key, v.VersionID)
		}
	}
	if after := len(versions(t, store)); after != before-2+2 {
		t.Errorf("%d versions before, %d after a run that removes two and leaves two", before, after)
	}
}

// later lists versions as if they had been put an hour ago.
type later struct{ s3store.Prober }

func (s later) Versions(ctx ctx, prefix string) seq {
	return func(yield func(object.Info, error) bool) {
		for v, err := range s.Prober.Versions(ctx, prefix) {
			v.LastModified = v.LastModified.Add(-time.Hour)
			if !yield(v, err) {
				return
			}
		}
	}
}

func versions(t *testing.T, store object.Store) (all []object.Info) {
	t.Helper()
	for v, err := range store.Versions(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// Every lie of a store is found, by the check that is about it.
func TestLies(t *testing.T) {
	for _, test := range []struct {
		name string
		lie  func(liar) doctor.Store
		want []string // musts that do not pass
		err  error
	}{
		{"none", func(s liar) doctor.Store { return s }, nil, nil},
		{"ignores If-None-Match", func(s liar) doctor.Store { return ignoresCondition{s} }, []string{"if-none-match fail"}, doctor.ErrUnfit},
		{"ignores checksums", func(s liar) doctor.Store { return ignoresChecksum{s} }, []string{"checksum fail"}, doctor.ErrUnfit},
		{"ignores locks", func(s liar) doctor.Store { return ignoresLock{s} }, []string{
			"lock could_not_look", "overwrite could_not_look", "delete-version fail", "bypass could_not_look", "shorten could_not_look",
			"governance could_not_look", "keep fail"}, doctor.ErrUnfit},
		{"overwrites in place", func(s liar) doctor.Store { return overwrites{s} }, []string{
			"overwrite fail", "delete-version fail", "bypass fail", "shorten fail", "governance fail", "keep fail"}, doctor.ErrUnfit},
		{"lets locks be bypassed", func(s liar) doctor.Store { return bypasses{s} }, []string{
			"bypass fail", "shorten fail", "governance fail", "keep fail"}, doctor.ErrUnfit},
		{"shortens locks", func(s liar) doctor.Store { return relocks{s, object.Compliance} }, []string{
			"shorten fail", "governance fail", "keep fail"}, doctor.ErrUnfit},
		{"weakens locks", func(s liar) doctor.Store { return relocks{s, object.Governance} }, []string{"governance fail", "keep fail"}, doctor.ErrUnfit},
		{"answers 200 and does nothing", func(s liar) doctor.Store { return yesman{s} }, nil, nil},
		{"does not list", func(s liar) doctor.Store { return silent{s} }, []string{"list-versions fail"}, doctor.ErrUnfit},
		{"has no versions", func(s liar) doctor.Store { return unversioned{s} }, []string{
			"lock fail", "read could_not_look", "list-versions could_not_look", "if-none-match could_not_look", "overwrite could_not_look",
			"delete-version could_not_look", "bypass could_not_look", "shorten could_not_look", "governance could_not_look", "keep could_not_look"}, doctor.ErrUnfit},
		{"is away", func(s liar) doctor.Store { return away{s} }, []string{"reach could_not_look"}, doctor.ErrUnknown},
		{"goes away", func(s liar) doctor.Store { return away{s}.later() }, []string{
			"versioning could_not_look", "object-lock could_not_look", "clock could_not_look", "lock could_not_look",
			"read could_not_look", "list-versions could_not_look", "if-none-match could_not_look", "checksum could_not_look", "overwrite could_not_look",
			"delete-version could_not_look", "bypass could_not_look", "shorten could_not_look", "governance could_not_look", "keep could_not_look"}, doctor.ErrUnknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, _ := s3test.Embedded(t).Bucket(t)
			r := run(t, test.lie(liar{Prober: s3store.Prober{Store: store}, seen: &seen{}}), time.Now)
			if got := not(r, doctor.Must); !slices.Equal(got, test.want) {
				t.Errorf("musts that did not pass: %q, want %q", got, test.want)
				for _, c := range r.Checks {
					t.Logf("%s %s: %s", c.Name, c.Result, c.Seen)
				}
			}
			if err := r.Err(); !errors.Is(err, test.err) {
				t.Errorf("error %v, want %v", err, test.err)
			}
			var names []string
			for _, w := range test.want {
				name, _, _ := strings.Cut(w, " ")
				names = append(names, name)
			}
			if err := r.Err(names...); err != nil {
				t.Errorf("overridden: %v", err)
			}
			if got := len(r.Overridden(names)); got != len(names) {
				t.Errorf("%d overridden, want %d", got, len(names))
			}
		})
	}
}

// Fault case 49: a rule that hides what is archived is told, and does not stop anybody.
func TestExpiringRuleOnMinIO(t *testing.T) {
	server := s3test.MinIO(t)
	store, cfg := server.Bucket(t)
	rules := lifecycle.NewConfiguration()
	rules.Rules = []lifecycle.Rule{{ID: "tidy", Status: "Enabled", RuleFilter: lifecycle.Filter{Prefix: prefix + "/events/"}, Expiration: lifecycle.Expiration{Days: 30}}}
	if err := server.Client(t).SetBucketLifecycle(t.Context(), cfg.Bucket, rules); err != nil {
		t.Fatal(err)
	}
	r := run(t, s3store.Prober{Store: store}, time.Now)
	at := slices.IndexFunc(r.Checks, func(c doctor.Check) bool { return c.Name == "lifecycle" })
	if c := r.Checks[at]; c.Result != doctor.Fail || !strings.Contains(c.Seen, "tidy") || r.Err() != nil {
		t.Errorf("%+v, error %v", c, r.Err())
	}
}

func TestNoBucket(t *testing.T) {
	store, err := s3store.Open(t.Context(), s3test.Embedded(t).Config(t))
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, s3store.Prober{Store: store}, time.Now)
	if len(r.Checks) != 1 || r.Checks[0].Name != "reach" || r.Checks[0].Result != doctor.Fail {
		t.Errorf("%+v", r.Checks)
	}
}

// A store that takes longer than the lock lasts proves nothing.
func TestSlowStore(t *testing.T) {
	store, _ := s3test.Embedded(t).Bucket(t)
	asked := 0
	slow := func() time.Time { // half a minute between any two looks at the clock
		asked++
		return time.Now().Add(time.Duration(asked) * 30 * time.Second)
	}
	r := run(t, s3store.Prober{Store: store}, slow)
	if got := not(r, doctor.Must); !slices.Contains(got, "governance could_not_look") || !errors.Is(r.Err(), doctor.ErrUnknown) {
		t.Errorf("musts that did not pass: %q, error %v", got, r.Err())
	}
}

// A flood under probe/ keeps nobody from being told that the store is fit.
func TestFloodedProbe(t *testing.T) {
	store, _ := s3test.Embedded(t).Bucket(t)
	looks := 0
	r := run(t, flooded{liar{Prober: s3store.Prober{Store: store}, seen: &seen{}}, &looks}, time.Now)
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	if looks == 0 || looks > 1000 {
		t.Errorf("looked at %d objects of the flood", looks)
	}
}

// What a default retention might lock for years is not put to try something.
func TestUnknownDefaultRetention(t *testing.T) {
	store, _ := s3test.Embedded(t).Bucket(t)
	unlocked := 0
	r := run(t, secretive{liar{Prober: s3store.Prober{Store: store}, seen: &seen{}}, &unlocked}, time.Now)
	if unlocked > 0 {
		t.Errorf("%d uploads without a lock", unlocked)
	}
	if got := not(r, doctor.Should); !slices.Contains(got, "unlocked could_not_look") {
		t.Errorf("shoulds that did not pass: %q", got)
	}
}
