package clients_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// step is one request to an example, and the event that it must leave.
type step struct {
	method, path, body string
	user               string // x-user
	status             int
	event              map[string]string // columns of the table; "": NULL
}

const userAgent = "order-test/1"

func steps() []step {
	event := func(action, resource, id, outcome string) map[string]string {
		return map[string]string{"action": action, "actor_id": "user-123", "actor_type": "user",
			"resource_type": resource, "resource_id": id, "outcome": outcome}
	}
	return []step{
		{"POST", "/login", `{"user":"user-123","password":"guess"}`, "", 401, event("user.login", "session", "", "failure")},
		{"POST", "/login", `{"user":"user-123","password":"correct"}`, "", 200, event("user.login", "session", "", "success")},
		{"GET", "/orders/order-456", "", "", 401, nil},
		{"GET", "/orders/order-456", "", "user-123", 200, event("order.read", "order", "order-456", "success")},
		{"GET", "/orders/nowhere", "", "user-123", 404, nil},
		{"PUT", "/orders/order-456", `{"total":250}`, "user-123", 200, event("order.update", "order", "order-456", "success")},
		{"GET", "/orders/export", "", "user-123", 200, event("order.export", "order", "", "success")},
	}
}

// TestExamples calls each example as its users would and finds what they did with
// the specification's queries. Then it takes the sidecar away.
func TestExamples(t *testing.T) {
	for _, l := range languages() {
		t.Run(l.folder, func(t *testing.T) {
			t.Parallel()
			p := l.example(t)
			s := startSidecar(t)
			e := startExample(t, p, s.URL)
			var want []map[string]string
			for i, st := range steps() {
				id := fmt.Sprint("request-", i)
				e.call(t, st, id)
				if st.event != nil {
					st.event["request_id"] = id
					want = append(want, st.event)
				}
			}
			waitForEvents(t, s, e, len(want))
			checkQueries(t, s.query, want)
			outage(t, s, e)
			waitForEvents(t, s, e, len(want)+2)
			e.stop(t)
			waitForEvents(t, s, e, len(want)+2)
			s.stop(t)
		})
	}
}

// outage shows what the two verbs are for: without the sidecar, reads go on, since
// their events are enqueued; a change, which is recorded, is not made.
func outage(t *testing.T, s *sidecar, e *example) {
	t.Helper()
	read := step{"GET", "/orders/order-456", "", "user-123", 200, nil}
	s.kill()
	e.call(t, read, "request-away")
	e.call(t, step{"PUT", "/orders/order-456", `{"total":999}`, "user-123", 503, nil}, "request-refused")
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	if body := e.call(t, read, "request-back"); !strings.Contains(body, "250") {
		t.Errorf("a change that could not be audited was made: %s", body)
	}
}

// waitForEvents returns when the table has so many rows, and fails when it does
// not come to that or has more.
func waitForEvents(t *testing.T, s *sidecar, e *example, n int) {
	t.Helper()
	want := fmt.Sprintf("[[%d]]", n)
	if !until(time.Minute, func() bool {
		got, err := s.query("SELECT count(*) FROM audit_logs")
		return err == nil && fmt.Sprint(got) == want
	}) {
		all, err := s.query("SELECT action, outcome, request_id FROM audit_logs ORDER BY seq")
		t.Fatalf("got %v (%v), want %d events\n%s", all, err, n, e.log)
	}
}

// checkQueries asks what the specification asks, in Athena's SQL.
func checkQueries(t *testing.T, ask asker, want []map[string]string) {
	t.Helper()
	year := time.Now().UTC().Year()
	of := func(has func(e map[string]string) bool) []map[string]string {
		return slices.DeleteFunc(slices.Clone(want), func(e map[string]string) bool { return !has(e) })
	}
	for _, q := range []struct {
		about, sql string
		want       []map[string]string
	}{
		{"a user's recent activity",
			"SELECT * FROM audit_logs WHERE actor_id = 'user-123' ORDER BY timestamp DESC LIMIT 50", want},
		{"all changes to a resource",
			"SELECT * FROM audit_logs WHERE resource_type = 'order' AND resource_id = 'order-456' ORDER BY timestamp",
			of(func(e map[string]string) bool { return e["resource_id"] == "order-456" })},
		{"failed logins in the last hour",
			"SELECT * FROM audit_logs WHERE action = 'user.login' AND outcome = 'failure' AND timestamp > NOW() - INTERVAL '1' HOUR",
			of(func(e map[string]string) bool { return e["outcome"] == "failure" })},
		{"data exports", fmt.Sprintf("SELECT * FROM audit_logs WHERE action LIKE '%%.export%%' "+
			"AND timestamp BETWEEN timestamp '%d-01-01' AND timestamp '%d-12-31'", year-1, year+1),
			of(func(e map[string]string) bool { return strings.Contains(e["action"], ".export") })},
	} {
		got, err := ask(q.sql)
		if err != nil || len(got) != len(q.want) {
			t.Errorf("%s: %d rows, want %d: %v", q.about, len(got), len(q.want), err)
			continue
		}
		byRequest := map[string]map[string]string{}
		for _, e := range q.want {
			byRequest[e["request_id"]] = e
		}
		for _, values := range got {
			checkEvent(t, q.about, values, byRequest)
		}
		if !slices.IsSortedFunc(got, inTime(q.sql)) {
			t.Errorf("%s: not in the order that was asked for: %v", q.about, got)
		}
	}
}

