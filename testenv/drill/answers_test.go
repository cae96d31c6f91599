package drill

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/audit-archiver/archiver/internal/verify"
	"github.com/audit-archiver/archiver/testenv/chaos"
)

// TestUntouched: an archive that nobody touched is OK on every level, exit code 0.
func TestUntouched(t *testing.T) {
	need(t)
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) {
			s := newScene(t, store.name, store.start(t))
			v := s.blank("--levels", "0-4")
			if v.Result != "OK" || len(v.Findings) > 0 || len(v.Unchecked) > 0 {
				t.Errorf("%s: %v %+v", v.Result, v.Findings, v.Unchecked)
			}
			s.agree(s.blank("--levels", "1-3"))
			if r, code := s.repaired("--apply"); code != 0 || len(r.Steps) > 0 || len(r.Left) > 0 {
				t.Errorf("repair ends with code %d: %+v", code, r)
			}
		})
	}
}

// TestAnswers: with files hidden, replaced and injected, our engine's answers stay as
// they are, because it reads by version id; what any other engine reads through the
// current versions is another thing, and level 4 shows each difference. Repaired,
// others read the right rows again.
func TestAnswers(t *testing.T) {
	need(t)
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) {
			s := newScene(t, store.name, store.start(t))
			before := s.answers()
			hidden, key, _ := s.file(0)
			replaced, other, body := s.file(1)
			locked, third, content := s.file(2)
			_, edited := s.edit(s.a, replaced, body)
			_, again := s.edit(s.a, locked, content)
			forgedKey, forged := s.forge()
			marker := s.hide(key)
			ids := []string{s.put(other, edited), s.putLocked(third, again, s.Now.AddDate(0, 1, 0)), s.put(forgedKey, forged)}
			if after := s.answers(); after != before {
				t.Errorf("the answers changed: %s, before %s", after, before)
			}
			stream := s.a.Open.Stream.String()
			want := []found{
				ofFile(verify.Hidden, 2, s.a, hidden, marker), ofFile(verify.Hidden, 4, s.a, hidden, ""),
				ofFile(verify.Replaced, 2, s.a, replaced, ids[0]), ofFile(verify.Replaced, 4, s.a, replaced, ids[0]),
				ofFile(verify.Replaced, 2, s.a, locked, ids[1]), ofFile(verify.Replaced, 4, s.a, locked, ids[1]),
				{verify.Injected, 2, forgedKey, ids[2], stream, 0, 9}, {verify.Injected, 4, forgedKey, ids[2], stream, 0, 9},
			}
			s.says("level 4", s.blank("--levels", "1-4"), want)
			if _, code := s.repaired("--apply"); code != 0 {
				t.Errorf("repair ends with code %d", code)
			}
			s.says("level 4, after the repair", s.blank("--levels", "1-4"), nil)
			if after := s.answers(); after != before {
				t.Errorf("after the repair the answers are %s, before %s", after, before)
			}
		})
	}
}

// answers is a hash over all rows, as the program gives them from the bucket.
func (s *scene) answers() string {
	s.t.Helper()
	out, code := s.run("query", "--format", "csv",
		"SELECT stream, seq, id, timestamp_ns, actor_id, action, outcome, details FROM audit_logs ORDER BY stream, seq")
	if lines := strings.Count(string(out), "\n"); code != 0 || lines < 2900 {
		s.t.Fatalf("query ends with code %d and %d lines", code, lines)
	}
	return fmt.Sprintf("%x", sha256.Sum256(out))
}

// TestNoListing: with the permission to list taken away, the result is INDETERMINATE,
// never OK, whether the archive was tampered with or not. MinIO has a user who may do
// everything else; in front of the embedded S3, which has one account, a proxy
// refuses.
func TestNoListing(t *testing.T) {
	need(t)
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) {
			s := newScene(t, store.name, store.start(t))
			s.untouched()
			config := filepath.Join(s.dir, "no-listing.yaml")
			if s.minio {
				s.configure("no-listing.yaml", s.server.Endpoint, s.userWithout("s3:ListBucket", "s3:ListBucketVersions")) // the first is enough for MinIO
			} else {
				p := chaos.Start(t, strings.TrimPrefix(s.server.Endpoint, "http://"))
				p.Until(func(r *http.Request) bool { return r.URL.Query().Has("versions") }, func(x *chaos.Exchange) {
					x.Reply(&chaos.Answer{Status: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/xml"}},
						Body: []byte("<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>")})
				})
				s.configure("no-listing.yaml", "http://"+p.Addr,
					s.credentials(credentials.Value{AccessKeyID: s.server.AccessKey, SecretAccessKey: s.server.SecretKey}))
			}
			for range 2 {
				for _, args := range [][]string{{"--state", s.state}, {"--state", "none"}, {"--state", "none", "--levels", "2"}} {
					v := s.audit(append(args, "--config", config)...)
					if v.Result != "INDETERMINATE" || len(v.Unchecked) == 0 || len(v.violations()) > 0 {
						t.Errorf("%v: %s: %v %+v", args, v.Result, v.Findings, v.Unchecked)
					}
				}
				_, key, _ := s.file(0)
				s.hide(key)
			}
		})
	}
}

// userWithout makes a user of MinIO's who may do everything but some actions, and
// returns the file with his credentials. It is a session of the root account with a
// policy of its own.
func (s *scene) userWithout(actions ...string) (file string) {
	s.t.Helper()
	c, err := credentials.NewSTSAssumeRole(s.server.Endpoint, credentials.STSAssumeRoleOptions{
		AccessKey: s.server.AccessKey, SecretKey: s.server.SecretKey, Location: s.server.Region, DurationSeconds: int(time.Hour / time.Second),
		Policy: fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]},
			{"Effect":"Deny","Action":["%s"],"Resource":["arn:aws:s3:::*"]}]}`, strings.Join(actions, `","`)),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	value, err := c.GetWithContext(&credentials.CredContext{Client: http.DefaultClient})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.credentials(value)
}

// credentials writes a credentials file.
func (s *scene) credentials(v credentials.Value) (file string) {
	s.t.Helper()
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", v.AccessKeyID, v.SecretAccessKey)
	if v.SessionToken != "" {
		text += "aws_session_token = " + v.SessionToken + "\n"
	}
	file = filepath.Join(s.t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return file
}
