package pack

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/google/uuid"
)

// choice compares the exported rows with those that the condition selects when it
// is evaluated again, commit by commit: seqs rise from one commit to the next.
type choice struct {
	off   bool // there is nothing to compare, or no longer
	next  func() (Row, error, bool)
	stop  func()
	ahead *Row // selected, and not compared

	stream uuid.UUID
	index  int64
	member string // for a finding
	seqs   []int64
}

// choice begins the comparison, when there is a condition and all that it takes.
func (c *checker) choice() *choice {
	if c.said.Where == "" || !c.said.WholeFiles || c.again == nil {
		return &choice{off: true, stop: func() {}}
	}
	var files []Whole
	for _, f := range c.build.Overlapping {
		files = append(files, Whole{f, c.section(c.members[FileName(f.Key)])})
	}
	c.report.Evaluated = true
	ch := &choice{index: -1}
	ch.next, ch.stop = iter.Pull2(c.again(c.ctx, &c.said, files))
	return ch
}

// commit says whose rows come next.
func (ch *choice) commit(part *FilePart) error {
	if ch.off || ch.stream == part.Stream && ch.index == part.Index {
		return nil
	}
	first := ch.index < 0
	err := ch.settle()
	ch.stream, ch.index, ch.member = part.Stream, part.Index, RowsName(part.Key)
	if err == nil && first {
		err = ch.read()
	}
	return err
}

func (ch *choice) add(seq int64) {
	if !ch.off {
		ch.seqs = append(ch.seqs, seq)
	}
}

func (ch *choice) read() error {
	row, err, ok := ch.next()
	ch.ahead = nil
	if err != nil {
		return fmt.Errorf("evaluate the condition: %w", err)
	}
	if ok {
		ch.ahead = &row
	}
	return nil
}

// settle compares the rows of the commit that is over.
func (ch *choice) settle() error {
	slices.Sort(ch.seqs)
	for _, seq := range ch.seqs {
		switch order := ch.order(seq); {
		case order > 0:
			return ch.found(Injected, seq, "is here, and the condition does not select it")
		case order < 0:
			return ch.found(Missing, ch.ahead.Seq, "is selected by the condition, and is not here")
		}
		if err := ch.read(); err != nil {
			return err
		}
	}
	ch.seqs = ch.seqs[:0]
	return nil
}

// order compares the row ahead with one of the commit that is over.
func (ch *choice) order(seq int64) int {
	if ch.ahead == nil {
		return 1
	}
	return cmp.Or(bytes.Compare(ch.ahead.Stream[:], ch.stream[:]), cmp.Compare(ch.ahead.Seq, seq))
}

func (ch *choice) found(kind Kind, seq int64, what string) error {
	ch.off = true
	f := about(kind, 3, ch.member, "seq %d %s", seq, what)
	f.Stream, f.First, f.Last = ch.stream.String(), seq, seq
	if kind == Missing {
		f.Stream = ch.ahead.Stream.String()
	}
	return f
}

// end compares the last commit, and demands that nothing else is selected.
func (ch *choice) end() error {
	if ch.off {
		return nil
	}
	if err := ch.settle(); err != nil {
		return err
	}
	if ch.index >= 0 && ch.ahead != nil {
		return ch.found(Missing, ch.ahead.Seq, "is selected by the condition, and is not here")
	}
	return nil
}