// inTime compares rows by their timestamp, as far as the query asks for an order.
func inTime(sql string) func(a, b []any) int {
	return func(a, b []any) int {
		order := strings.Compare(fmt.Sprint(a[1]), fmt.Sprint(b[1]))
		switch {
		case strings.Contains(sql, "timestamp DESC"):
			return -order
		case strings.Contains(sql, "ORDER BY timestamp"):
			return order
		}
		return 0
	}
}

// columns of the specification's table, in order; the archive's own come after.
var columns = [...]string{"id", "timestamp", "action", "actor_id", "actor_type", "actor_email", "resource_type", "resource_id",
	"outcome", "reason", "details", "request_id", "ip", "user_agent", "organization_id"}

// checkEvent compares a row with the event of the request that it is of.
func checkEvent(t *testing.T, about string, values []any, byRequest map[string]map[string]string) {
	t.Helper()
	got := map[string]string{}
	for i, name := range columns {
		if values[i] != nil {
			got[name] = fmt.Sprint(values[i])
		}
	}
	want, known := byRequest[got["request_id"]]
	if !known {
		t.Errorf("%s: of no request of ours, or twice: %v", about, got)
		return
	}
	delete(byRequest, got["request_id"])
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s: %s of %s is %q, want %q", about, name, want["request_id"], got[name], value)
		}
	}
	if got["ip"] != "127.0.0.1" || got["user_agent"] != userAgent {
		t.Errorf("%s: the context is lost: ip %q, user agent %q", about, got["ip"], got["user_agent"])
	}
	if (got["outcome"] == "failure") != (got["reason"] != "") {
		t.Errorf("%s: outcome %s for the reason %q", about, got["outcome"], got["reason"])
	}
	if want["action"] != "order.update" {
		return
	}
	// 250 and 250.0 are one number; what is absent is 0.
	var details struct{ Before, After struct{ Total float64 } }
	if err := json.Unmarshal([]byte(got["details"]), &details); err != nil || details.After.Total != 250 ||
		details.Before.Total == 0 || details.Before.Total == 250 {
		t.Errorf("%s: details %s do not tell the change: %v", about, got["details"], err)
	}
}

// example is a running order service.
type example struct {
	url   string
	cmd   *exec.Cmd
	log   *tail
	ended <-chan struct{}
}

func startExample(t *testing.T, p program, sidecarURL string) *example {
	t.Helper()
	e := &example{cmd: exec.Command(p.args[0], p.args[1:]...), log: new(tail)}
	e.cmd.Dir = p.dir
	e.cmd.Env = append(append(os.Environ(), "PORT=0", "ARCHIVER_URL="+sidecarURL, "ARCHIVER_SPOOL_DIR="+t.TempDir()), p.env...)
	e.cmd.Stderr = e.log
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listening := make(chan string, 1)
	e.ended = after(func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok && len(listening) == 0 {
				listening <- url
			}
		}
		_, _ = io.Copy(io.Discard, out)
		_ = e.cmd.Wait() // how it ended is in ProcessState
	})
	t.Cleanup(func() {
		_ = e.cmd.Process.Kill() // it may be gone
		<-e.ended
	})
	select {
	case e.url = <-listening:
	case <-e.ended:
		t.Fatalf("it ended before it listened: %v\n%s", e.cmd.ProcessState, e.log)
	case <-time.After(time.Minute):
		t.Fatalf("it does not listen:\n%s", e.log)
	}
	return e
}

// call makes one request, checks the answer, and returns its body.
func (e *example) call(t *testing.T, st step, id string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), st.method, e.url+st.path, strings.NewReader(st.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Request-Id", id)
	req.Header.Set("User-Agent", userAgent)
	if st.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if st.user != "" {
		req.Header.Set("X-User", st.user)
	}
	client := http.Client{Timeout: 30 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", st.method, st.path, err, e.log)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != st.status {
		t.Fatalf("%s %s: status %d, want %d: %v: %.300s\n%s", st.method, st.path, resp.StatusCode, st.status, err, body, e.log)
	}
	if got := resp.Header.Get("X-Request-Id"); got != id {
		t.Errorf("%s %s: x-request-id is %q, sent was %q", st.method, st.path, got, id)
	}
	if st.method == "PUT" && st.status == 200 && !strings.Contains(string(body), "250") {
		t.Errorf("the change is not in the answer %s", body)
	}
	return string(body)
}

// stop ends the example in order. A server that hands the signal on to itself
// when it is done has ended well too.
func (e *example) stop(t *testing.T) {
	t.Helper()
	if err := e.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-e.ended:
	case <-time.After(20 * time.Second):
		t.Fatalf("it does not end:\n%s", e.log)
	}
	status, ok := e.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !e.cmd.ProcessState.Success() && !(ok && status.Signaled() && status.Signal() == syscall.SIGTERM) {
		t.Errorf("it ended with %v:\n%s", e.cmd.ProcessState, e.log)
	}
}
