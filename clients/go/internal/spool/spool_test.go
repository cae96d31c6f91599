package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// disk opens real files whose operations can be made to fail.
type disk struct {
	write atomic.Pointer[func(f *os.File, p []byte) (int, error)]
	sync  atomic.Pointer[func() error]
	syncs atomic.Int64

	mu     sync.Mutex
	synced strings.Builder // what every Sync that succeeded has made durable
}

type diskFile struct {
	*os.File
	d      *disk
	synced *int // bytes
}

// durable returns what would be left after a power failure.
func (d *disk) durable() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.synced.String()
}

func (d *disk) open(name string) (File, error) {
	f, err := openFile(name)
	if err != nil {
		return nil, err
	}
	return diskFile{f.(*os.File), d, new(int)}, nil
}

func (f diskFile) Write(p []byte) (int, error) {
	if fail := f.d.write.Load(); fail != nil {
		return (*fail)(f.File, p)
	}
	return f.File.Write(p)
}

func (f diskFile) Sync() error {
	f.d.syncs.Add(1)
	if fail := f.d.sync.Load(); fail != nil {
		return (*fail)()
	}
	b, err := os.ReadFile(f.Name())
	if errors.Is(err, os.ErrNotExist) {
		return nil // delivered and deleted
	}
	if err != nil {
		return err
	}
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.d.synced.Write(b[*f.synced:])
	*f.synced = len(b)
	return nil
}

func (d *disk) failWrite(f func(f *os.File, p []byte) (int, error)) { d.write.Store(&f) }
func (d *disk) failSync(f func() error)                             { d.sync.Store(&f) }
func (d *disk) mend()                                               { d.write.Store(nil); d.sync.Store(nil) }

func create(t testing.TB, d *disk, change ...func(*Options)) *Spool {
	t.Helper()
	n := 0
	o := Options{
		Dir: t.TempDir(), Language: "go", MaxBytes: 64 << 20, Interval: 50 * time.Millisecond, Open: d.open,
		ID: func() string { n++; return fmt.Sprint("id", n) },
	}
	for _, f := range change {
		f(&o)
	}
	s, err := Create(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func line(text string) []byte {
	j, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	b := append(make([]byte, Prefix), j...)
	b = append(b, '\n')
	Frame(b)
	return b
}

func appendText(s *Spool, text string) error {
	return s.Append(context.Background(), line(text), time.Second)
}

// rest reads what a reader gives, and commits it.
func rest(t testing.TB, r *Reader) []string {
	t.Helper()
	var out []string
	for {
		lines, err := r.Next(3, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(lines) == 0 {
			return out
		}
		for _, l := range lines {
			var s string
			if l.JSON == nil {
				s = "damaged"
			} else if err := json.Unmarshal(l.JSON, &s); err != nil {
				t.Fatal(err)
			}
			out = append(out, s)
		}
		if err := r.Commit(lines); err != nil {
			t.Fatal(err)
		}
	}
}

// adopted ends the spool as a kill would, adopts it, and returns what is in it.
func adopted(t *testing.T, s *Spool) []string {
	t.Helper()
	if err := s.lock.release(); err != nil {
		t.Fatal(err)
	}
	o, err := Adopt(s.dir)
	if err != nil || o == nil {
		t.Fatalf("adopt: %v, %v", o, err)
	}
	defer func() {
		if err := o.Remove(); err != nil {
			t.Error(err)
		}
	}()
	return rest(t, o.Reader)
}

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

// TestWriteFails half way, as on a full disk: that Append fails, what was before
// and what comes after is there, and the disk does not fill with empty files.
func TestWriteFails(t *testing.T) {
	d := new(disk)
	s := create(t, d)
	if err := appendText(s, "before"); err != nil {
		t.Fatal(err)
	}
	d.failWrite(func(f *os.File, p []byte) (int, error) {
		n, err := f.Write(p[:len(p)/2])
		return n, errors.Join(err, syscall.ENOSPC)
	})
	for range 10 {
		if err := appendText(s, "lost"); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("got %v", err)
		}
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "*.spool"))
	if err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
	d.mend()
	if err := appendText(s, "after"); err != nil {
		t.Fatal(err)
	}
	if got := rest(t, s.Reader()); !slices.Equal(got, []string{"before", "after"}) {
		t.Errorf("the live reader got %q", got)
	}
	if err := os.Remove(filepath.Join(s.dir, cursorName)); err != nil {
		t.Fatal(err)
	}
	if got := adopted(t, s); !slices.Equal(got, []string{"after"}) {
		t.Errorf("the adopter got %q", got) // the first segment is deleted already
	}
}

// TestOpenFails: no segment can be made, then it can.
func TestOpenFails(t *testing.T) {
	d := new(disk)
	fail := true
	s := create(t, d, func(o *Options) {
		o.Open = func(name string) (File, error) {
			if fail {
				return nil, syscall.EMFILE
			}
			return d.open(name)
		}
	})
	if err := appendText(s, "lost"); !errors.Is(err, syscall.EMFILE) {
		t.Fatal(err)
	}
	fail = false
	if err := appendText(s, "a"); err != nil {
		t.Fatal(err)
	}
	if got := adopted(t, s); !slices.Equal(got, []string{"a"}) {
		t.Errorf("%q", got)
	}
}

// TestSyncFailsAlways: the outcome is unknown, and the segment is not used again.
func TestSyncFailsAlways(t *testing.T) {
	d := new(disk)
	s := create(t, d, func(o *Options) { o.Always = true })
	if err := appendText(s, "a"); err != nil || d.syncs.Load() != 1 {
		t.Fatalf("%v after %d syncs", err, d.syncs.Load())
	}
	d.failSync(func() error { return syscall.EIO })
	var unknown *UnknownError
	if err := appendText(s, "b"); !errors.Is(err, syscall.EIO) || !errors.As(err, &unknown) {
		t.Fatalf("got %v", err)
	}
	d.mend()
	if err := appendText(s, "c"); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "*.spool"))
	if err != nil || len(files) != 2 {
		t.Errorf("%v, %v", files, err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("a failure that was reported is reported again: %v", err)
	}
	if got := adopted(t, &Spool{dir: s.dir, lock: &folderLock{mustOpen(t, s.dir)}}); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("%q", got)
	}
}

