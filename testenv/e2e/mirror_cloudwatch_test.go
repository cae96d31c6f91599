package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/testenv/cloudwatch"
)

const testLogGroup = "/audit/e2e"

// mirrorToLogs puts a log group into the configuration of a dev folder.
func mirrorToLogs(t *testing.T, file, endpoint, credentials string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	section := fmt.Sprintf("mirror:\n  cloudwatch:\n    region: eu-central-1\n    endpoint: %s\n    credentials_file: %s\n"+
		"    log_group: %s\n    log_stream_prefix: archive/\n    create_missing: true\n", endpoint, credentials, testLogGroup)
	text := strings.Replace(string(raw), "mirror:\n", section, 1)
	if text == string(raw) {
		t.Fatalf("no mirror in %s", raw)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// logged is one message of the log stream.
type logged struct {
	ID  string
	Seq int64
}

func messages(t *testing.T, srv *cloudwatch.Server, stream string) (all []logged) {
	t.Helper()
	for _, e := range srv.Events(testLogGroup, "archive/"+stream) {
		var m logged
		if err := json.Unmarshal([]byte(e.Message), &m); err != nil {
			t.Fatalf("%v: %s", err, e.Message)
		}
		all = append(all, m)
	}
	return all
}

// sender posts events one after another, each later than the one before, and some
// that CloudWatch Logs does not take, and notes what is acknowledged.
type sender struct {
	at       time.Time
	taken    []logged          // in the order of seq
	rejected map[string]string // reason by id
	stream   string
}

func (s *sender) send(t *testing.T, d *dev, n int) {
	t.Helper()
	var events []map[string]any
	reason := map[string]string{}
	for i := range n {
		s.at = s.at.Add(time.Millisecond)
		at, id := s.at, uuid.NewString()
		switch i % 10 {
		case 3:
			at, reason[id] = s.at.AddDate(-3, 0, 0), "too_old"
		case 7:
			at, reason[id] = s.at.Add(20*time.Hour), "too_new"
		}
		e := event(at.UTC().Format(time.RFC3339Nano), "some.action", "someone", "thing", "", "success")
		e["id"] = id
		events = append(events, e)
	}
	got := d.stored(t, events...)
	s.stream = got.Stream
	for _, e := range got.Events {
		if why, ok := reason[e.ID]; ok {
			s.rejected[e.ID] = why
		} else {
			s.taken = append(s.taken, logged{e.ID, e.Seq})
		}
	}
}

// check demands that every event is in the log stream under its seq, that the first
// copies are in order, and that no more is repeated than what was in doubt: at most
// one request for each time that somebody was killed or an answer was lost.
func (s *sender) check(t *testing.T, srv *cloudwatch.Server, doubts int) {
	t.Helper()
	var first []logged
	repeats := 0
	last := int64(-1)
	seen := map[int64]bool{}
	for _, m := range messages(t, srv, s.stream) {
		if m.Seq <= last {
			repeats++
		}
		last = m.Seq
		if !seen[m.Seq] {
			seen[m.Seq] = true
			first = append(first, m)
		}
	}
	if !slices.Equal(first, s.taken) {
		t.Errorf("%d events are in the log stream, in the order\n%v\nwant %d\n%v", len(first), first, len(s.taken), s.taken)
	}
	if repeats > doubts {
		t.Errorf("%d requests are repeated, and %d were in doubt", repeats, doubts)
	}
}

// logsStatus is what mirror status says about CloudWatch Logs.
type logsStatus struct {
	Postgres   any
	CloudWatch struct {
		Weak    []string
		Streams []struct {
			Stream         string
			Sent           int
			Behind         int `json:"behind_rows"`
			Rejected       map[string]int
			LatestRejected []struct{ ID, Reason string } `json:"latest_rejected"`
		}
	}
}

// TestCloudWatchMirror is the mirror as people meet it: named in the configuration,
// fed by the server, killed, away for a while, and beside another one.
func TestCloudWatchMirror(t *testing.T) {
	srv := cloudwatch.New(t, time.Now)
	var fault atomic.Int64 // a cloudwatch.Fault
	var lost atomic.Int64  // answers
	srv.OnPut = func(cloudwatch.Put) cloudwatch.Fault {
		f := cloudwatch.Fault(fault.Load())
		if f >= cloudwatch.AfterCut {
			lost.Add(1)
		}
		return f
	}
	dir := t.TempDir()
	d := startDev(t, dir)
	d.stop(t)
	run(t, exitUsage, "mirror", "run", "--config", d.Config).wants(t, "no mirror is configured")
	mirrorToLogs(t, d.Config, srv.URL, d.Credentials)
	run(t, exitUsage, "mirror", "init", "--config", d.Config).wants(t, "PostgreSQL only")
	run(t, exitUsage, "mirror", "diff", "--config", d.Config).wants(t, "PostgreSQL only")
	run(t, exitUsage, "mirror", "run", "--config", d.Config, "--target", "kafka").wants(t, "postgres or cloudwatch")

	s := &sender{at: time.Now().Add(-time.Minute), rejected: map[string]string{}}
	complete := func(d *dev) {
		t.Helper()
		waitUntil(t, d, "mirrored", func() bool {
			m := messages(t, srv, s.stream)
			return len(s.taken) > 0 && slices.Contains(m, s.taken[len(s.taken)-1])
		})
	}
	const kills = 4
	for range kills {
		d = startDev(t, dir, "--seal-age", "200ms")
		for range 5 {
			s.send(t, d, 20)
		}
		<-time.After(rand.N(500 * time.Millisecond)) // a kill comes at any time
		d.kill(t)
	}
	d = startDev(t, dir, "--seal-age", "200ms")
	s.send(t, d, 20)
	complete(d)
	s.check(t, srv, kills)

	// The service is away: events are taken and archived, it is told, and caught up with.
	for _, f := range []cloudwatch.Fault{cloudwatch.CutBefore, cloudwatch.AfterCut} {
		fault.Store(int64(f))
		s.send(t, d, 50)
		d.waitArchived(t)
		waitUntil(t, d, "readyz tells", func() bool {
			raw, status, _ := d.do(t, http.MethodGet, "/readyz", "", "")
			if status != http.StatusOK {
				t.Fatalf("not ready: %s", raw)
			}
			return strings.Contains(string(raw), `"mirror cloudwatch","ok":true,"reason":"failing since`)
		})
		d.kill(t)
		d = startDev(t, dir, "--seal-age", "200ms")
		s.send(t, d, 10)
		fault.Store(int64(cloudwatch.None))
		complete(d)
	}
	s.check(t, srv, kills+2+int(lost.Load()))
	checkBesideServer(t, d, s)
	checkOtherMachine(t, d)
	d.stop(t)
}

// checkBesideServer: what was not taken is told by id and archived, and a second
// mirror with the folder is refused.
func checkBesideServer(t *testing.T, d *dev, s *sender) {
	t.Helper()
	run(t, exitFailure, "mirror", "run", "--once", "--config", d.Config).wants(t, "one process at a time feeds CloudWatch Logs", "locked by another process (pid "+fmt.Sprint(d.cmd.Process.Pid))
	var got logsStatus
	waitUntil(t, d, "status is in step", func() bool {
		got = logsStatus{}
		run(t, exitOK, "mirror", "status", "--config", d.Config, "--json", "--rejected", "1000").decode(t, &got)
		return len(got.CloudWatch.Streams) == 1 && got.CloudWatch.Streams[0].Behind == 0
	})
	status := got.CloudWatch.Streams[0]
	byID := map[string]string{}
	for _, r := range status.LatestRejected {
		byID[r.ID] = r.Reason
	}
	if status.Sent != len(s.taken) || status.Rejected["too_old"]+status.Rejected["too_new"] != len(s.rejected) ||
		len(status.LatestRejected) != len(s.rejected) || fmt.Sprint(byID) != fmt.Sprint(s.rejected) || got.Postgres != nil || len(got.CloudWatch.Weak) != 0 {
		t.Errorf("%+v, want %d sent, rejected %v", got, len(s.taken), s.rejected)
	}
	if out := run(t, exitOK, "mirror", "status", "--config", d.Config).out; !strings.Contains(out, "too_old  stream "+s.stream) {
		t.Errorf("%s", out)
	}
	if n := d.queryBucket(t, countSQL).one(t); n != fmt.Sprint(len(s.taken)+len(s.rejected)) {
		t.Errorf("%s rows in the archive, want %d and %d", n, len(s.taken), len(s.rejected))
	}
	s.send(t, d, 10) // its two are the only ones that this process's log has to name
	named := 0
	waitUntil(t, d, "the log names them", func() bool {
		named = 0
		for id := range s.rejected {
			if strings.Contains(d.log.String(), id) {
				named++
			}
		}
		return named >= 2
	})
	if !strings.Contains(d.log.String(), "events stay out of CloudWatch Logs") {
		t.Errorf("%s", d.log)
	}
}

// checkOtherMachine: another folder cannot see what this one has sent, so it begins
// only when it is told to.
func checkOtherMachine(t *testing.T, d *dev) {
	t.Helper()
	d.waitArchived(t) // nothing new comes below
	raw, err := os.ReadFile(d.Config)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "archiver.yaml")
	text := strings.NewReplacer("data_dir: node\n", "data_dir: other\n", "credentials_file: credentials\n", "credentials_file: "+d.Credentials+"\n",
		"log_group: "+testLogGroup, "log_group: /audit/other").Replace(string(raw))
	if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, exitUsage, "mirror", "run", "--once", "--config", other).wants(t, "has no cursors", "--begin")
	run(t, exitOK, "mirror", "run", "--once", "--begin", "--config", other)
	run(t, exitOK, "mirror", "run", "--once", "--target", "cloudwatch", "--config", other)
	var got logsStatus
	run(t, exitOK, "mirror", "status", "--config", other, "--json").decode(t, &got)
	if len(got.CloudWatch.Streams) != 1 || got.CloudWatch.Streams[0].Sent == 0 || got.CloudWatch.Streams[0].Behind != 0 {
		t.Errorf("%+v", got)
	}
}

