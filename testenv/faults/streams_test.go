//go:build linux

package faults

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/s3store"
)

// run runs a command of the program on this site, and returns what it printed and its
// exit code.
func (s *site) run(t testing.TB, args ...string) (string, int) {
	t.Helper()
	out, err := exec.Command(binary(), append(args, "--config", s.config)...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		t.Errorf("archiver %s: %v", strings.Join(args, " "), err) // not the end: others than the test's goroutine run commands
		return string(out), -1
	}
	return string(out), 0
}

// must is run that has to work.
func (s *site) must(t testing.TB, args ...string) string {
	t.Helper()
	out, code := s.run(t, args...)
	if code != 0 {
		t.Fatalf("archiver %s: exit code %d: %s", strings.Join(args, " "), code, out)
	}
	return out
}

// streams reads the ledger as an auditor would.
func (s *site) streams(t testing.TB) (*ledger.View, *s3store.Store) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	if s.auditor == nil { // one for all looks: each store has connections of its own
		var err error
		if s.auditor, err = s3store.Open(ctx, s.cfg); err != nil {
			t.Fatal(err)
		}
	}
	reader, err := ledger.NewReader(s.auditor, prefix, s.root)
	if err != nil {
		t.Fatal(err)
	}
	view, err := reader.Refresh(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(view.Findings) > 0 {
		t.Fatalf("findings %v", view.Findings)
	}
	return view, s.auditor
}

// closed counts the streams that are closed.
func closed(view *ledger.View) (n int) {
	for i := range view.Streams {
		if view.Streams[i].Head.Closed {
			n++
		}
	}
	return n
}

// taken sends n new events in one request, again and again for as long as the server
// says that it takes none now.
func (v *server) taken(t testing.TB, n int) {
	t.Helper()
	body := v.site.promise.Invent(n, 0)
	await(t, "events are taken", func() (bool, string) {
		err := v.send(t, body)
		if err != nil && statusOf(err) != http.StatusServiceUnavailable {
			t.Fatalf("a client got %v", err)
		}
		return err == nil, v.log.String()
	})
}

// TestRotation: a server under load goes on with a successor. Its socket stays open, who
// is refused meanwhile is told to come again, and each event is archived once.
func TestRotation(t *testing.T) {
	need(t, short)
	s := newSite(t)
	v := s.start(t, how{})
	v.stored(t, 3)
	if out, code := s.run(t, "stream", "rotate", "--timeout", "1s"); code != 1 || !strings.Contains(out, "archiver stream next") {
		t.Errorf("without a successor: exit code %d: %s", code, out)
	}
	s.must(t, "stream", "next")
	type answer struct {
		out  string
		code int
	}
	rotation := make(chan answer, 1)
	go func() {
		out, code := s.run(t, "stream", "rotate", "--json")
		rotation <- answer{out, code}
	}()
	var longest time.Duration
	var got *answer
	for got == nil {
		select {
		case a := <-rotation:
			got = &a
		default:
		}
		begun := time.Now()
		v.taken(t, 2)
		longest = max(longest, time.Since(begun))
	}
	if got.code != 0 {
		t.Fatalf("stream rotate: exit code %d: %s", got.code, got.out)
	}
	t.Logf("the longest that a client had to wait: %v", longest)
	var rotated struct{ From, To string }
	if err := json.Unmarshal([]byte(got.out), &rotated); err != nil || rotated.From == rotated.To {
		t.Fatalf("%v: %s", err, got.out)
	}
	v.stop(t)
	s.onceEach(t)
	// The first stream's files, its key among them, are of no use any more.
	for _, name := range []string{"wal", "ledger", "spool", "stream.key", "stream.open"} {
		if err := os.RemoveAll(filepath.Join(s.data, name)); err != nil {
			t.Fatal(err)
		}
	}
	v = s.start(t, how{})
	v.stored(t, 2)
	v.stop(t)
	s.onceEach(t)
	if view, _ := s.streams(t); len(view.Streams) != 2 || closed(view) != 1 {
		t.Errorf("%d streams, %d closed", len(view.Streams), closed(view))
	}
	if list := s.must(t, "stream", "list"); !strings.Contains(list, rotated.To) || !strings.Contains(list, "closed") {
		t.Errorf("list: %s", list)
	}
}

