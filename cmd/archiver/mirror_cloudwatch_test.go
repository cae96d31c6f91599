package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/durable"
)

// TestLogsTargetTakesOver: a folder that another process has, and keys that are not
// there yet, are only waited for.
func TestLogsTargetTakesOver(t *testing.T) {
	c := config.Default()
	c.DataDir = t.TempDir()
	keys := filepath.Join(c.DataDir, "keys")
	c.Mirror.CloudWatch = config.CloudWatch{Region: "eu-central-1", LogGroup: "/audit/archive", CredentialsFile: keys}
	if err := os.MkdirAll(logsDir(c), 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := durable.Lock(logsDir(c))
	if err != nil {
		t.Fatal(err)
	}
	target, err := newLogsTarget(c, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	position := func() error {
		_, err := target.Position(t.Context(), uuid.New())
		return err
	}
	if err := position(); !errors.Is(err, durable.ErrLocked) {
		t.Fatalf("beside another process: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if err := position(); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("without keys: %v", err)
	}
	if err := os.WriteFile(keys, []byte("[default]\naws_access_key_id = a\naws_secret_access_key = b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := position(); err != nil {
		t.Fatal(err)
	}
	if _, err := durable.Lock(logsDir(c)); !errors.Is(err, durable.ErrLocked) {
		t.Fatalf("its folder is free: %v", err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	if lock, err = durable.Lock(logsDir(c)); err != nil {
		t.Fatal(err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLogsTargetIsChecked: what the configuration lets through and the mirror does not
// is a mistake in usage, before anything is opened.
func TestLogsTargetIsChecked(t *testing.T) {
	c := config.Default()
	c.DataDir = t.TempDir()
	_, err := newLogsTarget(c, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if !errors.As(err, new(usageError)) {
		t.Errorf("%v", err)
	}
}
