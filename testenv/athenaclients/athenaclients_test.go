// Package athenaclients has unmodified clients of Amazon Athena talk to `archiver dev`.
package athenaclients

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	awsathena "github.com/aws/aws-sdk-go-v2/service/athena"
	athenatypes "github.com/aws/aws-sdk-go-v2/service/athena/types"
	"github.com/aws/smithy-go"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/amazon"
	"github.com/audit-archiver/archiver/testenv/proc"
)

const (
	python    = "../../.tools/athena/bin/python"
	oldPython = "../../.tools/athena-old/bin/python"
	events    = 2500 // three pages
	region    = "eu-central-1"
)

// server is what dev says when it is ready.
type server struct {
	URL         string `json:"url"`
	Athena      string `json:"athena_url"`
	S3          string `json:"s3_endpoint"`
	Credentials string `json:"credentials"`
}

func TestClients(t *testing.T) {
	if os.Getenv("ATHENA_CLIENTS") == "" {
		t.Skip("run by make clients, which installs the clients")
	}
	s := start(t)
	s.post(t)
	access := s.setEnvironment(t)
	t.Run("aws-sdk-go-v2", func(t *testing.T) { checkGoSDK(t, s) })
	t.Run("amazon engine", func(t *testing.T) { checkAmazonEngine(t, s) })
	for _, client := range []string{"boto3", "awscli", "pyathena", "pyathena_frames", "sqlalchemy", "awswrangler"} {
		t.Run(client, func(t *testing.T) { s.check(t, python, client, "ACCESS_KEY="+access) })
	}
}

// TestOldClients: the last releases that look for answers in S3 alone, with a bucket
// for results; and one that does not, to see that both ways are open.
func TestOldClients(t *testing.T) {
	if os.Getenv("ATHENA_CLIENTS") == "" {
		t.Skip("run by make clients, which installs the clients")
	}
	s := start(t, "--athena-results", "audit-results")
	s.post(t)
	// The region is that of the bucket: S3 wants it in signatures.
	env := []string{"ACCESS_KEY=" + s.setEnvironment(t), "OLD_CLIENTS=1", "AWS_ENDPOINT_URL_ATHENA=" + s.Athena, "AWS_ENDPOINT_URL_S3=" + s.S3,
		"AWS_DEFAULT_REGION=us-east-1", "AWS_REGION=us-east-1"}
	for _, client := range []string{"pyathena_frames", "awswrangler", "pyathena"} {
		t.Run(client, func(t *testing.T) { s.check(t, oldPython, client, env...) })
	}
	t.Run("current awswrangler", func(t *testing.T) { s.check(t, python, "awswrangler", env...) })
}

// check runs one check of check.py.
func (s *server) check(t *testing.T, python, client string, env ...string) {
	t.Helper()
	if _, err := os.Stat(python); err != nil {
		proc.Missing(t, "clients of Athena are missing: run `bash testenv/interop/setup.sh athena` (needs Python 3.11 or later)")
	}
	cmd := exec.CommandContext(t.Context(), python, "check.py", client)
	cmd.Env = append(append(os.Environ(), "ATHENA_URL="+s.Athena, fmt.Sprint("EVENTS=", events)), env...)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "ok: "+client) {
		t.Fatalf("%v\n%s", err, out)
	}
}

// start builds the program and runs dev in a folder of the test's own.
func start(t *testing.T, flags ...string) *server {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "archiver")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/archiver").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	cmd := exec.Command(binary, append([]string{"dev", "--json", "--dir", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0",
		"--s3-listen", "127.0.0.1:0", "--athena-listen", "127.0.0.1:0", "--seal-age", "1s"}, flags...)...)
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("dev: %v\n%s", err, &log)
		}
	})
	s := new(server)
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(s); err != nil {
		t.Fatalf("dev is not ready: %v", err)
	}
	return s
}

// post fills the archive.
func (s *server) post(t *testing.T) {
	t.Helper()
	var body bytes.Buffer
	for i := range events {
		fmt.Fprintf(&body, `{"action":"user.login","actor":{"id":"user-%d","type":"user"},"resource":{"type":"session","id":"s-%d"},"outcome":"success"}`+"\n", i%7, i)
	}
	resp, err := http.Post(s.URL+"/v1/events", "application/x-ndjson", &body)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		t.Fatalf("events are not taken: %s", resp.Status)
	}
}

// setEnvironment gives clients the keys of the dev folder and nothing of this machine's.
func (s *server) setEnvironment(t *testing.T) (access string) {
	t.Helper()
	raw, err := os.ReadFile(s.Credentials)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if name, value, _ := strings.Cut(line, "="); strings.TrimSpace(name) == "aws_access_key_id" {
			access = strings.TrimSpace(value)
		}
	}
	for name, value := range map[string]string{
		"AWS_SHARED_CREDENTIALS_FILE": s.Credentials, "AWS_CONFIG_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_DEFAULT_REGION": region, "AWS_REGION": region, "AWS_PROFILE": "default",
	} {
		t.Setenv(name, value)
	}
	return access
}

