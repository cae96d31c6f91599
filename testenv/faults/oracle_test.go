//go:build linux

package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/testenv/promise"
)

// audited runs `archiver verify`, which must look at everything and find nothing wrong
// but so many gaps, for which the ledger signs.
func (s *site) audited(t testing.TB, gaps int) {
	t.Helper()
	cmd := exec.Command(binary(), "verify", "--config", s.config, "--state", "none", "--json")
	out, err := cmd.Output()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var said struct {
		Result   string
		Complete bool
		Findings []struct{ Kind, Key, Detail string }
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatalf("verify: %v: %s", err, out)
	}
	var wrong []string
	for _, f := range said.Findings {
		if f.Kind != "orphan" { // a signed note says that it does not count
			wrong = append(wrong, f.Kind)
		}
	}
	want, code := "OK", 0
	if gaps > 0 {
		want, code = "VIOLATION", 3
	}
	if said.Result != want || cmd.ProcessState.ExitCode() != code || !said.Complete || !slices.Equal(wrong, slices.Repeat([]string{"gap"}, gaps)) {
		t.Errorf("verify: exit code %d, want %d with %d gaps: %+v", cmd.ProcessState.ExitCode(), code, gaps, said)
	}
}

// onceEach is the oracle over several streams: read as an auditor would, the committed
// files hold each event that one of the sites has acknowledged exactly once, unchanged,
// where that site said or where signed notes lead to from there; requests are whole; and
// nothing is there that nobody sent. The server serves the same.
func (s *site) onceEach(t testing.TB, others ...*site) {
	t.Helper()
	view, store := s.streams(t)
	c := count{t: t, view: view, sites: append(others, s), found: make(map[string]string), parts: make(map[string]int), whole: make(map[string]int)}
	for i := range view.Streams {
		stream, next := view.Streams[i].Open.Stream, int64(0)
		lost := c.gaps(i)
		for _, m := range view.Streams[i].Manifests {
			for _, row := range s.committed(t, store, stream, m.Files) {
				for _, r := range lost { // in order
					if r.First == next {
						next = r.Last + 1
					}
				}
				if row.Seq != next {
					t.Fatalf("stream %s has seq %d where %d has to be", stream, row.Seq, next)
				}
				c.row(stream, row)
				next++
			}
		}
	}
	c.end()
	v := s.start(t, how{})
	c.served(v)
	v.stop(t)
	s.audited(t, c.lost)
}

// count is a walk over the rows of all streams.
type count struct {
	t     testing.TB
	view  *ledger.View
	sites []*site
	found map[string]string // by id: where, and the details
	parts map[string]int    // of requests, by the id of their first event: how many events are there
	whole map[string]int    // the same: how many were sent
	lost  int               // gap notes
}

func (c *count) gaps(stream int) (ranges []ledger.Range) {
	for _, m := range c.view.Streams[stream].Manifests {
		for _, n := range m.Notes {
			if n.Kind == ledger.NoteGap {
				ranges = append(ranges, *n.Range)
			}
		}
	}
	c.lost += len(ranges)
	return ranges
}

func (c *count) row(stream uuid.UUID, row promise.Row) {
	c.t.Helper()
	if where, ok := c.found[row.ID]; ok {
		c.t.Errorf("event %s is there twice: %s, %s %d", row.ID, where, stream, row.Seq)
	}
	c.found[row.ID] = fmt.Sprint(stream, " ", row.Seq, " ", row.Details)
	known := false
	for _, s := range c.sites {
		sent, err := s.promise.Find(row.ID)
		if err != nil {
			continue
		}
		if !known {
			c.parts[sent.Request]++
		}
		known, c.whole[sent.Request] = true, sent.Events
		if row.Details != sent.Details {
			c.t.Errorf("event %s has details %.200s, sent was %.200s", row.ID, row.Details, sent.Details)
		}
		if said := s.promise.where(sent.Request); sent.Seq >= 0 && !leadsTo(c.view, said, sent.Seq, stream, row.Seq) {
			c.t.Errorf("event %s, acknowledged as %s %d, is %s %d, and no note says so", row.ID, said, sent.Seq, stream, row.Seq)
		}
	}
	if !known {
		c.t.Errorf("nobody sent event %s", row.ID)
	}
}

func (c *count) end() {
	c.t.Helper()
	for _, s := range c.sites {
		for e := range s.promise.Promised() {
			if c.found[e.ID] == "" {
				c.t.Errorf("event %s was acknowledged and is not archived", e.ID)
			}
		}
	}
	for id, n := range c.parts {
		if n != c.whole[id] {
			c.t.Errorf("of the request that begins with %s, %d of %d events are there: a request is stored whole or not at all", id, n, c.whole[id])
		}
	}
	if len(c.found) == 0 {
		c.t.Error("nothing is archived")
	}
}

// served demands that a server's answer has the same rows.
func (c *count) served(v *server) {
	c.t.Helper()
	rows := v.query(c.t, "SELECT id, stream, seq, details FROM audit_logs")
	if len(rows) != len(c.found) {
		c.t.Errorf("%d events are served, %d are archived", len(rows), len(c.found))
	}
	for _, row := range rows {
		if got, want := fmt.Sprint(row[1], " ", row[2], " ", row[3]), c.found[row[0].(string)]; got != want {
			c.t.Errorf("event %s is served as %s, archived is %s", row[0], got, want)
		}
	}
}

// leadsTo tells whether what was acknowledged as one seq of one stream is that of
// another, by itself or by a moved note.
func leadsTo(view *ledger.View, stream uuid.UUID, seq int64, to uuid.UUID, at int64) bool {
	if stream == to && seq == at {
		return true
	}
	for i := range view.Streams {
		if view.Streams[i].Open.Stream != to {
			continue
		}
		for _, m := range view.Streams[i].Manifests {
			for _, n := range m.Notes {
				if n.Kind == ledger.NoteMoved && n.Stream == stream && n.Range.First <= seq && seq <= n.Range.Last && n.To.First+seq-n.Range.First == at {
					return true
				}
			}
		}
	}
	return false
}
