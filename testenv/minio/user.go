package minio

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/testenv/proc"
)

// User makes a user of a running server whose only policy is the given one, and
// returns its credentials. What makes it is a module of its own (adduser), which is
// built at first use. If that does not work, the test fails when CI is true; otherwise
// it is skipped, and the log says why.
func User(t testing.TB, endpoint, rootUser, rootPassword string, policy []byte) (name, password string) {
	t.Helper()
	tool, err := buildAddUser(t.Context())
	if err != nil {
		proc.Missing(t, "adduser cannot be built, so policies are not tried: %v", err)
	}
	name, password = "user-"+strings.ToLower(rand.Text()[:8]), rand.Text()
	cmd := exec.CommandContext(t.Context(), tool, endpoint, rootUser, rootPassword, name, password)
	cmd.Stdin = bytes.NewReader(policy)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make a MinIO user: %v: %s\nits policy: %s", err, out, policy)
	}
	return name, password
}

// buildAddUser is quick when nothing has changed: the go command looks.
func buildAddUser(ctx context.Context) (string, error) {
	root, err := repository()
	if err != nil {
		return "", err
	}
	tools := filepath.Join(root, ".tools")
	if err := os.MkdirAll(tools, 0o755); err != nil {
		return "", err
	}
	unlock, err := proc.Lock(filepath.Join(tools, "adduser.lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	binary := filepath.Join(tools, "adduser")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	cmd.Dir = filepath.Join(root, "testenv", "minio", "adduser")
	cmd.Env = append(cleanEnv(os.Environ()), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build adduser: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return binary, nil
}
