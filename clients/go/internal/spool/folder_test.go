package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestModes: files and folders are for their owner alone.
func TestModes(t *testing.T) {
	s := create(t, new(disk))
	if err := appendText(s, "a"); err != nil {
		t.Fatal(err)
	}
	lines, err := s.Reader().Next(1, 1)
	if err != nil || len(lines) != 1 {
		t.Fatal(err)
	}
	r := s.Reader()
	rest(t, r)
	if err := Bury(s.o.Dir, []DeadLetter{{Reason: ReasonDamaged}}); err != nil {
		t.Fatal(err)
	}
	err = filepath.Walk(s.o.Dir, func(name string, info os.FileInfo, err error) error {
		want := os.FileMode(0o600)
		if info.IsDir() {
			want = 0o700
		}
		if name != s.o.Dir && info.Mode().Perm() != want {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestLock: a living spool is not adopted; of many adopters one wins.
func TestLock(t *testing.T) {
	s := create(t, new(disk))
	if err := appendText(s, "a"); err != nil {
		t.Fatal(err)
	}
	if o, err := Adopt(s.dir); o != nil || err != nil {
		t.Fatalf("adopted a living spool: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var won atomic.Int64
	var lines atomic.Int64
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			o, err := Adopt(s.dir)
			if err != nil {
				t.Error(err)
			}
			if o == nil {
				return
			}
			won.Add(1)
			lines.Add(int64(len(rest(t, o.Reader))))
			if err := o.Remove(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if lines.Load() != 1 || won.Load() < 1 {
		t.Errorf("%d adopters, %d lines", won.Load(), lines.Load())
	}
	if dirs, err := Orphans(s.o.Dir, "go"); len(dirs) != 0 || err != nil {
		t.Errorf("left: %v, %v", dirs, err)
	}
}

// TestCreateRacesAdopt: a folder that an adopter takes before it is locked is
// made anew, and no event is lost.
func TestCreateRacesAdopt(t *testing.T) {
	dir := t.TempDir()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				dirs, err := Orphans(dir, "go")
				if err != nil {
					t.Error(err)
				}
				for _, d := range dirs {
					if o, err := Adopt(d); err == nil && o != nil {
						if got := rest(t, o.Reader); len(got) > 0 {
							t.Errorf("a spool in use was adopted: %q", got)
						}
						if err := o.Remove(); err != nil {
							t.Error(err)
						}
					}
				}
			}
		})
	}
	for i := range 50 {
		n := 0
		s, err := Create(Options{Dir: dir, Language: "go", MaxBytes: 1 << 20, Interval: time.Hour,
			ID: func() string { n++; return fmt.Sprint(i, "-", n) }})
		if err != nil {
			t.Fatal(err)
		}
		if err := appendText(s, "a"); err != nil {
			t.Fatal(err)
		}
		if got := rest(t, s.Reader()); !slices.Equal(got, []string{"a"}) {
			t.Fatalf("%q", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
}
