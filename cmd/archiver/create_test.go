package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// TestPublish: init is repeated after anything, sends what is missing, and says
// what is in its way.
func TestPublish(t *testing.T) {
	const key = "p/archive"
	body, until := []byte("signed"), time.Now().Add(48*time.Hour).UTC().Truncate(time.Second)
	lost := func(op string) func(*memstore.Store) {
		return func(s *memstore.Store) {
			s.Intercept(func(c memstore.Call) *memstore.Fault {
				if c.Op == op {
					return &memstore.Fault{Err: memstore.ErrLost}
				}
				return nil
			})
		}
	}
	foreign := func(s *memstore.Store) { s.PutForged(key, []byte("other")) }
	hidden := func(s *memstore.Store) { s.Hide(key) }
	tests := map[string]struct {
		there  bool // it was published before
		before func(*memstore.Store)
		fresh  bool
		err    error  // nil: any, if says
		says   string // "": no error
	}{
		"nothing there":      {fresh: true},
		"again":              {there: true},
		"a neighbour":        {before: func(s *memstore.Store) { s.PutForged(key+"/x", []byte("other")) }, fresh: true},
		"only a marker":      {before: hidden, fresh: true},
		"ours, hidden":       {there: true, before: hidden},
		"ours, under other":  {there: true, before: foreign},
		"foreign":            {before: foreign, says: "not ours"},
		"foreign, hidden":    {before: func(s *memstore.Store) { foreign(s); hidden(s) }, says: "not ours"},
		"ours, not locked":   {before: func(s *memstore.Store) { s.PutForged(key, body) }, err: object.ErrUnlocked, says: "confirm"},
		"no answer to head":  {there: true, before: lost("head"), err: memstore.ErrLost, says: "confirm"},
		"no answer to get":   {there: true, before: lost("get"), err: memstore.ErrLost, says: "look at"},
		"no answer to lists": {before: lost("versions"), err: memstore.ErrLost, says: "look for"},
		"no answer to put":   {before: lost("put"), err: memstore.ErrLost, says: "put"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := memstore.New(t, nil)
			if test.there {
				if fresh, err := publish(t.Context(), s, key, body, until); err != nil || !fresh {
					t.Fatal(fresh, err)
				}
			}
			if test.before != nil {
				test.before(s)
			}
			fresh, err := publish(t.Context(), s, key, body, until)
			switch {
			case test.says == "":
				if err != nil || fresh != test.fresh {
					t.Errorf("got %v, %v, want %v", fresh, err, test.fresh)
				}
			case err == nil || !errors.Is(err, test.err) && test.err != nil || !strings.Contains(err.Error(), test.says):
				t.Errorf("got %v, want %v that says %q", err, test.err, test.says)
			}
		})
	}
}
