package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/mirror/mirrortest"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// script is a target that does what a test says, round after round.
type script struct {
	round  int
	rounds []func() error
}

func (s *script) Position(context.Context, uuid.UUID) (Position, error) {
	s.round++
	return Position{}, s.rounds[s.round-1]()
}

func (s *script) Write(context.Context, *Commit) error { return errors.New("not reached") }

// TestRunPausesAndTells: pauses grow while it fails, the log says what is new, a defect
// in a target is an error like any other, and the end of the context is the end.
func TestRunPausesAndTells(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	store := memstore.New(t, now)
	a := mirrortest.New(t, store, now)
	a.Stream().Commit(mirrortest.Events(1, at)...)
	away := func(port int) func() error {
		return func() error { return fmt.Errorf("dial 127.0.0.1:%d: refused", port) }
	}
	var log bytes.Buffer
	to := &script{rounds: []func() error{away(1), away(22), away(333), func() error { panic("oh no") }, away(4), away(5), away(6), away(7), away(8)}}
	f, err := New(Options{Name: "test", Reader: a.Reader(), Store: store, Prefix: mirrortest.Prefix, Target: to, Interval: time.Hour,
		Wake: make(chan struct{}), Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(&log, nil)), Now: now, Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	var pauses []time.Duration
	f.pause = func(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
		if wake != nil {
			t.Error("a wake shortens the pause after an error")
		}
		at = at.Add(d)
		if pauses = append(pauses, d); len(pauses) == len(to.rounds) {
			cancel(enough)
		}
		return context.Cause(ctx)
	}
	if err := f.Run(ctx); !errors.Is(err, enough) {
		t.Fatal(err)
	}
	most := backoffFirst
	for i, d := range pauses {
		if d < most/2 || d > most {
			t.Errorf("pause %d is %s, want %s to %s", i, d, most/2, most)
		}
		most = min(2*most, backoffMost)
	}
	if n := strings.Count(log.String(), "mirror fails"); n != 3 || !strings.Contains(log.String(), "oh no") {
		t.Errorf("the log says %d times that it fails, want 3 (away, defect, away):\n%s", n, &log)
	}
}

// TestRunWakes: after a round that worked it waits for the interval or a wake.
func TestRunWakes(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	store := memstore.New(t, now)
	wake := make(chan struct{}, 1)
	a := mirrortest.New(t, store, now)
	f, err := New(Options{Name: "test", Reader: a.Reader(), Store: store, Prefix: mirrortest.Prefix, Target: &script{}, Interval: time.Hour,
		Wake: wake, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: now, Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	rounds := 0
	f.pause = func(ctx context.Context, d time.Duration, w <-chan struct{}) error {
		if d != time.Hour || w == nil {
			t.Errorf("pause of %s, wake %v", d, w)
		}
		if rounds++; rounds == 3 {
			cancel()
		}
		wake <- struct{}{}
		return pause(ctx, d, w) // an hour, if the wake did nothing
	}
	if err := f.Run(ctx); !errors.Is(err, context.Canceled) || rounds != 3 {
		t.Errorf("%v after %d rounds", err, rounds)
	}
}

// spoiled gives other bytes than those that were stored.
type spoiled struct {
	*memstore.Store
	spoil func([]byte) []byte
}

func (s spoiled) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	body, err := s.Store.Get(ctx, key, version)
	if err != nil || !strings.HasSuffix(key, ".parquet") {
		return body, err
	}
	raw, err := io.ReadAll(body)
	return io.NopCloser(bytes.NewReader(s.spoil(raw))), err
}

// TestSpoiledFiles: no row of a file is handed on whose bytes are not the manifest's.
func TestSpoiledFiles(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	store := memstore.New(t, now)
	a := mirrortest.New(t, store, now)
	m := a.Stream().Commit(mirrortest.Events(4, at)...)
	for name, spoil := range map[string]func([]byte) []byte{
		"one bit": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"short":   func(b []byte) []byte { return b[:len(b)-1] },
		"long":    func(b []byte) []byte { return append(b, 0) },
		"empty":   func([]byte) []byte { return nil },
		"endless": func(b []byte) []byte { return append(b, make([]byte, 1<<20)...) },
	} {
		s := Source{Store: spoiled{store, spoil}, Prefix: mirrortest.Prefix, Dir: t.TempDir(), Now: now}
		c, err := s.Commit(t.Context(), &m)
		if err != nil {
			t.Fatal(err)
		}
		rows, failed := 0, false
		for _, err := range c.Rows(t.Context()) {
			failed = failed || err != nil
			if err == nil {
				rows++
			}
		}
		if rows != 0 || !failed {
			t.Errorf("%s: %d rows, error: %t", name, rows, failed)
		}
	}
	// A signed manifest that says something else about the file than the file does.
	for name, change := range map[string]func(*ledger.File){
		"rows":   func(f *ledger.File) { f.Rows++ },
		"first":  func(f *ledger.File) { f.FirstSeq++ },
		"before": func(f *ledger.File) { f.FirstSeq-- },
		"behind": func(f *ledger.File) { f.LastSeq++ },
	} {
		other := m
		other.Files = []ledger.File{m.Files[0]}
		change(&other.Files[0])
		s := Source{Store: store, Prefix: mirrortest.Prefix, Dir: t.TempDir(), Now: now}
		c, err := s.Commit(t.Context(), &other)
		if err != nil {
			t.Fatal(err)
		}
		failed := false
		for _, err := range c.Rows(t.Context()) {
			failed = failed || err != nil
		}
		if !failed {
			t.Errorf("%s: no error", name)
		}
	}
}
