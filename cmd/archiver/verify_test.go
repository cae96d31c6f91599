package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/doctor"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/internal/verify"
)

func TestSettingsOfABucket(t *testing.T) {
	good := s3store.Settings{
		Versioning:   s3store.Setting[string]{State: s3store.SettingKnown, Value: "Enabled"},
		Lock:         s3store.Setting[s3store.LockSetting]{State: s3store.SettingKnown, Value: s3store.LockSetting{Enabled: true}},
		Lifecycle:    s3store.Setting[[]s3store.LifecycleRule]{State: s3store.SettingKnown},
		PublicAccess: s3store.Setting[s3store.PublicAccess]{State: s3store.SettingNotApplicable},
		Encryption:   s3store.Setting[s3store.Encryption]{State: s3store.SettingNotApplicable},
		Policy:       s3store.Setting[s3store.Policy]{State: s3store.SettingKnown},
		Replication:  s3store.Setting[[]s3store.Replication]{State: s3store.SettingNotApplicable},
	}
	rule := func(r s3store.LifecycleRule) func(*s3store.Settings) {
		return func(s *s3store.Settings) { r.Enabled = true; s.Lifecycle.Value = []s3store.LifecycleRule{r} }
	}
	for _, tt := range []struct {
		name  string
		spoil func(*s3store.Settings)
		want  string // "name state" of what is not good or not applicable
	}{
		{"good", func(*s3store.Settings) {}, ""},
		{"suspended", func(s *s3store.Settings) { s.Versioning.Value = "Suspended" }, "versioning bad"},
		{"no lock", func(s *s3store.Settings) { s.Lock.Value.Enabled = false }, "object-lock bad"},
		{"expires early", rule(s3store.LifecycleRule{Expires: true, ExpiresAfterDays: 30}), "lifecycle bad"},
		{"expires elsewhere", rule(s3store.LifecycleRule{Prefix: "other/", Expires: true, ExpiresAfterDays: 30}), ""},
		{"to Glacier", rule(s3store.LifecycleRule{Prefix: "audit/events/", Transitions: []string{"GLACIER"}}), "lifecycle bad"},
		{"to infrequent access", rule(s3store.LifecycleRule{Transitions: []string{"STANDARD_IA"}}), ""},
		{"not allowed to look", func(s *s3store.Settings) {
			s.Policy = s3store.Setting[s3store.Policy]{State: s3store.SettingUnknown, Err: errors.New("access denied")}
		}, "policy unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			about := ledger.Archive{Default: "standard", Classes: []ledger.Class{{Name: "standard", Days: 365}}}
			s := good
			tt.spoil(&s)
			var got []string
			for _, x := range settingsOf(doctor.Settings(s, "audit", about)) {
				if x.State == verify.SettingBad || x.State == verify.SettingUnknown {
					got = append(got, x.Name+" "+string(x.State))
				}
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestLevels(t *testing.T) {
	for in, want := range map[string][]int{"0-3": {0, 1, 2, 3}, "1": {1}, "0-1,4": {0, 1, 4}} {
		if got, err := parseLevels(in); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, bad := range []string{"", "5", "3-1", "1-", "a", "0--1", "1,,2", "-1"} {
		if got, err := parseLevels(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

// TestReportOnATerminal: names in a bucket are chosen by whoever may write there.
func TestReportOnATerminal(t *testing.T) {
	var out strings.Builder
	err := printReport(&out, &verify.Report{Result: verify.Violation,
		Findings:  []verify.Finding{{Kind: verify.Injected, Level: 2, Key: "a/events/\x1b[2J\u202e", Version: "v\r1", Detail: "d\n", Action: "find out"}},
		Unchecked: []verify.Unchecked{{Level: 2, Key: "\x07", Why: "no\x1b"}}})
	if err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(out.String(), func(r rune) bool { return r < ' ' && r != '\n' || r == '\u202e' }); i >= 0 {
		t.Errorf("a control character in %q", out.String())
	}
}

// TestEngineNamesTheObject: what the engine says about an object that it cannot read
// names the object, and not the file in which it was given to it.
func TestEngineNamesTheObject(t *testing.T) {
	store := memstore.New(t, time.Now)
	const key = "audit/events/retention=standard/dt=2026-11-23/forged.parquet"
	store.PutForged(key, []byte("no Parquet at all, but long enough to be tried"))
	c := config.Default()
	c.S3.Prefix = "audit"
	e, err := openCurrent(c, store)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	files := 0
	for f, err := range e.Files(t.Context(), func(string) bool { return true }) {
		if files++; err != nil || f.Err == nil {
			t.Fatalf("%+v, %v", f, err)
		}
		if said := f.Err.Error(); !strings.Contains(said, key) || strings.Contains(said, e.dir) {
			t.Errorf("the engine says %q", said)
		}
	}
	if files != 1 {
		t.Errorf("%d files", files)
	}
}

// TestVerifyOptions: what is wrong with the command line is told before anything is
// looked at, and what would be OK about nothing is wrong.
func TestVerifyOptions(t *testing.T) {
	root := must1(ledger.NewKey(ledger.RootName(uuid.New()))).VKey()
	for name, f := range map[string]verifyFlags{
		"no key":           {root: "nonsense", levels: "0-3", sample: 1},
		"a damaged key":    {root: root[:len(root)-2] + "AA", levels: "0-3", sample: 1},
		"a future":         {root: root, levels: "0-3", sample: 1, since: time.Now().Add(time.Hour).Format(time.RFC3339)},
		"no time":          {root: root, levels: "0-3", sample: 1, since: "yesterday"},
		"no sample":        {root: root, levels: "0-3"},
		"more than all":    {root: root, levels: "0-3", sample: 1.1},
		"no level":         {root: root, levels: "", sample: 1},
		"a level 5":        {root: root, levels: "5", sample: 1},
		"levels upwards":   {root: root, levels: "3-1", sample: 1},
		"less than none":   {root: root, levels: "0-3", sample: 1, workers: -1},
		"another's attest": {root: root, levels: "0-3", sample: 1, attest: true},
	} {
		if _, err := verifyOptions(config.Default(), f); !errors.As(err, new(usageError)) {
			t.Errorf("%s: got %v, want a mistake of the command line", name, err)
		}
	}
	now := verifyFlags{root: root, levels: "0-2,4", sample: 0.5, since: time.Now().Add(-time.Hour).Format(time.RFC3339), state: "none"}
	if o, err := verifyOptions(config.Default(), now); err != nil || o.State != "" || !slices.Equal(o.Levels, []int{0, 1, 2, 4}) {
		t.Errorf("got %+v, %v", o, err)
	}
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
