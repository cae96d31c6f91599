//go:build cgo && linux

package duckdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/sandbox"
)

// Names by which the test program is something else.
const (
	wallessCommand = "walless-worker"
	holderCommand  = "engine-holder"
)

// walless is a worker on a machine that has no walls.
func walless() int {
	enter := func(sandbox.Folders, sandbox.Limits) sandbox.Report {
		return sandbox.Report{Missing: []string{"landlock: this kernel is too old"}}
	}
	return work(os.Stdin, os.Stdout, enter, func(ctx context.Context, s *server, j *job) error { return j.answer(ctx, s) })
}

// TestWhatCannotBeIsolatedIsRefused: unless the operator says otherwise.
func TestWhatCannotBeIsolatedIsRefused(t *testing.T) {
	files := encode(t, sample())
	required := engineOver(t, files, func(o *Options) { o.workerArgs, o.Log = []string{wallessCommand}, discard() })
	for range 2 {
		_, rows, err := answer(t, required, "SELECT count(*) FROM audit_logs")
		if !errors.Is(err, athena.ErrNotIsolated) || !strings.Contains(err.Error(), "kernel is too old") || !strings.Contains(err.Error(), "query.isolation") {
			t.Errorf("%v, %v; want ErrNotIsolated with reason and remedy", rows, err)
		}
	}
	if err := required.Isolation(); err == nil || !strings.Contains(err.Error(), "kernel is too old") {
		t.Errorf("isolation: %v", err)
	}
	var log strings.Builder
	let := engineOver(t, files, func(o *Options) {
		o.workerArgs, o.BestEffort, o.Log = []string{wallessCommand}, true, slog.New(slog.NewTextHandler(&log, nil))
	})
	if _, rows, err := answer(t, let, "SELECT count(*) FROM audit_logs"); err != nil || rows[0] != "[7]" {
		t.Errorf("best effort: %v, %v", rows, err)
	}
	let.workers.close() // and with it what writes to the log
	if !strings.Contains(log.String(), "kernel is too old") {
		t.Errorf("the log does not say it: %s", log.String())
	}
	if err := engineOver(t, files, nil).Isolation(); err != nil {
		t.Errorf("before it is known: %v", err)
	}
	if err := Probe(t.Context(), t.TempDir()); err != nil {
		t.Errorf("this machine: %v", err)
	}
}

// surroundings are what a worker finds.
type surroundings struct {
	Env, Args []string
	Dir       string
	Open      int // descriptors that were not closed when it was started
}

func lookAround() any {
	s := surroundings{Env: os.Environ(), Args: os.Args}
	s.Dir, _ = os.Getwd()
	for fd := uintptr(firstRoot); fd < 1024; fd++ {
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_GETFD, 0)
		if errno == 0 && flags&syscall.FD_CLOEXEC == 0 {
			s.Open++
		}
	}
	return []said{{Text: fmt.Sprintf("%+v", s), Err: fmt.Sprintf("env=%d dir=%s open=%d", len(s.Env), s.Dir, s.Open)}}
}

// TestAWorkerFindsNothing: no environment but the time zone, no folder of ours, no
// descriptor that was not handed over, a group of its own.
func TestAWorkerFindsNothing(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretWord)
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil { // without close-on-exec, as a library may do
		t.Fatal(err)
	}
	defer syscall.Close(pipe[0])
	defer syscall.Close(pipe[1])
	e := engineOver(t, encode(t, sample()), func(o *Options) { o.workerArgs = []string{hostileCommand} })
	answers, err := runIn(t, e, &job{Types: []string{look}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := e.workers.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if group, err := syscall.Getpgid(w.cmd.Process.Pid); err != nil || group != w.cmd.Process.Pid {
		t.Errorf("group %d of process %d, %v: a Ctrl-C for the engine would end it", group, w.cmd.Process.Pid, err)
	}
	handed := len(e.o.Roots) + 1
	if want := fmt.Sprintf("env=1 dir=/ open=%d", handed); answers[0].Err != want || strings.Contains(answers[0].Text, secretWord) {
		t.Errorf("it finds %s (%s), want %s", answers[0].Err, answers[0].Text, want)
	}
}

// holdEngine opens an engine, prints its worker's process id, and waits to be killed.
func holdEngine() int {
	dir, err := os.MkdirTemp("", "holder-")
	if err != nil {
		return 1
	}
	o := Options{Dir: dir, Source: noSource{}, Now: time.Now, Log: discard()}
	if err := o.complete(); err != nil {
		return 1
	}
	w, err := startWorker(context.Background(), &o, jobFile{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(w.cmd.Process.Pid, dir)
	select {}
}

// TestAWorkerDiesWithItsEngine: whatever ends the engine.
func TestAWorkerDiesWithItsEngine(t *testing.T) {
	holder := exec.CommandContext(t.Context(), "/proc/self/exe", holderCommand)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	var dir string
	if _, err := fmt.Sscan(line, &pid, &dir); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	defer os.RemoveAll(dir)
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // killed
	for !gone(pid) {
		select {
		case <-t.Context().Done():
			t.Fatal("the worker lives on")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// gone: the process has ended, collected by its new parent or not yet.
func gone(pid int) bool {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}
