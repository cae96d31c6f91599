package sqlgen

import "math/rand/v2"

// source makes the choices of one query and remembers them: a query is nothing
// but its choices. 0 is the simplest choice everywhere, so a smaller query is
// one with fewer choices, or smaller ones.
type source struct {
	rng  *rand.Rand // nil: what is not replayed is 0
	old  []int      // choices to make again
	at   int        // the next of old
	edit *edit
	zero int // open spans, the one that is being zeroed and those in it; 0: none

	made  []int
	spans []span
}

// span is what one part of the query chose: made[begin:end].
type span struct {
	label      string // spans of one label can stand for each other
	begin, end int
}

// edit makes one span again with other choices.
type edit struct {
	span   int // by number
	from   int // where its choices are in old; -1: all are 0
	resume int // where old goes on behind the span
}

// n chooses one of 0 … bound-1.
func (s *source) n(bound int) int {
	v := 0
	switch {
	case s.zero > 0 || bound < 2:
	case s.at < len(s.old):
		v = min(s.old[s.at], bound-1)
	case s.rng != nil:
		v = s.rng.IntN(bound)
	}
	if s.zero == 0 {
		s.at++
	}
	s.made = append(s.made, v)
	return v
}

// chance is true in percent of all cases; false is simpler.
func (s *source) chance(percent int) bool { return s.n(100) >= 100-percent }

// begin opens a span; the result closes it.
func (s *source) begin(label string) (end func()) {
	i := len(s.spans)
	s.spans = append(s.spans, span{label: label, begin: len(s.made)})
	edited := s.zero == 0 && s.edit != nil && s.edit.span == i
	switch {
	case s.zero > 0 || edited && s.edit.from < 0:
		s.zero++
	case edited:
		s.at = s.edit.from
	}
	return func() {
		s.spans[i].end = len(s.made)
		if s.zero > 0 {
			s.zero--
		}
		if edited {
			s.at = s.edit.resume
		}
	}
}

func pick[T any](s *source, from []T) T { return from[s.n(len(from))] }
