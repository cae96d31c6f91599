package main

import "testing"

const stacks = `
	    7f0 finish_task_switch.isra.0
	    4a1 runtime.gcDrain
	    4a2 runtime.gcBgMarkWorker

	    8c0 crypto/internal/fips140/sha256.blockSHANI.abi0
	    8c1 crypto/sha256.Sum256
	    8c2 github.com/audit-archiver/archiver/internal/archive.(*rowSource).read

	    8c0 crypto/internal/fips140/sha256.blockSHANI.abi0
	    8c1 crypto/sha256.Sum256
	    8c2 github.com/audit-archiver/archiver/internal/buffer.(*recent).take

	    8c3 github.com/klauspost/compress/zstd.(*Encoder).EncodeAll
	    8c4 github.com/audit-archiver/archiver/internal/parquet.(*Writer).Write
	    8c5 github.com/audit-archiver/archiver/internal/archive.encode.func2

	    8c3 github.com/klauspost/compress/zstd.(*Decoder).DecodeAll
	    8c4 github.com/audit-archiver/archiver/internal/parquet.(*comparison).column
	    8c4 github.com/audit-archiver/archiver/internal/parquet.each.func1

	    8c6 runtime.memmove
	    8c7 github.com/audit-archiver/archiver/internal/event.(*Decoder).DecodeTo
	    8c8 github.com/audit-archiver/archiver/internal/ingest.(*events).decode
	    8c9 net/http.(*conn).serve

	    8ca vfs_read
	    8ca do_syscall_64
	    8cb net/http.(*connReader).backgroundRead
`

func TestSplit(t *testing.T) {
	counts, all, err := split([]byte(stacks))
	if err != nil || all != 7 {
		t.Fatalf("%d samples, %v", all, err)
	}
	want := map[string]int{"garbage collector": 1, "archive: leaf hashes, Merkle root": 1, "window for retries: hash of the id, look-up": 1,
		"archive: write Parquet, hash the file": 1, "archive: read the file back, compare": 1, "decode and validate JSON": 1, "net/http: headers, answers, sockets": 1}
	for i, p := range parts {
		if counts[i] != want[p.name] {
			t.Errorf("%s has %d samples, want %d", p.name, counts[i], want[p.name])
		}
	}
}

// TestSplitOfAnotherProgram: a profile of which nothing is understood, or without the kernel, gives no table.
func TestSplitOfAnotherProgram(t *testing.T) {
	for _, stacks := range []string{"", "\n", "\t 12 do_syscall_64\n\n\t 13 main\n", "\t 13 net/http.(*conn).serve\n"} {
		if _, _, err := split([]byte(stacks)); err == nil {
			t.Errorf("%q is a profile of ours", stacks)
		}
	}
}
