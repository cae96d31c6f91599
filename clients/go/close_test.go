package audit_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	audit "github.com/audit-archiver/archiver/clients/go"
	"github.com/audit-archiver/archiver/clients/go/audittest"
)

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audittest.NewSidecar(t)
		dir := t.TempDir()
		c := newClient(t, s, func(o *audit.Options) {
			o.SpoolDir = dir
			o.Linger = time.Hour // Close does not linger
		})
		enqueue(t, c, "one", "two")
		for range 2 {
			if err := c.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if len(s.Events()) != 2 || len(folders(t, dir)) != 0 {
			t.Errorf("%d stored, folders %v", len(s.Events()), folders(t, dir))
		}
		for name, err := range map[string]error{
			"record":  c.Record(t.Context(), event("x")),
			"enqueue": c.Enqueue(t.Context(), event("x")),
		} {
			var ae *audit.Error
			if !errors.Is(err, audit.ErrClosed) || !errors.As(err, &ae) || ae.Event == nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := c.Flush(t.Context()); err != nil {
			t.Errorf("everything is delivered: %v", err)
		}
	})
}

// TestCloseWaits: when Close is back, nothing of the client runs any more.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audittest.NewSidecar(t)
		s.Next(audittest.Fault{Status: 400})
		release := make(chan struct{})
		c := newClient(t, s, func(o *audit.Options) { o.OnDeadLetter = func(audit.DeadLetter) { <-release } })
		enqueue(t, c, "bad")
		synctest.Wait() // it is running now
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		closed := make(chan struct{})
		go func() {
			_ = c.Close(ended) // TestCloseLeavesTheRest looks at its error
			close(closed)
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("Close came back while OnDeadLetter was running")
		default:
		}
		close(release)
		<-closed
	})
}

func folders(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*-*-*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestCloseLeavesTheRest to the next client, which begins with what is older.
func TestCloseLeavesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audittest.NewSidecar(t)
		dir := t.TempDir()
		inDir := func(o *audit.Options) { o.SpoolDir = dir; o.BatchEvents = 2 }
		s.Next(audittest.Fault{}, audittest.Fault{Stall: true, Store: true}) // the second request is cut off by Close
		first := newClient(t, s, inDir)
		enqueue(t, first, "one", "two", "three", "four", "five")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := first.Close(ctx)
		if !errors.Is(err, audit.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "events stay in "+dir) {
			t.Errorf("%v", err)
		}
		if err := first.Flush(t.Context()); !errors.Is(err, audit.ErrClosed) {
			t.Errorf("%v", err)
		}
		second := newClient(t, s, inDir)
		synctest.Wait()
		if got := actions(s.Events()); !slices.Equal(got, []string{"one", "two", "three", "four", "five"}) {
			t.Errorf("stored %v", got)
		}
		if got := folders(t, dir); len(got) != 1 || second.Stats().DeadLettered != 0 {
			t.Errorf("folders %v, %+v", got, second.Stats())
		}
	})
}

// TestAdoptsLater: a client that outlives another finds its spool within 30 s,
// leaves the spools of living ones, and of other languages, alone.
func TestAdoptsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audittest.NewSidecar(t)
		dir := t.TempDir()
		inDir := func(o *audit.Options) { o.SpoolDir = dir }
		newClient(t, s, inDir)
		other := filepath.Join(dir, "py-"+audit.NewID())
		if err := os.Mkdir(other, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(other, "00000000000000000001.spool"), []byte("torn"))

		s.Next(audittest.Fault{Status: 503, Header: map[string][]string{"Retry-After": {"60"}}})
		dying := newClient(t, s, inDir)
		enqueue(t, dying, "one")
		time.Sleep(31 * time.Second)
		if len(s.Events()) != 0 {
			t.Fatal("the spool of a living client was adopted")
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := dying.Close(ended); !errors.Is(err, audit.ErrUnavailable) {
			t.Fatal(err)
		}
		time.Sleep(28 * time.Second) // it has looked after 30 s, and will after 60
		if len(s.Events()) != 0 {
			t.Error("it looks more often than it says")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := actions(s.Events()); !slices.Equal(got, []string{"one"}) {
			t.Errorf("stored %v", got)
		}
		if got := folders(t, dir); len(got) != 2 || !slices.Contains(got, other) {
			t.Errorf("folders %v", got)
		}
	})
}
