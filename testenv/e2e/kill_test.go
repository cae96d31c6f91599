package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

const (
	killsDefault = 50
	clients      = 8
	// killWithin is the longest that a round lives under load.
	killWithin = 800 * time.Millisecond
)

// TestKills kills the server under load, again and again, and demands in the end
// that every acknowledged event is there once, with the seq and the content that
// were acknowledged, and that no event is there twice. What was cut off is sent
// again, as clients do, and now and then what was acknowledged too. KILLS says how
// often.
func TestKills(t *testing.T) {
	rounds := killsDefault
	if s := os.Getenv("KILLS"); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatalf("KILLS: %v", err)
		}
	}
	dir := t.TempDir()
	acked := &acknowledged{seq: make(map[string]int64), note: make(map[string]string)}
	var again [clients][]byte
	for round := range rounds {
		if round%5 == 4 {
			killEarly(t, dir) // recovery and the start must bear it too
		}
		d := startDev(t, dir, "--seal-age", "1s")
		ctx, cancel := context.WithCancel(context.Background())
		var load sync.WaitGroup
		for client := range clients {
			load.Go(func() { again[client] = acked.load(ctx, t, d, again[client], round, client) })
		}
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
	d := startDev(t, dir)
	acked.check(t, "right after the restart", d.query)
	d.waitArchived(t)
	acked.check(t, "from the bucket", d.queryBucket)
	d.stop(t)
	t.Logf("%d kills, %d events acknowledged", rounds, len(acked.seq))
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

// page is how many rows one query asks for: there may be more than an answer may have.
const page = 200_000

// checkSQL asks for one page, from its first seq to the next one's.
const checkSQL = "SELECT id, seq, details FROM audit_logs WHERE seq >= %d AND seq < %d ORDER BY seq"

// acknowledged is what the clients were promised.
type acknowledged struct {
	mu   sync.Mutex
	seq  map[string]int64  // by id
	note map[string]string // details by id, acknowledged or not
}

// load posts events until the server is gone: first the body that was cut off when
// it went the last time. It returns the one that is cut off now.
func (a *acknowledged) load(ctx context.Context, t *testing.T, d *dev, again []byte, round, client int) (cut []byte) {
	for n := 0; ctx.Err() == nil; n++ {
		if n > 0 || again == nil {
			again = a.invent(round, client, n)
		}
		got, err := d.post(ctx, "application/json", again)
		if err != nil {
			return again // killed: what was in flight was not promised
		}
		a.take(t, got)
		if n%7 != 6 {
			continue
		}
		if got, err = d.post(ctx, "application/json", again); err == nil {
			a.take(t, got)
		}
	}
	return nil
}

// take notes what is promised: once, whatever is sent again.
func (a *acknowledged) take(t *testing.T, got answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range got.Events {
		if seq, ok := a.seq[e.ID]; ok && seq != e.Seq {
			t.Errorf("event %s was acknowledged with seq %d, and now with %d", e.ID, seq, e.Seq)
		}
		a.seq[e.ID] = e.Seq
	}
}

// invent makes a body of new events.
func (a *acknowledged) invent(round, client, n int) []byte {
	size := 1
	if n%5 == 4 {
		size = 40
	}
	var events []map[string]any
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range size {
		id, details := uuid.NewString(), fmt.Sprintf(`{"round":%d,"client":%d,"n":%d,"i":%d}`, round, client, n, i)
		a.note[id] = details
		events = append(events, map[string]any{"id": id, "action": "load.test", "outcome": "success",
			"actor":    map[string]string{"id": fmt.Sprint("client-", client), "type": "system"},
			"resource": map[string]string{"type": "round"}, "details": json.RawMessage(details)})
	}
	body, err := json.Marshal(events)
	if err != nil {
		panic(err)
	}
	return body
}

func (a *acknowledged) check(t *testing.T, when string, ask asker) {
	t.Helper()
	found := make(map[string]bool)
	for {
		rows := ask(t, fmt.Sprintf(checkSQL, len(found), len(found)+page)).Rows
		for _, row := range rows {
			a.checkRow(t, when, row, found)
		}
		if len(rows) < page {
			break
		}
	}
	if n := ask(t, countSQL).one(t); n != fmt.Sprint(len(found)) {
		t.Errorf("%s: %d rows without a gap, but %s in all", when, len(found), n)
	}
	for id, seq := range a.seq {
		if !found[id] {
			t.Errorf("%s: acknowledged event %s (seq %d) is lost", when, id, seq)
		}
	}
}

// checkRow checks the next row and adds it to those found.
func (a *acknowledged) checkRow(t *testing.T, when string, row []any, found map[string]bool) {
	t.Helper()
	id, details := row[0].(string), row[2].(string)
	seq, err := row[1].(json.Number).Int64()
	if err != nil {
		t.Fatal(err)
	}
	switch want, ok := a.seq[id]; {
	case found[id]:
		t.Fatalf("%s: event %s is there twice", when, id)
	case seq != int64(len(found)):
		t.Fatalf("%s: row %d has seq %d: a gap or a repetition", when, len(found), seq)
	case ok && seq != want:
		t.Errorf("%s: event %s has seq %d, acknowledged was %d", when, id, seq, want)
	case a.note[id] != details:
		t.Errorf("%s: event %s has details %s, sent was %s", when, id, details, a.note[id])
	}
	found[id] = true
}
