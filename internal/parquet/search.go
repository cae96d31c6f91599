package parquet

import (
	"fmt"
	"math"
	"sort"
)

// search returns the rows of the row group that are wanted.
func (p *picker) search(w Wanted) (places []int32, err error) {
	within, err := p.between(w.MinNS, w.MaxNS)
	if err != nil {
		return nil, fmt.Errorf("column timestamp_ns: %w", err)
	}
	for _, m := range w.Where {
		if within, err = p.narrow(p.f.place(m.Column), m.Values, within); err != nil {
			return nil, fmt.Errorf("column %s: %w", m.Column, err)
		}
	}
	for i, m := range w.Where {
		most := w.MostLeft
		if i == len(w.Where)-1 {
			most = w.Most
		}
		if places, err = p.find(p.f.place(m.Column), m.Values, within, most); err != nil {
			return nil, fmt.Errorf("column %s: %w", m.Column, err)
		}
		within = within[:0]
		for _, row := range places {
			within = append(within, span{row, row + 1})
		}
	}
	return places, nil
}

// between returns the rows with a timestamp_ns within the bounds, which follow each other; all rows, when the file does not say so.
func (p *picker) between(minNS, maxNS int64) ([]span, error) {
	all := span{0, int32(p.group.rows)}
	if !p.group.ordered || minNS <= p.group.minNS && maxNS >= p.group.maxNS {
		return []span{all}, nil
	}
	c, err := p.open(p.f.place("timestamp_ns"))
	if err != nil {
		return nil, err
	}
	if all.from, err = p.firstAt(c, minNS); err != nil {
		return nil, err
	}
	if maxNS < math.MaxInt64 {
		all.to, err = p.firstAt(c, maxNS+1)
	}
	if err != nil || all.from >= all.to {
		return nil, err
	}
	return []span{all}, nil
}

// firstAt is the first row whose timestamp_ns is at least ns, or the number of rows.
func (p *picker) firstAt(c *chunk, ns int64) (row int32, err error) {
	behind := sort.Search(len(c.pages), func(n int) bool { // the page that begins there or later
		var v *values
		var first int64
		if err == nil {
			v, err = p.load(c, n)
		}
		if err == nil {
			first, err = v.ints.next()
		}
		return err != nil || first >= ns
	})
	if err != nil || behind == 0 {
		return 0, err
	}
	v, err := p.load(c, behind-1)
	if err != nil {
		return 0, err
	}
	rows := c.rowsOf(behind - 1)
	for row := rows.from; row < rows.to; row++ {
		at, err := v.ints.next()
		if err != nil || at >= ns {
			return row, err
		}
	}
	return rows.to, nil
}

// narrow leaves of within what the value index says may have one of the wanted values in column i.
func (p *picker) narrow(i int, wanted []string, within []span) ([]span, error) {
	n := p.f.cols[i].index - 1
	if n < 0 || p.f.index == nil {
		return within, nil
	}
	may, read, err := p.f.index[p.number*len(indexColumns())+n].ranges(p.r, p.group.rows, wanted)
	p.read += read
	return intersect(within, may), err
}

// intersect returns the rows that are in a and in b.
func intersect(a, b []span) (both []span) {
	for len(a) > 0 && len(b) > 0 {
		if s := (span{max(a[0].from, b[0].from), min(a[0].to, b[0].to)}); s.from < s.to {
			both = append(both, s)
		}
		if a[0].to < b[0].to {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return both
}

// find returns which rows of within have one of the wanted values in column i.
func (p *picker) find(i int, wanted []string, within []span, most int) ([]int32, error) {
	if len(within) == 0 {
		return nil, nil
	}
	c, err := p.open(i)
	if err != nil {
		return nil, err
	}
	is := oneOf(wanted)
	var codes []bool
	if c.chunkPlaces.dict != 0 {
		if err := p.dictionary(c); err != nil {
			return nil, err
		}
		if codes, err = c.dict.which(is); err != nil {
			return nil, err
		}
	}
	s := hunt{picker: p, chunk: c, is: is, codes: codes, most: most}
	for n := 0; n < len(c.pages) && len(within) > 0; n++ {
		rows := c.rowsOf(n)
		last := sort.Search(len(within), func(k int) bool { return within[k].from >= rows.to })
		if last == 0 {
			continue
		}
		if err := s.page(n, rows, within[:last]); err != nil {
			return nil, err
		}
		if within[last-1].to > rows.to { // goes on in the next page
			last--
		}
		within = within[last:]
	}
	return s.found, nil
}

// hunt collects the rows of a chunk that have one of some values.
type hunt struct {
	*picker
	chunk *chunk
	is    func(v []byte) bool
	codes []bool // of the dictionary; nil: none of its values
	most  int
	found []int32
}

func (s *hunt) page(n int, rows span, within []span) error {
	v, err := s.load(s.chunk, n)
	if err != nil {
		return err
	}
	if v.coded && s.codes == nil {
		return nil
	}
	for _, w := range within {
		from, to := max(w.from, rows.from), min(w.to, rows.to)
		if err := v.seek(from - rows.from); err != nil {
			return err
		}
		for row := from; row < to; row++ {
			hit, err := s.test(v)
			if err != nil {
				return err
			}
			if !hit {
				continue
			}
			if len(s.found) == s.most {
				return ErrMany
			}
			s.found = append(s.found, row)
		}
	}
	return nil
}

func (s *hunt) test(v *values) (bool, error) {
	if v.coded {
		valid, err := v.present()
		if err != nil || !valid {
			return false, err
		}
		id, err := v.ids.next()
		if err == nil && int64(id) >= int64(len(s.codes)) {
			err = fmt.Errorf("%w: id %d of a dictionary of %d", errPage, id, len(s.codes))
		}
		return err == nil && s.codes[id], err
	}
	text, valid, err := v.text(nil)
	if !valid || err != nil {
		return false, err
	}
	return s.is(text), nil
}

// oneOf returns whether a value is one of those that are wanted: mostly there is one, and no table is faster.
func oneOf(wanted []string) func(v []byte) bool {
	if len(wanted) == 1 {
		return func(v []byte) bool { return string(v) == wanted[0] }
	}
	is := make(map[string]bool, len(wanted))
	for _, w := range wanted {
		is[w] = true
	}
	return func(v []byte) bool { return is[string(v)] }
}
