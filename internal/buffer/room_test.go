package buffer

import (
	"errors"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

// TestRoom: what is said to be left until refusal is what can be taken, and the time
// follows from the rate; when there is room again, it is said again.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(crashfs.New(), "/wal")
		o.HighWater = 8 * o.SegmentBytes
		r := start(t, o)
		n := 0
		for range 240 { // a steady load of about 1,536 bytes a second
			r.mustAppend(t, testEvents(n, 5)...)
			n += 5
			time.Sleep(time.Second)
		}
		s := r.Stats()
		if used := s.UnreleasedBytes; s.RoomBytes != o.HighWater-used || s.Full != "" || !s.FullSince.IsZero() {
			t.Errorf("%d of %d bytes used: room %d, full %q", used, o.HighWater, s.RoomBytes, s.Full)
		}
		want := time.Duration(float64(s.RoomBytes) / (float64(s.UnreleasedBytes) / 240) * float64(time.Second))
		if off := s.RoomFor - want; off < -want/10 || off > want/10 {
			t.Errorf("room for %v, want about %v", s.RoomFor, want)
		}
		var err error
		taken := int64(0)
		for err == nil {
			_, err = r.Append(t.Context(), testEvents(n, 5))
			n += 5
			taken = r.Stats().UnreleasedBytes - s.UnreleasedBytes
		}
		if !errors.Is(err, ErrFull) || s.RoomBytes-taken > 4096 {
			t.Errorf("%v after %d of %d bytes", err, taken, s.RoomBytes)
		}
		r.mustSeal(t)
		at := time.Now()
		time.Sleep(10 * time.Second)
		if full := r.Stats(); full.Full == "" || full.RoomBytes > 4096 || full.RoomFor != 0 || full.FullSince.Sub(at).Abs() > 2*time.Second {
			t.Errorf("full %q since %v, want since %v; room %d for %v", full.Full, full.FullSince, at, full.RoomBytes, full.RoomFor)
		}
		batch, err := r.Next(t.Context(), -1)
		if err == nil {
			err = r.Release(t.Context(), batch)
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if free := r.Stats(); free.Full != "" || !free.FullSince.IsZero() || free.RoomFor >= 0 || free.RoomBytes < o.HighWater/2 {
			t.Errorf("after the release: full %q since %v, room %d for %v", free.Full, free.FullSince, free.RoomBytes, free.RoomFor)
		}
		r.mustHalt(t)
	})
}

// TestReasonIsSaidOnce: as long as no segment can be had, or the disk is full, that is said
// once, whatever a file would have been called and however many bytes are free.
func TestReasonIsSaidOnce(t *testing.T) {
	noHandles := func(op crashfs.Op) error {
		if op.Kind == crashfs.Open {
			return syscall.EMFILE
		}
		return nil
	}
	for what, meanwhile := range map[string]func(fsys *crashfs.FS, second int64){
		"handles": func(fsys *crashfs.FS, _ int64) { fsys.Inject(noHandles) },
		"disk":    func(fsys *crashfs.FS, second int64) { fsys.SetCapacity(3*segmentMin + second) },
	} {
		synctest.Test(t, func(t *testing.T) {
			fsys := crashfs.New()
			o := smallOptions(fsys)
			o.Reserve = 3 * segmentMin
			var said strings.Builder
			o.Log = slog.New(slog.NewTextHandler(&said, nil))
			b, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			meanwhile(fsys, 0) // before the first spare
			r := run(t, b)
			reasons := map[string]bool{}
			for second := range int64(10) {
				synctest.Wait()
				r.mu.Lock()
				reasons[r.noSpare] = true
				r.mu.Unlock()
				meanwhile(fsys, second)
				time.Sleep(keepPeriod)
			}
			synctest.Wait()
			if n := strings.Count(said.String(), "space for the log changed"); n != 1 {
				t.Errorf("%s: said %d times: %s", what, n, said.String())
			}
			if what == "handles" && len(reasons) != 1 {
				t.Errorf("%s: %v", what, reasons)
			}
			fsys.Inject(nil)
			fsys.SetCapacity(0)
			time.Sleep(2 * keepPeriod)
			synctest.Wait()
			if n := strings.Count(said.String(), "space for the log changed"); n != 2 {
				t.Errorf("%s: that it is over is not said, or too often: %s", what, said.String())
			}
			r.mustHalt(t)
		})
	}
}

// TestReserveIsNoSegment: what is reserved does not become a segment either.
func TestReserveIsNoSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := crashfs.New()
		o := smallOptions(fsys)
		o.Reserve = 100 << 10
		r := start(t, o)
		synctest.Wait() // a spare is ready
		fsys.SetCapacity(2*segmentMin + o.Reserve + segmentMin/2)
		n := 0
		var err error
		for err == nil && n < 10_000 {
			if _, err = r.Append(t.Context(), testEvents(n, 10)); err == nil {
				n += 10
			}
			synctest.Wait()
		}
		if free, _ := fsys.Free("/wal"); !errors.Is(err, ErrFull) || n == 0 || free < o.Reserve {
			t.Errorf("after %d events %d bytes are free, %d are reserved: %v", n, free, o.Reserve, err)
		}
		r.mustHalt(t)
	})
}
