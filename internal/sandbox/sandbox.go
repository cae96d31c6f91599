// Package sandbox takes away from this process what code that cannot be trusted must not have.
//
// The promise: after [Enter] returned a [Report] with nothing missing, no code in
// this process, whatever it does, can read a file outside of the folders it was
// given, write one outside of its own folder, connect, listen, start a program,
// look into another process or gain a right; after [Narrow] it can read only the
// files that were named. There is no way back. The walls are the kernel's
// (Landlock, a seccomp filter, no new privileges, no capabilities, another user,
// resource limits) and none of them needs root or a namespace, so they are the same
// on a server and in a container.
//
// Each wall is tried after it was set up, and what a kernel does not have is in
// the report: the caller decides whether it goes on.
//
// The price: Linux only (5.13 and later, amd64 and arm64), and whatever the
// libraries in this process need must be on the list of system calls.
package sandbox

import (
	"strings"
	"time"
)

// Nobody is the user and group that a sandboxed process of root becomes.
const Nobody = 65534

// Folders are what the process keeps of the file system, as open directories.
type Folders struct {
	Read  []int // regular files below may be read
	Write int   // regular files below may be made, read, written and removed
}

// Limits are hard: passing one fails the call that does, or ends the process.
type Limits struct {
	DataBytes int64         // private memory
	FileBytes int64         // of one file that is written
	Files     int           // open at a time
	CPU       time.Duration // all threads together
	OtherUser bool          // become nobody when this is root
}

// Report says which walls stand.
type Report struct {
	Landlock int      `json:"landlock"` // version of the kernel's interface; 0: none
	Seccomp  bool     `json:"seccomp"`
	UID      int      `json:"uid"`
	Missing  []string `json:"missing,omitempty"` // what could not be set up, and why
}

// Isolated reports whether every wall stands.
func (r Report) Isolated() bool { return len(r.Missing) == 0 }

// String names what is missing, for people.
func (r Report) String() string {
	if r.Isolated() {
		return "isolated"
	}
	return strings.Join(r.Missing, "; ")
}

func (r *Report) miss(what string, err error) {
	r.Missing = append(r.Missing, what+": "+err.Error())
}
