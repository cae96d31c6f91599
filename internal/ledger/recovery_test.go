package ledger

import (
	"strings"
	"testing"
	"time"
)

// recovery makes the next commit of b's stream by the root key.
func (b *bucket) recovery(h Head, kinds ...NoteKind) ([]byte, Head) {
	b.t.Helper()
	m := h.Empty(opened.Add(time.Hour), "archiver test", Note{Kind: NoteRecover})
	for _, kind := range kinds {
		m.Notes = append(m.Notes, Note{Kind: kind})
	}
	return mustSign(b.t, h, m, rootKey(b.t))
}

// TestReaderFollowsARecovery, and the stream's key cannot go on after it.
func TestReaderFollowsARecovery(t *testing.T) {
	b := newBucket(t, 2)
	r := b.reader()
	refresh(t, r)
	commit, next := b.recovery(b.head)
	b.put(CommitKey(prefix, testStream, next.Index), commit)
	v := refresh(t, r)
	if s := v.Streams[0]; len(v.Findings) > 0 || !s.Head.Recovered || s.Head.Closed || s.Head != next {
		t.Errorf("head %+v, want %+v, findings %v", s.Head, next, v.Findings)
	}
	if raw, err := MarshalHead(next); err != nil {
		t.Error(err)
	} else if again, err := ParseHead(raw); err != nil || again != next {
		t.Errorf("head after its round trip %+v, %v", again, err)
	}
	if _, _, err := next.Next(batch(next, 3, "standard"), streamKey(t, testStream)); err == nil || !strings.Contains(err.Error(), "being recovered") {
		t.Errorf("the stream's key went on: %v", err)
	}
	if _, _, err := b.head.Next(batch(b.head, 3, "standard"), rootKey(t)); err == nil || !strings.Contains(err.Error(), "no recover note") {
		t.Errorf("the root key signed an ordinary commit: %v", err)
	}
	last, closed := b.recovery(next, NoteRotate)
	b.put(CommitKey(prefix, testStream, closed.Index), last)
	if v = refresh(t, r); !v.Streams[0].Head.Closed {
		t.Errorf("not closed: %+v", v.Streams[0].Head)
	}
	if _, _, ok := v.CompleteThrough(); ok {
		t.Error("the closed stream holds back what is complete")
	}
}

// TestReaderSeesAForkOfARecovery: the node and the recovery both have a commit under
// one index, because somebody hid the first of them. The older one is the true one.
func TestReaderSeesAForkOfARecovery(t *testing.T) {
	for _, rootFirst := range []bool{true, false} {
		b := newBucket(t, 1)
		byRoot, _ := b.recovery(b.head, NoteRotate)
		byStream, _ := mustNext(t, b.head, batch(b.head, 3, "standard"))
		key := CommitKey(prefix, testStream, b.head.Index+1)
		first, second := byStream, byRoot
		if rootFirst {
			first, second = byRoot, byStream
		}
		b.put(key, first)
		b.Hide(key)
		b.put(key, second)
		v := refresh(t, b.reader())
		forks := 0
		for _, f := range v.Findings {
			if f.Kind == FindingFork {
				forks++
			}
		}
		if v.Streams[0].Head.Recovered != rootFirst || forks != 1 {
			t.Errorf("root first %v: head %+v, findings %v", rootFirst, v.Streams[0].Head, v.Findings)
		}
	}
}
