package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSegments(t *testing.T) {
	s := create(t, new(disk), func(o *Options) { o.MaxBytes = 4000 })
	r := s.Reader()
	var want, got []string
	for i := range 200 {
		text := fmt.Sprint(i, strings.Repeat("x", 80))
		if err := appendText(s, text); err != nil {
			t.Fatal(err)
		}
		want = append(want, text)
		if i%20 == 0 {
			got = append(got, rest(t, r)...)
		}
	}
	got = append(got, rest(t, r)...)
	if !slices.Equal(got, want) {
		t.Errorf("got %d lines, want %d", len(got), len(want))
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "*.spool"))
	if err != nil || len(files) != 1 {
		t.Errorf("delivered segments are left: %v, %v", files, err)
	}
	if bytes, events := s.Pending(); bytes != 0 || events != 0 {
		t.Errorf("%d bytes and %d events are pending", bytes, events)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
}

// TestCursor: what was committed is not delivered again by the next process.
func TestCursor(t *testing.T) {
	s := create(t, new(disk))
	r := s.Reader()
	for _, text := range []string{"a", "b", "c"} {
		if err := appendText(s, text); err != nil {
			t.Fatal(err)
		}
	}
	lines, err := r.Next(2, 1<<20)
	if err != nil || len(lines) != 2 {
		t.Fatal(lines, err)
	}
	if err := r.Commit(lines); err != nil {
		t.Fatal(err)
	}
	if bytes, events := s.Pending(); bytes != int64(len(line("c"))) || events != 1 {
		t.Errorf("%d bytes and %d events are pending", bytes, events)
	}
	if got := adopted(t, s); !slices.Equal(got, []string{"c"}) {
		t.Errorf("%q", got)
	}
}

// TestDurable: with Always, a line is synced when its Append returns; otherwise
// all are after the interval, also those of segments that are full.
func TestDurable(t *testing.T) {
	for _, always := range []bool{true, false} {
		t.Run(fmt.Sprint("always=", always), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := new(disk)
				s := create(t, d, func(o *Options) {
					o.Always = always
					o.MaxBytes = 8000 // segments of 2000 bytes
				})
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				wg.Go(func() { s.Run(ctx) })
				var done sync.WaitGroup
				for w := range 4 {
					done.Go(func() {
						for n := range 10 {
							text := fmt.Sprint(w, n, strings.Repeat("x", 100))
							if err := appendText(s, text); err != nil {
								t.Error(err)
							}
							if always && !strings.Contains(d.durable(), text) {
								t.Errorf("%.2s is not durable", text)
							}
						}
					})
				}
				done.Wait()
				if !always {
					time.Sleep(51 * time.Millisecond)
				}
				if got := strings.Count(d.durable(), "\n"); got != 40 {
					t.Errorf("%d of 40 lines are durable", got)
				}
				cancel()
				wg.Wait()
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				if got := adopted(t, &Spool{dir: s.dir, lock: &folderLock{mustOpen(t, s.dir)}}); len(got) != 40 {
					t.Errorf("%d of 40 lines are there", len(got))
				}
			})
		})
	}
}

// TestGroupCommit: whoever arrives while a sync runs shares the next one.
func TestGroupCommit(t *testing.T) {
	d := new(disk)
	s := create(t, d, func(o *Options) { o.Always = true })
	const callers = 64
	first, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	d.failSync(func() error {
		once.Do(func() {
			close(first)
			<-release
		})
		return nil
	})
	var wg sync.WaitGroup
	add := func(i int) {
		wg.Go(func() {
			if err := appendText(s, fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
		})
	}
	add(0)
	<-first // it is in its sync, and holds all others up
	for i := range callers {
		add(i + 1)
	}
	<-s.Notify(callers+1, 1<<40) // all lines are written
	close(release)
	wg.Wait()
	if n := d.syncs.Load(); n != 2 {
		t.Errorf("%d syncs for %d callers, want 2", n, callers+1)
	}
}
