package policy_test

import (
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/doctor"
	"github.com/audit-archiver/archiver/internal/policy"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

func TestMain(m *testing.M) { s3test.Main(m) }

const prefix = "team/audit"

func options(bucket string) policy.Options {
	return policy.Options{Store: policy.MinIO, Bucket: bucket, Prefix: prefix, ShortestDays: 100, LongestDays: 200, OutageDays: policy.DefaultOutageDays}
}

func TestTry(t *testing.T) {
	server := s3test.MinIO(t)
	_, cfg := server.Bucket(t)
	for _, role := range policy.Roles()[1:] {
		d, err := policy.Make(role, options(cfg.Bucket))
		if err != nil {
			t.Fatal(err)
		}
		user := server.User(t, d.JSON())
		store := user.Open(t, cfg.Bucket)
		r, err := doctor.Run(t.Context(), doctor.Options{Store: s3store.Prober{Store: store}, Prefix: prefix, Now: time.Now})
		if err != nil { t.Fatal(err) }
		for _, c := range r.Checks { t.Logf("%s %s %s: %.200s", c.Name, c.Level, c.Result, c.Seen) }
		t.Log(r.Err())
	}
}
