package export

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/pack"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// selection hands out what Selected yields, commit by commit.
type selection struct {
	all   bool
	next  func() (Row, error, bool)
	stop  func()
	ahead *Row                // read, and not handed out; nil at the end
	ends  map[uuid.UUID]int64 // next seq of each stream, in the pack

	commit pack.FilePart // that seqs is about: Stream and Index
	seqs   *wanted
}

// wanted are the selected seqs of one commit.
type wanted struct {
	all   bool
	seqs  []int64 // ascending
	found int
}

// none says that no further file can have any of them.
func (w *wanted) none() bool { return !w.all && w.found == len(w.seqs) }

// take says whether a row is wanted. Each seq is in one row of one file, as the
// commit's root and count of rows ensure.
func (w *wanted) take(seq int64) bool {
	if w.all {
		return true
	}
	_, ok := slices.BinarySearch(w.seqs, seq)
	if ok {
		w.found++
	}
	return ok
}

func (e *exporter) selection(ctx context.Context) (*selection, error) {
	if e.Where == "" {
		return &selection{all: true, stop: func() {}}, nil
	}
	s := &selection{seqs: &wanted{}, ends: make(map[uuid.UUID]int64)}
	for i := range e.statement.Streams {
		s.ends[e.statement.Streams[i].Stream] = e.statement.Streams[i].NextSeq
	}
	s.next, s.stop = iter.Pull2(e.Selected(ctx))
	return s, s.read()
}

// read takes the next row of the selection. What was committed since the ledger
// was copied is not part of the pack.
func (s *selection) read() error {
	row, err, ok := s.next()
	for err == nil && ok && row.Seq >= s.ends[row.Stream] {
		row, err, ok = s.next()
	}
	switch {
	case err != nil:
		return fmt.Errorf("select rows: %w", err)
	case !ok:
		s.ahead = nil
	case s.ahead != nil && cmp.Or(bytes.Compare(row.Stream[:], s.ahead.Stream[:]), cmp.Compare(row.Seq, s.ahead.Seq)) <= 0:
		return fmt.Errorf("select rows: stream %s seq %d comes after stream %s seq %d", row.Stream, row.Seq, s.ahead.Stream, s.ahead.Seq)
	default:
		s.ahead = &row
	}
	return nil
}

// of returns what is wanted of a file, given the files in order of streams and commits.
func (s *selection) of(part *pack.FilePart) (*wanted, error) {
	if s.all {
		return &wanted{all: true}, nil
	}
	if s.commit.Stream == part.Stream && s.commit.Index == part.Index && s.commit.Key != "" {
		return s.seqs, nil
	}
	if err := s.settled(); err != nil {
		return nil, err
	}
	key, ok := parquet.ParseKey("", part.Key)
	if !ok {
		return nil, errors.New("is no name of a data file")
	}
	s.commit, s.seqs = *part, &wanted{}
	for s.ahead != nil && s.ahead.Stream == part.Stream && s.ahead.Seq <= key.Last {
		s.seqs.seqs = append(s.seqs.seqs, s.ahead.Seq)
		if err := s.read(); err != nil {
			return nil, err
		}
	}
	return s.seqs, nil
}

// settled demands that every wanted row of the commit before was found.
func (s *selection) settled() error {
	if !s.all && !s.seqs.none() {
		return fmt.Errorf("stream %s commit %d: %d rows are selected, %d are in its files of the period", s.commit.Stream, s.commit.Index, len(s.seqs.seqs), s.seqs.found)
	}
	return nil
}

// end demands that nothing is left.
func (s *selection) end() error {
	if err := s.settled(); err != nil {
		return err
	}
	if s.ahead != nil {
		return fmt.Errorf("stream %s seq %d is selected, and no file of the period has it", s.ahead.Stream, s.ahead.Seq)
	}
	return nil
}
