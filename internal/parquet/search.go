package parquet

import (
	"bytes"
	"fmt"
	"sort"
)

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
	is := make(map[string]bool, len(wanted))
	for _, w := range wanted {
		is[w] = true
	}
	var codes []bool
	if c.chunkPlaces.dict != 0 {
		if err := p.dictionary(c); err != nil {
			return nil, err
		}
		if codes, err = c.dict.which(is); err != nil {
			return nil, err
		}
	}
	s := search{picker: p, chunk: c, is: is, codes: codes, most: most}
	if len(wanted) == 1 {
		s.only = []byte(wanted[0])
	}
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

// search collects the rows of a chunk that have one of some values.
type search struct {
	*picker
	chunk *chunk
	is    map[string]bool
	only  []byte // the one value, when there is only one; nil otherwise
	codes []bool // of the dictionary; nil: none of its values
	most  int
	found []int32
}

func (s *search) page(n int, rows span, within []span) error {
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

func (s *search) test(v *values) (bool, error) {
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
	if s.only != nil {
		return bytes.Equal(text, s.only), nil
	}
	return s.is[string(text)], nil
}
