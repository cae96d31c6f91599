package main

import (
	"testing"
	"time"
)

const traces = `File: archiver.test
Type: cpu
Duration: 2.10s, Total samples = 100ms ( 4.76%)
-----------+-------------------------------------------------------
      10ms   crypto/sha256.block
             github.com/audit-archiver/archiver/internal/event.HashPrefixed
             github.com/audit-archiver/archiver/internal/archive.(*Archiver).encode
-----------+-------------------------------------------------------
      20ms   crypto/sha256.block
             github.com/audit-archiver/archiver/internal/event.LeafHash
             github.com/audit-archiver/archiver/internal/receipt.(*Signer).take
-----------+-------------------------------------------------------
      30ms   runtime.memmove
             github.com/audit-archiver/archiver/internal/buffer.(*Buffer).commit
-----------+-------------------------------------------------------
     1.04s   syscall.Syscall
             net/http.(*persistConn).writeLoop
-----------+-------------------------------------------------------
`

func TestSplit(t *testing.T) {
	want := shares{ofServer: 30 * time.Millisecond, ofLedger: 10 * time.Millisecond, ofReceipts: 20 * time.Millisecond, ofOthers: 1040 * time.Millisecond}
	if got := split([]byte(traces)); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := want.server(); got != 60*time.Millisecond {
		t.Errorf("the server has %v", got)
	}
}
