package buffer

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

// TestQueueFull: while a sync takes long, what waits is bounded, and what does
// not fit is refused at once.
func TestQueueFull(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(*Options)
	}{
		{"events", func(o *Options) { o.QueueEvents = 10 }},
		{"bytes", func(o *Options) { e := testEvent(10); o.QueueBytes = 10 * int64(len(appendRecord(nil, &e))) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := testOptions(crashfs.New(), "/wal")
				tt.set(&o)
				o.RetryIDs = -1 // everybody sends the same event
				r := start(t, o)
				r.mustAppend(t, testEvent(10))
				leave := make(chan struct{})
				r.w.file = &gatedFile{File: r.w.file, before: func() { <-leave }}
				answers := make(chan error, 100)
				for range 20 {
					go func() {
						_, err := r.Append(context.Background(), testEvents(10, 1))
						answers <- err
					}()
					synctest.Wait()
				}
				if n := len(answers); n != 9 { // one is being synced, ten wait
					t.Errorf("%d answers while the disk hangs, want 9", n)
				}
				for range len(answers) {
					if err := <-answers; !errors.Is(err, ErrFull) {
						t.Errorf("over the limit: %v", err)
					}
				}
				if s := r.Stats(); s.Full == "" && tt.name == "events" || s.QueuedEvents != 10 {
					t.Errorf("stats %+v", s)
				}
				if err := r.Room(1); err != nil {
					t.Errorf("a full queue, which is one for a moment, is no lack of room: %v", err)
				}
				close(leave)
				for range 11 {
					if err := <-answers; err != nil {
						t.Errorf("within the limit: %v", err)
					}
				}
				if s := r.Stats(); s.NextSeq != 12 || s.QueuedEvents != 0 || s.QueuedBytes != 0 {
					t.Errorf("stats %+v", s)
				}
				r.mustHalt(t)
			})
		})
	}
}

// TestHighWater: a full log seals itself, so that it can be archived, and takes
// events again after a release.
func TestHighWater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(crashfs.New(), "/wal")
		o.HighWater, o.SealAge = 100<<10, 24*time.Hour
		r := start(t, o)
		n := 0
		var err error
		for err == nil && n < 10_000 {
			if _, err = r.Append(t.Context(), testEvents(n, 10)); err == nil {
				n += 10
			}
		}
		if !errors.Is(err, ErrFull) || n == 0 {
			t.Fatalf("after %d events: %v", n, err)
		}
		if s := r.Stats(); s.UnreleasedBytes > o.HighWater+sector { // the seal may be there already
			t.Errorf("%d bytes in the log", s.UnreleasedBytes)
		}
		synctest.Wait()
		mustHold(t, r.Buffer, n)
		batch, err := r.Next(t.Context(), -1)
		if err != nil || batch.Last != int64(n)-1 {
			t.Fatalf("a full log is not sealed: %+v, %v", batch, err)
		}
		if err := r.Release(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		r.mustAppend(t, testEvents(n, 10)...)
		r.mustHalt(t)
	})
}

// TestRoomForRequests: who asks about a request that would pass the high-water mark is told so, and what is open is sealed as if
// it had been sent; once, since what waits to be archived makes room.
func TestRoomForRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const large = 1 << 40
		o := testOptions(crashfs.New(), "/wal")
		o.HighWater, o.SealAge = 100<<10, 24*time.Hour
		r := start(t, o)
		n := 0
		for r.Room(large) == nil {
			r.mustAppend(t, testEvent(n))
			n++
		}
		if err := r.Room(large); !errors.Is(err, ErrFull) || n == 0 {
			t.Fatalf("after %d events: %v", n, err)
		}
		synctest.Wait()
		batch, err := r.Next(t.Context(), -1)
		if err != nil || batch.Last != int64(n)-1 {
			t.Fatalf("a log without room is not sealed: %+v, %v", batch, err)
		}
		if err := r.Room(0); err != nil {
			t.Errorf("a small request is refused before the mark: %v", err)
		}
		r.mustAppend(t, testEvent(n))
		if err := r.Room(large); !errors.Is(err, ErrFull) {
			t.Errorf("while a batch waits: %v", err)
		}
		synctest.Wait()
		time.Sleep(time.Minute)
		s := r.Stats()
		if s.SealedBatches != 1 {
			t.Errorf("%d sealed batches: one for each refusal", s.SealedBatches)
		}
		if s.Full == "" || s.FullSince.IsZero() || s.RoomFor != 0 || s.RoomBytes == 0 {
			t.Errorf("large requests are refused; full %q since %v, %d bytes for %v", s.Full, s.FullSince, s.RoomBytes, s.RoomFor)
		}
		if err := r.Release(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if s := r.Stats(); s.Full != "" || !s.FullSince.IsZero() || s.RoomFor >= 0 {
			t.Errorf("after the release: full %q since %v, room for %v", s.Full, s.FullSince, s.RoomFor)
		}
		if err := r.Room(large); err != nil {
			t.Errorf("a log with one event has no room for a request that is larger as it was sent: %v", err)
		}
		for r.Room(large) == nil {
			n++
			r.mustAppend(t, testEvent(n))
		}
		synctest.Wait()
		if s := r.Stats(); s.SealedBatches != 1 || s.OpenRows != 0 {
			t.Errorf("after the release nothing is sealed: %+v", s)
		}
		for err := error(nil); !errors.Is(err, ErrFull); n++ {
			_, err = r.Append(t.Context(), testEvents(n+1, 1))
		}
		r.mu.Lock()
		if r.denied != o.HighWater/16 {
			t.Errorf("since a small request was refused, room for %d bytes is enough", r.denied)
		}
		r.mu.Unlock()
		r.mustHalt(t)
		if err := r.Room(large); err != nil {
			t.Errorf("why a buffer that is over takes nothing is for Append to say: %v", err)
		}
	})
}

