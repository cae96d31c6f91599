package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/mirror"
	double "github.com/audit-archiver/archiver/testenv/cloudwatch"
	"github.com/audit-archiver/archiver/testenv/gen"
)

// TestEventsArrive: everything is there once, in order and unchanged, over several
// commits, a heartbeat and a restart; the log stream and the log group are created.
func TestEventsArrive(t *testing.T) {
	w := newWorld(t)
	w.options.LogGroup, w.options.CreateMissing = "/made/by#us", true
	w.start()
	if p := w.position(); p != (mirror.Position{}) {
		t.Fatalf("position %+v in a new folder", p)
	}
	rows := gen.New(1, noon().Add(-3*24*time.Hour), 1_000).Rows(9_000, stream, 0)
	w.write(commit(0, 0, rows[:5_000]), commit(1, 5_000, nil), commit(2, 5_000, rows[5_000:5_001]))
	puts := w.puts()
	w.start()
	if p := w.position(); p.Index != 3 || p.Row != 0 {
		t.Fatalf("position %+v after three commits", p)
	}
	if w.puts() != puts {
		t.Error("a restart sends something again")
	}
	w.write(commit(3, 5_001, rows[5_001:]))
	got := w.srv.Events("/made/by#us", "archive/"+stream.String())
	if len(got) != len(rows) {
		t.Fatalf("%d events, want %d", len(got), len(rows))
	}
	for i := range rows {
		if got[i].Message != message(&rows[i]) || got[i].Timestamp != rows[i].TimestampMS() {
			t.Fatalf("event %d: %d %s", i, got[i].Timestamp, got[i].Message)
		}
	}
	if calls := w.srv.Calls()[:5]; !slices.Equal(calls, []string{"PutLogEvents", "CreateLogStream", "CreateLogGroup", "CreateLogStream", "PutLogEvents"}) {
		t.Errorf("calls %q", calls)
	}
	if c := w.target.streams[stream].saved; c.Sent != 9_000 || c.Rejected != (Counts{}) {
		t.Errorf("cursor %+v", c)
	}
	if n := w.metric("cloudwatch_events_total", ""); n != 3_999 {
		t.Errorf("the metric counts %v events since the start", n)
	}
}

// TestStreamsAreApart: each stream of the archive has its log stream and its cursor.
func TestStreamsAreApart(t *testing.T) {
	w := newWorld(t)
	other := uuid.MustParse("01980c9e-6e1f-7c3a-9d55-ffffffffffff")
	w.write(commit(0, 0, []event.Row{row(0, 0)}))
	r := row(0, 0)
	r.Stream = other
	c := commit(0, 0, []event.Row{r})
	c.Stream = other
	w.write(c)
	w.sameEvents([]event.Row{row(0, 0)})
	if got := w.srv.Events(logGroup, "archive/"+other.String()); len(got) != 1 || got[0].Message != message(&r) {
		t.Errorf("the other stream has %v", got)
	}
	cursors, err := ReadCursors(w.fs, dir)
	if err != nil || len(cursors) != 2 || cursors[other].Index != 1 || cursors[stream].Sent != 1 || cursors[other].LogStream != "archive/"+other.String() {
		t.Errorf("cursors %+v, %v", cursors, err)
	}
	if cursors, err := ReadCursors(w.fs, "/nowhere"); err != nil || len(cursors) != 0 {
		t.Errorf("cursors of no folder: %v, %v", cursors, err)
	}
}

// threeFiles are four rows in each of three files, so that there are three requests.
func threeFiles() (rows []event.Row) {
	for i := range 12 {
		rows = append(rows, row(int64(i), time.Duration(i%4-i/4*10)*time.Second))
	}
	return rows
}

