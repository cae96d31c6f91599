// Package strike runs a program and hits it at one exact system call.
//
// It counts the matching calls of all threads together, so that "the 17th sync"
// is one moment of the program and a test can try every n. (strace counts per
// thread, and the Go runtime moves work between threads.) The call is then
// refused with an error, or the program is killed before or right after it, as
// by kill -9. Every call that matches is logged.
//
// It costs two stops per system call. It is for tests, on linux/amd64.
package strike

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// Calls that a Plan can name. They stand for all their variants.
const (
	Sync   = "sync"   // fdatasync and fsync
	Write  = "write"  // pwrite64 and write
	Rename = "rename" // rename, renameat, renameat2
	Unlink = "unlink" // unlink, unlinkat
	Open   = "open"   // openat
)

// Action is what happens at the chosen call.
type Action string

// Actions. Refuse and Shorten need Plan.Errno.
const (
	KillBefore Action = "kill before" // the call is not made
	KillAfter  Action = "kill after"  // it is made, and nobody hears of it
	Refuse     Action = "refuse"      // it is not made and returns an error
	Shorten    Action = "shorten"     // a write of the first half; calls after it, with Every, are refused
)

// Plan says which call is hit, and how.
type Plan struct {
	Calls []string      // see the constants; empty: all of them but Open
	Path  string        // part of the path of the file; calls on other files do not count
	Not   string        // if set: files whose path has this part do not count either
	Armed string        // if set: only calls that are made while this file exists count
	N     int           // the n-th call that matches, from 1; 0: none, only log
	Every bool          // the calls after it as well
	Do    Action        // with N
	Errno syscall.Errno // with Refuse and Shorten
	Log   string        // file that gets one Hit per line
}

// Hit is one call that matches a Plan.
type Hit struct {
	N      int    `json:"n"`
	Call   string `json:"call"` // name of the system call
	Path   string `json:"path"`
	Struck bool   `json:"struck"`
}

const envPlan = "STRIKE_PLAN"

// Command returns arguments and environment with which this test binary runs
// program under the plan: its TestMain has to call Main first.
func (p Plan) Command(program string, args ...string) (argv, env []string, _ error) {
	raw, err := json.Marshal(p)
	if err != nil {
		return nil, nil, err
	}
	return append([]string{os.Args[0], program}, args...), append(os.Environ(), envPlan+"="+string(raw)), nil
}

// Main does nothing in a process that was not started by Command. Otherwise it
// runs the program and exits as that did; with 128 + signal if one killed it.
func Main() {
	raw := os.Getenv(envPlan)
	if raw == "" {
		return
	}
	var p Plan
	err := json.Unmarshal([]byte(raw), &p)
	code := 1
	if err == nil {
		code, err = p.run(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "strike:", err)
	}
	os.Exit(code)
}

// ReadLog returns what Plan.Log holds.
func ReadLog(name string) (hits []Hit, _ error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(raw)) {
		var h Hit
		if err := json.Unmarshal([]byte(line), &h); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		hits = append(hits, h)
	}
	return hits, nil
}

func (p *Plan) matches(call, path string) bool {
	if p.Armed != "" {
		if _, err := os.Lstat(p.Armed); err != nil {
			return false
		}
	}
	if len(p.Calls) == 0 && call == Open {
		return false
	}
	for i, c := range p.Calls {
		if c == call {
			break
		}
		if i == len(p.Calls)-1 {
			return false
		}
	}
	return strings.Contains(path, p.Path) && (p.Not == "" || !strings.Contains(path, p.Not))
}
