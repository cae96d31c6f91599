package main

import (
	"strings"
	"time"
)

// part is whose work a sample of the profile is.
type part int

const (
	ofServer   part = iota // and of nothing below
	ofLedger               // leaf hashes, trees, signatures of commits, the commits themselves
	ofReceipts             // remembering what was taken, leaf hashes, signatures of receipts
	ofOthers               // the clients and the S3 endpoint, which are in the same process
	parts
)

// shares is how much CPU time is of each part.
type shares [parts]time.Duration

func (s *shares) server() time.Duration { return s[ofServer] + s[ofLedger] + s[ofReceipts] }

// marks are parts of the names of functions, in the order in which they decide: a sample is of the first part that has
// one of them anywhere in its stack. A file is read back and compared with the log whatever is signed about it, so that
// is the server's. What no mark is about is the server's too, with the runtime's own work, whoever caused it. The S3
// client's half of a connection is left out with that of the clients, which makes the shares larger.
var marks = []struct {
	is    part
	names []string
}{
	{ofOthers, []string{"cmd/archiver.postBench", "cmd/archiver.(*benchBody)", "cmd/archiver.benchmarkBatches", "net/http.(*persistConn)", "net/http.(*Transport)",
		"github.com/versity/", "internal/devs3"}},
	{ofServer, []string{"internal/archive.compare"}},
	{ofReceipts, []string{"internal/receipt.", "ledger.SignReceipts", "ledger.(*Receipt)", ").addReceipts"}},
	{ofLedger, []string{"internal/ledger.", "internal/event.AppendPrefixed", "internal/event.HashPrefixed", "internal/event.LeafHash"}},
}

// split reads what `go tool pprof -traces` prints: stacks, the innermost function first, each with its time.
func split(traces []byte) (s shares) {
	var took time.Duration
	var stack []string
	end := func() {
		s[whose(stack)] += took
		took, stack = 0, nil
	}
	for line := range strings.Lines(string(traces)) {
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "-----------+"):
			end()
		case len(words) >= 2 && stack == nil:
			d, err := time.ParseDuration(words[0])
			if err != nil {
				continue // the head of the page
			}
			took, stack = d, []string{words[1]}
		case len(words) > 0 && stack != nil:
			stack = append(stack, words[0])
		}
	}
	end()
	return s
}

func whose(stack []string) part {
	for _, m := range marks {
		for _, f := range stack {
			for _, name := range m.names {
				if strings.Contains(f, name) {
					return m.is
				}
			}
		}
	}
	return ofServer
}
