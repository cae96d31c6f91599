package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
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

const (
	killsDefault = 50
	clients      = 8
	// killWithin is the longest that a round lives under load.
	killWithin = 800 * time.Millisecond
	// restEvery is after how many rounds everything is archived before the next one. On
	// a busy machine a round may die before it has archived one batch: without a rest
	// the log would grow, and the test would be about that.
	restEvery = 50
)

// TestFaultA01Kills kills the server under load, again and again, and demands in the
// end that every acknowledged event is there once, with the seq and the content that
// were acknowledged, and that no event is there twice. What was cut off is sent
// again, as clients do, and now and then what was acknowledged too. KILLS says how
// often.
func TestFaultA01Kills(t *testing.T) {
	rounds := killsDefault
	if s := os.Getenv("KILLS"); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatalf("KILLS: %v", err)
		}
	}
	dir := t.TempDir()
	book := promise.New(time.Time{})
	var again [clients][]byte
	var busy busy
	var starts starts
	for round := range rounds {
		if round%5 == 4 {
			killEarly(t, dir) // recovery and the start must bear it too
		}
		begun := time.Now()
		d := startDev(t, dir, "--seal-age", "1s")
		starts.add(time.Since(begun))
		if round%restEvery == restEvery-1 {
			first, next := d.metric(t, "archiver_wal_first_seq"), d.metric(t, "archiver_wal_next_seq")
			d.waitArchived(t)
			busy.check(t)
			t.Logf("%d kills, %d events acknowledged, the log holds [%s, %s); starts took %s", round, book.Acked(), first, next, starts.flush())
		}
		ctx, cancel := context.WithCancel(context.Background())
		var load sync.WaitGroup
		for client := range clients {
			load.Go(func() {
				var answers int
				again[client], answers = d.load(ctx, t, book, again[client])
				busy.add(client, answers)
			})
		}
		busy.rounds++
		life := time.NewTimer(rand.N(killWithin))
		select {
		case <-life.C:
		case err := <-d.done:
			t.Fatalf("round %d: dev ended by itself: %v\n%s", round, err, d.log)
		}
		d.kill(t)
		cancel()
		load.Wait()
	}
	busy.check(t)
	patientQueries(t, dir)
	d := startDev(t, dir)
	served := check(t, "right after the restart", book, rowsOf("--url", d.URL))
	d.waitArchived(t)
	stored := check(t, "from the bucket", book, rowsOf("--config", d.Config))
	d.stop(t)
	t.Logf("%d kills: %d events acknowledged, %d stored, %d distinct, of them %d that were cut off before the answer",
		rounds, book.Acked(), stored, stored, stored-book.Acked())
	if served != stored {
		t.Errorf("%d events right after the restart, %d from the bucket", served, stored)
	}
}

