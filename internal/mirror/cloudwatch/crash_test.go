package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/mirror"
	double "github.com/audit-archiver/archiver/testenv/cloudwatch"
)

// threeCommits are nine requests, a heartbeat, and events that are rejected before, between
// and after them, by us and by the service.
func threeCommits() (rows []event.Row, commits []*mirror.Commit) {
	add := func(index int64, times ...time.Duration) {
		first := int64(len(rows))
		for i, at := range times {
			rows = append(rows, row(first+int64(i), at))
		}
		commits = append(commits, commit(index, first, rows[first:]))
	}
	add(0, -30*24*time.Hour, 0, 1, 3*time.Hour, -time.Hour, -time.Hour, -2*time.Hour, 3*time.Hour)
	add(1)
	add(2, -20*24*time.Hour, -20*24*time.Hour)
	add(3, -13*24*time.Hour, -13*24*time.Hour, -5*24*time.Hour, 0, 5*time.Hour, -time.Minute, -time.Minute)
	return rows, commits
}

// feed does what the feeder does: it asks for the position and writes from there on.
func feed(target *Target, commits []*mirror.Commit) error {
	for {
		p, err := target.Position(context.Background(), stream)
		if err != nil {
			return err
		}
		if p.Index == int64(len(commits)) {
			return nil
		}
		if err := target.Write(context.Background(), commits[p.Index]); err != nil {
			return err
		}
	}
}

// wanted are the rows that the service has in the end, and the reasons for the others.
func wanted(rows []event.Row) (sent []event.Row, rejected map[int64]Reason) {
	rejected = make(map[int64]Reason)
	for _, r := range rows {
		switch age := noon().Sub(time.Unix(0, r.TimestampNS)); {
		case age > 14*24*time.Hour:
			rejected[r.Seq] = TooOld
		case age > 7*24*time.Hour:
			rejected[r.Seq] = Expired
		case age < -2*time.Hour:
			rejected[r.Seq] = TooNew
		default:
			sent = append(sent, r)
		}
	}
	return sent, rejected
}

// TestCrashAtEveryOperation kills the process at each operation of the disk, with every
// kind of luck for what was not synced, and starts another. Between an answer and the
// cursor that costs one repeated request; it never costs an event, the order, or a report.
func TestCrashAtEveryOperation(t *testing.T) {
	dead := errors.New("dead")
	rows, commits := threeCommits()
	sent, rejected := wanted(rows)
	repeats := 0
	w := newWorld(t)
	w.client = w.target.client
	for n := 1; ; n++ {
		finished := false
		for seed := range uint64(4) {
			w.fs = crashfs.New()
			w.srv.CreateGroup(logGroup, 7) // in place of the last one
			w.fs.Inject(func(op crashfs.Op) error {
				if op.N >= n {
					return dead
				}
				return nil
			})
			err := w.tryStart()
			if err == nil {
				err = feed(w.target, commits)
			}
			finished = err == nil
			w.fs = w.fs.Crash(rand.New(rand.NewPCG(seed, uint64(n))), int(seed)*33)
			w.start()
			if err := feed(w.target, commits); err != nil {
				t.Fatalf("operation %d, seed %d: %v", n, seed, err)
			}
			repeats += w.mustHave(fmt.Sprintf("operation %d, seed %d", n, seed), sent, rejected, 1)
		}
		if finished {
			if n < 40 || repeats == 0 {
				t.Errorf("%d operations, %d repeated requests: this test does not see them", n, repeats)
			}
			return
		}
	}
}

// TestCrashAtEveryRequest kills the process while each request is under way, before and
// after the service stored it, and loses its answer again and again.
func TestCrashAtEveryRequest(t *testing.T) {
	rows, commits := threeCommits()
	sent, rejected := wanted(rows)
	for _, fault := range []double.Fault{double.CutBefore, double.AfterCut} {
		for n := 1; ; n++ {
			w := newWorld(t)
			w.srv.CreateGroup(logGroup, 7)
			puts := 0
			w.srv.OnPut = func(double.Put) double.Fault {
				if puts++; puts == n {
					return fault
				}
				return double.None
			}
			err := feed(w.target, commits)
			if puts < n {
				if err != nil || n < 8 {
					t.Errorf("%d requests, %v", puts, err)
				}
				break
			}
			if err == nil {
				t.Fatalf("request %d: no error", n)
			}
			w.fs = w.fs.Crash(rand.New(rand.NewPCG(1, uint64(n))), 0)
			w.start()
			if err := feed(w.target, commits); err != nil {
				t.Fatalf("request %d: %v", n, err)
			}
			most := 0
			if fault == double.AfterCut {
				most = 1
			}
			if got := w.mustHave(fmt.Sprintf("request %d, fault %d", n, fault), sent, rejected, most); got > most {
				t.Errorf("request %d: %d repeats", n, got)
			}
		}
	}
}

