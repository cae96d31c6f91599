package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
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

// TestRejectedByTheService: the retention of the log group, and a clock that differs
// from ours, are known to the service only.
func TestRejectedByTheService(t *testing.T) {
	w := newWorld(t)
	w.srv.CreateGroup(logGroup, 7)
	w.srv.Now = func() time.Time { return noon().Add(time.Hour) }
	var rows []event.Row
	for i, at := range []time.Duration{
		-20 * 24 * time.Hour,                                              // too old for us
		-14*24*time.Hour + time.Minute, -14*24*time.Hour + 50*time.Minute, // for the service
		-14*24*time.Hour + 61*time.Minute, -7 * 24 * time.Hour, // expired
		-7*24*time.Hour + 61*time.Minute, 0, time.Hour, 119 * time.Minute,
		3 * time.Hour, // too new for us
	} {
		rows = append(rows, row(int64(i), at))
	}
	w.write(commit(0, 0, rows))
	w.sameEvents(rows[5:9])
	w.sameRejected(map[int64]Reason{0: TooOld, 1: TooOld, 2: TooOld, 3: Expired, 4: Expired, 9: TooNew})

	w.srv.Now = func() time.Time { return noon().Add(-time.Hour) }
	w.start() // and it counts on
	w.write(commit(1, 10, []event.Row{row(10, 0), row(11, 61*time.Minute), row(12, 119*time.Minute)}))
	w.sameEvents(append(rows[5:9], row(10, 0)))
	if c := w.target.streams[stream].saved; c.Rejected != (Counts{TooOld: 3, Expired: 2, TooNew: 3}) || c.Sent != 5 {
		t.Errorf("cursor %+v", c)
	}
	if got := w.reported(); len(got) != 8 || got[7].Seq != 12 || got[7].Reason != TooNew || !got[7].Timestamp.Equal(noon().Add(119*time.Minute)) {
		t.Errorf("reports %+v", got)
	}
	for _, want := range []string{
		`level=WARN msg="events stay out of CloudWatch Logs" reason=too_old count=3 stream=` + stream.String() + ` first_seq=0 last_seq=2 ids="[` + rows[0].ID + " " + rows[1].ID + " " + rows[2].ID + `]" report=/mirror/` + stream.String() + ".rejected-0.ndjson\n",
		"reason=expired count=2", "reason=too_new count=1",
	} {
		if !strings.Contains(w.log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, &w.log)
		}
	}
}

// TestFormerLimit: a service that still has the limit of 256 KiB per event.
func TestFormerLimit(t *testing.T) {
	w := newWorld(t)
	w.srv.MaxEvent, w.srv.Tolerant = 256<<10, true
	rows := []event.Row{sized(0, 0, 256<<10+1), row(1, 0), sized(2, 0, 256<<10), sized(3, 0, 300_000), row(4, 0)}
	w.write(commit(0, 0, rows))
	w.sameEvents([]event.Row{rows[1], rows[2], rows[4]})
	w.sameRejected(map[int64]Reason{0: TooLarge, 3: TooLarge})
}