// TestMirrorsDoNotDisturbEachOther: a database that refuses and keys that are missing
// keep neither the server from taking events nor the other mirror from its work.
func TestMirrorsDoNotDisturbEachOther(t *testing.T) {
	srv := cloudwatch.New(t, time.Now)
	dir := t.TempDir()
	d := startDev(t, dir)
	d.stop(t)
	mirrorTo(t, d.Config, "postgres://u@127.0.0.1:1/x?sslmode=disable")
	keys := filepath.Join(dir, "logs.credentials")
	mirrorToLogs(t, d.Config, srv.URL, keys)
	d = startDev(t, dir, "--seal-age", "200ms")
	s := &sender{at: time.Now().Add(-time.Minute), rejected: map[string]string{}}
	s.send(t, d, 20)
	d.waitArchived(t)
	waitUntil(t, d, "both fail", func() bool {
		raw, status, _ := d.do(t, http.MethodGet, "/readyz", "", "")
		return status == http.StatusOK && strings.Contains(string(raw), `"mirror postgres","ok":true,"reason":"failing`) &&
			strings.Contains(string(raw), `"mirror cloudwatch","ok":true,"reason":"failing`) && strings.Contains(string(raw), "logs.credentials")
	})
	run(t, exitFailure, "mirror", "run", "--once", "--config", d.Config).wants(t, "locked by another process")
	raw, err := os.ReadFile(d.Credentials)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keys, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, d, "mirrored", func() bool { return len(messages(t, srv, s.stream)) == len(s.taken) })
	s.check(t, srv, 0)
	// One that cannot be read does not hide the other.
	status := run(t, exitFailure, "mirror", "status", "--config", d.Config)
	status.wants(t, "127.0.0.1:1")
	if !strings.Contains(status.out, "CLOUDWATCH STREAM") {
		t.Errorf("%s", status.out)
	}
	d.stop(t)
}
