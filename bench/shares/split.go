package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// part is what a sample is for.
type part struct {
	name   string
	marks  []string // parts of the names of functions
	within string   // of another one's, that must be there too
}

const rowSource = "internal/archive.(*rowSource)"

// parts are in the order in which they decide: a sample is of the first part that has one of its marks anywhere in the
// stack. So what a function calls is that function's, and what runs beside all of it (the collector) is nobody's. Functions
// that the compiler inlines are in no stack, and no mark.
var parts = []part{
	{name: "garbage collector", marks: []string{"runtime.gcBgMarkWorker", "runtime.gcAssistAlloc", "runtime.bgsweep", "runtime.bgscavenge", "runtime.gcStart", "runtime.gcMarkDone"}},
	{name: "archive: leaf hashes, Merkle root", marks: []string{"internal/event.AppendLeaf", "internal/ledger.(*Tree)", "crypto/sha256."}, within: rowSource},
	{name: "archive: digest of the rows for the comparison", marks: []string{"internal/parquet.(*Digest)"}, within: rowSource},
	{name: "archive: read the rows from the log", marks: []string{rowSource}},
	{name: "archive: read the file back, compare", marks: []string{"internal/archive.compare", "internal/parquet.(*Reader)", "internal/parquet.(*comparison)"}},
	{name: "archive: first pass over the log (places, order)", marks: []string{"internal/archive.divide"}},
	{name: "archive: write Parquet, hash the file", marks: []string{"internal/parquet.(*Writer)"}},
	{name: "archive: sync, upload, embedded S3, commit", marks: []string{"internal/archive.", "internal/s3store.", "internal/devs3.", "github.com/versity/", "github.com/valyala/fasthttp.",
		"net/http.(*persistConn)", "net/http.(*Transport)"}},
	{name: "log: zeros for new segments", marks: []string{"internal/buffer.(*Buffer).zero"}},
	{name: "window for retries: hash of the id, look-up", marks: []string{"internal/buffer.(*Buffer).recognise", "internal/buffer.(*recent)"}},
	{name: "log: write and fdatasync", marks: []string{"internal/buffer.(*Buffer).writeGroup"}},
	{name: "fingerprint of the fields as sent (SHA-256)", marks: []string{"internal/event.fingerprint"}},
	{name: "decode and validate JSON", marks: []string{"internal/event.(*Decoder)", "internal/ingest.split"}},
	{name: "encode for the log, queue, wake who waits", marks: []string{"internal/streams.", "internal/buffer."}},
	{name: "the rest of the handler, reading the body", marks: []string{"internal/ingest.(*events)"}},
	{name: "net/http: headers, answers, sockets", marks: []string{"net/http.", "internal/ingest."}},
	{name: "Go scheduler, timers", marks: []string{"runtime.mcall", "runtime.mstart", "runtime.schedule", "runtime.gosched", "runtime.goexit0"}},
	{name: "everything else", marks: []string{""}},
}

// kernel are marks of samples of the kernel at work for the program, on amd64 and arm64.
var kernel = [][]byte{[]byte("do_syscall_64"), []byte("el0_svc")}

// split counts the samples of each part. stacks is what `perf script --fields ip,sym` prints: stacks with a blank line
// between them, the innermost function first.
func split(stacks []byte) (counts []int, all int, _ error) {
	if !slices.ContainsFunc(kernel, func(mark []byte) bool { return bytes.Contains(stacks, mark) }) {
		return nil, 0, errors.New("no sample is of the kernel: run it as root, or with kernel.perf_event_paranoid at 1 or less")
	}
	counts = make([]int, len(parts))
	for stack := range bytes.SplitSeq(bytes.TrimSpace(stacks), []byte("\n\n")) {
		counts[whose(string(stack))]++
		all++
	}
	if counts[len(parts)-1]*4 > all {
		return nil, 0, fmt.Errorf("%d of %d samples are of no part: were they taken with frame pointers, of this program?", counts[len(parts)-1], all)
	}
	return counts, all, nil
}

func whose(stack string) int {
	return slices.IndexFunc(parts, func(p part) bool {
		return strings.Contains(stack, p.within) && slices.ContainsFunc(p.marks, func(mark string) bool { return strings.Contains(stack, mark) })
	})
}
