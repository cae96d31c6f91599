package oracle

import (
	"log/slog"
	"path"
	"path/filepath"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/duckdb"
	"github.com/audit-archiver/archiver/testenv/s3test"
	"github.com/audit-archiver/archiver/testenv/trino"
)

// Schema is where audit_logs is declared in Trino.
const Schema = "audit"

// Embedded is our own engine over files.
func Embedded(t testing.TB, files []athena.File) athena.Engine {
	t.Helper()
	e, err := duckdb.Open(duckdb.Options{
		Source: fixed(files), Dir: t.TempDir(), Now: func() time.Time { return Now }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// Place is a bucket, and a Trino that reads it.
type Place struct {
	Trino  *trino.Server
	S3     s3test.Server
	Bucket string
}

// StartTrino starts a Trino that reads a new bucket of s3, such as s3test.MinIO(t).
func StartTrino(t testing.TB, s3 s3test.Server) Place {
	t.Helper()
	_, cfg := s3.Bucket(t)
	server := trino.Start(t, trino.Storage{Endpoint: s3.Endpoint, Region: s3.Region, AccessKey: s3.AccessKey, SecretKey: s3.SecretKey})
	return Place{Trino: server, S3: s3, Bucket: cfg.Bucket}
}

// Reference is Trino over the same files as [Embedded], which it uploads, with the
// table as our own DDL declares it.
func (p Place) Reference(t testing.TB, files []athena.File) athena.Engine {
	t.Helper()
	client := p.S3.Client(t)
	for _, f := range files {
		key := path.Join("events", "retention="+f.Class, "dt="+f.Day, filepath.Base(f.Path))
		if _, err := client.FPutObject(t.Context(), p.Bucket, key, f.Path, miniogo.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	ddl, err := athena.TrinoDDL(athena.TableOptions{Database: Schema, Bucket: p.Bucket, Classes: Classes(), Floor: Floor})
	if err != nil {
		t.Fatal(err)
	}
	e := p.Trino.Engine(t, Schema)
	for _, sql := range []string{"CREATE SCHEMA IF NOT EXISTS " + Schema, ddl} {
		if a, err := Ask(t.Context(), e, athena.Query{SQL: sql}); err != nil || a.Err != nil {
			t.Fatalf("%v %v: %s", err, a.Err, sql)
		}
	}
	return e
}
