package dialect

import "github.com/audit-archiver/archiver/internal/athena"

// mostGrowth bounds, in nodes, what a query grows by while it is translated. Some
// constructs are written several times in DuckDB's SQL, so that a few dozen of them in
// each other, or many views, would fill the memory of this process, which may be the
// one that takes events.
const mostGrowth = 100_000

// mostType bounds, in bytes, the name of a type, which doubles with each row or map that
// is made of the one below it twice.
const mostType = 10_000

// again is copyOf for what will stand in the tree once more: only the first place in
// which a node is used is free.
func (t *translator) again(n node) node {
	if t.grow(n); t.grownTooMuch() {
		return nullConst()
	}
	return copyOf(n)
}

// grow counts what has been added to the tree.
func (t *translator) grow(v any) {
	if !t.grownTooMuch() {
		t.growth += sizeOf(v)
	}
}

func (t *translator) grownTooMuch() bool { return t.growth > mostGrowth }

// tooMuch is the error of a query that grows too much.
func (t *translator) tooMuch(n node) error {
	return t.fail(n, athena.ErrTooBig, "", "what stands here in something else that stands in something else is too much to be translated; put inner parts into WITH, and use fewer views")
}

// sizeOf counts the nodes at and below v.
func sizeOf(v any) (size int) {
	switch v := v.(type) {
	case map[string]any:
		size = 1
		for _, x := range v {
			size += sizeOf(x)
		}
	case []any:
		for _, x := range v {
			size += sizeOf(x)
		}
	}
	return size
}
