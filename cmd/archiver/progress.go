package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

// progressEvery is how often a person is told that a query is still running.
const progressEvery = 2 * time.Second

// progressTo tells a person at a terminal how a long query goes; others nothing.
func progressTo(w io.Writer) func(athena.Progress) {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	var last time.Duration
	return func(p athena.Progress) {
		if p.Elapsed-last < progressEvery {
			return
		}
		last = p.Elapsed
		name := "query"
		if p.ID != "" {
			name += " " + p.ID
		}
		fmt.Fprintf(w, "%s: %s for %s, %d bytes read; Ctrl-C cancels it\n", name, p.State, p.Elapsed.Round(time.Second), p.BytesRead)
	}
}

// watched is an engine that does not tell by itself how its queries go. read is what it
// has fetched since it was opened.
type watched struct {
	athena.Engine
	tell func(athena.Progress)
	read func() int64
}

func (w watched) Query(ctx context.Context, q athena.Query) (athena.Result, error) {
	stop := w.watch()
	r, err := w.Engine.Query(ctx, q)
	if err != nil {
		stop()
		return nil, err
	}
	return watchedResult{r, stop}, nil
}

// watch tells from time to time until stop is called, which waits for the last word.
func (w watched) watch() (stop func()) {
	begun, before := time.Now(), w.read()
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		turn := time.NewTicker(progressEvery)
		defer turn.Stop()
		for {
			select {
			case <-turn.C:
				w.tell(athena.Progress{State: "RUNNING", Elapsed: time.Since(begun), BytesRead: w.read() - before})
			case <-done:
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(done)
		<-ended
	})
}

// watchedResult ends the watch with the rows: what is printed then is the answer.
type watchedResult struct {
	athena.Result
	stop func()
}

func (r watchedResult) Next(ctx context.Context) ([]any, error) {
	row, err := r.Result.Next(ctx)
	if err != nil {
		r.stop()
	}
	return row, err
}

func (r watchedResult) Close() error {
	r.stop()
	return r.Result.Close()
}