// TestRotationKilled: the server is killed in each state of a rotation that can be seen
// from outside, or a little later; the next one ends with the successor.
func TestRotationKilled(t *testing.T) {
	need(t, short)
	states := []struct {
		name string
		is   func(t *testing.T, s *site) bool
	}{
		{"it is asked for", func(*testing.T, *site) bool { return true }},
		{"the successor is intended", func(t *testing.T, s *site) bool { return s.currentStream(t).Next != uuid.Nil }},
		{"the successor's log is made", func(_ *testing.T, s *site) bool {
			logs, err := filepath.Glob(filepath.Join(s.data, "streams", "*", "wal", "*.wal"))
			return err == nil && len(logs) > 0
		}},
		{"the stream is closed", func(t *testing.T, s *site) bool { view, _ := s.streams(t); return closed(view) == 1 }},
		{"the successor is current", func(t *testing.T, s *site) bool {
			c := s.currentStream(t)
			return c.Stream != uuid.Nil && c.Next == uuid.Nil
		}},
		{"the successor has committed", func(t *testing.T, s *site) bool { view, _ := s.streams(t); return overTo(view) }},
	}
	for _, state := range states {
		t.Run(state.name, func(t *testing.T) {
			s := newSite(t)
			v := s.start(t, how{})
			v.stored(t, 3)
			s.must(t, "stream", "next")
			s.must(t, "stream", "rotate", "--timeout", "0s")
			await(t, state.name, func() (bool, string) { return state.is(t, s), v.log.String() })
			v.kill(t)
			v = s.start(t, how{})
			await(t, "the successor has taken over", func() (bool, string) {
				view, _ := s.streams(t)
				return overTo(view), v.log.String()
			})
			v.taken(t, 2)
			v.stop(t)
			s.onceEach(t)
		})
	}
}

// overTo tells whether the first stream is closed, and its successor has committed.
func overTo(view *ledger.View) bool {
	return len(view.Streams) == 2 && closed(view) == 1 && view.Streams[0].Head.Index >= 0 && view.Streams[1].Head.Index >= 0
}

// named is stream.json; zero before there is one.
type named struct{ Stream, Next uuid.UUID }

func (s *site) currentStream(t testing.TB) (c named) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.data, "stream.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return c
	}
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFaultA25CloneGoesOn: the same as TestFaultA25Clone, with a successor that waits:
// the one that loses the stream goes on with it, and archives there what only it has.
func TestFaultA25CloneGoesOn(t *testing.T) {
	need(t, short)
	s := newSite(t)
	v := s.start(t, how{})
	v.stored(t, 3)
	v.archived(t)
	v.stop(t)
	twin := s.clone(t)
	first, second := s.start(t, how{}), twin.start(t, how{})
	second.stored(t, 2)
	second.archived(t)
	first.stopsTaking(t)
	s.must(t, "stream", "next")
	first.taken(t, 1) // it goes on with the successor
	second.stored(t, 2)
	first.stop(t)
	second.stop(t)
	s.onceEach(t, twin)
}

// TestFaultA24RollbackGoesOn: a folder from a backup goes on with a successor.
func TestFaultA24RollbackGoesOn(t *testing.T) {
	need(t, short)
	s := newSite(t)
	v := s.start(t, how{})
	v.stored(t, 3)
	v.stop(t)
	backup := t.TempDir()
	copyFolder(t, s.data, backup)
	v = s.start(t, how{})
	v.stored(t, 4)
	v.stop(t)
	replaceFolder(t, backup, s.data)
	s.must(t, "stream", "next")
	v = s.start(t, how{})
	v.stored(t, 2)
	v.stop(t)
	s.onceEach(t)
}

// TestFaultA22Salvage: something in the middle of the log is damaged. serve refuses it;
// salvage says what is lost, archives the rest, and the next serve goes on.
func TestFaultA22Salvage(t *testing.T) {
	s := newSite(t)
	s.edit(t, "age: 200ms", "age: 10m")
	v := s.start(t, how{})
	v.stored(t, 3)
	v.stored(t, 1) // what will be damaged
	v.stored(t, 3)
	v.kill(t)
	name := filepath.Join(s.data, "wal", "00000000000000000000.wal")
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lost := ""
	for e := range s.promise.Promised() {
		if e.Seq == 3 {
			lost = e.ID
		}
	}
	at := strings.Index(string(raw), lost)
	if at < 0 {
		t.Fatal("the event is not in the log")
	}
	raw[at] ^= 1
	if err := os.WriteFile(name, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	v = s.launch(t, how{})
	if v.listens(t) == nil || v.ended(t) != 1 || !strings.Contains(v.log.String(), "archiver stream salvage") {
		t.Errorf("it does not refuse the log, or does not say what to do:\n%s", v.log)
	}
	s.must(t, "stream", "next")
	for _, args := range [][]string{{"--dry-run", "--json"}, {"--json"}} {
		out, code := s.run(t, append([]string{"stream", "salvage"}, args...)...)
		if code != 3 || !strings.Contains(out, `"first": 3`) || !strings.Contains(out, `"damage"`) {
			t.Errorf("salvage %v: exit code %d: %s", args, code, out)
		}
	}
	if err := s.promise.Forget(lost); err != nil {
		t.Fatal(err)
	}
	v = s.start(t, how{})
	v.stored(t, 2)
	v.stop(t)
	s.onceEach(t)
	view, _ := s.streams(t)
	gaps := 0
	for i := range view.Streams {
		for _, m := range view.Streams[i].Manifests {
			for _, n := range m.Notes {
				if n.Kind == ledger.NoteGap && *n.Range == (ledger.Range{First: 3, Last: 3}) {
					gaps++
				}
			}
		}
	}
	if gaps != 1 || closed(view) != 1 {
		t.Errorf("%d gap notes, %d streams are closed", gaps, closed(view))
	}
}
