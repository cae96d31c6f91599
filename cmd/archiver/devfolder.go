package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/devs3"
	"github.com/audit-archiver/archiver/internal/durable"
)

// dropEmptyBucket removes the bucket of a first start that died between making its
// folder and giving it Object Lock. One that holds anything stays.
func dropEmptyBucket(folder string) error {
	err := os.Remove(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return fmt.Errorf("remove the bucket of an unfinished start: %w", err)
	}
	return nil
}

// setAside moves away the keys of a first start that died before its archive was
// signed: nothing was made with them.
func setAside(c config.Config) error {
	if _, err := os.Lstat(archiveFile(c)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, file := range []string{c.Archive.RootKeyFile, c.Stream.KeyFile, c.Stream.OpenFile} {
		err := os.Rename(file, file+".unused")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set aside a key of an unfinished start: %w", err)
		}
	}
	return nil
}

// prepareDevDir makes the folder. One that holds other things is refused.
func prepareDevDir(name string) (string, error) {
	if name == "" {
		return "", usagef("--dir must not be empty")
	}
	dir, err := filepath.Abs(name) // before devs3 changes the working directory
	if err != nil {
		return "", fmt.Errorf("folder %s: %w", name, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("folder: %w", err)
	}
	ours := false
	for _, sign := range []string{"credentials", "s3"} { // either alone: credentials may be removed to get new ones
		_, err := os.Stat(filepath.Join(dir, sign))
		ours = ours || err == nil
	}
	if !ours {
		for _, e := range entries {
			// A first start that was killed leaves these.
			if e.Name() != "lock" && e.Name() != "credentials.tmp" {
				return "", usagef("--dir %s: holds files that are not of archiver dev (such as %s); name an empty or a new folder", name, e.Name())
			}
		}
	}
	if err := durable.MkdirAll(durable.OS(), dir, 0o700); err != nil {
		return "", fmt.Errorf("folder %s: %w", dir, err)
	}
	return dir, nil
}

// devCredentials reads or makes the only account of the S3 endpoint, in the
// format of the AWS tools.
func devCredentials(file string) (access, secret string, _ error) {
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		access, secret = rand.Text()[:20], rand.Text()+rand.Text()[:14]
		text := fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\nregion = %s\n",
			devProfile, access, secret, devs3.DefaultRegion)
		if err := durable.WriteFile(durable.OS(), file, []byte(text), 0o600); err != nil {
			return "", "", fmt.Errorf("write credentials: %w", err)
		}
		return access, secret, nil
	}
	if err != nil {
		return "", "", fmt.Errorf("read credentials: %w", err)
	}
	for line := range strings.Lines(string(raw)) {
		name, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(name) {
		case "aws_access_key_id":
			access = strings.TrimSpace(value)
		case "aws_secret_access_key":
			secret = strings.TrimSpace(value)
		}
	}
	if access == "" || secret == "" {
		return "", "", fmt.Errorf("%s holds no aws_access_key_id and aws_secret_access_key; remove it to get new ones", file)
	}
	return access, secret, nil
}

func devConfigFile(dir string) string { return filepath.Join(dir, "archiver.yaml") }

// devConfig reads the folder's configuration, or makes the first one, and checks
// what the flags make of it.
func devConfig(dir string, f devFlags) (config.Config, error) {
	file := devConfigFile(dir)
	c, err := config.Load(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c = config.Default()
		c.DataDir = filepath.Join(dir, "node")
		c.Stream.KeyFile, c.Stream.OpenFile = filepath.Join(c.DataDir, "stream.key"), filepath.Join(c.DataDir, "stream.open")
		c.Stream.NextDir = filepath.Join(c.DataDir, "next")
		c.S3.Bucket, c.S3.PathStyle = devBucket, true
		c.S3.CredentialsFile, c.S3.Profile = filepath.Join(dir, "credentials"), devProfile
		c.Archive.RootKeyFile = filepath.Join(dir, "root.key")
		c.Retention.Classes = []config.Class{{Name: c.Retention.Default, Days: devRetentionDays}}
		c.WAL.SegmentBytes = devSegmentBytes
		c.Listen, c.Seal.Age = f.listen, f.sealAge
	case err != nil:
		return config.Config{}, err
	}
	c.S3.Endpoint = "http://" + f.s3Listen // until the endpoint says what it really is
	// A folder that an earlier version made has none yet.
	if len(c.Athena.Keys) == 0 {
		c.Athena.Keys = []config.AthenaKey{{Name: "dev", CredentialsFile: filepath.Join(dir, "credentials"), Profile: devProfile, Role: "admin"}}
		c.Athena.Listen = f.athenaListen
	}
	if f.athenaSet {
		c.Athena.Listen = f.athenaListen
	}
	if f.athenaResults != "" {
		c.Athena.Results.Bucket = f.athenaResults
	}
	if f.listenSet {
		c.Listen = f.listen
	}
	if f.sealAgeSet {
		c.Seal.Age = f.sealAge
	}
	raw, err := config.Marshal(c)
	if err != nil {
		return config.Config{}, err
	}
	_, err = config.Parse(raw, dir, os.LookupEnv)
	if bad := new(config.Error); errors.As(err, &bad) {
		bad.File = file + " with these flags"
	}
	return c, err
}

// saveDevConfig writes the configuration for the other commands, with paths that
// are relative to the folder, so that the folder can be moved.
func saveDevConfig(file string, c config.Config) error {
	raw, err := config.Marshal(withRelativePaths(c, filepath.Dir(file)))
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(file); err == nil {
		// The user's comments stay as long as the meaning does.
		if same, err := config.Parse(old, filepath.Dir(file), os.LookupEnv); err == nil && sameConfig(same, c) {
			return nil
		}
	}
	if err := durable.WriteFile(durable.OS(), file, raw, 0o600); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	// What was written is what every other command reads.
	if _, err := config.Load(file); err != nil {
		return err
	}
	return nil
}

func withRelativePaths(c config.Config, dir string) config.Config {
	c.Athena.Keys = slices.Clone(c.Athena.Keys)
	paths := []*string{&c.DataDir, &c.Stream.KeyFile, &c.Stream.OpenFile, &c.Stream.NextDir, &c.S3.CredentialsFile,
		&c.S3.CAFile, &c.Archive.RootKeyFile, &c.TLS.CertFile, &c.TLS.KeyFile,
		&c.KMS.CredentialsFile, &c.Athena.Results.CredentialsFile, &c.Athena.Results.CAFile, &c.Mirror.Postgres.PasswordFile, &c.Mirror.CloudWatch.CredentialsFile}
	for i := range c.Athena.Keys {
		paths = append(paths, &c.Athena.Keys[i].CredentialsFile)
	}
	for _, path := range paths {
		if rel, err := filepath.Rel(dir, *path); err == nil && filepath.IsLocal(rel) {
			*path = rel
		}
	}
	return c
}

func sameConfig(x, y config.Config) bool {
	a, errA := config.Marshal(x)
	b, errB := config.Marshal(y)
	return errA == nil && errB == nil && string(a) == string(b)
}
