package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/testenv/promise"
)

// postArchived posts events that are to be in the bucket when the answer comes.
func (d *dev) postArchived(t *testing.T, events any) (raw []byte, status int) {
	t.Helper()
	body, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	raw, status, _ = d.do(t, http.MethodPost, "/v1/events?ack=archived", "application/json", string(body))
	return raw, status
}

// bucketRows is what the bucket alone answers: id by seq, each seq once.
func (s *site) bucketRows(t *testing.T) (stream string, ids map[int64]string) {
	t.Helper()
	var got struct {
		Rows [][]any `json:"rows"`
	}
	run(t, exitOK, "query", "--config", s.config, "--format", "json", "SELECT stream, seq, id FROM audit_logs").decode(t, &got)
	ids = make(map[int64]string)
	for _, row := range got.Rows {
		seq, ok := row[1].(float64)
		if !ok {
			t.Fatalf("row %v", row)
		}
		if other, twice := ids[int64(seq)]; twice {
			t.Fatalf("seq %v is there twice: %s and %v", seq, other, row[2])
		}
		stream, ids[int64(seq)] = fmt.Sprint(row[0]), fmt.Sprint(row[2])
	}
	return stream, ids
}

// copyFolder copies with everything but the identity of the files.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestArchivedSurvivesTheDisk: without any shipping, what was answered after the
// bucket had it is there when the data folder is gone.
func TestArchivedSurvivesTheDisk(t *testing.T) {
	dir := t.TempDir()
	s3 := startDev(t, dir)
	s := newSite(t, s3, "archived", "127.0.0.1:0", "")
	s.edit(t, "age: 200ms", "age: 1h")
	s.edit(t, "archive:\n", "archive:\n  ack_timeout: 20s\n")
	s.init(t)
	d := startServe(t, s.config)
	want := map[int64]string{}
	for range 2 {
		raw, status := d.postArchived(t, some(3))
		var got answer
		if err := json.Unmarshal(raw, &got); err != nil || status != http.StatusOK {
			t.Fatalf("status %d: %s", status, raw)
		}
		for _, e := range got.Events {
			want[e.Seq] = e.ID
		}
	}
	d.stored(t, some(1)...) // and one that nobody waits for
	d.kill(t)
	if err := os.RemoveAll(filepath.Join(s.dir, "data")); err != nil {
		t.Fatal(err)
	}
	if _, got := s.bucketRows(t); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("in the bucket are %v, acknowledged were %v", got, want)
	}
	s3.stop(t)
}

// TestNotArchivedYet: the bucket is away; the answer says that the events are kept,
// and the same request has its 200 once it is back, with the same seqs.
func TestNotArchivedYet(t *testing.T) {
	dir := t.TempDir()
	s3 := startDev(t, dir)
	s := newSite(t, s3, "notyet", "127.0.0.1:0", "")
	s.edit(t, "archive:\n", "archive:\n  ack_timeout: 1s\n")
	s.init(t)
	d := startServe(t, s.config)
	s3.stop(t)
	events := some(2)
	events[0]["id"], events[1]["id"] = "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e", "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3f"
	raw, status := d.postArchived(t, events)
	var problem struct {
		Type   string
		Stored answer
	}
	if err := json.Unmarshal(raw, &problem); err != nil || status != http.StatusGatewayTimeout || problem.Type != "urn:archiver:problem:not-archived-yet" ||
		len(problem.Stored.Events) != 2 || problem.Stored.Events[1].Seq != 1 {
		t.Fatalf("status %d: %s", status, raw)
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(s3.S3, "http://"), ":")
	s3 = startDev(t, dir, "--s3-listen", "127.0.0.1:"+port)
	for deadline := time.Now().Add(time.Minute); ; { // each try waits a second in the server
		raw, status = d.postArchived(t, events)
		if status == http.StatusOK {
			break
		}
		if status != http.StatusGatewayTimeout || time.Now().After(deadline) {
			t.Fatalf("status %d: %s", status, raw)
		}
	}
	var got answer
	if err := json.Unmarshal(raw, &got); err != nil || fmt.Sprint(got) != fmt.Sprint(problem.Stored) {
		t.Errorf("first %+v, then %s", problem.Stored, raw)
	}
	if _, ids := s.bucketRows(t); len(ids) != 2 {
		t.Errorf("%d rows in the bucket, want 2", len(ids))
	}
	d.stop(t)
	s3.stop(t)
}

