package ledger

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/object/memstore"
)

func TestCompleteThrough(t *testing.T) {
	at := func(minute int) time.Time { return opened.Add(time.Duration(minute) * time.Minute) }
	stream := func(id uuid.UUID, minute int, closed bool) Stream {
		return Stream{Head: Head{Stream: id, Through: at(minute), Closed: closed}}
	}
	for i, tt := range []struct {
		streams []Stream
		want    string
	}{
		{nil, "none"},
		{[]Stream{stream(testStream, 5, false)}, fmt.Sprint(at(5), testStream)},
		{[]Stream{stream(testStream, 5, false), stream(otherStream, 3, false)}, fmt.Sprint(at(3), otherStream)},
		{[]Stream{stream(testStream, 5, false), stream(otherStream, 3, true)}, fmt.Sprint(at(5), testStream)},
		{[]Stream{stream(testStream, 5, true)}, "none"},
	} {
		got := "none"
		if through, laggard, ok := (&View{Streams: tt.streams}).CompleteThrough(); ok {
			got = fmt.Sprint(through, laggard)
		}
		if got != tt.want {
			t.Errorf("case %d: %s, want %s", i, got, tt.want)
		}
	}
}

func TestReaderReportsShortLocks(t *testing.T) {
	b := newBucket(t, 1)
	m := batch(b.head, 4, "nobody-knows", "standard")
	m.Files[1].RetainUntil = m.SealedAt.Add(365*day - time.Second)
	commit, _ := mustNext(t, b.head, m)
	b.put(key(1), commit)
	r := b.reader()
	for range 2 {
		v := refresh(t, r)
		if len(v.Findings) != 2 || v.Findings[0].Kind != FindingShortLocked || v.Findings[1].Kind != FindingShortLocked {
			t.Errorf("findings %v", v.Findings)
		}
	}
}

// TestReaderAndSeveralStreams: a stream that is closed and its successor, beside
// what other archives and forgers put there.
func TestReaderAndSeveralStreams(t *testing.T) {
	b := newBucket(t, 3)
	r := b.reader()
	refresh(t, r)
	last, next := mustNext(t, b.head, b.head.Empty(opened.Add(time.Hour), "archiver test", Note{Kind: NoteRotate, Stream: otherStream}))
	b.put(key(3), last)
	h := newHead(t, otherStream)
	for range 40 { // more than a chunk
		var commit []byte
		commit, h = mustNext(t, h, h.Empty(opened.Add(time.Hour), "archiver test", Note{Kind: NoteHeartbeat}))
		b.put(CommitKey(prefix, otherStream, h.Index), commit)
	}
	b.put(OpenKey(prefix, otherStream), signedOpen(t, otherStream))
	b.put(OpenKey(prefix+"-2", uuid.New()), []byte("another archive's"))
	for name, r := range map[string]*Reader{"old": r, "new": b.reader()} {
		v := refresh(t, r)
		if len(v.Findings) != 0 || len(v.Streams) != 2 {
			t.Fatalf("%s reader: %d streams, findings %v", name, len(v.Streams), v.Findings)
		}
		if v.Streams[0].Head != next || !v.Streams[0].Head.Closed || v.Streams[1].Head != h {
			t.Errorf("%s reader: heads %d and %d", name, v.Streams[0].Head.Index, v.Streams[1].Head.Index)
		}
		if _, laggard, ok := v.CompleteThrough(); !ok || laggard != otherStream {
			t.Errorf("%s reader: laggard %s", name, laggard)
		}
	}
}

// TestReaderUnderAFlood: rubbish costs no request that is not bounded by the
// listing itself, and does not wash away what matters.
func TestReaderUnderAFlood(t *testing.T) {
	b := newBucket(t, 3)
	for i := range 1200 {
		b.PutForged(fmt.Sprintf("%s/ledger/%08d", prefix, i), nil)
	}
	for range 50 {
		id := uuid.New()
		b.PutForged(CommitKey(prefix, id, 0), b.commits[0])
		b.PutForged(CommitKey(prefix, id, maxInt), b.commits[0])
		b.PutForged(OpenKey(prefix, id), []byte("x"))
	}
	b.Hide(key(1))
	lists, gets := 0, 0
	b.Intercept(func(c memstore.Call) *memstore.Fault {
		switch c.Op {
		case "versions":
			lists++
		case "get":
			gets++
		}
		return nil
	})
	r := b.reader()
	v := refresh(t, r)
	if len(v.Findings) != maxFindings+1 || v.MoreFindings != 1200+50-maxFindings {
		t.Errorf("%d findings and %d more", len(v.Findings), v.MoreFindings)
	}
	if !slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Kind == FindingHidden && f.Index == 1 }) {
		t.Error("the hidden commit was washed away")
	}
	// The archive, the ledger, and once more the one stream that is certified.
	if lists != 3 || gets != 1+50+1+3 {
		t.Errorf("%d listings and %d objects fetched", lists, gets)
	}
	lists, gets = 0, 0
	if refresh(t, r); lists != 2 || gets != 0 {
		t.Errorf("again: %d listings and %d objects fetched", lists, gets)
	}
}
