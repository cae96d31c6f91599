package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/objecttest"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

// server is dev's S3 endpoint with the account that dev wrote into its credentials file.
func (d *dev) server(t testing.TB) s3test.Server {
	t.Helper()
	raw, err := os.ReadFile(d.Credentials)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(d.Credentials); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of %s: %v, %v; want 0600", d.Credentials, info.Mode(), err)
	}
	s := s3test.Server{Endpoint: d.S3, Region: "us-east-1"}
	for line := range strings.Lines(string(raw)) {
		name, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(name) {
		case "aws_access_key_id":
			s.AccessKey = strings.TrimSpace(value)
		case "aws_secret_access_key":
			s.SecretKey = strings.TrimSpace(value)
		}
	}
	return s
}

// stored is one version of an object in the bucket.
type stored struct{ key, version string }

// objects lists every version below a prefix.
func objects(t testing.TB, client *miniogo.Client, bucket, prefix string) []stored {
	t.Helper()
	var all []stored
	for o := range client.ListObjects(context.Background(), bucket, miniogo.ListObjectsOptions{
		Prefix: prefix, Recursive: true, WithVersions: true,
	}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		all = append(all, stored{o.Key, o.VersionID})
	}
	return all
}

// evidence is everything in the bucket but the probes, whose locks end in minutes.
func evidence(t testing.TB, client *miniogo.Client, bucket string) []stored {
	t.Helper()
	return slices.DeleteFunc(objects(t, client, bucket, ""), func(o stored) bool { return strings.Contains(o.key, "/probe/") })
}

func read(t testing.TB, client *miniogo.Client, bucket string, o stored) []byte {
	t.Helper()
	body, err := client.GetObject(context.Background(), bucket, o.key, miniogo.GetObjectOptions{VersionID: o.version})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	raw, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestEvidenceCannotBeDestroyed attacks the bucket with another vendor's client and
// the only account there is, which may do everything.
func TestEvidenceCannotBeDestroyed(t *testing.T) {
	d := startDev(t, t.TempDir(), "--seal-age", "200ms")
	d.stored(t, some(20)...)
	d.waitArchived(t)
	d.stored(t, some(3)...)
	d.waitArchived(t)
	server := d.server(t)
	client, attack := server.Client(t), server.Attack(t, d.Bucket)
	all := evidence(t, client, d.Bucket)
	kinds := map[string]int{}
	for _, o := range all {
		kinds[kindOf(o.key)]++
	}
	if kinds["archive"] != 1 || kinds["open"] != 1 || kinds["data"] != 2 || kinds["commit"] != 3 || len(kinds) != 4 {
		t.Fatalf("in the bucket: %v: %v", kinds, all)
	}
	for _, o := range all {
		resists(t, attack, o)
	}
	if left := evidence(t, client, d.Bucket); fmt.Sprint(left) != fmt.Sprint(all) {
		t.Errorf("the attack changed the bucket: %v, before %v", left, all)
	}

	// What S3 allows to everybody who may write: it must not change an answer.
	const sql = "SELECT seq, id, actor_id, timestamp_ns FROM audit_logs ORDER BY seq"
	before := fmt.Sprint(d.query(t, sql).Rows)
	if !strings.Contains(before, "actor-19") || before != fmt.Sprint(d.queryBucket(t, sql).Rows) {
		t.Fatalf("before: %s", before)
	}
	data := objects(t, client, d.Bucket, "audit-logs/events/")
	small, large := read(t, client, d.Bucket, data[0]), read(t, client, d.Bucket, data[1])
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"inject", func(ctx context.Context) error {
			for _, key := range []string{
				strings.Replace(data[0].key, ".parquet", "-copy.parquet", 1),
				strings.Replace(data[0].key, "dt=2026-01-31/", "dt=2026-02-01/", 1),
			} {
				if _, err := attack.PutUnlocked(ctx, key, large); err != nil {
					return err
				}
			}
			return nil
		}},
		{"replace", func(ctx context.Context) error {
			if _, err := attack.PutUnlocked(ctx, data[0].key, large); err != nil {
				return err
			}
			_, err := attack.PutUnlocked(ctx, data[1].key, small)
			return err
		}},
		{"hide", func(ctx context.Context) error {
			for _, o := range all {
				if err := attack.Hide(ctx, o.key); err != nil {
					return fmt.Errorf("%s: %w", o.key, err)
				}
			}
			return nil
		}},
		{"forge the ledger", func(ctx context.Context) error {
			for _, o := range all {
				if _, err := attack.PutUnlocked(ctx, o.key, []byte("forged")); err != nil {
					return fmt.Errorf("%s: %w", o.key, err)
				}
			}
			return nil
		}},
	} {
		if err := step.do(t.Context()); err != nil {
			t.Fatalf("%s: S3 allows it, but: %v", step.name, err)
		}
		if got := fmt.Sprint(d.query(t, sql).Rows); got != before {
			t.Errorf("%s: the server answers %s, before %s", step.name, got, before)
		}
		if err := os.RemoveAll(strings.TrimSuffix(d.Config, "archiver.yaml") + "node/cli-cache"); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(d.queryBucket(t, sql).Rows); got != before {
			t.Errorf("%s: the bucket answers %s, before %s", step.name, got, before)
		}
	}
	d.stored(t, some(1)...) // and the stream goes on
	d.waitArchived(t)
	if n := d.queryBucket(t, countSQL).one(t); n != "24" {
		t.Errorf("afterwards: %s rows, want 24", n)
	}
	d.stop(t)
}

func kindOf(key string) string {
	switch {
	case strings.HasSuffix(key, ".parquet"):
		return "data"
	case strings.HasSuffix(key, ".commit"):
		return "commit"
	default:
		return key[strings.LastIndex(key, "/")+1:]
	}
}

// resists tries to delete a version and to weaken its lock.
func resists(t *testing.T, attack objecttest.Attack, o stored) {
	t.Helper()
	ctx := t.Context()
	mode, until, err := attack.Lock(ctx, o.key, o.version)
	if err != nil || mode != object.Compliance || until.Before(time.Now().Add(23*time.Hour)) {
		t.Fatalf("%s: lock %s until %s, %v", o.key, mode, until, err)
	}
	for _, bypass := range []bool{false, true} {
		for name, err := range map[string]error{
			"delete":  attack.DeleteVersion(ctx, o.key, o.version, bypass),
			"shorten": attack.Relock(ctx, o.key, o.version, object.Compliance, until.Add(-time.Hour), bypass),
			"weaken":  attack.Relock(ctx, o.key, o.version, "GOVERNANCE", until.Add(time.Hour), bypass),
		} {
			if code := miniogo.ToErrorResponse(err).Code; err == nil || !strings.HasPrefix(code, "AccessDenied") && !strings.Contains(code, "ObjectLock") {
				t.Errorf("%s %s (bypass %v): %v (%s), want it refused", name, o.key, bypass, err, code)
			}
		}
	}
	if after, date, err := attack.Lock(ctx, o.key, o.version); err != nil || after != mode || !date.Equal(until) {
		t.Errorf("%s: lock is now %s until %s (%v), was %s until %s", o.key, after, date, err, mode, until)
	}
}