// TestFaults: whatever goes wrong with the second of three requests, the commit gets
// there, the first is not sent again, and nothing is twice but what was stored without
// an answer.
func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fault  double.Fault
		fails  bool   // Write returns an error
		again  bool   // the events of the request are there twice
		result string // of the request that failed
	}{
		{"throttled", double.Throttle, false, false, ""}, // the SDK repeats these two by itself
		{"unavailable", double.Unavailable, false, false, ""},
		{"denied", double.Denied, true, false, resultFailed},
		{"cut before it is stored", double.CutBefore, true, false, resultUnknown},
		{"cut after it is stored", double.AfterCut, true, true, resultUnknown},
		{"error after it is stored", double.AfterError, true, true, resultUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			second := 0
			w.srv.OnPut = func(p double.Put) double.Fault {
				if strings.Contains(p.Events[0].Message, `"seq":4,`) {
					if second++; second == 1 {
						return tt.fault
					}
				}
				return double.None
			}
			rows := threeFiles()
			err := w.target.Write(t.Context(), commit(0, 0, rows))
			if (err != nil) != tt.fails {
				t.Fatalf("write: %v", err)
			}
			if err != nil {
				if !strings.HasPrefix(err.Error(), "cloudwatch: stream "+stream.String()+": commit 0: put 4 events, seq 4 to 7: ") {
					t.Errorf("error %q", err)
				}
				if unknown := strings.Contains(err.Error(), "outcome unknown"); unknown != (tt.result == resultUnknown) {
					t.Errorf("error %q", err)
				}
				want := 1.0
				if tt.result == resultFailed {
					want++ // the very first request found no log stream
				}
				if n := w.metric("cloudwatch_requests_total", tt.result); n != want {
					t.Errorf("%v requests counted as %s", n, tt.result)
				}
				if p := w.position(); p.Index != 0 || p.Row != 4 {
					t.Errorf("position %+v, want behind the first request", p)
				}
				w.write(commit(0, 0, rows))
			}
			want := rows
			if tt.again {
				want = slices.Concat(rows[:8], rows[4:])
			}
			w.sameEvents(want)
			if second != 2 {
				t.Errorf("the request was sent %d times", second)
			}
			if c := w.target.streams[stream].saved; c.Sent != 12 || c.Index != 1 {
				t.Errorf("cursor %+v", c)
			}
		})
	}
}

// Who still answers that it has the events already, has them.
func TestAlreadyAccepted(t *testing.T) {
	w := newWorld(t)
	w.srv.OnPut = func(double.Put) double.Fault { return double.Already }
	w.write(commit(0, 0, []event.Row{row(0, 0)}))
	if p := w.position(); p.Index != 1 {
		t.Errorf("position %+v", p)
	}
}

// TestNobodyThere: an endpoint that nobody listens to.
func TestNobodyThere(t *testing.T) {
	w := newWorld(t)
	w.options.Endpoint = "http://127.0.0.1:1"
	w.start()
	if err := w.target.Write(t.Context(), commit(0, 0, []event.Row{row(0, 0)})); err == nil || strings.Contains(err.Error(), "unknown") {
		t.Errorf("write: %v", err)
	}
	if n := w.metric("cloudwatch_requests_total", resultFailed); n != 1 {
		t.Errorf("%v requests failed", n)
	}
}

// TestNoGroup: without the right to create it, a missing log group is said to be missing.
func TestNoGroup(t *testing.T) {
	w := newWorld(t)
	w.options.LogGroup = "/none"
	w.start()
	err := w.target.Write(t.Context(), commit(0, 0, []event.Row{row(0, 0)}))
	if err == nil || !strings.Contains(err.Error(), "log group /none does not exist") {
		t.Errorf("write: %v", err)
	}
	w.srv.CreateGroup("/none", 0)
	w.write(commit(0, 0, []event.Row{row(0, 0)}))
	if got := w.srv.Events("/none", "archive/"+stream.String()); len(got) != 1 {
		t.Errorf("%d events", len(got))
	}
}

