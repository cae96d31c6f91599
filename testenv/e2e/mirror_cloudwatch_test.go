package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/testenv/cloudwatch"
)

const logGroup = "/audit/e2e"

// logsTo puts a CloudWatch Logs service into the configuration of a dev folder.
func logsTo(t *testing.T, file, url string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const before = "  postgres:\n"
	if !bytes.Contains(raw, []byte(before)) {
		t.Fatalf("no %q in %s", before, raw)
	}
	section := fmt.Sprintf("  interval: 1s\n  cloudwatch: {region: us-east-1, endpoint: %q, credentials_file: credentials, log_group: %s, create_missing: true}\n", url, logGroup)
	raw = bytes.Replace(bytes.Replace(raw, []byte("  interval: 30s\n"), nil, 1), []byte(before), []byte(section+before), 1)
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestCloudWatchMirror: events of now arrive in order and once, through an outage of
// the service and a kill of the server; events that are too old for the service are
// in the archive all the same, and named.
func TestCloudWatchMirror(t *testing.T) {
	logs := cloudwatch.New(t, time.Now)
	var away atomic.Bool
	logs.OnPut = func(cloudwatch.Put) cloudwatch.Fault {
		if away.Load() {
			return cloudwatch.CutBefore
		}
		return cloudwatch.None
	}
	dir := t.TempDir()
	d := startDev(t, dir)
	config := d.Config
	d.stop(t)
	logsTo(t, config, logs.URL)

	d = startDev(t, dir, "--seal-age", "200ms")
	stream := d.stored(t, fresh(0, 40)...).Stream
	arrived := func(n int) func() bool {
		return func() bool { return len(seqsOf(t, logs, stream)) >= n }
	}
	waitUntil(t, d, "mirrored", arrived(40))

	away.Store(true)
	d.stored(t, fresh(40, 40)...)
	d.waitArchived(t)
	waitUntil(t, d, "readyz tells", func() bool {
		raw, status, _ := d.do(t, http.MethodGet, "/readyz", "", "")
		if status != http.StatusOK {
			t.Fatalf("not ready: %s", raw)
		}
		return strings.Contains(string(raw), `"mirror cloudwatch","ok":true,"reason":"failing since`)
	})
	d.kill(t)
	away.Store(false)
	d = startDev(t, dir, "--seal-age", "200ms")
	waitUntil(t, d, "caught up", arrived(80))

	old := some(3) // in a time that CloudWatch Logs does not take
	d.stored(t, old...)
	d.waitArchived(t)
	if n := d.query(t, countSQL).one(t); n != "83" {
		t.Errorf("%s rows", n)
	}
	d.stored(t, fresh(80, 5)...)
	waitUntil(t, d, "the rest", arrived(85))
	for i, seq := range seqsOf(t, logs, stream) {
		want := i
		if i >= 80 {
			want += 3
		}
		if seq != want {
			t.Fatalf("event %d has seq %d, want %d", i, seq, want)
		}
	}
	checkLogsStatus(t, config)
	run(t, exitUsage, "mirror", "run", "--config", config, "--target", "kafka").wants(t, "neither postgres nor cloudwatch")
	run(t, exitFailure, "mirror", "run", "--config", config, "--once").wants(t, "another process feeds it")
	d.kill(t) // leaves the lock to the kernel
	d = startDev(t, dir)
	d.stop(t)
}

// fresh makes events of this moment, in order.
func fresh(from, n int) []map[string]any {
	events := some(n)
	for i := range events {
		events[i]["timestamp"] = time.Now().Add(time.Duration(from+i) * time.Microsecond).UTC().Format(time.RFC3339Nano)
	}
	return events
}

func seqsOf(t *testing.T, logs *cloudwatch.Server, stream string) (seqs []int) {
	t.Helper()
	for _, e := range logs.Events(logGroup, stream) {
		var m struct {
			Seq    int
			Stream string
		}
		if err := json.Unmarshal([]byte(e.Message), &m); err != nil || m.Stream != stream {
			t.Fatalf("%v: %s", err, e.Message)
		}
		seqs = append(seqs, m.Seq)
	}
	return seqs
}

func checkLogsStatus(t *testing.T, config string) {
	t.Helper()
	var answer struct {
		Postgres   *struct{}
		CloudWatch []struct {
			Sent     int `json:"sent_events"`
			Behind   int `json:"behind_rows"`
			Report   string
			Rejected struct {
				TooOld int `json:"too_old"`
			} `json:"rejected_events"`
		}
	}
	run(t, exitOK, "mirror", "status", "--config", config, "--json").decode(t, &answer)
	if len(answer.CloudWatch) != 1 || answer.Postgres != nil {
		t.Fatalf("%+v", answer)
	}
	s := answer.CloudWatch[0]
	if s.Sent != 85 || s.Behind != 0 || s.Rejected.TooOld != 3 {
		t.Errorf("%+v", s)
	}
	report, err := os.ReadFile(s.Report)
	if err != nil || bytes.Count(report, []byte(`"too_old"`)) != 3 || !bytes.Contains(report, []byte(`"id"`)) {
		t.Errorf("%v: %s", err, report)
	}
	if out := run(t, exitOK, "mirror", "status", "--config", config).out; !strings.Contains(out, "TOO OLD") {
		t.Errorf("%s", out)
	}
}