func sdk(t *testing.T, s *server, options ...func(*awsconfig.LoadOptions) error) *awsathena.Client {
	t.Helper()
	c, err := awsconfig.LoadDefaultConfig(t.Context(), options...)
	if err != nil {
		t.Fatal(err)
	}
	return awsathena.NewFromConfig(c, func(o *awsathena.Options) { o.BaseEndpoint = aws.String(s.Athena) })
}

// run waits for the end of a query.
func run(t *testing.T, c *awsathena.Client, in *awsathena.StartQueryExecutionInput) *athenatypes.QueryExecution {
	t.Helper()
	out, err := c.StartQueryExecution(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return await(t, c, out.QueryExecutionId)
}

func await(t *testing.T, c *awsathena.Client, id *string) *athenatypes.QueryExecution {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		got, err := c.GetQueryExecution(t.Context(), &awsathena.GetQueryExecutionInput{QueryExecutionId: id})
		if err != nil {
			t.Fatal(err)
		}
		switch got.QueryExecution.Status.State {
		case athenatypes.QueryExecutionStateQueued, athenatypes.QueryExecutionStateRunning:
		default:
			return got.QueryExecution
		}
	}
	return nil
}

func checkGoSDK(t *testing.T, s *server) {
	c := sdk(t, s)
	x := run(t, c, &awsathena.StartQueryExecutionInput{QueryString: aws.String("SELECT seq, reason FROM audit_logs WHERE actor_id = ? ORDER BY seq"),
		ExecutionParameters: []string{"'user-1'"}})
	if x.Status.State != athenatypes.QueryExecutionStateSucceeded {
		t.Fatalf("%s: %s", x.Status.State, aws.ToString(x.Status.StateChangeReason))
	}
	rows := 0
	pages := awsathena.NewGetQueryResultsPaginator(c, &awsathena.GetQueryResultsInput{QueryExecutionId: x.QueryExecutionId, MaxResults: aws.Int32(100)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.ResultSet.Rows {
			if rows > 0 && (aws.ToString(r.Data[0].VarCharValue) != fmt.Sprint(7*(rows-1)+1) || r.Data[1].VarCharValue != nil) {
				t.Fatalf("row %d: %v", rows, r.Data)
			}
			rows++
		}
	}
	if want := len(everySeventh()) + 1; rows != want {
		t.Errorf("%d rows, want %d", rows, want)
	}
	if x := run(t, c, &awsathena.StartQueryExecutionInput{QueryString: aws.String("SELECT nope FROM audit_logs")}); x.Status.State != athenatypes.QueryExecutionStateFailed || x.Status.AthenaError == nil {
		t.Errorf("%+v", x.Status)
	}
	slow, err := c.StartQueryExecution(t.Context(), &awsathena.StartQueryExecutionInput{QueryString: aws.String("SELECT sum(a.seq + b.seq + c.seq) AS n FROM audit_logs a, audit_logs b, audit_logs c")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.StopQueryExecution(t.Context(), &awsathena.StopQueryExecutionInput{QueryExecutionId: slow.QueryExecutionId}); err != nil {
		t.Fatal(err)
	}
	if x := await(t, c, slow.QueryExecutionId); x.Status.State != athenatypes.QueryExecutionStateCancelled {
		t.Errorf("%s", x.Status.State)
	}
	wrong := sdk(t, s, awsconfig.WithCredentialsProvider(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIANOBODY", SecretAccessKey: "wrong"}, nil
	})))
	_, err = wrong.ListWorkGroups(t.Context(), &awsathena.ListWorkGroupsInput{})
	var said smithy.APIError
	if !errors.As(err, &said) || said.ErrorCode() != "UnrecognizedClientException" {
		t.Errorf("error %v", err)
	}
}

// everySeventh are the sequence numbers of user-1.
func everySeventh() (seqs []int) {
	for i := 1; i < events; i += 7 {
		seqs = append(seqs, i)
	}
	return seqs
}

// checkAmazonEngine: our own client of Athena gives what the embedded engine gives.
func checkAmazonEngine(t *testing.T, s *server) {
	e, err := amazon.Open(t.Context(), amazon.Options{Region: region, Endpoint: s.Athena, CredentialsFile: s.Credentials, Database: "audit"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	r, err := e.Query(t.Context(), athena.Query{SQL: "SELECT seq FROM audit_logs WHERE actor_id = ? ORDER BY seq", Params: []string{"'user-1'"}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, want := range everySeventh() {
		row, err := r.Next(t.Context())
		if err != nil || row[0] != int64(want) {
			t.Fatalf("%v, %v; want %d", row, err, want)
		}
	}
	if _, err := r.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
	if _, err := e.Query(t.Context(), athena.Query{SQL: "SELECT nope FROM audit_logs"}); err == nil || !strings.Contains(err.Error(), "nope") {
		t.Errorf("error %v", err)
	}
}
