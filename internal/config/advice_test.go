package config

import (
	"strings"
	"testing"
)

// TestReserveForABatch: a reserve that the oldest batch may not fit into is told, with
// both keys, both values and the way out. The file is as valid as before.
func TestReserveForABatch(t *testing.T) {
	for body, want := range map[string]string{
		"":                                "",
		"wal: {reserve_bytes: 256MiB}":    "",
		"seal: {bytes: 512MiB}":           "",
		"wal: {reserve_bytes: 268435455}": "wal.reserve_bytes: 268435455 is less than seal.bytes, 256MiB: …; raise wal.reserve_bytes to 256MiB, or lower seal.bytes to 268435455",
		"wal: {reserve_bytes: 0}":         "wal.reserve_bytes: 0 is less than seal.bytes, 256MiB: …; raise wal.reserve_bytes to 256MiB",
		"seal: {bytes: 2GiB}":             "wal.reserve_bytes: 512MiB is less than seal.bytes, 2GiB: …; raise wal.reserve_bytes to 2GiB, or lower seal.bytes to 512MiB",
	} {
		c, err := Parse([]byte("s3: {bucket: abc}\n"+body+"\n"), "/", func(string) (string, bool) { return "", false })
		if err != nil {
			t.Errorf("%q: %v", body, err)
			continue
		}
		got := ""
		for _, p := range c.Advice() {
			got += p.String()
		}
		begins, ends, _ := strings.Cut(want, "…")
		if (want == "") != (got == "") || !strings.HasPrefix(got, begins) || !strings.HasSuffix(got, ends) {
			t.Errorf("%q: advice %q, want %q", body, got, want)
		}
	}
}