// TestReserve: below the reserve nothing is taken, without a restart things go on
// when there is space again.
func TestReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := crashfs.New()
		o := smallOptions(fsys)
		o.Reserve = 100 << 10
		r := start(t, o)
		r.mustAppend(t, testEvent(0))
		synctest.Wait()
		fsys.SetCapacity(2*segmentMin + 90<<10) // somebody else fills the disk
		time.Sleep(2 * keepPeriod)
		synctest.Wait()
		if _, err := r.Append(t.Context(), testEvents(1, 1)); !errors.Is(err, ErrFull) {
			t.Errorf("below the reserve: %v", err)
		}
		if err := r.Room(0); !errors.Is(err, ErrFull) {
			t.Errorf("below the reserve there is room: %v", err)
		}
		if r.Stats().Full == "" {
			t.Error("stats do not tell")
		}
		fsys.SetCapacity(1 << 30)
		time.Sleep(2 * keepPeriod)
		synctest.Wait()
		r.mustAppend(t, testEvent(1))
		mustHold(t, r.Buffer, 2)
		r.mustHalt(t)
	})
}

// TestDiskFull has no reserve: creating a segment meets ENOSPC in the middle. The
// partial file is removed, everything acknowledged stays, what is there is sealed
// and can be released, and with space things go on.
func TestDiskFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := crashfs.New()
		o := smallOptions(fsys)
		o.Reserve, o.SealAge = -1<<40, 24*time.Hour // Free does not warn
		r := start(t, o)
		synctest.Wait() // a spare is ready
		fsys.SetCapacity(2*segmentMin + 1000)
		n := 0
		var err error
		for err == nil && n < 10_000 {
			if _, err = r.Append(t.Context(), testEvents(n, 10)); err == nil {
				n += 10
			}
			synctest.Wait()
		}
		if !errors.Is(err, ErrFull) || n == 0 {
			t.Fatalf("after %d events: %v", n, err)
		}
		entries, readErr := fsys.ReadDir("/wal")
		if readErr != nil || len(entries) != 2 {
			t.Errorf("folder %v, %v: want two segments", entries, readErr)
		}
		batch, err := r.Next(t.Context(), -1)
		if err != nil || batch.Last != int64(n)-1 {
			t.Fatalf("a full log is not sealed: %+v, %v", batch, err)
		}
		mustHold(t, r.Buffer, n)
		crashed := fsys.Crash(rand.New(rand.NewPCG(3, 3)), 50)
		crashed.SetCapacity(2 * segmentMin)
		again := start(t, smallOptions(crashed))
		mustHold(t, again.Buffer, n)
		again.mustHalt(t)

		fsys.SetCapacity(2*segmentMin + 2000)
		if err := r.Release(t.Context(), batch); err != nil { // makes room without more disk
			t.Fatal(err)
		}
		time.Sleep(2 * keepPeriod)
		synctest.Wait()
		r.mustAppend(t, testEvents(n, 10)...)
		r.mustHalt(t)
	})
}

// TestDiskFullAtOpen: a new log needs its first segment.
func TestDiskFullAtOpen(t *testing.T) {
	fsys := crashfs.New()
	fsys.SetCapacity(segmentMin / 2)
	if _, err := Open(smallOptions(fsys)); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	fsys.SetCapacity(0)
	r := start(t, smallOptions(fsys))
	r.mustAppend(t, testEvent(0))
	mustHold(t, r.Buffer, 1)
}

// TestTooManyFiles: without file handles no new segment can be had; that passes.
func TestTooManyFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := crashfs.New()
		r := start(t, smallOptions(fsys))
		r.mustAppend(t, testEvent(0))
		synctest.Wait()
		fsys.Inject(func(op crashfs.Op) error {
			if op.Kind == crashfs.Open {
				return syscall.EMFILE
			}
			return nil
		})
		n := 1
		var err error
		for err == nil && n < 10_000 {
			if _, err = r.Append(t.Context(), testEvents(n, 10)); err == nil {
				n += 10
			}
			synctest.Wait()
		}
		if !errors.Is(err, ErrFull) {
			t.Fatalf("after %d events: %v", n, err)
		}
		fsys.Inject(nil)
		time.Sleep(2 * keepPeriod)
		synctest.Wait()
		// What was refused is not remembered as stored: sent again, it is.
		if seq := r.mustAppend(t, testEvents(n, 10)...); seq != int64(n) || r.Stats().Repeated != 0 {
			t.Errorf("a retry got seq %d, want %d; %d events count as repeated", seq, n, r.Stats().Repeated)
		}
		mustHold(t, r.Buffer, n+10)
		r.mustHalt(t)
	})
}

