package buffer

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/audit-archiver/archiver/internal/durable"
)

func TestDescribe(t *testing.T) {
	o := testOptions(durable.OS(), t.TempDir())
	r := start(t, o)
	r.mustAppend(t, testEvents(0, 3)...)
	r.mustSeal(t)
	r.mustAppend(t, testEvents(3, 2)...)
	r.mustHalt(t)
	raw, err := os.ReadFile(filepath.Join(o.Dir, segmentName(0)))
	if err != nil {
		t.Fatal(err)
	}
	describe := func(raw []byte) Description {
		t.Helper()
		d, err := Describe(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := describe(raw)
	if d.Stream != testStream || d.Number != 0 || d.Events != 5 || len(d.Frames) != 3 || d.Damage != "" || d.Reason != "end of log" {
		t.Fatalf("%+v", d)
	}
	s := d.Frames[1].Seal
	if s == nil || s.Batch != 0 || s.First != 0 || s.Last != 2 || s.Count != 3 || s.RetainUntil["standard"] == "" || s.Through < d.Frames[0].ReceivedAt {
		t.Errorf("seal: %+v", s)
	}
	if f := d.Frames[2]; f.Type != "events" || f.FirstSeq != 3 || f.Events != 2 || f.Offset <= d.Frames[1].Offset || f.Seal != nil {
		t.Errorf("last frame: %+v", f)
	}

	torn := bytes.Clone(raw)
	torn[d.Frames[2].Offset+60] ^= 1
	if got := describe(torn); got.Events != 3 || len(got.Frames) != 2 || got.Damage != "" || got.Reason == "end of log" {
		t.Errorf("last frame torn: %+v", got)
	}
	holed := bytes.Clone(raw)
	holed[d.Frames[1].Offset+60] ^= 1
	if got := describe(holed); len(got.Frames) != 1 || got.Damage == "" {
		t.Errorf("damage before an intact frame: %+v", got)
	}
	for _, bad := range [][]byte{nil, raw[:100], append([]byte("x"), raw[1:]...)} {
		if _, err := Describe(bytes.NewReader(bad), int64(len(bad))); err == nil {
			t.Errorf("%d bytes without a header were described", len(bad))
		}
	}
}
