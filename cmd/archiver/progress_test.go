package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

// slowEngine takes its time for a query, and for a row.
type slowEngine struct{ first, row time.Duration }

func (e slowEngine) Close() error { return nil }

func (e slowEngine) Query(context.Context, athena.Query) (athena.Result, error) {
	time.Sleep(e.first)
	if e.row == 0 {
		return nil, errors.New("broken")
	}
	return slowResult{athena.Lines("c", []string{"a"}, athena.Meta{}, nil), e.row}, nil
}

type slowResult struct {
	athena.Result
	row time.Duration
}

func (r slowResult) Next(ctx context.Context) ([]any, error) {
	time.Sleep(r.row)
	return r.Result.Next(ctx)
}

// TestProgress: a person is told of a query that takes long, until its rows end or it
// fails, and of what was fetched for it.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []time.Duration
		fetched := int64(100) // for an earlier query
		w := watched{
			Engine: slowEngine{5 * time.Second, 3 * time.Second},
			tell: func(p athena.Progress) {
				told = append(told, p.Elapsed)
				if p.BytesRead != fetched-100 {
					t.Errorf("%d bytes read", p.BytesRead)
				}
			},
			read: func() int64 { return fetched },
		}
		go func() {
			time.Sleep(3 * time.Second)
			fetched = 150
		}()
		r, err := w.Query(t.Context(), athena.Query{})
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = r.Next(t.Context())
		}
		time.Sleep(time.Minute)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if want := []time.Duration{2 * time.Second, 4 * time.Second, 6 * time.Second, 8 * time.Second, 10 * time.Second}; !slices.Equal(told, want) {
			t.Errorf("told after %v, want %v", told, want)
		}
		told, fetched = nil, 100
		w.Engine = slowEngine{3 * time.Second, 0}
		if _, err := w.Query(t.Context(), athena.Query{}); err == nil {
			t.Error("it failed without an error")
		}
		time.Sleep(time.Minute)
		if len(told) != 1 {
			t.Errorf("told after %v, want once, before it failed", told)
		}
	})
}
