package doctor_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/doctor"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

var updateDocs = flag.Bool("update-docs", false, "write the table of docs/operations/store.md")

const storePage = "../../docs/operations/store.md"

// tried says what each check is, for people.
var tried = map[string]string{
	"reach":             "the bucket answers",
	"versioning":        "versioning is enabled",
	"object-lock":       "Object Lock is enabled",
	"clock":             "the clocks differ by less than 15 minutes",
	"clock-close":       "the clocks differ by 2 seconds at most",
	"lifecycle":         "no rule hides, moves or removes what is archived",
	"public-access":     "all public access is blocked",
	"default-retention": "the default retention",
	"encryption":        "the default encryption",
	"policy":            "the bucket policy",
	"replication":       "replication",
	"kms-key":           "the KMS key is enabled",
	"lock":              "an upload is locked as asked, to the second",
	"read":              "a version is read back by id as it was sent",
	"list-versions":     "a new version is listed",
	"if-none-match":     "a second upload with `If-None-Match: *` gets 412",
	"checksum":          "an upload with a wrong SHA-256 is refused",
	"overwrite":         "an upload without `If-None-Match` keeps the old version",
	"delete-version":    "a locked version cannot be deleted",
	"bypass":            "nor with a governance bypass",
	"shorten":           "its lock cannot be shortened",
	"governance":        "its lock cannot become GOVERNANCE",
	"hide":              "no delete marker can be put over it",
	"keep":              "after all of it, it is as it was",
	"unlocked":          "nothing can be uploaded without a lock",
	"may-delete":        "this identity may not delete versions",
	"may-lift-holds":    "this identity may not lift legal holds",
	"may-configure":     "this identity may not configure the bucket",
	"clean":             "the probe cleared away what it could",
}

var words = map[doctor.Result]string{doctor.Pass: "pass", doctor.Fail: "**fail**", doctor.NotApplicable: "–", doctor.CouldNotLook: "could not look"}

// TestTable holds the table in the documentation to what doctor finds.
func TestTable(t *testing.T) {
	reports := make([]doctor.Report, 0, 2)
	for _, server := range []s3test.Server{s3test.Embedded(t), s3test.MinIO(t)} {
		store, _ := server.Bucket(t)
		reports = append(reports, run(t, s3store.Prober{Store: store}, time.Now))
	}
	var b strings.Builder
	b.WriteString("| check | level | what is tried or looked at | embedded | MinIO |\n|---|---|---|---|---|\n")
	for i, c := range reports[0].Checks {
		other := reports[1].Checks[i]
		if c.Name != other.Name || tried[c.Name] == "" {
			t.Fatalf("check %d is %s on one store and %s on the other, described as %q", i, c.Name, other.Name, tried[c.Name])
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", c.Name, c.Level, tried[c.Name], words[c.Result], words[other.Result])
	}
	raw, err := os.ReadFile(storePage)
	if err != nil {
		t.Fatal(err)
	}
	between := regexp.MustCompile(`(?s)(<!-- stores:begin[^\n]*-->\n)(.*?)(<!-- stores:end -->)`)
	at := between.FindSubmatchIndex(raw)
	if at == nil {
		t.Fatalf("%s has no markers", storePage)
	}
	want := "\n" + b.String() + "\n"
	if *updateDocs {
		page := string(raw[:at[4]]) + want + string(raw[at[5]:])
		if err := os.WriteFile(storePage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got := string(raw[at[4]:at[5]]); got != want {
		t.Errorf("%s says\n%s\ndoctor finds\n%s\nrun this test with -update-docs", storePage, got, want)
	}
}
