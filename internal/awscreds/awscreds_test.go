package awscreds_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/audit-archiver/archiver/internal/awscreds"
)

func write(t *testing.T, name, profile, key string) {
	t.Helper()
	text := fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = secret\n", profile, key)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, s awscreds.Source) aws.CredentialsProvider {
	t.Helper()
	sdk, err := s.Config(t.Context(), "eu-central-1", awshttp.NewBuildableClient())
	if err != nil {
		t.Fatal(err)
	}
	return sdk.Credentials
}

func key(t *testing.T, p aws.CredentialsProvider) string {
	t.Helper()
	keys, err := p.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return keys.AccessKeyID
}

// TestFileIsReadAgain: keys that are older than a minute are read from the file.
func TestFileIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	write(t, file, "default", "key-1")
	now := time.Now()
	p := load(t, awscreds.Source{File: file, Now: func() time.Time { return now }})
	if got := key(t, p); got != "key-1" {
		t.Errorf("key %s", got)
	}
	write(t, file, "default", "key-2")
	if got := key(t, p); got != "key-1" {
		t.Errorf("key %s before a minute has passed", got)
	}
	for want, passed := range map[string]time.Duration{"key-3": time.Minute, "key-4": -365 * 24 * time.Hour} { // it was ahead
		write(t, file, "default", want)
		now = now.Add(passed)
		if got := key(t, p); got != want {
			t.Errorf("%s later: key %s, want %s", passed, got, want)
		}
	}
}

// TestFileIsTheWholeTruth: neither the environment nor the shared files have a say.
func TestFileIsTheWholeTruth(t *testing.T) {
	dir := t.TempDir()
	other, file := filepath.Join(dir, "other"), filepath.Join(dir, "credentials")
	write(t, other, "default", "theirs")
	write(t, file, "archiver", "ours")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", other)
	t.Setenv("AWS_ACCESS_KEY_ID", "theirs")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_PROFILE", "nobody")
	if got := key(t, load(t, awscreds.Source{File: file, Profile: "archiver", Now: time.Now})); got != "ours" {
		t.Errorf("key %s", got)
	}
}

// TestChain: without a file the AWS chain is asked, in the profile if one is named.
func TestChain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shared")
	write(t, file, "archiver", "of-the-profile")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	t.Setenv("AWS_CONFIG_FILE", file+".none")
	t.Setenv("AWS_ACCESS_KEY_ID", "of-the-environment")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	if got := key(t, load(t, awscreds.Source{})); got != "of-the-environment" {
		t.Errorf("key %s", got)
	}
	if got := key(t, load(t, awscreds.Source{Profile: "archiver"})); got != "of-the-profile" {
		t.Errorf("key %s", got)
	}
}

// TestWrongFile is an error at once, and names the file.
func TestWrongFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte("[default]\nregion = x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ file, profile, want string }{
		{file + ".none", "", "no such file"},
		{file, "", "credentials " + file + ": profile default has no access key"},
		{file, "other", "credentials " + file + ": "},
	} {
		_, err := awscreds.Source{File: tt.file, Profile: tt.profile, Now: time.Now}.Config(t.Context(), "eu-central-1", awshttp.NewBuildableClient())
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s, profile %q: %v, want %q", tt.file, tt.profile, err, tt.want)
		}
	}
}
