package audit_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	audit "github.com/audit-archiver/archiver/clients/go"
	"github.com/audit-archiver/archiver/clients/go/audittest"
)

// writers enqueue at once in a process that is to be killed.
const writers = 4

// kills is how many processes TestKills kills; CLIENT_KILLS says otherwise.
func kills(t *testing.T) int {
	s := os.Getenv("CLIENT_KILLS")
	if s == "" {
		return 10
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestKills has real processes enqueue under load, and kills each at a random
// moment. The next one adopts what it left. What Enqueue returned for is then
// with the sidecar, once, and in the order of its goroutine.
func TestKills(t *testing.T) {
	if name := os.Getenv("AUDIT_TEST_VICTIM"); name != "" {
		victim(name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	s := audittest.NewSidecar(t)
	dir := t.TempDir()
	accepted := make(map[string]bool)
	for i := range kills(t) {
		// Some requests go wrong in every way that leaves the outcome open.
		for range rand.N(4) {
			s.Next([]audittest.Fault{
				{}, {Cut: true}, {Cut: true, Store: true}, {Status: 503}, {Stall: true, Store: true},
			}[rand.N(5)])
		}
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestKills$")
		cmd.Env = append(os.Environ(), "AUDIT_TEST_VICTIM=v"+strconv.Itoa(i), "ARCHIVER_URL="+s.URL(), "ARCHIVER_SPOOL_DIR="+dir)
		cmd.Stderr = os.Stderr
		ids := killAfter(t, cmd, 1+rand.N(1500))
		for _, id := range ids {
			accepted[id] = true
		}
	}
	heir := newClient(t, s, func(o *audit.Options) { o.SpoolDir, o.URL, o.Transport = dir, s.URL(), nil })
	for missing := accepted; ; {
		have := s.Events()
		for _, e := range have {
			delete(missing, e.ID)
		}
		if len(missing) == 0 {
			break
		}
		if err := s.AwaitEvents(ctx, len(have)+1); err != nil {
			t.Fatalf("%d accepted events are not delivered: %v; %+v", len(missing), err, heir.Stats())
		}
	}
	checkOrder(t, s)
	if letters := deadLetters(t, dir); len(letters) != 0 {
		t.Errorf("dead letters: %v", letters)
	}
}

// killAfter starts a process, kills it when it has written so many lines, and
// returns all that it wrote before it died.
func killAfter(t *testing.T, cmd *exec.Cmd, lines int) []string {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for sc := bufio.NewScanner(out); sc.Scan(); {
		if ids = append(ids, sc.Text()); len(ids) == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); len(ids) < lines || cmd.ProcessState.Exited() {
		t.Fatalf("it ended by itself after %d lines: %v", len(ids), err)
	}
	return ids
}

// victim enqueues until it is killed, and writes the id of what was accepted.
func victim(name string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, name, err)
		os.Exit(3)
	}
	o := audit.Options{RequestTimeout: 200 * time.Millisecond, BatchEvents: 50, SpoolMaxBytes: 1 << 20}
	if rand.N(3) == 0 {
		o.SpoolSync = audit.SyncAlways
	}
	c, err := audit.New(o)
	if err != nil {
		fail(err)
	}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := 0; ; n++ {
				e := event("kill.test")
				e.ID = audit.NewID()
				e.Details = place{name, w, n}
				if err := c.Enqueue(context.Background(), e); err != nil {
					fail(err)
				}
				if _, err := os.Stdout.WriteString(e.ID + "\n"); err != nil {
					fail(err)
				}
			}
		})
	}
	wg.Wait()
}

// place is where an event stands in the order of its goroutine.
type place struct {
	Process string
	Writer  int
	N       int
}

// checkOrder: the events of each goroutine are 0, 1, 2 and so on, each once. The
// last one of each may be one that it did not live to tell of.
func checkOrder(t *testing.T, s *audittest.Sidecar) {
	t.Helper()
	next := make(map[string]int)
	for _, raw := range s.Raw() {
		var e struct{ Details place }
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		who := fmt.Sprint(e.Details.Process, "/", e.Details.Writer)
		if e.Details.N != next[who] {
			t.Fatalf("%s: event %d comes where %d should", who, e.Details.N, next[who])
		}
		next[who]++
	}
}

// TestKillapp is the program that the test of all languages kills.
func TestKillapp(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	program := filepath.Join(t.TempDir(), "killapp")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./internal/killapp").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := audittest.NewSidecar(t)
	dir := t.TempDir()
	start := func(env ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, program)
		cmd.Env = append(os.Environ(), "ARCHIVER_URL="+s.URL(), "ARCHIVER_SPOOL_DIR="+dir)
		cmd.Env = append(cmd.Env, env...)
		return cmd
	}
	ids := killAfter(t, start("KILLAPP_NAME=killed", "KILLAPP_RATE=5000"), 500)
	if out, err := start("KILLAPP_DRAIN=1").CombinedOutput(); err != nil {
		t.Fatalf("drain: %v\n%s", err, out)
	}
	stored := make(map[string]bool)
	for _, e := range s.Events() {
		stored[e.ID] = e.Actor.ID == "killed"
	}
	for _, id := range ids {
		if !stored[id] {
			t.Errorf("%s was accepted, and is not stored", id)
		}
	}
	if extra := len(stored) - len(ids); extra > 1 {
		t.Errorf("%d more are stored than were accepted", extra)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "go-*")); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if out, err := start("KILLAPP_RATE=none").CombinedOutput(); err == nil || !strings.Contains(string(out), "KILLAPP_RATE") {
		t.Errorf("%v %s", err, out)
	}
}
