package oracle

import (
	"context"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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
		Source: fixed(files), Roots: roots(files), Dir: t.TempDir(), Now: func() time.Time { return Now }, Log: slog.New(slog.DiscardHandler),
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

// roots are the folders below which the files are.
func roots(files []athena.File) []string {
	var all []string
	for _, f := range files {
		if root, _, ok := strings.Cut(f.Path, "/retention="); ok && !slices.Contains(all, root) {
			all = append(all, root)
		}
	}
	return all
}

// Main runs the tests of a package that calls Embedded or StartTrino. It lets the test's
// program be a worker of the embedded engine. It does not return.
func Main(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == duckdb.WorkerCommand {
		os.Exit(duckdb.Worker())
	}
	s3test.Main(m)
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

// upload puts the files where an archive with that prefix has them.
func (p Place) upload(t testing.TB, prefix string, files []athena.File) {
	t.Helper()
	client := p.S3.Client(t)
	for _, f := range files {
		key := path.Join(prefix, "events", "retention="+f.Class, "dt="+f.Day, filepath.Base(f.Path))
		if _, err := client.FPutObject(t.Context(), p.Bucket, key, f.Path, miniogo.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// table says where the table of the bucket is, in a schema of Trino.
func (p Place) table(schema string) athena.TableOptions {
	return athena.TableOptions{Database: schema, Bucket: p.Bucket, Classes: Classes(), Floor: Floor}
}

// Reference is Trino over the same files as [Embedded], which it uploads. The table is
// as our own DDL declares it, but for the partitions: those that have files are
// registered. With partition projection each query would ask for a day after the other
// of some years, which is right, and takes a minute; TestDDL has such a table.
func (p Place) Reference(t testing.TB, files []athena.File) athena.Engine {
	t.Helper()
	p.upload(t, "", files)
	ddl, err := athena.TrinoDDL(p.table(Schema))
	if err != nil {
		t.Fatal(err)
	}
	e := p.Trino.Engine(t, Schema)
	for _, sql := range []string{
		"CREATE SCHEMA IF NOT EXISTS " + Schema,
		projection.ReplaceAllString(ddl, ""),
		"CALL system.sync_partition_metadata('" + Schema + "', 'audit_logs', 'ADD')",
	} {
		if a, err := Ask(t.Context(), e, athena.Query{SQL: sql, Declare: true}); err != nil || a.Err != nil {
			t.Fatalf("%v %v: %s", err, a.Err, sql)
		}
	}
	awaitNodes(t, e)
	return e
}

// awaitNodes asks until Trino reads the table: it says that it has started some time
// before it counts itself among the nodes that may read.
func awaitNodes(t testing.TB, e athena.Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		a, err := Ask(ctx, e, athena.Query{SQL: "SELECT count(*) FROM audit_logs"})
		switch {
		case err == nil && a.Err == nil:
			return
		case err == nil || !strings.Contains(err.Error(), "NO_NODES_AVAILABLE"):
			t.Fatalf("Trino cannot read the table: %v %v", err, a.Err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("Trino has no nodes: %v", err)
		}
	}
}

// projection is what DDL says about the partitions that there may be.
var projection = regexp.MustCompile(`\s+WITH \(partition_projection.*\)|,\s+partition_projection_\w+ = [^\n,]*`)