// TestCrashOfTheFirstReport looks closer at the file that is created for the first rejected
// event: no cursor may count a report whose name is not durable.
func TestCrashOfTheFirstReport(t *testing.T) {
	dead := errors.New("dead")
	rows := []event.Row{row(0, -20*24*time.Hour)}
	commits := []*mirror.Commit{commit(0, 0, rows)}
	w := newWorld(t)
	w.client = w.target.client
	for n, finished := 1, false; !finished; n++ {
		for seed := range uint64(40) {
			w.fs = crashfs.New()
			w.fs.Inject(func(op crashfs.Op) error {
				if op.N >= n {
					return dead
				}
				return nil
			})
			err := w.tryStart()
			if err == nil {
				err = feed(w.target, commits)
			}
			finished = err == nil
			w.fs = w.fs.Crash(rand.New(rand.NewPCG(seed, uint64(n))), 50)
			w.start()
			if err := feed(w.target, commits); err != nil {
				t.Fatalf("operation %d, seed %d: %v", n, seed, err)
			}
			w.mustHave(fmt.Sprintf("operation %d, seed %d", n, seed), nil, map[int64]Reason{0: TooOld}, 0)
		}
	}
}

// TestReportsOfNothing: what was reported, but not saved, is cut off, because the event may
// be taken the next time.
func TestReportsOfNothing(t *testing.T) {
	dead := errors.New("dead")
	w := newWorld(t)
	commits := []*mirror.Commit{commit(0, 0, []event.Row{row(0, 5*time.Hour), row(1, 3*time.Hour)})}
	w.fs.Inject(func(op crashfs.Op) error {
		if op.Kind == crashfs.Rename {
			return dead
		}
		return nil
	})
	if err := feed(w.target, commits); !errors.Is(err, dead) {
		t.Fatal(err)
	}
	w.fs = w.fs.Crash(rand.New(rand.NewPCG(1, 1)), 100)
	later := func() time.Time { return noon().Add(4 * time.Hour) }
	w.options.Now, w.srv.Now = later, later
	w.start()
	if err := feed(w.target, commits); err != nil {
		t.Fatal(err)
	}
	w.sameEvents([]event.Row{row(0, 5*time.Hour), row(1, 3*time.Hour)})
	if got := w.reported(); len(got) != 0 {
		t.Errorf("reported %+v", got)
	}
}

// mustHave checks everything after a crash: each event is there in its order, with at most
// so many requests that were made twice; each other event is reported once; the cursor
// counts each row once. It returns how many requests were made twice.
func (w *world) mustHave(when string, sent []event.Row, rejected map[int64]Reason, most int) (repeats int) {
	w.t.Helper()
	type request struct{ first, n int }
	at := make(map[string]int, len(sent))
	for i := range sent {
		at[message(&sent[i])] = i
	}
	events := w.events()
	next := 0 // in sent
	for len(events) > 0 {
		n := 1
		for n < len(events) && events[n].Put == events[0].Put {
			n++
		}
		r := request{at[events[0].Message], n}
		for i, e := range events[:n] {
			if k, known := at[e.Message]; !known || k != r.first+i || e.Timestamp != sent[k].TimestampMS() {
				w.t.Fatalf("%s: event %d of a request is %s", when, i, e.Message)
			}
		}
		switch {
		case r.first == next:
			next += n
		case r.first+n == next:
			repeats++ // the request before, once more
		default:
			w.t.Fatalf("%s: a request begins at event %d, want %d", when, r.first, next)
		}
		events = events[n:]
	}
	if next != len(sent) || repeats > most {
		w.t.Fatalf("%s: %d events of %d, %d requests twice", when, next, len(sent), repeats)
	}
	got := make(map[int64]Reason)
	for _, r := range w.reported() {
		if got[r.Seq] != "" {
			w.t.Fatalf("%s: seq %d is reported twice", when, r.Seq)
		}
		got[r.Seq] = r.Reason
	}
	if fmt.Sprint(got) != fmt.Sprint(rejected) {
		w.t.Fatalf("%s: reported %v, want %v", when, got, rejected)
	}
	counts := Counts{}
	for _, why := range rejected {
		*counts.Of(why)++
	}
	if c := w.target.streams[stream].saved; c.Sent != int64(len(sent)) || c.Rejected != counts {
		w.t.Fatalf("%s: cursor %+v", when, c)
	}
	return repeats
}
