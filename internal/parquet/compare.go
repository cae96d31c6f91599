package parquet

import (
	"context"
	"fmt"
	"hash/maphash"
)

// Compare demands that the file holds exactly the rows that d was made of, in their order, the value index of those
// rows, and all that engines pass over rows by ([claims]) as this release writes it. What [Reader.Rows] demands beside the
// format, the rows of d must have: they are what is compared with. So many goroutines share the columns, one at least, and
// read from the file at once; each keeps a page and a dictionary.
func (r *Reader) Compare(ctx context.Context, d *Digest, workers int) error {
	if r.meta.NumRows != int64(d.rows) {
		return fmt.Errorf("%d rows, want %d", r.meta.NumRows, d.rows)
	}
	all, err := newComparisons(r, d, max(1, workers))
	if err != nil {
		return err
	}
	defer all.close()
	order, errs := byWork(r.cols), make([]error, len(r.cols))
	for g := range r.meta.RowGroups {
		group := &r.meta.RowGroups[g]
		if !r.sorted(group) {
			return fmt.Errorf("row group %d: it does not say that it is in the order of timestamp_ns and seq", g)
		}
		each(order, len(all), func(worker, i int) {
			if ctx.Err() == nil {
				errs[i] = all[worker].column(r, g, i)
			}
		})
		for i, err := range errs {
			if err != nil {
				return fmt.Errorf("row group %d: column %s: %w", g, r.cols[i].Name, err)
			}
		}
		if ctx.Err() != nil { // columns may be left out
			return context.Cause(ctx)
		}
	}
	return nil
}

// comparison is what one goroutine needs for a pass over a file, column by column in each row group.
type comparison struct {
	d       *Digest
	cursor  cursor
	indexed bool
	index   indexer // of the chunk at hand
	claims  claims

	// Of all goroutines. Each touches what is of its column.
	sums []uint64 // of the columns, as far as they were read
	at   []int    // rows that were read of each

	hashes  []uint64 // of the values in the dictionary of the chunk at hand
	indexes []uint64 // the same for the value index
	row     int      // within the row group
}

type comparisons []comparison

func newComparisons(r *Reader, d *Digest, workers int) (all comparisons, _ error) {
	sums, at := make([]uint64, len(r.cols)), make([]int, len(r.cols))
	for range workers {
		decoder, err := newDecoder()
		if err != nil {
			all.close()
			return nil, err
		}
		all = append(all, comparison{d: d, cursor: cursor{r: r.r, zstd: decoder}, indexed: r.index != nil, sums: sums, at: at})
	}
	return all, nil
}

func (all comparisons) close() {
	for i := range all {
		all[i].cursor.zstd.Close()
	}
}

// column compares one column of a row group.
func (c *comparison) column(r *Reader, g, i int) (err error) {
	defer recoverInto(&err)
	col, group := &r.cols[i], &r.meta.RowGroups[g]
	c.cursor.col = col
	c.index.keys = c.index.keys[:0] // a column that differs leaves some
	c.cursor.reset(&group.Columns[i].MetaData, group.NumRows)
	if err := c.claims.open(r, col, &group.Columns[i]); err != nil {
		return err
	}
	if err := c.chunk(i); err != nil || col.index == 0 {
		return err
	}
	return r.checkIndex(&c.index, g, col.index-1)
}

// chunk compares the chunk that the cursor is at.
func (c *comparison) chunk(column int) error {
	c.hashes, c.indexes, c.row = c.hashes[:0], c.indexes[:0], 0
	for c.cursor.rows > 0 {
		if err := c.cursor.advance(); err != nil {
			return err
		}
		if len(c.hashes) == 0 {
			c.loadHashes()
		}
		rows := c.cursor.left
		for c.cursor.left > 0 {
			n := min(c.cursor.left, digestRows-c.at[column]%digestRows)
			sum, err := c.some(c.sums[column], n)
			if err != nil {
				return err
			}
			c.cursor.left -= n
			c.sums[column] = sum
			c.at[column] += n
			if err := c.check(column); err != nil {
				return err
			}
		}
		if err := c.claims.endPage(rows, c.cursor.off, c.cursor.encoding()); err != nil {
			return err
		}
	}
	if err := c.cursor.finish(); err != nil {
		return err
	}
	return c.claims.finish()
}

// check compares where the digest has a mark, and at the end.
func (c *comparison) check(column int) error {
	at, want := c.at[column], c.d.sums
	switch {
	case at%digestRows == 0:
		want = c.d.marks[at/digestRows-1]
	case at < c.d.rows:
		return nil
	}
	if c.sums[column] != want[column] {
		return fmt.Errorf("one of the rows %d to %d differs", (at-1)/digestRows*digestRows, at-1)
	}
	return nil
}

// loadHashes hashes the dictionary, if there is one.
func (c *comparison) loadHashes() {
	c.claims.begin(c.cursor.dict)
	for _, s := range c.cursor.dict {
		c.hashes = append(c.hashes, maphash.String(c.d.seed, s))
		if c.cursor.col.bloom { // so is each column that is in the value index
			hash := indexHash([]byte(s))
			c.claims.filter.add(hash)
			c.indexes = append(c.indexes, hash)
		}
	}
}

// some goes over n values of the page at hand.
func (c *comparison) some(sum uint64, n int) (uint64, error) {
	if c.cursor.col.kind != kindText {
		for range n {
			v, err := c.cursor.ints.next()
			if err != nil {
				return 0, err
			}
			sum = c.d.next(sum, c.d.number(v))
			c.claims.page.number(v)
		}
		return sum, nil
	}
	var index *indexer
	if c.indexed && c.cursor.col.index > 0 {
		index = &c.index
	}
	first := c.row
	c.row += n
	for row := first; row < c.row; row++ {
		if c.cursor.col.Nullable {
			level, err := c.cursor.levels.next()
			if err != nil {
				return 0, err
			}
			if level == 0 {
				sum = c.d.next(sum, c.d.null)
				c.claims.page.nulls++
				continue
			}
		}
		hash, indexed, err := c.value()
		if err != nil {
			return 0, err
		}
		sum = c.d.next(sum, hash)
		if index != nil {
			index.add(row, indexed)
		}
	}
	return sum, nil
}

// value is the hash of the next text, and of a column with a bloom filter that for the value index.
func (c *comparison) value() (hash, index uint64, _ error) {
	if c.cursor.coded {
		id, err := c.cursor.ids.next()
		if err != nil {
			return 0, 0, err
		}
		if int64(id) >= int64(len(c.hashes)) {
			return 0, 0, fmt.Errorf("%w: id %d of a dictionary of %d", errPage, id, len(c.hashes))
		}
		if c.cursor.col.bloom {
			index = c.indexes[id]
		}
		if c.cursor.col.bounds && c.claims.fresh(id) {
			c.claims.coded(id, c.cursor.dict[id])
		}
		return c.hashes[id], index, nil
	}
	v, rest, err := cutBytes(c.cursor.values)
	if err != nil {
		return 0, 0, err
	}
	c.cursor.values = rest
	if c.cursor.col.bounds {
		c.claims.page.text(v)
	}
	if c.cursor.col.bloom {
		index = indexHash(v)
		c.claims.filter.add(index)
	}
	return maphash.Bytes(c.d.seed, v), index, nil
}
