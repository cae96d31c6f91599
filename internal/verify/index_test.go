package verify

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// TestIndexThatHidesRows: whoever has the stream's key can sign a file whose value index leads past some of its rows.
// All of the rows are there, and who asks for them by value would not get them.
func TestIndexThatHidesRows(t *testing.T) {
	w := newWorld(t)
	s := w.stream()
	m, bodies := s.batch(100_000)
	at := -1
	for i, body := range bodies {
		if bytes.Contains(body, []byte("archiver.index")) {
			at = i
		}
	}
	if at < 0 {
		t.Fatal("no file is large enough for an index")
	}
	bad := bytes.Clone(bodies[at])
	footer := len(bad) - 8 - int(binary.LittleEndian.Uint32(bad[len(bad)-8:]))
	bad[footer-2*4-1] ^= 0x80 // in the last entry, before the counts of one row group
	bodies[at], m.Files[at].SHA256 = bad, sumOf(bad)
	s.send(&m, bodies)
	s.commit(m, bodies)
	wants(t, w.verify(), Violation, "altered 3 "+s.path(at)+" "+s.files[at].VersionID)
}
