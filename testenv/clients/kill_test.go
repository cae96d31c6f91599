package clients_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	killsDefault = 10
	lifeMax      = 2 * time.Second // of an application under load
	uptimeMax    = 3 * time.Second // of the sidecar
	pauseMax     = 500 * time.Millisecond

	// firstWithin bounds the wait for an application's first event: it may have to
	// wait for a sidecar that is just starting.
	firstWithin = time.Minute
	// drainWithin is more than the 60 s after which a killapp gives up by itself.
	drainWithin = 90 * time.Second
	rate        = "1000" // events per second and application
	// longOutage is shorter than the deadline of record, with room for a slow clock:
	// after an outage this long, a record may have failed although it was stored.
	longOutage = 8 * time.Second
)

// TestKills kills applications of three languages and their sidecar at random,
// under load, again and again. In the end, everything that a client accepted is
// archived, once, in the order of each process. CLIENT_KILLS says how often each
// of the four is killed at least.
func TestKills(t *testing.T) {
	kills := killsDefault
	if s := os.Getenv("CLIENT_KILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil || kills < 1 {
			t.Fatalf("CLIENT_KILLS=%s: want a number from 1", s)
		}
	}
	apps := prepare(t)
	if len(apps) == 0 {
		t.Skip("NOT CHECKED: no client can be run")
	}
	s := startSidecar(t)
	spool := t.TempDir() // one folder for all: each leaves alone what is the others'
	seen := rampage(t, s, apps, spool, kills)

	var drained sync.WaitGroup
	for _, a := range apps {
		drained.Go(func() {
			if err := a.drain(s.URL, spool); err != nil {
				t.Error(err)
			}
		})
	}
	drained.Wait()
	if left, err := filepath.Glob(filepath.Join(spool, "*")); err != nil || len(left) > 0 {
		letters, _ := os.ReadFile(filepath.Join(spool, "dead-letter.ndjson")) // only for the message
		t.Errorf("left in the spool: %q %v\n%.2000s", left, err, letters)
	}
	accepted := 0
	for _, l := range seen.lives {
		accepted += len(l.ids)
	}
	t.Logf("the sidecar was killed %d times at least, %d clients %d times in all; they had accepted %d events", kills, len(apps), len(seen.lives), accepted)

	report(t, "with what waits in the WAL", s.query, seen)
	s.stop(t) // seals and archives
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	report(t, "from the bucket alone", s.queryBucket, seen)
	s.stop(t)
}

// prepare builds the applications. What cannot be built is a subtest that skips,
// or fails in CI.
func prepare(t *testing.T) []*killapp {
	t.Helper()
	var apps []*killapp
	for _, l := range languages() {
		t.Run("build "+l.name, func(t *testing.T) {
			apps = append(apps, &killapp{name: "kill-" + l.name, program: l.killapp(t)})
		})
	}
	return apps
}

