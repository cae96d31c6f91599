package load

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/testenv/gen"
)

// TestRenew: renewed events are events, other ones each time, and nothing but what must be new has changed.
func TestRenew(t *testing.T) {
	g := gen.New(1, time.Now().Add(-time.Hour), 1000)
	var first []event.Event
	wire, table := &Message{}, &Message{}
	for range 2000 {
		e := g.Event()
		first = append(first, e)
		wire.AppendJSON(&e)
		wire.Bytes = append(wire.Bytes, '\n')
		table.AppendColumns(&e)
	}
	ids := make(map[string]bool)
	d := event.NewDecoder(event.DefaultLimits())
	for client := range 2 {
		f := NewFresh(client)
		for range 3 {
			begin := time.Now().Add(-time.Second)
			f.Renew(wire)
			for i, line := range bytes.Split(bytes.TrimSpace(wire.Bytes), []byte{'\n'}) {
				e, errs := d.Decode(line, time.Now())
				if errs != nil {
					t.Fatalf("%s: %v", line, errs)
				}
				if at := time.Unix(0, e.TimestampNS); at.Before(begin) || at.After(time.Now()) {
					t.Fatalf("happened at %v", at)
				}
				for _, id := range []string{e.ID, e.RequestID.S} {
					if ids[id] {
						t.Fatalf("%s comes again", id)
					}
					ids[id] = true
				}
				if e.Details != first[i].Details || e.OrganizationID != first[i].OrganizationID || e.ID[15:23] != first[i].ID[15:23] {
					t.Fatalf("%s is another event than %+v", line, first[i])
				}
			}
		}
	}
	NewFresh(2).Renew(table)
	for i, line := range strings.Split(strings.TrimSpace(string(table.Bytes)), "\n") {
		columns := strings.Split(line, "\t")
		if len(columns) != 15 || ids[columns[0]] || ids[columns[11]] || columns[11] == first[i].RequestID.S || columns[10] != first[i].Details.S {
			t.Fatalf("%q is not a line for %+v", line, first[i])
		}
		if _, err := time.Parse(time.RFC3339Nano, columns[1]); err != nil {
			t.Fatal(err)
		}
	}
}

func TestColumns(t *testing.T) {
	e := gen.New(1, time.Now(), 1000).Event()
	e.Reason = event.Text{}
	m := &Message{}
	m.AppendColumns(&e)
	c := m.Columns()
	if len(c) != 15 || c[9] != nil || string(c[14]) != e.OrganizationID.S {
		t.Errorf("%q", c)
	}
	NewFresh(0).Renew(m)
	if string(c[0]) == e.ID || !bytes.HasPrefix(m.Bytes, c[0]) {
		t.Error("a column is not renewed with its message")
	}
}

func BenchmarkRenew(b *testing.B) {
	g := gen.New(1, time.Now(), 1000)
	m := &Message{}
	for range 500 {
		e := g.Event()
		m.AppendJSON(&e)
	}
	f := NewFresh(0)
	for b.Loop() {
		f.Renew(m)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/event")
}