// TestWrongCommits: what is not the next commit, or has other rows than it says, is not taken.
func TestWrongCommits(t *testing.T) {
	boom := errors.New("boom")
	short, long, broken := commit(1, 1, []event.Row{row(1, 0)}), commit(1, 1, []event.Row{row(1, 0)}), commit(1, 1, []event.Row{row(1, 0)})
	short.Count, long.Count = 2, 0
	long.Rows, long.Count = commit(1, 1, []event.Row{row(1, 0), row(2, 0)}).Rows, 1
	broken.Rows = func(context.Context) iter.Seq2[event.Row, error] {
		return func(yield func(event.Row, error) bool) { _ = yield(row(1, 0), nil) && yield(event.Row{}, boom) }
	}
	broken.Count = 2
	w := newWorld(t)
	w.write(commit(0, 0, []event.Row{row(0, 0)}))
	for name, c := range map[string]*mirror.Commit{
		"done": commit(0, 0, []event.Row{row(0, 0)}), "later": commit(2, 1, nil), "short": short, "long": long, "broken": broken,
	} {
		if err := w.target.Write(t.Context(), c); err == nil || name == "broken" && !errors.Is(err, boom) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p := w.position(); p.Index != 1 || p.Row != 0 {
		t.Errorf("position %+v", p)
	}
	w.sameEvents([]event.Row{row(0, 0)})
}

// TestGone: rows that the bucket no longer has are passed over, also when they vanish
// between two tries, and the others keep their numbers.
func TestGone(t *testing.T) {
	rows := threeFiles()
	without := func(gone ...mirror.RowRange) *mirror.Commit {
		var kept []event.Row
		for i, r := range rows {
			if !slices.ContainsFunc(gone, func(g mirror.RowRange) bool { return g.From <= int64(i) && int64(i) < g.To }) {
				kept = append(kept, r)
			}
		}
		c := commit(0, 0, kept)
		c.Count, c.Gone = int64(len(rows)), gone
		return c
	}
	for _, tt := range []struct {
		name          string
		before, after []mirror.RowRange
		want          []event.Row
	}{
		{"from the start", []mirror.RowRange{{From: 0, To: 4}}, []mirror.RowRange{{From: 0, To: 4}}, rows[4:]},
		{"already sent", nil, []mirror.RowRange{{From: 0, To: 4}}, rows},
		{"the next file", nil, []mirror.RowRange{{From: 4, To: 8}}, slices.Concat(rows[:4], rows[8:])},
		{"the rest", nil, []mirror.RowRange{{From: 4, To: 8}, {From: 8, To: 12}}, rows[:4]},
		{"everything", []mirror.RowRange{{From: 0, To: 12}}, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			fault := double.None
			w.srv.OnPut = func(p double.Put) double.Fault {
				if strings.Contains(p.Events[0].Message, `"seq":4,`) {
					return fault
				}
				return double.None
			}
			if tt.after != nil {
				fault = double.Denied
				if err := w.target.Write(t.Context(), without(tt.before...)); err == nil {
					t.Fatal("no error")
				}
				fault = double.None
				w.start()
			} else {
				tt.after = tt.before
			}
			w.write(without(tt.after...))
			w.sameEvents(tt.want)
			if p := w.position(); p.Index != 1 || p.Row != 0 {
				t.Errorf("position %+v", p)
			}
		})
	}
}

// A cancelled Write ends, and the next one goes on.
func TestCancel(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.srv.OnPut = func(p double.Put) double.Fault {
		if p.N == 4 { // the first two were for the missing log stream
			cancel()
			return double.CutBefore
		}
		return double.None
	}
	rows := threeFiles()
	if err := w.target.Write(ctx, commit(0, 0, rows)); !errors.Is(err, context.Canceled) {
		t.Fatalf("write: %v", err)
	}
	w.srv.OnPut = nil
	w.write(commit(0, 0, rows))
	w.sameEvents(rows)
}

// TestCredentials: what is wrong with them is found at the start, and the file is the whole truth.
func TestCredentials(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct{ file, profile, want string }{
		{"/nowhere/credentials", "", "credentials: stat /nowhere/credentials: "},
		{w.options.CredentialsFile, "other", "credentials " + w.options.CredentialsFile + ": "},
		{"", "no-such-profile", "aws configuration: "},
	} {
		w.options.CredentialsFile, w.options.Profile = tt.file, tt.profile
		if err := w.tryStart(); err == nil || !strings.HasPrefix(err.Error(), "open cloudwatch mirror: "+tt.want) {
			t.Errorf("file %q, profile %q: %v, want %q", tt.file, tt.profile, err, tt.want)
		}
	}
}

func TestValidate(t *testing.T) {
	good := Options{Region: "r", LogGroup: "/a_B-c.9#", LogStreamPrefix: strings.Repeat("p", 476), Dir: "/d"}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for _, tt := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Region = "" }, "region: "},
		{func(o *Options) { o.Endpoint = "logs.example.com" }, "endpoint: "},
		{func(o *Options) { o.Timeout = -1 }, "timeout: "},
		{func(o *Options) { o.LogGroup = "" }, "log group: "},
		{func(o *Options) { o.LogGroup = "a b" }, "log group: "},
		{func(o *Options) { o.LogGroup = "aws/x" }, "log group: "},
		{func(o *Options) { o.LogGroup = strings.Repeat("x", 513) }, "log group: "},
		{func(o *Options) { o.LogStreamPrefix = "a:b" }, "log stream prefix: "},
		{func(o *Options) { o.LogStreamPrefix += "p" }, "log stream prefix: "},
		{func(o *Options) { o.Dir = "" }, "dir: "},
	} {
		bad := good
		tt.change(&bad)
		if err := bad.Validate(); err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s%v", tt.want, err)
		}
		if _, err := New(t.Context(), bad); err == nil {
			t.Errorf("New takes it: %s", tt.want)
		}
	}
	if err := (Options{}).Validate(); strings.Count(fmt.Sprint(err), "\n") != 2 {
		t.Errorf("not everything that is wrong: %v", err)
	}
}
