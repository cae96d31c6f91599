package buffer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
)

// as is an event with content of its own.
func as(e event.Event, print uint64) event.Event {
	e.Fingerprint = print
	return e
}

// TestRetry: what is sent again gets its first seq, what is new is stored, and an id
// with other content refuses the whole Append.
func TestRetry(t *testing.T) {
	r := start(t, testOptions(crashfs.New(), "/wal"))
	r.mustAppend(t, as(testEvent(0), 7), testEvent(1), testEvent(2))
	mixed := []event.Event{testEvent(3), testEvent(1), testEvent(4), as(testEvent(0), 7)}
	seqs, err := r.Append(t.Context(), mixed)
	if err != nil || !slices.Equal(seqs, []int64{3, 1, 4, 0}) {
		t.Fatalf("%v %v", seqs, err)
	}
	if mixed[0].ReceivedAtMS == 0 || mixed[1].ReceivedAtMS != 0 {
		t.Errorf("received_at %d of a new event, %d of a known one", mixed[0].ReceivedAtMS, mixed[1].ReceivedAtMS)
	}
	_, err = r.Append(t.Context(), []event.Event{testEvent(5), as(testEvent(0), 8), testEvent(1), as(testEvent(4), 1)})
	var taken *ConflictError
	if !errors.Is(err, ErrConflict) || !errors.As(err, &taken) || !slices.Equal(taken.Index, []int{1, 3}) || !slices.Equal(taken.Seq, []int64{0, 4}) {
		t.Errorf("%v", err)
	}
	other := testEvent(1)
	other.Producer = "another"
	if seq := r.mustAppend(t, other); seq != 5 {
		t.Errorf("the id of another producer got seq %d, want 5: nothing of the refused Append is stored", seq)
	}
	if seq := r.mustAppend(t, testEvent(5)); seq != 6 {
		t.Errorf("an event of the refused Append got seq %d, want 6", seq)
	}
	if s := r.Stats(); s.NextSeq != 7 || s.RecentIDs != 7 || s.Repeated != 2 || s.Conflicts != 2 || s.RecentSince.IsZero() {
		t.Errorf("%+v", s)
	}
	r.mustHalt(t)
}

// TestRetryInOneGroup: copies that wait for the same sync are one event, and nobody
// is answered before it.
func TestRetryInOneGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, testOptions(crashfs.New(), "/wal"))
		r.mustAppend(t, testEvent(0))
		leave := make(chan struct{})
		r.w.file = &gatedFile{File: r.w.file, before: func() { <-leave }}
		type answer struct {
			seqs []int64
			err  error
		}
		answers := make(chan answer, 10)
		ask := func(events ...event.Event) {
			go func() {
				seqs, err := r.Append(t.Context(), events)
				answers <- answer{seqs, err}
			}()
			synctest.Wait()
		}
		ask(testEvent(9)) // holds the disk
		ask(testEvent(1), testEvent(2))
		ask(testEvent(2), testEvent(3), testEvent(1))
		ask(as(testEvent(3), 5))
		if len(answers) != 0 {
			t.Error("answered before the sync")
		}
		close(leave)
		synctest.Wait()
		var got []string
		for range 4 {
			a := <-answers
			got = append(got, fmt.Sprint(a.seqs, errors.Is(a.err, ErrConflict)))
		}
		slices.Sort(got)
		if want := "[1] false,[2 3] false,[3 4 2] false,[] true"; strings.Join(got, ",") != want {
			t.Errorf("got %s, want %s", strings.Join(got, ","), want)
		}
		if n := len(rows(t, r.Buffer)); n != 5 {
			t.Errorf("%d rows, want 5", n)
		}
		r.mustHalt(t)
	})
}

// TestRetryNamesOnlyClassesWithRows: a class all of whose events were known is not in
// the seal.
func TestRetryNamesOnlyClassesWithRows(t *testing.T) {
	r := start(t, testOptions(crashfs.New(), "/wal"))
	long := testEvent(0)
	long.Retention = "long"
	r.mustAppend(t, long)
	r.mustSeal(t)
	r.mustAppend(t, long, testEvent(1))
	r.mustSeal(t)
	batch, err := r.Next(t.Context(), 0)
	if err != nil || batch.Count != 1 || len(batch.RetainUntil) != 1 {
		t.Errorf("%+v, %v", batch, err)
	}
	r.mustHalt(t)
}

