package parquet

import "fmt"

// dictionary is the values of a dictionary page, one behind the other, each with its length before it. It does not change.
type dictionary struct {
	data  []byte
	count int
	marks []int32 // where each 16th value is
}

const markEvery = 16

func newDictionary(data []byte, count int) (*dictionary, error) {
	d := &dictionary{data: data, count: count, marks: make([]int32, 0, count/markEvery+1)}
	rest := data
	for id := range count {
		if id%markEvery == 0 {
			d.marks = append(d.marks, int32(len(data)-len(rest)))
		}
		var err error
		if _, rest, err = cutBytes(rest); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// at returns one value.
func (d *dictionary) at(id uint32) (v []byte, err error) {
	if int64(id) >= int64(d.count) {
		return nil, fmt.Errorf("%w: id %d of a dictionary of %d", errPage, id, d.count)
	}
	rest := d.data[d.marks[id/markEvery]:]
	for range id%markEvery + 1 {
		if v, rest, err = cutBytes(rest); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// which marks the values for which is is true; nil when none is.
func (d *dictionary) which(is func(v []byte) bool) ([]bool, error) {
	var found []bool
	rest := d.data
	for id := range d.count {
		v, after, err := cutBytes(rest)
		if err != nil {
			return nil, err
		}
		if rest = after; !is(v) {
			continue
		}
		if found == nil {
			found = make([]bool, d.count)
		}
		found[id] = true
	}
	return found, nil
}

func (d *dictionary) size() int64 { return int64(len(d.data) + 4*len(d.marks) + 100) }
