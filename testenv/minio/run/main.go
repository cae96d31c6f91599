// Command run is a MinIO server for hand use (`make minio`): it builds the pinned
// version if needed, makes a bucket with Object Lock, prints how to reach it, and
// stops on Ctrl-C. Its data is in a temporary folder and goes away with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/testenv/minio"
)

func main() {
	bucket := flag.String("bucket", "audit", "bucket to make, with Object Lock")
	dir := flag.String("dir", "", "folder for the data, kept afterwards (default: a temporary one)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *bucket, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "minio:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bucket, dir string) (err error) {
	binary, err := minio.Build(ctx)
	if err != nil {
		return err
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "archiver-minio-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	srv, err := minio.Run(binary, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Stop()) }()
	credentials := filepath.Join(dir, "credentials")
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", srv.AccessKey, srv.SecretKey)
	if err := os.WriteFile(credentials, []byte(text), 0o600); err != nil {
		return err
	}
	store, err := s3store.Open(ctx, s3store.Config{
		Endpoint: srv.Endpoint, Region: minio.Region, Bucket: bucket, PathStyle: true, CredentialsFile: credentials,
	})
	if err != nil {
		return err
	}
	if _, err := store.CreateBucket(ctx, s3store.CreateOptions{UseExisting: true}); err != nil {
		return err
	}
	fmt.Printf(usage, srv.Endpoint, minio.Region, bucket, credentials)
	select {
	case <-ctx.Done():
	case <-srv.Done():
		return errors.New("the server ended by itself; see minio.log in " + dir)
	}
	return nil
}

const usage = `MinIO is running. Ctrl-C stops it.

In archiver.yaml:

  s3:
    endpoint: %[1]s
    region: %[2]s
    bucket: %[3]s
    path_style: true
    credentials_file: %[4]s

With the AWS command line:

  AWS_SHARED_CREDENTIALS_FILE=%[4]s aws --endpoint-url %[1]s --region %[2]s s3 ls s3://%[3]s/

`