func mustOpen(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestSyncFailsInterval: nobody waited for it, so the next Append says so.
func TestSyncFailsInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(disk)
		var told atomic.Int64
		s := create(t, d, func(o *Options) { o.OnError = func(error) { told.Add(1) } })
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { s.Run(ctx) })
		defer wg.Wait()
		defer cancel()
		syncs := func(want int64, when string) {
			t.Helper()
			if n := d.syncs.Load(); n != want {
				t.Errorf("%d syncs %s, want %d", n, when, want)
			}
		}
		if err := appendText(s, "a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(49 * time.Millisecond)
		syncs(0, "before the interval")
		time.Sleep(2 * time.Millisecond)
		syncs(1, "after the interval")
		time.Sleep(time.Hour)
		syncs(1, "with nothing new")
		d.failSync(func() error { return syscall.EIO })
		if err := appendText(s, "b"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		d.mend()
		if err := appendText(s, "refused"); !errors.Is(err, syscall.EIO) || told.Load() != 1 {
			t.Errorf("got %v, told %d times", err, told.Load())
		}
		for _, text := range []string{"c", "d"} {
			if err := appendText(s, text); err != nil || told.Load() != 1 {
				t.Errorf("got %v, told %d times", err, told.Load())
			}
			time.Sleep(time.Second)
		}
		if got := adopted(t, s); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
			t.Errorf("%q", got)
		}
	})
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

// TestDamageLive: the disk changes a line feed under us; what can be told apart
// is delivered, and nobody waits for ever.
func TestDamageLive(t *testing.T) {
	s := create(t, new(disk))
	for _, text := range []string{"a", "b", "c"} {
		if err := appendText(s, text); err != nil {
			t.Fatal(err)
		}
	}
	name := segmentName(s.dir, 1)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] = 'x'
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := rest(t, s.Reader()); !slices.Equal(got, []string{"a", "b", "damaged"}) {
		t.Errorf("%q", got)
	}
	if err := s.AwaitSettled(t.Context(), s.Appended()); err != nil {
		t.Error(err)
	}
}

// TestCursorInALine is damage of the cursor: the segment is read from its start.
func TestCursorInALine(t *testing.T) {
	s := create(t, new(disk))
	for _, text := range []string{"a", "b"} {
		if err := appendText(s, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := (position{Segment: 1, Offset: 5}).write(s.dir); err != nil {
		t.Fatal(err)
	}
	if got := adopted(t, s); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%q", got)
	}
}

// TestReadFails: a segment that is gone is an error, not an empty one.
func TestReadFails(t *testing.T) {
	s := create(t, new(disk))
	if err := appendText(s, "a"); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(segmentName(s.dir, 1), 3); err != nil {
		t.Fatal(err)
	}
	if lines, err := s.Reader().Next(1, 1); err == nil {
		t.Errorf("got %v", lines)
	}
	if err := os.Remove(segmentName(s.dir, 1)); err != nil {
		t.Fatal(err)
	}
	if lines, err := s.Reader().Next(1, 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, %v", lines, err)
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

// FuzzTornSegment cuts a segment anywhere, or changes one byte of it: a reader
// gives a part of what was written, in order, and never anything else.
func FuzzTornSegment(f *testing.F) {
	f.Add("login", "logout", uint16(13), uint16(0), byte(0))
	f.Add("a", "b", uint16(500), uint16(12), byte('\n'))
	f.Fuzz(func(t *testing.T, first, second string, cut, at uint16, to byte) {
		dir := t.TempDir()
		all := append(line(first), line(second)...)
		whole := slices.Clone(all[:min(int(cut), len(all))])
		if int(at) < len(whole) {
			whole[at] = to
		}
		if err := os.WriteFile(segmentName(dir, 1), whole, 0o600); err != nil {
			t.Fatal(err)
		}
		o, err := Adopt(dir)
		if err != nil || o == nil {
			t.Fatal(err)
		}
		defer func() { _ = o.Release() }()
		want := [][]byte{line(first), line(second)}
		for lines, err := o.Next(9, 1); len(lines) > 0 || err != nil; lines, err = o.Next(9, 1) {
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines {
				if l.JSON == nil {
					continue
				}
				i := slices.IndexFunc(want, func(w []byte) bool {
					return string(w[Prefix:len(w)-1]) == string(l.JSON)
				})
				if i < 0 {
					t.Fatalf("got %q, which was not written", l.JSON)
				}
				want = want[i+1:]
			}
			if err := o.Commit(lines); err != nil {
				t.Fatal(err)
			}
		}
	})
}
