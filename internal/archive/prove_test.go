package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// kinds are the kinds of notes of every commit.
func kinds(v *ledger.View) (all []string) {
	for _, m := range v.Streams[0].Manifests {
		var of []ledger.NoteKind
		for _, n := range m.Notes {
			of = append(of, n.Kind)
		}
		all = append(all, fmt.Sprint(of))
	}
	return all
}

// An unfit bucket gets nothing.
func TestUnfitBucketEndsTheStart(t *testing.T) {
	w := newWorld(t)
	asked := 0
	w.prove = func(context.Context) ([]ledger.Note, error) {
		if asked++; asked < 3 {
			return nil, errors.New("the bucket is away")
		}
		return nil, fmt.Errorf("%w: if-none-match", ErrUnfit)
	}
	p := must(w.start())
	err := <-p.arcErr
	p.arcErr <- err
	if !errors.Is(err, ErrUnfit) || asked != 3 {
		t.Errorf("start: %v after %d questions, want the third to be final", err, asked)
	}
	if s := p.archiver.Status(); s.Started || !s.Stopped {
		t.Errorf("status %+v", s)
	}
	if err := p.end(); !errors.Is(err, ErrUnfit) {
		t.Error(err)
	}
	for v, err := range w.store.Versions(t.Context(), prefix+"/ledger") {
		t.Errorf("in the bucket: %s %v", v.Key, err)
	}
}

// What the operator let go is in the ledger: once for every run, also when the answer
// to its commit is lost and when the run continues the last one.
func TestOverrideIsInTheLedger(t *testing.T) {
	w := newWorld(t)
	w.prove = func(context.Context) ([]ledger.Note, error) {
		return []ledger.Note{{Kind: ledger.NoteOverride, Text: "if-none-match fail: taken"}}, nil
	}
	w.wrap = func(s *memstore.Store) object.Store { return &losesAnswers{Store: s, every: 3} }
	w.finish()
	w.finish()
	w.prove = nil
	w.finish()
	want := []string{"[start override]", "[start override]"}
	if got := kinds(w.check()); !slices.Equal(got, want) {
		t.Errorf("notes of the commits: %q, want %q", got, want)
	}
	if text := w.view().Streams[0].Manifests[0].Notes[1].Text; text != "if-none-match fail: taken" {
		t.Errorf("text %q", text)
	}
}

// losesAnswers stores what it says it could not, every few times.
type losesAnswers struct {
	*memstore.Store
	every, puts int
}

func (s *losesAnswers) Put(ctx context.Context, p object.Put) (string, error) {
	version, err := s.Store.Put(ctx, p)
	if s.puts++; err == nil && s.puts%s.every == 2 {
		return "", errors.New("connection reset")
	}
	return version, err
}