// patientQueries lets a query take as long as reading all of it takes.
func patientQueries(t *testing.T, dir string) {
	t.Helper()
	const before, after = "\n  max_rows: 1000000\n  timeout: 1m0s\n", "\n  max_rows: 1000000\n  timeout: 1h\n"
	name := filepath.Join(dir, "archiver.yaml")
	raw, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(raw), before) {
		t.Fatalf("%s does not have %q: %v", name, before, err)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(raw), before, after, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// busy counts the rounds in which each client was answered. Whoever never is, because
// what it sends again is refused for ever, say, would show nothing.
type busy struct {
	rounds   int
	answered [clients]int
}

// add is for one client at a time.
func (b *busy) add(client, answers int) {
	if answers > 0 {
		b.answered[client]++
	}
}

// check demands that each client was answered in a quarter of the rounds: some end
// before it has connected.
func (b *busy) check(t *testing.T) {
	t.Helper()
	for client, n := range b.answered {
		if n < b.rounds/4 {
			t.Errorf("client %d was answered in %d of %d rounds", client, n, b.rounds)
		}
	}
	*b = busy{}
}

// starts is how long the server took to get ready.
type starts struct {
	n         int
	sum, most time.Duration
}

func (s *starts) add(d time.Duration) { s.n, s.sum, s.most = s.n+1, s.sum+d, max(s.most, d) }

func (s *starts) flush() string {
	text := fmt.Sprintf("%s, at most %s", (s.sum / time.Duration(s.n)).Round(time.Millisecond), s.most.Round(time.Millisecond))
	*s = starts{}
	return text
}

// killEarly kills a server that may not have come to serve yet.
func killEarly(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command(binary, devArgs(dir)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-time.After(rand.N(200 * time.Millisecond))
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // killed
}

// load posts events until the server is gone: first the body that was cut off when
// it went the last time. It returns the one that is cut off now, and how many it had an
// answer to. One in twenty is a batch, and one in seven is sent again.
func (d *dev) load(ctx context.Context, t *testing.T, book *promise.Book, again []byte) (cut []byte, answers int) {
	for n := 1; ctx.Err() == nil; n++ {
		if again == nil {
			size := 1
			if n%20 == 0 {
				size = 40
			}
			again = book.Invent(size, 0)
		}
		got, err := d.post(ctx, "application/json", again)
		if err != nil {
			cutOff(t, err)
			return again, answers // what was in flight was not promised
		}
		take(t, book, got)
		answers++
		if n%7 == 0 {
			if got, err = d.post(ctx, "application/json", again); err == nil {
				take(t, book, got)
			} else {
				cutOff(t, err)
			}
		}
		again = nil
	}
	return nil, answers
}

// cutOff demands that a client has no answer because the server is gone or goes: who
// takes another for it would stop sending and show nothing.
func cutOff(t *testing.T, err error) {
	t.Helper()
	if r := new(refusal); errors.As(err, &r) && r.status != http.StatusServiceUnavailable {
		t.Errorf("a client got %v", err)
	}
}

func take(t *testing.T, book *promise.Book, got answer) {
	t.Helper()
	if err := book.Take(got.Events); err != nil {
		t.Error(err)
	}
}

// check is the oracle. It returns how many events there are.
func check(t *testing.T, when string, book *promise.Book, rows iter.Seq2[promise.Row, error]) int64 {
	t.Helper()
	n, err := book.Check(rows)
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	return n
}

// rowsOf asks `archiver query` for all rows in order of seq, some at a time: there may be
// more than one answer may have.
func rowsOf(from ...string) iter.Seq2[promise.Row, error] {
	const page = 500_000
	return func(yield func(promise.Row, error) bool) {
		seen := int64(0)
		for n := int64(page); n == page; seen += n {
			n = 0
			for row, err := range queryRows(from, fmt.Sprintf("SELECT id, seq, details FROM audit_logs WHERE seq >= %d AND seq < %d ORDER BY seq", seen, seen+page)) {
				if n++; !yield(row, err) || err != nil {
					return
				}
			}
		}
		for row, err := range queryRows(from, "SELECT '' AS id, count(*) AS seq, '' AS details FROM audit_logs") {
			if err == nil && row.Seq != seen {
				err = fmt.Errorf("%d rows without a gap, but %d in all", seen, row.Seq)
			}
			if err != nil {
				yield(row, err)
			}
		}
	}
}

// queryRows yields the rows of one answer as they come.
func queryRows(from []string, sql string) iter.Seq2[promise.Row, error] {
	return func(yield func(promise.Row, error) bool) {
		cmd := exec.Command(binary, append(append([]string{"query", "--format", "ndjson"}, from...), sql)...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			yield(promise.Row{}, err)
			return
		}
		more := true
		for lines := json.NewDecoder(out); more && err == nil; {
			var row promise.Row
			if err = lines.Decode(&row); err == nil {
				more = yield(row, nil)
			}
		}
		_ = out.Close() // ends it, if it has more to say
		if ended := cmd.Wait(); more && (ended != nil || !errors.Is(err, io.EOF)) {
			yield(promise.Row{}, fmt.Errorf("%s: %w: %s", sql, errors.Join(err, ended), stderr.String()))
		}
	}
}
