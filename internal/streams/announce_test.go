package streams

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

// TestArchivingIsTold: each batch is told of before it is archived, and then that
// nothing is left.
func TestArchivingIsTold(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	var mu sync.Mutex
	var told []int64
	w.archiving = func(rows int64) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, rows)
	}
	w.sealRows = 5
	p := must(w.start())
	if err := errors.Join(p.ready(uuid.Nil), p.send(w.events(5)...), p.send(w.events(2)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	first, second := slices.Index(told, 5), slices.Index(told, 2)
	if first < 0 || second < first || told[len(told)-1] != 0 {
		t.Errorf("told of %v rows, want 5, then 2, and 0 at the end", told)
	}
	mu.Unlock()
	w.finish()
	w.check()
}
