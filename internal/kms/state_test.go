package kms

import (
	"strings"
	"testing"
	"time"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/audit-archiver/archiver/testenv/cloudwatch"
)

// TestState disables a key and has it deleted, on a KMS that is not ours.
func TestState(t *testing.T) {
	url := cloudwatch.StartMoto(t)
	credentials(t)
	client, err := newClient(t.Context(), Config{Region: "eu-central-1", Endpoint: url, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	made, err := client.CreateKey(t.Context(), &awskms.CreateKeyInput{}) // symmetric, as for a bucket
	if err != nil {
		t.Fatal(err)
	}
	id := made.KeyMetadata.KeyId
	want := func(state string) {
		t.Helper()
		got, err := State(t.Context(), Config{Key: *made.KeyMetadata.Arn, Endpoint: url})
		if err != nil || got != state {
			t.Errorf("state %q, %v; want %q", got, err, state)
		}
	}
	want("Enabled")
	if _, err := client.DisableKey(t.Context(), &awskms.DisableKeyInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	want("Disabled")
	if _, err := client.ScheduleKeyDeletion(t.Context(), &awskms.ScheduleKeyDeletionInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	want("PendingDeletion")
	if _, err := State(t.Context(), Config{Key: "none", Region: "eu-central-1", Endpoint: url}); err == nil || !strings.Contains(err.Error(), "state of KMS key none") {
		t.Errorf("no such key: %v", err)
	}
}
