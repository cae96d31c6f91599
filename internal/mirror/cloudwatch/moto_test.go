package cloudwatch

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
	double "github.com/audit-archiver/archiver/testenv/cloudwatch"
	"github.com/audit-archiver/archiver/testenv/gen"
)

// TestMoto writes to an implementation that we did not make, with the real clock and the
// real disk, and reads every event back.
func TestMoto(t *testing.T) {
	endpoint := double.StartMoto(t)
	now := time.Now()
	folder := t.TempDir()
	open := func() *Target {
		target, err := New(t.Context(), Options{
			Region: "eu-central-1", Endpoint: endpoint, CredentialsFile: credentials(t),
			LogGroup: "/audit/moto", LogStreamPrefix: "archive/", CreateMissing: true,
			Dir: folder, FS: durable.OS(), Now: time.Now,
			Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		})
		if err != nil {
			t.Fatal(err)
		}
		return target
	}

	rows := gen.New(5, now.Add(-40*time.Hour), 500).Rows(6_000, stream, 0)
	rows = append(rows, gen.New(6, now.Add(-13*24*time.Hour), 1).Rows(1_000, stream, 6_000)...) // the next file
	old, ahead := row(7_000, 0), row(7_001, 0)
	old.TimestampNS, ahead.TimestampNS = now.Add(-15*24*time.Hour).UnixNano(), now.Add(3*time.Hour).UnixNano()
	for i, part := range [][]event.Row{rows[:4_000], rows[4_000:], {old, ahead}} {
		target := open()
		p, err := target.Position(t.Context(), stream)
		if err != nil || p.Index != int64(i) {
			t.Fatalf("position %+v, %v", p, err)
		}
		if err := target.Write(t.Context(), commit(int64(i), part[0].Seq, part)); err != nil {
			t.Fatal(err)
		}
	}

	got := readBack(t, open().client)
	want := slices.Clone(rows)
	slices.SortStableFunc(want, func(a, b event.Row) int { return int(a.TimestampMS() - b.TimestampMS()) })
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i, e := range got {
		if *e.Timestamp != want[i].TimestampMS() || *e.Message != message(&want[i]) {
			t.Fatalf("event %d is %d %s\nwant %s", i, *e.Timestamp, *e.Message, message(&want[i]))
		}
	}
	cursors, err := ReadCursors(durable.OS(), folder)
	if c := cursors[stream]; err != nil || c.Index != 3 || c.Sent != 7_000 || c.Rejected != (Counts{TooOld: 1, TooNew: 1}) {
		t.Errorf("cursor %+v, %v", c, err)
	}
}

func readBack(t *testing.T, client *awslogs.Client) (all []logstypes.OutputLogEvent) {
	t.Helper()
	group, name, head := "/audit/moto", "archive/"+stream.String(), true
	var next *string
	for {
		page, err := client.GetLogEvents(t.Context(), &awslogs.GetLogEventsInput{
			LogGroupName: &group, LogStreamName: &name, StartFromHead: &head, NextToken: next,
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Events) == 0 {
			return all
		}
		all = append(all, page.Events...)
		next = page.NextForwardToken
	}
}
