package parquet

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestKey(t *testing.T) {
	const want = "audit/events/retention=standard/dt=2026-11-23/" +
		"01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e-00000000000000000000-00000000000000002899.parquet"
	if got := Key("audit", "standard", testDay, testStream, 0, 2899); got != want {
		t.Errorf("key:\n got %s\nwant %s", got, want)
	}
	got, ok := ParseKey("audit", want)
	if !ok || got != (KeyParts{"standard", testDay, testStream, 0, 2899}) {
		t.Errorf("parsed %+v, %t", got, ok)
	}
	if got := Key("", "a", testDay, testStream, 1, 1); !strings.HasPrefix(got, "events/") {
		t.Errorf("without a prefix: %s", got)
	}
}

func TestKeyRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		first := int64(rng.Uint64() >> (1 + rng.IntN(63)))
		p := KeyParts{
			Class:  []string{"a", "standard", "years-7", strings.Repeat("x", 32)}[rng.IntN(4)],
			Day:    time.Unix(rng.Int64N(8e9)-1e9, 0).UTC().Format(dayLayout),
			First:  first,
			Last:   first + rng.Int64N(math.MaxInt64-first),
			Stream: uuid.UUID{0: byte(rng.Uint32()), 7: byte(rng.Uint32()), 15: byte(rng.Uint32())},
		}
		prefix := []string{"", "p", "a/b", "events"}[rng.IntN(4)]
		key := Key(prefix, p.Class, p.Day, p.Stream, p.First, p.Last)
		if got, ok := ParseKey(prefix, key); !ok || got != p {
			t.Fatalf("ParseKey(%q, %q) = %+v, %t", prefix, key, got, ok)
		}
	}
}

// TestParseKeyIsStrict changes one thing at a time: what is nearly a data file is not one.
func TestParseKeyIsStrict(t *testing.T) {
	good := Key("audit", "standard", testDay, testStream, 5, 9)
	if _, ok := ParseKey("audit", good); !ok {
		t.Fatal("the good one is refused")
	}
	for old, bad := range map[string]string{
		"audit/":                "",
		"audit":                 "other",
		"events/":               "event/",
		"retention=":            "Retention=",
		"standard":              "Standard",
		"=standard":             "=",
		"dt=":                   "",
		"2026-11-23":            "2026-11-31",
		"2026-11":               "2026-1",
		"6e1f-7c3a":             "6E1F-7c3a",
		"01980c9e":              "01980c9g",
		"c2d3e-0":               "c2d3e_0",
		"00005":                 "00010", // first after last
		"00000000000000000009":  "99999999999999999999",
		"00005-":                "0005-",
		"-00000000000000000005": "--0000000000000000005",
		".parquet":              ".parquet ",
		"/dt":                   "//dt",
	} {
		key := strings.Replace(good, old, bad, 1)
		if key == good {
			t.Errorf("%q is not part of the key", old)
		}
		if got, ok := ParseKey("audit", key); ok {
			t.Errorf("ParseKey accepted %q as %+v", key, got)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("audit", Key("audit", "standard", testDay, testStream, 0, 2899))
	f.Add("", Key("", "a", testDay, testStream, math.MaxInt64, math.MaxInt64))
	f.Add("events", "events/retention=a/dt=2026-11-23/x.parquet")
	f.Fuzz(func(t *testing.T, prefix, key string) {
		p, ok := ParseKey(prefix, key)
		if ok && Key(prefix, p.Class, p.Day, p.Stream, p.First, p.Last) != key {
			t.Errorf("ParseKey(%q, %q) = %+v, which is another key", prefix, key, p)
		}
	})
}
