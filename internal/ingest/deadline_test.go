package ingest

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestLateDeadlines: whoever waits is told at the instant that was asked for last, however
// often that was changed and whatever was told below.
func TestLateDeadlines(t *testing.T) {
	const s = time.Second
	for name, tt := range map[string]struct {
		asked []time.Duration // at 0, 1, 2 ... s; 0: none, negative: over already
		want  time.Duration   // when the wait is over; 0: it is not
	}{
		"soon":                  {[]time.Duration{3 * s}, 3 * s},
		"later than a look":     {[]time.Duration{12 * s}, 12 * s},
		"extended":              {[]time.Duration{3 * s, 120 * s}, 121 * s},
		"extended and again":    {[]time.Duration{10 * s, 60 * s, 10 * s, 120 * s}, 123 * s},
		"shortened":             {[]time.Duration{120 * s, 10 * s}, 11 * s},
		"taken back":            {[]time.Duration{3 * s, 0}, 0},
		"over":                  {[]time.Duration{60 * s, -1}, 1 * s},
		"none":                  {[]time.Duration{0}, 0},
		"taken back, set again": {[]time.Duration{3 * s, 0, 0, 0, 0, 0, 0, 30 * s}, 37 * s},
	} {
		for side, wait := range map[string]func(*lateConn) error{
			"read":  func(c *lateConn) error { _, err := c.Read(make([]byte, 1)); return err },
			"write": func(c *lateConn) error { _, err := c.Write([]byte("x")); return err },
		} {
			t.Run(name+"/"+side, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					below, other := net.Pipe()
					c := newLateConn(below)
					set := c.SetReadDeadline
					if side == "write" {
						set = c.SetWriteDeadline
					}
					over := make(chan time.Duration, 1)
					began := time.Now()
					go func() {
						for i, d := range tt.asked {
							at := time.Now().Add(d)
							if d == 0 {
								at = time.Time{}
							}
							if err := set(at); err != nil {
								t.Error(err)
							}
							if i == 0 {
								go func() {
									err := wait(c)
									if !errors.Is(err, os.ErrDeadlineExceeded) && tt.want > 0 {
										t.Error(err)
									}
									over <- time.Since(began)
								}()
							}
							time.Sleep(s)
						}
					}()
					time.Sleep(1000 * s)
					_ = errors.Join(other.Close(), c.Close())
					want := tt.want
					if want == 0 {
						want = 1000 * s
					}
					if took := <-over; took != want {
						t.Errorf("over after %v, want %v", took, want)
					}
				})
			})
		}
	}
}

// TestLateDeadlineAgain: after a wait was broken off, as net/http does behind each
// request, the connection works as before, and nothing is sent twice when a reader is slow.
func TestLateDeadlineAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		below, other := net.Pipe()
		c := newLateConn(below)
		defer c.Close()
		for range 3 {
			broken := make(chan error)
			go func() {
				_, err := c.Read(make([]byte, 1))
				broken <- err
			}()
			synctest.Wait()
			if err := c.SetDeadline(time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
			if err := <-broken; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			if err := c.SetDeadline(time.Time{}); err != nil {
				t.Fatal(err)
			}
			go func() {
				for _, part := range []string{"12", "34", "56"} { // longer apart than a look
					time.Sleep(2 * lateLook)
					if _, err := other.Write([]byte(part)); err != nil {
						t.Error(err)
					}
				}
			}()
			got := make([]byte, 6)
			if _, err := io.ReadFull(c, got); err != nil || string(got) != "123456" {
				t.Fatalf("read %q, %v", got, err)
			}
			go func() {
				if n, err := c.Write([]byte("abcdef")); n != 6 || err != nil {
					t.Errorf("wrote %d, %v", n, err)
				}
			}()
			for _, want := range []string{"ab", "cd", "ef"} {
				time.Sleep(2 * lateLook)
				if _, err := io.ReadFull(other, got[:2]); err != nil || string(got[:2]) != want {
					t.Fatalf("read %q, %v; want %s", got[:2], err, want)
				}
			}
		}
	})
}
