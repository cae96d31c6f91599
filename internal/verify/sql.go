package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// sql compares what an engine returns that reads the bucket's current versions with
// what level 3 read: level 4.
func (r *run) sql(ctx context.Context) error {
	if r.SQL == nil {
		r.unable(Unchecked{Level: 4, Why: "nobody says how to ask an SQL engine"})
		return nil
	}
	dir := ledger.Join(r.Prefix, "")
	given := make(map[string]bool)
	var strangers []SQLFile
	want := func(key string) bool {
		c := r.objects.find(strings.TrimPrefix(key, dir))
		if c == nil {
			return true
		}
		_, read := r.digests[c.at().Key]
		return read
	}
	for got, err := range r.SQL.Files(ctx, want) {
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("verify: %w", context.Cause(ctx))
		case err != nil:
			r.unable(Unchecked{Level: 4, Why: err.Error()})
			return nil
		}
		c := r.objects.find(strings.TrimPrefix(got.Object.Key, dir))
		if c == nil || c.aux >= 0 {
			if strangers = append(strangers, got); len(strangers) >= r.bound() {
				if err := r.strangers(ctx, strangers); err != nil {
					return err
				}
				strangers = nil
			}
			continue
		}
		given[c.at().Key] = true
		r.compare(c, got)
		r.count(4, func(l *LevelReport) { l.Objects, l.Rows = l.Objects+1, l.Rows+got.Rows })
		r.Progress(Progress{Level: 4, Objects: int64(len(given)), Rows: r.rows(4)})
	}
	for i := range r.objects.list {
		c := &r.objects.list[i]
		f := c.at()
		if _, read := r.digests[f.Key]; !read || c.aux >= 0 || given[f.Key] || r.over(f.RetainUntil) {
			continue
		}
		found := r.finding(c)
		found.Kind, found.Level, found.Detail = Hidden, 4, fmt.Sprintf("SQL does not return its %d rows", f.Rows)
		r.find(found)
	}
	return r.strangers(ctx, strangers)
}

// compare compares the rows that an engine gives of one object with the committed ones.
func (r *run) compare(c *committed, got SQLFile) {
	f := c.at()
	found := r.finding(c)
	found.Kind, found.Level, found.Version = Replaced, 4, got.Object.VersionID
	switch {
	case got.Err != nil && got.Object.VersionID == f.VersionID:
		r.unable(Unchecked{Level: 4, Key: found.Key, Version: found.Version, Why: got.Err.Error()})
		return
	case got.Err != nil:
		found.Detail = "SQL cannot read it: " + got.Err.Error()
	case got.Rows != f.Rows:
		found.Detail = fmt.Sprintf("SQL returns %d rows, committed were %d", got.Rows, f.Rows)
	case got.MinSeq != f.FirstSeq || got.MaxSeq != f.LastSeq:
		found.Detail = fmt.Sprintf("SQL returns seqs from %d to %d, committed were %d to %d", got.MinSeq, got.MaxSeq, f.FirstSeq, f.LastSeq)
	case got.Digest != r.digests[f.Key]:
		found.Detail = "SQL returns other rows than were committed"
	default:
		return
	}
	r.find(found)
}

// strangers decides about the rows of objects that no commit named when level 2 was
// done: by now one may.
func (r *run) strangers(ctx context.Context, strangers []SQLFile) error {
	if len(strangers) == 0 {
		return nil
	}
	if _, err := r.readLedger(ctx); err != nil {
		return err
	}
	r.objects.add(r.streams)
	orphans := r.orphans()
	for _, got := range strangers {
		if r.objects.find(strings.TrimPrefix(got.Object.Key, ledger.Join(r.Prefix, ""))) != nil {
			continue
		}
		kind, detail, err := r.classify(ctx, got.Object, orphans)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("verify: %w", context.Cause(ctx))
		case errors.Is(err, object.ErrNotFound):
			continue
		case err != nil:
			r.unable(Unchecked{Level: 4, Key: got.Object.Key, Version: got.Object.VersionID, Why: err.Error()})
			continue
		case kind.Information():
			continue // level 2 said so, or the next run will
		}
		f := r.stranger(got.Object, kind, fmt.Sprintf("SQL returns its %d rows: %s", got.Rows, detail))
		if f.Level = 4; got.Err != nil {
			f.Detail = "SQL stumbles over it: " + got.Err.Error()
		}
		r.find(f)
	}
	return nil
}