// TestRetryWindow: bounded by number and by age, also over a restart with everything
// released, and with files that are damaged.
func TestRetryWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := crashfs.New()
		o := testOptions(fsys, "/wal")
		o.RetryIDs, o.RetryAge = 100, time.Hour
		r := start(t, o)
		send := func(from, n int) {
			t.Helper()
			r.mustAppend(t, testEvents(from, n)...)
			r.mustSeal(t)
			batch, err := r.Next(t.Context(), -1)
			if err == nil {
				err = r.Release(t.Context(), batch)
			}
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Minute)
		}
		for i := range 10 {
			send(30*i, 30)
		}
		known := func(from, n int) {
			t.Helper()
			next := r.Stats().NextSeq
			if seq := r.mustAppend(t, testEvents(from, n)...); seq != int64(from) || r.Stats().NextSeq != next {
				t.Fatalf("event %d was stored again, as seq %d", from, seq)
			}
		}
		reopen := func() {
			t.Helper()
			r.mustHalt(t)
			r = start(t, o)
		}
		known(200, 100)
		reopen()
		known(200, 100)
		if s := r.Stats(); s.RecentIDs != 100 {
			t.Errorf("%d ids", s.RecentIDs)
		}
		if seq := r.mustAppend(t, testEvent(199)); seq != 300 {
			t.Errorf("an event beyond the window got seq %d, want 300", seq)
		}
		files, err := fsys.ReadDir("/wal/" + marksDir)
		if err != nil || len(files) != 1 {
			t.Errorf("files of ids %v, %v", files, err)
		}
		time.Sleep(31 * time.Minute) // the batches from 240 on are younger than an hour
		if seq := r.mustAppend(t, testEvent(239)); seq != 301 {
			t.Errorf("an event older than the window got seq %d, want 301", seq)
		}
		known(270, 30)
		reopen()
		known(270, 30)
		r.mustHalt(t)

		f, err := fsys.OpenFile("/wal/"+marksDir+"/"+files[0].Name(), 2, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{0xff}, 100); err != nil {
			t.Fatal(err)
		}
		r = start(t, o)
		if seq := r.mustAppend(t, testEvent(239)); seq != 301 {
			t.Errorf("with damaged ids what is in the log is forgotten: seq %d, want 301", seq)
		}
		r.mustHalt(t)
	})
}

// TestIDsOfManyStarts: a program that is started again and again goes on in one file of
// ids; behind a record that is cut off it begins another.
func TestIDsOfManyStarts(t *testing.T) {
	fsys := crashfs.New()
	o := testOptions(fsys, "/wal")
	r := start(t, o)
	names := func() []os.DirEntry {
		t.Helper()
		files, err := fsys.ReadDir(o.Dir + "/" + marksDir)
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	archive := func(n int) {
		t.Helper()
		r.mustAppend(t, testEvent(n))
		r.mustSeal(t)
		batch, err := r.Next(t.Context(), -1)
		if err == nil {
			err = r.Release(t.Context(), batch)
		}
		if err != nil {
			t.Fatal(err)
		}
		r.mustHalt(t)
		r = start(t, o)
	}
	for i := range 10 {
		archive(i)
	}
	if seq := r.mustAppend(t, testEvents(0, 10)...); seq != 0 || r.Stats().NextSeq != 10 {
		t.Errorf("event 0 is known as seq %d, the next is %d", seq, r.Stats().NextSeq)
	}
	files := names()
	if len(files) != 1 {
		t.Fatalf("%d files of ids after 10 starts", len(files))
	}
	r.mustHalt(t)
	cut(t, fsys, o.Dir+"/"+marksDir+"/"+files[0].Name())
	r = start(t, o)
	archive(10)
	archive(11)
	// Seq 9 is not known any more, so neither is what is older: the window has no gaps.
	if seq := r.mustAppend(t, testEvents(10, 2)...); seq != 10 || len(names()) != 1 || names()[0].Name() == files[0].Name() {
		t.Errorf("event 10 is known as seq %d, files %v, before %v", seq, names(), files)
	}
	r.mustHalt(t)
}

// TestIDsInAFileThatMayBeLost: the process dies before the name of its first file of ids
// is on the disk. The next one, which reads that file, does not rely on it.
func TestIDsInAFileThatMayBeLost(t *testing.T) {
	fsys := crashfs.New()
	r := start(t, smallOptions(fsys))
	r.mustAppend(t, testEvents(0, 25)...)
	r.mustSeal(t)
	release := func() error {
		t.Helper()
		batch, err := r.Next(t.Context(), -1)
		if err != nil {
			t.Fatal(err)
		}
		return r.Release(t.Context(), batch)
	}
	fsys.Inject(func(op crashfs.Op) error {
		if op.Kind == crashfs.SyncDir && op.Name == "/wal/"+marksDir {
			return errDead
		}
		return nil
	})
	if err := release(); !errors.Is(err, errDead) {
		t.Fatalf("died, but %v", err)
	}
	_ = r.halt() // it says why
	fsys.Inject(nil)

	r = start(t, smallOptions(fsys))
	n := 25
	for logOf(t, fsys)[0] == segmentName(0) { // as long as the log has the first ids itself
		r.mustAppend(t, testEvents(n, 25)...)
		n += 25
		r.mustSeal(t)
		if err := release(); err != nil {
			t.Fatal(err)
		}
		r.settle()
	}
	r.mustHalt(t)
	after := start(t, smallOptions(fsys.Crash(rand.New(rand.NewPCG(1, 1)), 0)))
	if seq := after.mustAppend(t, testEvents(0, n)...); seq != 0 || after.Stats().NextSeq != int64(n) {
		t.Errorf("a retry of seqs 0 to %d is stored from seq %d on, the next is %d", n-1, seq, after.Stats().NextSeq)
	}
	after.mustHalt(t)
}

// logOf are the segments that are there.
func logOf(t testing.TB, fsys *crashfs.FS) (names []string) {
	t.Helper()
	entries, err := fsys.ReadDir("/wal")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), segmentSuffix) && !strings.HasPrefix(e.Name(), sparePrefix) {
			names = append(names, e.Name())
		}
	}
	return names
}

// cut takes the last bytes of a file away.
func cut(t *testing.T, fsys durable.FS, name string) {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Size()
	if err == nil {
		err = errors.Join(f.Truncate(size-3), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
