package main

import (
	"strings"
	"testing"
	"time"
)

func TestQuestion(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	f := queryFlags{saved: "user-activity", params: []string{"actor=a=b'c", "hours=1"}, explain: true}
	q, err := f.question(nil, now)
	if err != nil || !q.Explain || strings.Join(q.Params, " ") != "TIMESTAMP '2026-11-24 11:00:00.000' '2026-11-24' 'a=b''c'" {
		t.Errorf("%+v, %v", q, err)
	}
	f = queryFlags{params: []string{"'a'", "5"}}
	if q, err = f.question([]string{"SELECT ?, ?"}, now); err != nil || q.SQL != "SELECT ?, ?" || len(q.Params) != 2 {
		t.Errorf("%+v, %v", q, err)
	}
	for word, c := range map[string]struct {
		flags queryFlags
		args  []string
	}{
		"name a query, or --saved":   {},
		"not both":                   {queryFlags{saved: "deletions"}, []string{"SELECT 1"}},
		"is none of user-activity":   {queryFlags{saved: "x"}, nil},
		"NAME=VALUE":                 {queryFlags{saved: "deletions", params: []string{"5"}}, nil},
		"each name once":             {queryFlags{saved: "deletions", params: []string{"hours=1", "hours=2"}}, nil},
		"query deletions takes hour": {queryFlags{saved: "deletions", params: []string{"hour=1"}}, nil},
	} {
		_, err := c.flags.question(c.args, now)
		if err == nil || !strings.Contains(err.Error(), word) || exitCode(err) != exitUsage {
			t.Errorf("error %v (exit code %d), want %q", err, exitCode(err), word)
		}
	}
}
