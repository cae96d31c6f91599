package minio

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/audit-archiver/archiver/testenv/proc"
)

// built remembers a build for the life of the process: a failure costs minutes.
var built struct {
	once sync.Once
	path string
	err  error
}

// Build returns the path of the MinIO binary, after building it if it is not
// there. Processes that need it at the same time wait for one build.
func Build(ctx context.Context) (string, error) {
	built.once.Do(func() { built.path, built.err = build(ctx) })
	return built.path, built.err
}

func build(ctx context.Context) (string, error) {
	root, err := repository()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, ".tools", "minio-"+Version)
	binary := filepath.Join(dir, "minio")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := proc.Lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(binary); err == nil { // built by whom we waited for
		return binary, nil
	}
	fmt.Fprintf(os.Stderr, "building MinIO %s into %s, once: this takes minutes\n", Version, dir)
	// Built beside and renamed, so that a file of that name is always complete.
	tmp, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	cmd := exec.CommandContext(ctx, "go", "install", "github.com/minio/minio@"+Version)
	cmd.Dir = tmp // outside any package: the versions of this repository must not matter
	cmd.Env = append(cleanEnv(os.Environ()), "GOBIN="+tmp, "GOFLAGS=-mod=mod", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go install minio: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return binary, os.Rename(filepath.Join(tmp, "minio"), binary)
}

// cleanEnv drops what would build for another machine, or refuse to build.
func cleanEnv(env []string) []string {
	var kept []string
	for _, e := range env {
		switch name, _, _ := strings.Cut(e, "="); name {
		case "GOOS", "GOARCH", "GOFLAGS", "GOBIN", "GOWORK", "GOEXPERIMENT", "CGO_ENABLED":
		default:
			kept = append(kept, e)
		}
	}
	return kept
}

// repository is the folder of our go.mod, at or above the working directory.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod at or above the working directory")
		}
		dir = parent
	}
}