// TestNodeLoss: a server that ships is killed under load and its data folder
// deleted. Another machine, with the root key and the bucket, recovers what was
// shipped, and the folder cannot go on when it comes back.
func TestNodeLoss(t *testing.T) {
	s3 := startDev(t, t.TempDir())
	s := newSite(t, s3, "loss", "127.0.0.1:0", "  ship_interval: 1s\n")
	s.edit(t, "age: 200ms", "age: 1h")
	s.init(t)
	d := startServe(t, s.config)
	book := promise.New(time.Time{})
	if raw, status := d.postArchived(t, some(3)); status != http.StatusOK { // a first commit
		t.Fatalf("status %d: %s", status, raw)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var load sync.WaitGroup
	for range clients {
		load.Go(func() { d.load(ctx, t, book, nil) })
	}
	shipped := d.waitShipped(t, 1000)
	d.kill(t)
	cancel()
	load.Wait()
	data := filepath.Join(s.dir, "data")
	backup := filepath.Join(t.TempDir(), "data")
	copyFolder(t, data, backup)
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	if _, ids := s.bucketRows(t); int64(len(ids)) >= shipped {
		t.Fatalf("%d rows are archived of %d that were shipped: there is nothing to recover", len(ids), shipped)
	}

	run(t, exitUsage, "recover", "--config", s.config, "--stream", "x").wants(t, "--stream")
	run(t, exitFailure, "recover", "--config", s.config, "--stream", "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e").wants(t, "not found")
	planned := s.recover(t, exitOK, "--dry-run")
	if planned.Closed || planned.Rows == 0 {
		t.Errorf("planned %+v", planned)
	}
	got := s.recover(t, exitOK)
	if got.Last+1 < shipped || got.Rows != planned.Rows || len(got.Lost) > 0 || !got.Closed {
		t.Errorf("recovered %+v, planned %+v, shipped were %d", got, planned, shipped)
	}
	if again := s.recover(t, exitOK); fmt.Sprint(again) != fmt.Sprint(got) {
		t.Errorf("first %+v, then %+v", got, again)
	}
	s.checkShipped(t, book, shipped, got.Last)

	if err := os.RemoveAll(data); err != nil { // the cache of the queries
		t.Fatal(err)
	}
	copyFolder(t, backup, data) // the folder is back, on the same machine
	run(t, exitFailure, "serve", "--config", s.config).wants(t, "is recovered", "archiver stream next")
	s.checkShipped(t, book, shipped, got.Last)
	t.Logf("%d events acknowledged, %d of them shipped when last asked, %d recovered", book.Acked(), shipped, got.Last+1)
	s3.stop(t)
}

// waitShipped waits until so many events are shipped, and returns how many are.
func (d *dev) waitShipped(t *testing.T, least int64) int64 {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		f, err := strconv.ParseFloat(d.metric(t, "archiver_ship_next_seq"), 64)
		if err != nil {
			t.Fatal(err)
		}
		if int64(f) >= least {
			return int64(f)
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("only %v events are shipped:\n%s", f, d.log)
		}
	}
}

// recovered is what recover --json prints.
type recovered struct {
	Stream                     string
	First, Last, Rows, Commits int64
	Closed                     bool
	Lost                       []struct{ First, Last int64 }
	Orphans, Remarks           []string
}

// recover runs on a machine that has the configuration and the root key, and nothing
// of the server's data.
func (s *site) recover(t *testing.T, code int, more ...string) (r recovered) {
	t.Helper()
	there := t.TempDir()
	for _, name := range []string{"archiver.yaml", "root.key"} {
		copyFolder(t, filepath.Join(s.dir, name), there)
	}
	run(t, code, append([]string{"recover", "--config", filepath.Join(there, "archiver.yaml"), "--stream", s.made.Stream, "--json",
		"--work-dir", t.TempDir()}, more...)...).decode(t, &r)
	return r
}

// checkShipped demands that the bucket has every acknowledged event up to the last
// that was recovered, once and under its seq, and nothing else.
func (s *site) checkShipped(t *testing.T, book *promise.Book, shipped, last int64) {
	t.Helper()
	stream, ids := s.bucketRows(t)
	if stream != s.made.Stream || int64(len(ids)) != last+1 {
		t.Errorf("%d rows of stream %s, want %d of %s", len(ids), stream, last+1, s.made.Stream)
	}
	for seq := range last + 1 {
		if ids[seq] == "" {
			t.Fatalf("seq %d is missing", seq)
		}
	}
	before := 0
	for e := range book.Promised() {
		if e.Seq <= last && ids[e.Seq] != e.ID {
			t.Fatalf("seq %d was acknowledged as %s, the bucket says %s", e.Seq, e.ID, ids[e.Seq])
		}
		if e.Seq < shipped {
			before++
		}
	}
	if before < 900 {
		t.Fatalf("only %d events were acknowledged before seq %d", before, shipped)
	}
}
