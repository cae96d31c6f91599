package repair

import (
	"fmt"
	"testing"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/verify"
)

// TestFlood: beyond the bound a run says that there is more, and the last one does not.
func TestFlood(t *testing.T) {
	w := newWorld(t)
	key, _, _ := w.file(0)
	for i := range 30 {
		w.bucket.PutForged(fmt.Sprintf("%s/events/%02d.parquet", prefix, i), []byte("evil"))
	}
	w.bucket.Hide(key)
	for runs := 1; ; runs++ {
		o := w.options(true)
		o.most = 10
		r, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if r.Clean() == r.More {
			t.Errorf("run %d: clean %v, more %v", runs, r.Clean(), r.More)
		}
		if len(r.Steps) > 11 { // of other keys, and the committed one
			t.Fatalf("run %d: %d steps", runs, len(r.Steps))
		}
		if !r.More {
			if runs != 3 {
				t.Errorf("%d runs", runs)
			}
			break
		}
	}
	if result, findings := w.verified(); result != verify.OK {
		t.Errorf("verify says %s: %v", result, findings)
	}
}

// TestFloodOfOneKey: very many versions of one key cost several runs and no more memory,
// and the steps of each run are right although it sees only some of them.
func TestFloodOfOneKey(t *testing.T) {
	flood := func(w *world, key string) {
		for range 15 {
			w.bucket.PutForged(key, []byte("evil"))
			w.bucket.Hide(key)
		}
	}
	for name, tt := range map[string]struct {
		do   func(w *world, committed string)
		left int
	}{
		"of a committed one": {func(w *world, key string) { flood(w, key) }, 0},
		"of a committed one, locked last": {func(w *world, key string) {
			flood(w, key)
			w.bucket.locked(key, []byte("evil"), object.Compliance, w.Now.AddDate(9, 0, 0))
		}, 0},
		"of a committed one, locked first": {func(w *world, key string) {
			w.bucket.locked(key, []byte("evil"), object.Compliance, w.Now.AddDate(9, 0, 0))
			flood(w, key)
		}, 0},
		"of a strange one": {func(w *world, _ string) { flood(w, prefix+"/events/evil.parquet") }, 0},
		"of a strange one, locked first": {func(w *world, _ string) {
			w.bucket.locked(prefix+"/events/evil.parquet", []byte("evil"), object.Compliance, w.Now.AddDate(9, 0, 0))
			flood(w, prefix+"/events/evil.parquet")
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			key, f, _ := w.file(0)
			tt.do(w, key)
			for runs := 1; ; runs++ {
				o := w.options(true)
				o.most = 8
				r, err := Run(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Steps) > 9 || runs > 20 {
					t.Fatalf("run %d has %d steps", runs, len(r.Steps))
				}
				if len(r.Steps) == 0 { // markers over what is locked stay
					if len(r.Left) != tt.left || r.More != (tt.left > 0) {
						t.Errorf("left: %+v", r.Left)
					}
					break
				}
			}
			if _, err := w.bucket.Head(t.Context(), key, f.VersionID); err != nil {
				t.Errorf("the committed version: %v", err)
			}
			want := verify.OK
			if tt.left > 0 {
				want = verify.Violation
			}
			if result, findings := w.verified(); result != want {
				t.Errorf("verify says %s: %v", result, findings)
			}
		})
	}
}
