package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	awsathena "github.com/aws/aws-sdk-go-v2/service/athena"
	athenatypes "github.com/aws/aws-sdk-go-v2/service/athena/types"
)

func athenaClient(t *testing.T, d *dev) *awsathena.Client {
	t.Helper()
	c, err := awsconfig.LoadDefaultConfig(t.Context(), awsconfig.WithRegion("us-east-1"),
		awsconfig.WithSharedCredentialsFiles([]string{d.Credentials}), awsconfig.WithSharedConfigFiles([]string{}))
	if err != nil {
		t.Fatal(err)
	}
	return awsathena.NewFromConfig(c, func(o *awsathena.Options) { o.BaseEndpoint = aws.String(d.Athena) })
}

// TestAthenaAnswersOutliveTheServer: what a client started can be read after kill -9.
func TestAthenaAnswersOutliveTheServer(t *testing.T) {
	dir := t.TempDir()
	d := startDev(t, dir)
	resp, err := http.Post(d.URL+"/v1/events", "application/json", strings.NewReader(
		`{"action":"user.login","actor":{"id":"ann","type":"user"},"resource":{"type":"session"},"outcome":"success"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	c := athenaClient(t, d)
	started, err := c.StartQueryExecution(t.Context(), &awsathena.StartQueryExecutionInput{QueryString: aws.String("SELECT actor_id, reason FROM audit_logs")})
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for over := false; !over; <-tick.C {
		x, err := c.GetQueryExecution(t.Context(), &awsathena.GetQueryExecutionInput{QueryExecutionId: started.QueryExecutionId})
		if err != nil {
			t.Fatal(err)
		}
		switch s := x.QueryExecution.Status; s.State {
		case athenatypes.QueryExecutionStateSucceeded:
			over = true
		case athenatypes.QueryExecutionStateFailed, athenatypes.QueryExecutionStateCancelled:
			t.Fatalf("%s: %s", s.State, aws.ToString(s.StateChangeReason))
		}
	}
	d.kill(t)
	c = athenaClient(t, startDev(t, dir))
	got, err := c.GetQueryResults(t.Context(), &awsathena.GetQueryResultsInput{QueryExecutionId: started.QueryExecutionId})
	if err != nil {
		t.Fatal(err)
	}
	if rows := got.ResultSet.Rows; len(rows) != 2 || aws.ToString(rows[1].Data[0].VarCharValue) != "ann" || rows[1].Data[1].VarCharValue != nil {
		t.Errorf("%+v", rows)
	}
}
