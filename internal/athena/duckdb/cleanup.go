//go:build cgo

package duckdb

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/audit-archiver/archiver/internal/athena"
)

// cleanup runs what was added, last first, once.
type cleanup struct {
	once  sync.Once
	funcs []func()
}

func (c *cleanup) add(f func()) { c.funcs = append(c.funcs, f) }

func (c *cleanup) run() {
	c.once.Do(func() {
		for _, f := range slices.Backward(c.funcs) {
			f()
		}
	})
}

// panicked logs a query that met a bug of ours, with the place. Its text was taken apart in
// this process, which may be the one that takes events, and those are worth more than it.
func (e *Engine) panicked(ctx context.Context, q athena.Query, cause any) error {
	e.o.Log.ErrorContext(ctx, "query panicked", "sql", q.SQL, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	return fmt.Errorf("bug: the query panicked: %v", cause)
}
