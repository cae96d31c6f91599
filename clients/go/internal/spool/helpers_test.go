package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
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
