package verify

import (
	"testing"
)

func TestUntouched(t *testing.T) {
	w := newWorld(t)
	a, b := w.stream(), w.stream()
	a.add(5, 40)
	b.add(3, 25)
	r := w.verify()
	wants(t, r, OK)
	if l := r.Levels[3]; l.Rows != 5*40+3*25 || l.Objects != int64(len(a.files)+len(b.files)) || !r.Complete {
		t.Errorf("level 3: %+v, complete %v", l, r.Complete)
	}
	for _, s := range r.Streams {
		if s.Root != a.head.Tree.Root() && s.Root != b.head.Tree.Root() {
			t.Errorf("stream %+v", s)
		}
	}
	heads, gets := w.mem.Calls("head"), w.mem.Calls("get")
	a.add(1, 10)
	r = w.verify()
	wants(t, r, OK)
	if l := r.Levels[3]; l.Rows != 10 || l.Reused != 8 {
		t.Errorf("second run, level 3: %+v", l)
	}
	newHeads, newGets := w.mem.Calls("head")-heads, w.mem.Calls("get")-gets
	files := len(r.Findings) + int(r.Levels[3].Objects)
	if newHeads != files+1+3 || newGets != files+1+3 {
		t.Errorf("second run: %d HEADs and %d GETs for %d new files and a commit, besides the archive and two open objects", newHeads, newGets, files)
	}
	r = w.verify(func(o *Options) { o.Full = true })
	wants(t, r, OK)
	if r.Levels[3].Rows != 5*40+3*25+10 {
		t.Errorf("full run, level 3: %+v", r.Levels[3])
	}
}
