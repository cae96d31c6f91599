package e2e

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/audit-archiver/archiver/testenv/chaos"
)

// exitCouldNotLook is an exit code, as the README has it.
const exitCouldNotLook = 4

// ignoreCondition makes a store of those that take If-None-Match and do nothing
// about it: what the store behind refuses with 412, client puts all the same.
func ignoreCondition(client *miniogo.Client) chaos.Action {
	return func(x *chaos.Exchange) {
		answer, err := x.Forward()
		if err != nil {
			x.Cut()
			return
		}
		if answer.Status == http.StatusPreconditionFailed {
			bucket, key, _ := strings.Cut(strings.TrimPrefix(x.Request.URL.Path, "/"), "/")
			info, err := client.PutObject(context.Background(), bucket, key, bytes.NewReader(x.Body), int64(len(x.Body)),
				miniogo.PutObjectOptions{SendContentMd5: true})
			if err != nil {
				x.Cut()
				return
			}
			answer = &chaos.Answer{Status: http.StatusOK, Header: http.Header{"X-Amz-Version-Id": {info.VersionID}}}
		}
		x.Reply(answer)
	}
}

// doctorReport is what doctor --json prints, as far as we look.
type doctorReport struct {
	Checks []struct{ Name, Level, Result, Seen, Do string }
}

func (r doctorReport) result(name string) string {
	for _, c := range r.Checks {
		if c.Name == name {
			return c.Result
		}
	}
	return "no such check"
}

// TestUnfitStore: two writers could both believe that they wrote the same commit, on
// a store that ignores If-None-Match. serve does not start on one, unless it is told to,
// and then says so wherever somebody might look.
func TestUnfitStore(t *testing.T) {
	s3 := startDev(t, t.TempDir())
	s := newSite(t, s3, "unfit", "127.0.0.1:0", "")
	s.init(t)
	client := s3.server(t).Client(t)
	proxy := chaos.Start(t, strings.TrimPrefix(s3.S3, "http://"))
	proxy.Until(chaos.Puts("/unfit/"), ignoreCondition(client))
	s.edit(t, "endpoint: "+s3.S3, "endpoint: http://"+proxy.Addr)

	run(t, exitViolation, "serve", "--config", s.config).wants(t, "if-none-match", "doctor.override")
	var report doctorReport
	got := run(t, exitViolation, "doctor", "--config", s.config, "--json")
	got.wants(t, "if-none-match")
	got.decode(t, &report)
	for name, want := range map[string]string{"if-none-match": "fail", "delete-version": "pass", "keep": "pass", "fsync": "pass"} {
		if result := report.result(name); result != want {
			t.Errorf("%s: %s, want %s", name, result, want)
		}
	}
	commits := "team/audit/ledger/" + s.made.Stream + "/0"
	if got := objects(t, client, "unfit", commits); len(got) > 0 {
		t.Errorf("it committed to an unfit bucket: %v", got)
	}

	s.edit(t, "version: 0\n", "version: 0\ndoctor: {override: [if-nothing]}\n")
	run(t, exitUsage, "serve", "--config", s.config).wants(t, "if-nothing", "if-none-match")
	s.edit(t, "if-nothing", "if-none-match")
	for n := 1; n <= 2; n++ { // the second time it is remembered
		d := startServe(t, s.config)
		raw, status, _ := d.do(t, http.MethodGet, "/readyz", "", "")
		if status != http.StatusOK || !strings.Contains(string(raw), "doctor.override: if-none-match: ") {
			t.Errorf("start %d: /readyz says %d %s", n, status, raw)
		}
		d.stop(t)
		overrides := 0
		for _, o := range objects(t, client, "unfit", commits) {
			if body := read(t, client, "unfit", o); bytes.Contains(body, []byte(`"kind":"override","text":"if-none-match fail: `)) {
				overrides++
			}
		}
		if overrides != n {
			t.Errorf("start %d: %d commits say what was let go", n, overrides)
		}
	}
	s.edit(t, "override: [if-none-match]", "override: []")
	run(t, exitViolation, "serve", "--config", s.config).wants(t, "if-none-match")
	s3.stop(t)
}

// TestDoctorOfDev: the embedded store keeps every must, and the report says what its
// only account may do. A store that is away is neither fit nor unfit.
func TestDoctorOfDev(t *testing.T) {
	d := startDev(t, t.TempDir())
	var report doctorReport
	run(t, exitOK, "doctor", "--config", d.Config, "--json").decode(t, &report)
	for _, c := range report.Checks {
		if c.Level == "must" && c.Result != "pass" {
			t.Errorf("%s: %s: %s", c.Name, c.Result, c.Seen)
		}
	}
	text := run(t, exitOK, "doctor", "--config", d.Config).out
	for _, want := range []string{"must    if-none-match", "warn  should  hide", "To do:", "Left in the bucket: 2 versions"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table does not have %q:\n%s", want, text)
		}
	}
	d.stop(t)
	run(t, exitCouldNotLook, "doctor", "--config", d.Config).wants(t, "reach")
	run(t, exitUsage, "doctor").wants(t, "--config")
}
