package sqlgen

import "slices"

// Shrink looks for a smaller query that still fails. It asks at most tries
// times; fails must answer the same for the same text.
func Shrink(q Query, tries int, fails func(Query) bool) Query {
	seen := map[string]bool{q.SQL: true}
	smaller := func(c Query) bool {
		if tries == 0 || len(c.choices) > len(q.choices) || seen[c.SQL] {
			return false
		}
		seen[c.SQL] = true
		tries--
		if !fails(c) {
			return false
		}
		q = c
		return true
	}
	for progress := true; progress && tries > 0; {
		progress = shrinkSpans(&q, smaller)
		progress = shrinkChoices(&q, smaller) || progress
	}
	return q
}

// shrinkSpans makes parts of the query as simple as they can be, the biggest
// first, or puts a part of a part into its place.
func shrinkSpans(q *Query, smaller func(Query) bool) (progress bool) {
	for again := true; again; {
		again = false
		spans := slices.Clone(q.spans)
		for i, outer := range spans {
			if smaller(q.with(&edit{span: i, from: -1, resume: outer.end})) {
				again = true
				break
			}
			for _, inner := range spans[i+1:] {
				if inner.begin >= outer.end {
					break
				}
				if inner.label == outer.label && smaller(q.with(&edit{span: i, from: inner.begin, resume: outer.end})) {
					again = true
					break
				}
			}
			if again {
				break
			}
		}
		progress = progress || again
	}
	return progress
}

// shrinkChoices makes single choices smaller.
func shrinkChoices(q *Query, smaller func(Query) bool) (progress bool) {
	for i := 0; i < len(q.choices); i++ {
		for _, v := range []int{0, q.choices[i] / 2, q.choices[i] - 1} {
			if i >= len(q.choices) || v < 0 || v >= q.choices[i] {
				break
			}
			choices := slices.Clone(q.choices)
			choices[i] = v
			if smaller(q.again(choices)) {
				progress = true
				break
			}
		}
	}
	return progress
}