// TestCancelledAppend: a client that goes away does not hold up the others.
func TestCancelledAppend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, testOptions(crashfs.New(), "/wal"))
		r.mustAppend(t, testEvent(0))
		leave := make(chan struct{})
		r.w.file = &gatedFile{File: r.w.file, before: func() { <-leave }}
		ctx, cancel := context.WithCancel(t.Context())
		answer := make(chan error, 1)
		go func() {
			_, err := r.Append(ctx, testEvents(1, 1))
			answer <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-answer; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		close(leave)
		r.mustAppend(t, testEvent(2))
		if n := len(rows(t, r.Buffer)); n != 3 {
			t.Errorf("%d rows", n)
		}
		r.mustHalt(t)
	})
}

// TestDrain: what is queued when Run is told to stop is still committed.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, testOptions(crashfs.New(), "/wal"))
		r.mustAppend(t, testEvent(0))
		leave := make(chan struct{})
		r.w.file = &gatedFile{File: r.w.file, before: func() { <-leave }}
		answers := make(chan error, 5)
		for range 5 {
			go func() {
				_, err := r.Append(context.Background(), testEvents(1, 2))
				answers <- err
			}()
			synctest.Wait()
		}
		r.stop()
		synctest.Wait()
		close(leave)
		for range 5 {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
		r.mustHalt(t)
	})
}

func TestOptionsAreChecked(t *testing.T) {
	for name, set := range map[string]func(*Options){
		"dir":        func(o *Options) { o.Dir = "" },
		"segment":    func(o *Options) { o.SegmentBytes = 1000 },
		"partitions": func(o *Options) { o.Partitions = 1000 },
		"stream":     func(o *Options) { o.Stream = [16]byte{} },
		"fs":         func(o *Options) { o.FS = nil },
		"rows":       func(o *Options) { o.SealRows = -1 },
		"seq":        func(o *Options) { o.FirstSeq = -1 },
	} {
		o := testOptions(crashfs.New(), "/wal")
		set(&o)
		if _, err := Open(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestFirstSeqAndFileModes(t *testing.T) {
	dir := t.TempDir() + "/wal"
	o := testOptions(durable.OS(), dir)
	o.FirstSeq = 1000
	r := start(t, o)
	if first := r.mustAppend(t, testEvent(0)); first != 1000 {
		t.Errorf("first seq %d", first)
	}
	r.mustSeal(t)
	r.mustHalt(t)
	r = start(t, o)
	if b := sealed(t, r.Buffer); len(b) != 1 || b[0].First != 1000 {
		t.Errorf("batches %+v", b)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
	r.mustHalt(t)
}

// shortFile writes less than it is given, once, and says that nothing is wrong, as
// the contract of a file forbids and a disk may do.
type shortFile struct {
	durable.File
	short bool
}

func (f *shortFile) WriteAt(p []byte, off int64) (int, error) {
	if f.short {
		f.short = false
		return f.File.WriteAt(p[:len(p)/2], off)
	}
	return f.File.WriteAt(p, off)
}

// TestWritesFillPages: a group is one write that ends with a page, or with the file, so
// that nothing has to be read for it.
func TestWritesFillPages(t *testing.T) {
	o := testOptions(crashfs.New(), "/wal")
	r := start(t, o)
	recording := &recordingFile{File: r.w.file}
	r.w.file = recording
	for i := range 50 {
		r.mustAppend(t, testEvents(10*i, 1+i%7)...)
	}
	r.mustHalt(t)
	if len(recording.ends) < 50 {
		t.Fatalf("%d writes", len(recording.ends))
	}
	for _, end := range recording.ends {
		if end%page != 0 && end != o.SegmentBytes {
			t.Errorf("a write ends at %d", end)
		}
	}
}

// recordingFile remembers where writes end.
type recordingFile struct {
	durable.File
	ends []int64
}

func (f *recordingFile) WriteAt(p []byte, off int64) (int, error) {
	f.ends = append(f.ends, off+int64(len(p)))
	return f.File.WriteAt(p, off)
}

// TestShortWrite: nobody is answered for what was written in part.
func TestShortWrite(t *testing.T) {
	fsys := crashfs.New()
	r := start(t, testOptions(fsys, "/wal"))
	r.mustAppend(t, testEvents(0, 3)...)
	r.w.file = &shortFile{File: r.w.file, short: true}
	if _, err := r.Append(t.Context(), testEvents(3, 40)); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v, want ErrDamaged", err)
	}
	_ = r.halt() // it says why
	again := start(t, testOptions(fsys, "/wal"))
	mustHold(t, again.Buffer, 3)
	again.mustHalt(t)
}
