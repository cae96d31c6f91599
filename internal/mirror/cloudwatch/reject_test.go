package cloudwatch

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/mirror"
	double "github.com/audit-archiver/archiver/testenv/cloudwatch"
)

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
	cursors, err := ReadCursors(w.fs, dir)
	if err != nil || len(cursors) != 1 {
		t.Fatalf("%v, %v", cursors, err)
	}
	for most, from := range map[int]int{0: len(got), 3: len(got) - 3, n: 0} {
		read, err := ReadRejections(w.fs, dir, stream, cursors[stream], most)
		if err != nil || !slices.Equal(read, got[from:]) {
			t.Errorf("at most %d: %d are read, %v; want %d", most, len(read), err, len(got)-from)
		}
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

// TestReportIsReadMeanwhile: what the cursor does not count yet is not told, and what
// is no report is not passed over.
func TestReportIsReadMeanwhile(t *testing.T) {
	w := newWorld(t)
	if none, err := ReadRejections(w.fs, dir, stream, Cursor{}, 10); len(none) != 0 || err != nil {
		t.Errorf("without a report: %v, %v", none, err)
	}
	w.write(commit(0, 0, []event.Row{row(0, 24*time.Hour)}), commit(1, 1, []event.Row{row(1, 24*time.Hour)}))
	c := w.target.streams[stream].saved
	name := ReportName(dir, stream, 0)
	whole, err := durable.ReadFile(w.fs, name)
	if err != nil {
		t.Fatal(err)
	}
	read := func(content string) ([]Rejection, error) {
		t.Helper()
		if err := durable.WriteFile(w.fs, name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return ReadRejections(w.fs, dir, stream, c, 10)
	}
	if got, err := read(string(whole) + `{"seq":2`); err != nil || len(got) != 2 || got[1].Seq != 1 || got[1].Reason != TooNew {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := read(string(whole[:len(whole)-1])); err != nil || len(got) != 1 {
		t.Errorf("a line without its end: %+v, %v", got, err)
	}
	if got, err := read("nothing\n"); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("%+v, %v", got, err)
	}
}
