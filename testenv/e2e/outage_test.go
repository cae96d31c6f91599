package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestOutage: the bucket is away when the server starts and when it has taken
// events. It says so, keeps what it takes, and catches up by itself.
func TestOutage(t *testing.T) {
	dir := t.TempDir()
	s3 := startDev(t, dir)
	s := newSite(t, s3, "outage", "127.0.0.1:0", "")
	s.init(t)
	s3.stop(t)

	s.edit(t, "archive:\n", "archive:\n  start_offline: true\n")
	d := startServe(t, s.config)
	d.stored(t, some(3)...)
	_, status, _ := d.do(t, http.MethodPost, "/v1/query", "application/json", `{"sql":"`+countSQL+`"}`)
	if status == http.StatusOK {
		t.Error("it answered a query without having seen the archive")
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		raw, status, _ := d.do(t, http.MethodGet, "/readyz", "", "")
		if status != http.StatusOK {
			t.Fatalf("it takes events, and is not ready: %s", raw)
		}
		if strings.Contains(string(raw), "failing since") {
			break
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it does not say that the bucket is away: %s", raw)
		}
	}

	_, port, _ := strings.Cut(strings.TrimPrefix(s3.S3, "http://"), ":")
	s3 = startDev(t, dir, "--s3-listen", "127.0.0.1:"+port)
	d.waitArchived(t)
	if n := d.query(t, countSQL).one(t); n != "3" {
		t.Errorf("%s rows after the outage, want 3", n)
	}
	d.stop(t)
	s3.stop(t)
}
