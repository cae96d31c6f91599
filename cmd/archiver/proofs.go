package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/ingest"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/prove"
)

// pinned is a file of the cache that stays until it is closed.
type pinned struct {
	*os.File
	release func()
}

func (p pinned) Close() error {
	defer p.release()
	return p.File.Close()
}

// openFile is a prove.Opener: the cache compares a file with its manifest before
// anybody sees it.
func (q *queries) openFile(ctx context.Context, f *ledger.File) (prove.File, error) {
	paths, release, err := q.files.Pin(ctx, []athena.File{{
		Key: ledger.Join(q.prefix, f.Key), VersionID: f.VersionID, Size: f.Size, SHA256: f.SHA256, Class: f.Class, Day: f.Day, RetainUntil: f.RetainUntil,
	}})
	if errors.Is(err, athena.ErrForged) {
		return nil, fmt.Errorf("%w: %w", prove.ErrContent, err)
	}
	if err != nil {
		return nil, err
	}
	if paths[0] == "" {
		return nil, fmt.Errorf("%s has expired: %w", f.Key, object.ErrNotFound)
	}
	file, err := os.Open(paths[0])
	if err != nil {
		release()
		return nil, fmt.Errorf("cached file: %w", err)
	}
	return pinned{file, release}, nil
}

// finder reads the ledger and returns what can be looked up in it. Its error says
// nothing about any event.
func (q *queries) finder(ctx context.Context) (*prove.Finder, error) {
	view, err := q.reader.Refresh(ctx)
	if view == nil {
		return nil, fmt.Errorf("%w: %w", err, errNotThere)
	}
	return &prove.Finder{View: view, Complete: err == nil, Open: q.openFile, Now: time.Now}, nil
}

// candidate is an event that has the id.
type candidate struct {
	prove.Event
	producer string
}

// candidatesMost bounds how many events of one id are told apart.
const candidatesMost = 100

// candidates asks the SQL engine which events a query may mean.
func (q *queries) candidates(ctx context.Context, p ingest.ProofQuery) (all []candidate, _ error) {
	sql := fmt.Sprintf("SELECT stream, seq, producer FROM audit_logs WHERE id = '%s'", p.ID) // a UUID
	if p.Day != "" {
		day, err := time.Parse(time.DateOnly, p.Day)
		if err != nil {
			return nil, fmt.Errorf("day %q: %w", p.Day, err)
		}
		sql += fmt.Sprintf(" AND dt = '%s'", day.Format(time.DateOnly))
	}
	result, err := q.engine.Query(ctx, athena.Query{SQL: sql, MaxRows: candidatesMost})
	if err != nil {
		return nil, err
	}
	defer func() { _ = result.Close() }() // it was read to its end, or has failed
	for {
		row, err := result.Next(ctx)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		c, err := candidateOf(row)
		if err != nil {
			return nil, err
		}
		if (p.Producer == "" || c.producer == p.Producer) && (p.Stream == uuid.Nil || c.Stream == p.Stream) && (p.Seq < 0 || c.Seq == p.Seq) {
			all = append(all, c)
		}
	}
}

func candidateOf(row []any) (c candidate, err error) {
	stream, ok1 := row[0].(string)
	seq, ok2 := row[1].(int64)
	producer, ok3 := row[2].(string)
	if !ok1 || !ok2 || !ok3 {
		return c, fmt.Errorf("look for the id: a row of %T, %T, %T", row[0], row[1], row[2])
	}
	c.producer, c.Seq = producer, seq
	if c.Stream, err = uuid.Parse(stream); err != nil {
		return c, fmt.Errorf("look for the id: %w", err)
	}
	return c, nil
}

// errNoEvent and errSeveral are the errors of an id that is not of exactly one event.
var (
	errNoEvent = errors.New("no event has the id")
	errSeveral = errors.New("several events have the id")
)

// name finds out which event a query means. With stream and seq nothing is asked.
func (q *queries) name(ctx context.Context, p ingest.ProofQuery) (prove.Event, error) {
	if p.Stream != uuid.Nil && p.Seq >= 0 {
		return prove.Event{Stream: p.Stream, Seq: p.Seq}, nil
	}
	all, err := q.candidates(ctx, p)
	switch {
	case err != nil:
		return prove.Event{}, fmt.Errorf("look for id %s: %w", p.ID, err)
	case len(all) == 0:
		return prove.Event{}, errNoEvent
	case len(all) > 1:
		return prove.Event{}, fmt.Errorf("%w: %s", errSeveral, list(all))
	}
	return all[0].Event, nil
}

func list(all []candidate) string {
	const most = 10
	var names []string
	for i, c := range all {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(all)-most))
			break
		}
		names = append(names, fmt.Sprintf("%s by producer %q", c.Event, c.producer))
	}
	return strings.Join(names, "; ")
}

// find looks up the event that a query means, and makes sure that it is that one.
func (q *queries) find(ctx context.Context, p ingest.ProofQuery) (*prove.Found, error) {
	e, err := q.name(ctx, p)
	if err != nil {
		return nil, err
	}
	f, err := q.finder(ctx)
	if err != nil {
		return nil, err
	}
	found, err := f.Find(ctx, e)
	if err != nil {
		return nil, err
	}
	if p.ID != uuid.Nil && found.Row.ID != p.ID.String() {
		return nil, fmt.Errorf("%w: %s has id %s", errNoEvent, e, found.Row.ID)
	}
	if p.Producer != "" && found.Row.Producer != p.Producer {
		return nil, fmt.Errorf("%w: %s is by producer %q", errNoEvent, e, found.Row.Producer)
	}
	return found, nil
}

// prove is the ingest.Prover of a server.
func (q *queries) prove(ctx context.Context, p ingest.ProofQuery) ([]byte, error) {
	found, err := q.find(ctx, p)
	if err == nil {
		return found.Proof()
	}
	refuse := func(r ingest.ProofRefusal, detail string) ([]byte, error) {
		return nil, &ingest.ProofError{Refusal: r, Detail: detail, Cause: err}
	}
	var absent *prove.Absence
	switch {
	case errors.Is(err, errNoEvent):
		return refuse(ingest.NoEvent, err.Error())
	case errors.Is(err, errSeveral):
		return refuse(ingest.Ambiguous, err.Error()+"; choose with producer, or with stream and seq")
	case errors.Is(err, athena.ErrTooBig):
		return refuse(ingest.Unavailable, "looking for the id takes more files than the cache holds: name the day (dt), or stream and seq")
	case errors.Is(err, athena.ErrBusy):
		return refuse(ingest.Unavailable, "too many queries are running")
	case !errors.As(err, &absent):
		return refuse(ingest.Unavailable, "the archive cannot be read now")
	}
	switch absent.State {
	case prove.NotCommitted:
		return refuse(ingest.NotArchived, absent.Error())
	case prove.Expired:
		return refuse(ingest.Expired, absent.Error())
	case prove.Unknown:
		return refuse(ingest.Unavailable, absent.Event.String()+" cannot be looked up now")
	case prove.Missing:
		if p.Seq >= 0 { // the client's number, not the engine's
			return refuse(ingest.NoEvent, absent.Error())
		}
	}
	return nil, err
}
