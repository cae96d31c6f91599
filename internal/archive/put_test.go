package archive

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// lazy is a store that answers 200 when a lock is to be lengthened, and leaves it.
type lazy struct{ *memstore.Store }

func (lazy) Extend(context.Context, string, string, time.Time) error { return nil }

// TestFaultB40ShortLock: our own content is there already, locked until an earlier date
// than is wanted now. It is locked for longer, and then it is ours; nothing else is.
func TestFaultB40ShortLock(t *testing.T) {
	type lock struct {
		body string
		mode object.Mode
		more time.Duration // than is wanted
	}
	short, enough := lock{"ours", object.Compliance, -time.Hour}, lock{"ours", object.Compliance, 0}
	for name, test := range map[string]struct {
		there   []lock // oldest first
		wrap    func(*memstore.Store) object.Store
		adopted int // index in there
		extends int
		err     error
	}{
		"short":                  {there: []lock{short}, extends: 1},
		"short twice":            {there: []lock{short, short}, extends: 1},
		"short, and long enough": {there: []lock{short, enough}, adopted: 1},
		"short, and foreign":     {there: []lock{{"theirs", object.Compliance, -time.Hour}, short}, adopted: 1, extends: 1},
		"foreign":                {there: []lock{{"theirs", object.Compliance, -time.Hour}}, err: ErrConflict},
		"another mode":           {there: []lock{{"ours", object.Governance, -time.Hour}}, err: object.ErrUnlocked},
		"without a lock":         {there: []lock{{"ours", "", 0}}, err: object.ErrUnlocked},
		"left as it is":          {there: []lock{short}, wrap: func(s *memstore.Store) object.Store { return lazy{s} }, err: object.ErrUnlocked},
		"cannot be lengthened":   {there: []lock{short}, wrap: func(s *memstore.Store) object.Store { return struct{ object.Store }{s} }, err: object.ErrUnlocked},
	} {
		t.Run(name, func(t *testing.T) {
			c := &clock{at: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}
			store := memstore.New(t, c.now)
			until := c.now().Add(48 * time.Hour)
			var versions []string
			for _, l := range test.there {
				v := store.PutForged("key", []byte(l.body))
				store.SetLock("key", v, l.mode, until.Add(l.more))
				versions = append(versions, v)
			}
			b := bucket{store, slog.New(slog.DiscardHandler), prometheus.NewCounter(prometheus.CounterOpts{Name: "foreign"})}
			if test.wrap != nil {
				b.store = test.wrap(store)
			}
			body := []byte("ours")
			u := upload{earliest: until}
			u.Key, u.Body, u.Size, u.SHA256 = "key", bytes.NewReader(body), int64(len(body)), sha(body)
			u.ContentType, u.RetainUntil = parquetType, until
			info, err := b.ensure(t.Context(), u)
			if !errors.Is(err, test.err) || store.Calls("extend") != test.extends || store.Calls("put") > 0 {
				t.Fatalf("got %+v, %v, %d locks lengthened, %d puts", info, err, store.Calls("extend"), store.Calls("put"))
			}
			if err == nil && (info.VersionID != versions[test.adopted] || info.RetainUntil.Before(until)) {
				t.Errorf("adopted %s until %v of %v, want until %v", info.VersionID, info.RetainUntil, versions, until)
			}
		})
	}
}