// rampage runs everything at once until each application and the sidecar were
// killed so many times, and returns what was seen. Nobody rests before: a kill
// counts only while the others are at work.
func rampage(t *testing.T, s *sidecar, apps []*killapp, spool string, kills int) witness {
	t.Helper()
	var (
		mu     sync.Mutex
		seen   witness
		all    sync.WaitGroup
		behind sync.WaitGroup // those that were not killed often enough yet
	)
	behind.Add(1 + len(apps))
	enough := after(behind.Wait)
	again := func(kill func(n int) error) {
		n := 0
		defer func() {
			if n < kills {
				behind.Done() // it failed, and the others are not to wait for it
			}
		}()
		for {
			select {
			case <-enough:
				return
			default:
			}
			if err := kill(n); err != nil {
				t.Error(err)
				return
			}
			if n++; n == kills {
				behind.Done()
			}
		}
	}
	url := s.URL // fixed from here on; s belongs to the goroutine below
	all.Go(func() {
		again(func(int) error {
			<-time.After(rand.N(uptimeMax))
			s.kill()
			down := time.Now()
			<-time.After(rand.N(pauseMax))
			err := s.start()
			if time.Since(down) > longOutage {
				seen.longOutages++ // nobody else touches it before all have returned
			}
			return err
		})
	})
	for _, a := range apps {
		all.Go(func() {
			again(func(n int) error {
				ids, err := a.live(url, spool)
				if err != nil {
					return fmt.Errorf("%s, life %d: %w", a.name, n, err)
				}
				mu.Lock()
				defer mu.Unlock()
				seen.lives = append(seen.lives, life{a.name, ids})
				return nil
			})
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return seen
}

// killapp is a program that enqueues events, every 50th recorded instead, and
// prints the id of each as soon as the client has accepted it.
type killapp struct {
	name string
	program
}

func (a *killapp) command(url, spool string, more ...string) (*exec.Cmd, *tail) {
	cmd := exec.Command(a.args[0], a.args[1:]...)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "ARCHIVER_URL="+url, "ARCHIVER_SPOOL_DIR="+spool, "KILLAPP_NAME="+a.name, "KILLAPP_RATE="+rate)
	cmd.Env = append(append(cmd.Env, a.env...), more...)
	log := new(tail)
	cmd.Stderr = log
	return cmd, log
}

// live runs the application until some time after its first event, kills it, and
// returns the ids that it printed.
func (a *killapp) live(url, spool string) ([]string, error) {
	cmd, log := a.command(url, spool)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var ids []string
	first := make(chan struct{})
	ended := after(func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if ids = append(ids, lines.Text()); len(ids) == 1 {
				close(first)
			}
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // killed
	})
	err = nil
	select {
	case <-first:
		select {
		case <-time.After(rand.N(lifeMax)):
		case <-ended:
			err = errors.New("it ended by itself")
		}
	case <-time.After(firstWithin):
		err = errors.New("no event accepted in time")
	case <-ended:
		err = errors.New("it ended by itself, without an event")
	}
	_ = cmd.Process.Kill() // it may be gone
	<-ended
	if err != nil {
		return nil, fmt.Errorf("%w: %v\n%s", err, cmd.ProcessState, log)
	}
	return ids, nil
}

// drain delivers what the killed processes left behind.
func (a *killapp) drain(url, spool string) error {
	cmd, log := a.command(url, spool, "KILLAPP_DRAIN=1")
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := after(func() { _ = cmd.Wait() }) // how it ended is in ProcessState
	select {
	case <-ended:
	case <-time.After(drainWithin):
		_ = cmd.Process.Kill() // it may be gone
		<-ended
	}
	if !cmd.ProcessState.Success() {
		return fmt.Errorf("%s does not drain: %v\n%s", a.name, cmd.ProcessState, log)
	}
	return nil
}

// report judges what the archive has.
func report(t *testing.T, when string, ask asker, seen witness) {
	t.Helper()
	archived, err := everything(ask)
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	broken := judge(seen, archived)
	for i, b := range broken {
		if i == 20 {
			t.Errorf("%s: and %d more", when, len(broken)-i)
			break
		}
		t.Errorf("%s: %s", when, b)
	}
	counts, err := ask("SELECT count(*), count(DISTINCT id) FROM audit_logs")
	if want := fmt.Sprintf("[[%d %d]]", len(archived), len(archived)); err != nil || fmt.Sprint(counts) != want {
		t.Errorf("%s: count(*) and count(DISTINCT id) are %v, want %s; %v", when, counts, want, err)
	}
}

// page is how many rows one query asks for: an answer has its limits.
const page = 50_000

// everything reads the whole table.
func everything(ask asker) ([]row, error) {
	var all []row
	for {
		part, err := ask(fmt.Sprintf("SELECT id, actor_id, seq FROM audit_logs WHERE seq >= %d AND seq < %d", len(all), len(all)+page))
		if err != nil {
			return nil, err
		}
		for _, r := range part {
			seq, err := strconv.ParseInt(fmt.Sprint(r[2]), 10, 64)
			if err != nil {
				return nil, err
			}
			all = append(all, row{strings.ToLower(fmt.Sprint(r[0])), fmt.Sprint(r[1]), seq})
		}
		if len(part) < page {
			return all, nil
		}
	}
}
