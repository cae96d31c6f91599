package main

import (
	"bytes"
	"fmt"
	"strings"
)

// part is what a sample is for.
type part struct {
	name  string
	marks []string // parts of the names of functions
}

// parts are in the order in which they decide: a sample is of the first part that has one of its marks anywhere in the
// stack. So what a function calls is that function's, and what runs beside all of it (the collector) is nobody's.
var parts = []part{
	{"garbage collector", []string{"runtime.gcBgMarkWorker", "runtime.gcAssistAlloc", "runtime.bgsweep", "runtime.bgscavenge", "runtime.gcStart", "runtime.gcMarkDone"}},
	{"archive: read the file back, compare", []string{"internal/archive.compare", "internal/parquet.(*Digest)"}},
	{"archive: leaf hashes, Merkle root", []string{"internal/event.AppendPrefixed", "internal/event.HashPrefixed", "internal/ledger.(*Tree)"}},
	{"archive: read the rows from the log", []string{"internal/archive.(*rowSource)"}},
	{"archive: first pass over the log (places, order)", []string{"internal/archive.divide"}},
	{"archive: write Parquet", []string{"internal/parquet."}},
	{"archive: hash, upload, embedded S3, commit", []string{"internal/archive.", "internal/s3store.", "internal/devs3.", "github.com/versity/", "github.com/valyala/fasthttp.",
		"net/http.(*persistConn)", "net/http.(*Transport)"}},
	{"log: zeros for new segments", []string{"internal/buffer.(*Buffer).zero"}},
	{"window for retries: hash of the id, look-up", []string{"internal/buffer.(*Buffer).recognise", "internal/buffer.(*recent)"}},
	{"log: write and fdatasync", []string{"internal/buffer.(*Buffer).writeGroup"}},
	{"fingerprint of the fields as sent (SHA-256)", []string{"internal/event.fingerprint"}},
	{"decode and validate JSON", []string{"internal/event.(*Decoder)", "internal/ingest.split"}},
	{"encode for the log, queue, wake who waits", []string{"internal/streams.", "internal/buffer."}},
	{"the rest of the handler, reading the body", []string{"internal/ingest.(*events)"}},
	{"net/http: headers, answers, sockets", []string{"net/http.", "internal/ingest."}},
	{"Go scheduler, timers", []string{"runtime.mcall", "runtime.mstart", "runtime.schedule", "runtime.gosched", "runtime.goexit0"}},
	{"everything else", []string{""}},
}

// split counts the samples of each part. stacks is what `perf script --fields ip,sym` prints: stacks with a blank line
// between them, the innermost function first.
func split(stacks []byte) (counts []int, all int, _ error) {
	counts = make([]int, len(parts))
	for stack := range bytes.SplitSeq(bytes.TrimSpace(stacks), []byte("\n\n")) {
		if len(stack) == 0 {
			continue
		}
		counts[whose(string(stack))]++
		all++
	}
	if all == 0 || counts[len(parts)-1]*4 > all {
		return nil, 0, fmt.Errorf("%d of %d samples are of no part: were they taken with frame pointers, of this program?", counts[len(parts)-1], all)
	}
	return counts, all, nil
}

func whose(stack string) int {
	for i, p := range parts {
		for _, mark := range p.marks {
			if strings.Contains(stack, mark) {
				return i
			}
		}
	}
	panic("bug: the last part has everything")
}
