package streams

import (
	"errors"
	"runtime"
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

// TestArchivingIsToldInOrder: a batch that is sealed while it is told that nothing is left is told of after that.
func TestArchivingIsToldInOrder(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	var mu sync.Mutex
	var told []int64
	saw := func() []int64 {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(told)
	}
	first, second := make(chan error, 1), make(chan error, 1) // what was said of the events
	var p *process
	w.archiving = func(rows int64) {
		if rows == 0 && len(saw()) == 1 {
			err := <-first
			go func() { second <- errors.Join(err, p.send(w.events(1)...)) }()
			for range 50_000 { // more than enough for the batch to be sealed and taken
				if runtime.Gosched(); len(saw()) > 1 {
					break
				}
			}
		}
		mu.Lock()
		defer mu.Unlock()
		told = append(told, rows)
	}
	w.sealRows = 1
	p = must(w.start())
	err := p.ready(uuid.Nil)
	first <- p.send(w.events(1)...)
	if err := errors.Join(err, <-second, p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	if got := saw(); !slices.Equal(got, []int64{1, 0, 1, 0}) {
		t.Errorf("told of %v rows, want 1, 0, 1, 0", got)
	}
	w.check()
}
