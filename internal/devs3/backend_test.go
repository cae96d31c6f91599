package devs3

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/s3response"
)

// TestLockedWhenNamed stops posix between giving an object its name and locking it,
// where a kill would hit: the lock must be there already. It stops because the
// bucket's lock configuration, which exists, says that it is off.
func TestLockedWhenNamed(t *testing.T) {
	t.Chdir(t.TempDir()) // newBackend changes it
	dir := t.TempDir()
	if err := prepare(dir); err != nil {
		t.Fatal(err)
	}
	be, err := newBackend(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	defer be.Shutdown()
	if err := os.Mkdir("bucket", 0o700); err != nil {
		t.Fatal(err)
	}
	attrs := meta.XattrMeta{}
	if err := attrs.StoreAttribute(nil, "bucket", "", "bucket-lock", []byte(`{"Enabled":false}`)); err != nil {
		t.Fatal(err)
	}
	until := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	_, err = be.PutObject(t.Context(), s3response.PutObjectInput{
		Bucket: aws.String("bucket"), Key: aws.String("a/k"),
		Body: strings.NewReader("x"), ContentLength: aws.Int64(1),
		ObjectLockMode: s3types.ObjectLockModeCompliance, ObjectLockRetainUntilDate: &until,
	})
	if err == nil {
		t.Fatal("posix did not stop after naming the object, so this test shows nothing")
	}
	if body, err := os.ReadFile("bucket/a/k"); err != nil || string(body) != "x" {
		t.Fatalf("the object has no name yet (%q, %v), so this test shows nothing", body, err)
	}
	lock, err := attrs.RetrieveAttribute(nil, "bucket", "a/k", retentionAttr)
	if err != nil || !strings.Contains(string(lock), `"COMPLIANCE"`) || !strings.Contains(string(lock), "2026-01-31T10:00:00Z") {
		t.Errorf("the lock of a named object is %q, %v", lock, err)
	}
}
