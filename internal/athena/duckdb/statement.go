//go:build cgo

package duckdb

import (
	"context"
	"fmt"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// read finds out what q asks for. SHOW and DESCRIBE are answered at once: they need
// no database, and no place among the running queries.
func (e *Engine) read(ctx context.Context, q athena.Query) (st dialect.Statement, shown athena.Result, err error) {
	if st, err = dialect.Read(q.SQL); err != nil {
		return st, nil, err
	}
	switch st.Sub {
	case dialect.Select:
		st.Query = q.SQL
		if q.Explain {
			st.Sub, st.Explain = dialect.ExplainQuery, dialect.Explain{Analyze: true, Kind: "DISTRIBUTED"}
		}
		return st, nil, nil
	case dialect.ExplainQuery:
		return st, nil, nil
	}
	switch {
	case q.Explain:
		return st, nil, &athena.Error{Kind: athena.ErrRefused, Construct: "explain of " + st.Sub, Detail: "only a query has a plan"}
	case len(q.Params) > 0:
		return st, nil, &athena.Error{Kind: athena.ErrInvalid, Construct: "parameters",
			Detail: fmt.Sprintf("%s has no places (?) for them, and there are %d values", st.Sub, len(q.Params))}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, e.o.Timeout, athena.ErrTimeout)
	defer cancel()
	shown, err = e.o.Catalog.Answer(ctx, st, e.o.Source)
	if err != nil {
		return st, nil, outcome(ctx, err)
	}
	return st, shown, nil
}