// TestRefused: events that the service refuses for no reason that we know are found by
// halving and left out; when it refuses everything, no event is to blame.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	rows := threeFiles()
	poison := map[string]bool{message(&rows[0]): true, message(&rows[5]): true, message(&rows[11]): true}
	w.srv.Poison = func(e double.InputEvent) bool { return poison[e.Message] }

	err := w.target.Write(t.Context(), commit(0, 0, rows))
	if err == nil || !strings.Contains(err.Error(), "put event "+rows[0].ID+", seq 0: ") {
		t.Fatalf("the first event ever is refused, and so may be all others: %v", err)
	}
	if w.position() != (mirror.Position{}) {
		t.Fatalf("position %+v", w.position())
	}
	delete(poison, message(&rows[0]))
	w.write(commit(0, 0, rows))
	w.sameEvents(slices.Concat(rows[:5], rows[6:11]))
	w.sameRejected(map[int64]Reason{5: Refused, 11: Refused})

	everything := true
	w.srv.Poison = func(double.InputEvent) bool { return everything }
	more := threeFiles()
	for i := range more {
		more[i] = row(int64(12+i), 0)
	}
	for range 3 { // one was left out before, so nine more may be
		if err := w.target.Write(t.Context(), commit(1, 12, more)); err == nil {
			t.Fatal("all are refused, and left out")
		}
		w.start()
		if p := w.position(); p.Index != 1 || p.Row != 9 {
			t.Fatalf("position %+v", p)
		}
	}
	everything = false
	w.write(commit(1, 12, more))
	w.sameEvents(slices.Concat(rows[:5], rows[6:11], more[9:]))
	if c := w.target.streams[stream].saved; c.Rejected.Refused != 11 || c.RefusedInRow != 0 || c.Sent != 13 {
		t.Errorf("cursor %+v", c)
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

// TestDisk: an operation of the disk that fails costs no event and repeats none: what was
// sent stays known. A failed sync ends the process's trust in the disk.
func TestDisk(t *testing.T) {
	boom := errors.New("boom")
	for _, kind := range []crashfs.Kind{crashfs.Open, crashfs.Write, crashfs.Close, crashfs.Rename, crashfs.Sync, crashfs.SyncDir} {
		for _, file := range []string{".cursor", ".ndjson"} {
			if file == ".ndjson" && (kind == crashfs.Rename || kind == crashfs.SyncDir) {
				continue
			}
			t.Run(string(kind)+file, func(t *testing.T) {
				w := newWorld(t)
				rows := append(threeFiles(), row(12, 24*time.Hour))
				w.fs.Inject(func(op crashfs.Op) error {
					if op.Kind == kind && (strings.Contains(op.Name, file) || kind == crashfs.SyncDir) {
						return boom
					}
					return nil
				})
				err := w.target.Write(t.Context(), commit(0, 0, rows))
				if !errors.Is(err, boom) {
					t.Fatalf("write: %v", err)
				}
				puts := w.puts()
				w.fs.Inject(nil)
				again := w.target.Write(t.Context(), commit(0, 0, rows))
				if kind == crashfs.Sync || kind == crashfs.SyncDir {
					if !errors.Is(again, boom) || !errors.Is(again, durable.ErrSync) || w.puts() != puts {
						t.Fatalf("work goes on after a failed sync: %v", again)
					}
					return
				}
				if again != nil {
					t.Fatal(again)
				}
				w.sameEvents(rows[:12])
				w.sameRejected(map[int64]Reason{12: TooNew})
				if p := w.position(); p.Index != 1 {
					t.Errorf("position %+v", p)
				}
			})
		}
	}
}

// TestSavedByPosition: a position is durable when it is told, although Write failed to save it.
func TestSavedByPosition(t *testing.T) {
	w := newWorld(t)
	w.fs.SetCapacity(1)
	if err := w.target.Write(t.Context(), commit(0, 0, []event.Row{row(0, 0)})); err == nil {
		t.Fatal("no error on a full disk")
	}
	if _, err := w.target.Position(t.Context(), stream); err == nil {
		t.Fatal("a position that is not durable is told")
	}
	w.fs.SetCapacity(0)
	if p := w.position(); p.Index != 1 || p.Row != 0 {
		t.Fatalf("position %+v", p)
	}
	w.start()
	if p := w.position(); p.Index != 1 {
		t.Errorf("position %+v after a restart", p)
	}
}

// TestReportsAreBounded: two files of a stream share the reports, and only the newest are kept.
func TestReportsAreBounded(t *testing.T) {
	w := newWorld(t)
	const n = 130_000 // 24 MB of lines
	for i := range 13 {
		var rows []event.Row
		for k := range n / 13 {
			rows = append(rows, row(int64(i*n/13+k), -1000*24*time.Hour))
		}
		w.write(commit(int64(i), rows[0].Seq, rows))
		w.start()
	}
	got := w.reported()
	for i, r := range got {
		if want := int64(n - len(got) + i); r.Seq != want {
			t.Fatalf("report %d of %d is about seq %d, want %d", i, len(got), r.Seq, want)
		}
	}
	p := progress{stream: stream, dir: dir}
	for file := range 2 {
		data, err := durable.ReadFile(w.fs, p.reportName(file))
		if err != nil || len(data) > reportBytes+maxEvents*300 {
			t.Errorf("report %d has %d bytes, %v", file, len(data), err)
		}
	}
	if len(got) < 40_000 || len(got) >= n {
		t.Errorf("%d reports are kept", len(got))
	}
	if c := w.target.streams; len(c) != 0 {
		t.Fatal("this target has read a cursor")
	}
	if w.position(); w.target.streams[stream].saved.Rejected.TooOld != n {
		t.Errorf("cursor %+v", w.target.streams[stream].saved)
	}
	if strings.Count(w.log.String(), "\n") != 13 {
		t.Errorf("the log has not one line per commit:\n%s", &w.log)
	}
}

// A report that somebody took away is begun again, without a hole.
func TestReportIsTaken(t *testing.T) {
	w := newWorld(t)
	w.write(commit(0, 0, []event.Row{row(0, 24*time.Hour)}))
	if err := w.fs.Remove(w.target.streams[stream].reportName(0)); err != nil {
		t.Fatal(err)
	}
	w.write(commit(1, 1, []event.Row{row(1, 24*time.Hour)}))
	if got := w.reported(); len(got) != 1 || got[0].Seq != 1 {
		t.Errorf("reports %+v", got)
	}
}

// TestForeignCursor: neither another log group's cursor nor damage is taken for a position.
func TestForeignCursor(t *testing.T) {
	w := newWorld(t)
	w.write(commit(0, 0, []event.Row{row(0, 0)}))
	name := filepath.Join(dir, stream.String()+".cursor")
	good, err := durable.ReadFile(w.fs, name)
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{
		"", "{}x", string(good[:len(good)/2]), strings.Replace(string(good), `"version":0`, `"version":1`, 1),
		strings.Replace(string(good), `"index":1`, `"index":-1`, 1), strings.Replace(string(good), `"file":0`, `"file":2`, 1),
		strings.Replace(string(good), `"row":`, `"column":`, 1), strings.Replace(string(good), logGroup, "/other", 1),
		strings.Replace(string(good), "eu-central-1", "eu-central-2", 1),
	} {
		if content == string(good) {
			t.Fatal("this case changes nothing")
		}
		if err := durable.WriteFile(w.fs, name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		w.start()
		_, err := w.target.Position(t.Context(), stream)
		if err == nil || !strings.Contains(err.Error(), "cursor "+name) {
			t.Errorf("position with cursor %q: %v", content, err)
		}
		if err := w.target.Write(t.Context(), commit(1, 1, []event.Row{row(1, 0)})); err == nil {
			t.Errorf("write with cursor %q", content)
		}
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
