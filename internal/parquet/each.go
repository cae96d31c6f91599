package parquet

import (
	"slices"
	"sync"
	"sync/atomic"
)

// each calls do for every column, on so many goroutines, of which the caller's is number 0, and returns when all are done.
// Who is free takes the next column. So nobody waits for another but at the end, and when the machine has no processor for
// the others the caller does nearly everything.
func each(order []int, workers int, do func(worker, column int)) {
	var taken atomic.Int64
	work := func(worker int) {
		for n := int(taken.Add(1)); n <= len(order); n = int(taken.Add(1)) {
			do(worker, order[n-1])
		}
	}
	var others sync.WaitGroup
	for worker := 1; worker < workers; worker++ {
		others.Go(func() { work(worker) })
	}
	work(0)
	others.Wait()
}

// byWork is an order of the columns in which those with most work come first, so that little is left to wait for at the
// end: of text without a dictionary every value is unpacked and hashed, and numbers are hardly any work.
func byWork(cols []column) []int {
	order := make([]int, len(cols))
	for i := range order {
		order[i] = i
	}
	work := func(c *column) int {
		switch {
		case c.kind != kindText:
			return 0
		case c.dict && !c.bloom:
			return 1
		case c.dict:
			return 2
		default:
			return 3
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return work(&cols[j]) - work(&cols[i]) })
	return order
}
