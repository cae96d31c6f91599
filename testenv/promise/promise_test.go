package promise

import (
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"
)

// stored makes the answer and the rows of a body that is stored from seq on.
func stored(t *testing.T, body []byte, seq int64) (answer []Stored, rows []Row) {
	t.Helper()
	var events []struct {
		ID      string
		Details json.RawMessage
	}
	if err := json.Unmarshal(body, &events); err != nil {
		t.Fatal(err)
	}
	for i, e := range events {
		answer = append(answer, Stored{e.ID, seq + int64(i)})
		rows = append(rows, Row{seq + int64(i), e.ID, string(e.Details)})
	}
	return answer, rows
}

func each(rows []Row) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// book is one with three requests in its log, the second without an answer, and a
// fourth that is nowhere.
func book(t *testing.T) (*Book, []Row) {
	t.Helper()
	b := New(time.Time{})
	var all []Row
	for i, body := range [][]byte{b.Invent(2, 3), b.InventNoise(3, 50), b.Invent(1, 0)} {
		answer, rows := stored(t, body, int64(len(all)))
		if all = append(all, rows...); i == 1 {
			continue
		}
		for range 2 { // it was sent again
			if err := b.Take(answer); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.Invent(4, 0)
	return b, all
}

func TestCheck(t *testing.T) {
	b, rows := book(t)
	if n, err := b.Check(each(rows)); n != 6 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	if n := b.Acked(); n != 3 {
		t.Errorf("%d events acknowledged", n)
	}
	if promised := slices.Collect(b.Promised()); len(promised) != 3 || promised[2] != (Stored{rows[5].ID, 5}) {
		t.Errorf("promised %v", promised)
	}
	renumber := func(rows []Row) []Row {
		for i := range rows {
			rows[i].Seq = int64(i)
		}
		return rows
	}
	for name, test := range map[string]struct {
		spoil func([]Row) []Row
		want  string
	}{
		"lost at the end":          {func(r []Row) []Row { return r[:5] }, "is not among the 5"},
		"lost within":              {func(r []Row) []Row { return slices.Delete(r, 1, 2) }, "has seq 2: a gap"},
		"lost, and the rest moved": {func(r []Row) []Row { return renumber(slices.Delete(r, 0, 2)) }, "acknowledged was 5"},
		"a request in part":        {func(r []Row) []Row { return renumber(slices.Delete(r, 3, 4)) }, "whole or not at all"},
		"a request begins late":    {func(r []Row) []Row { return renumber(slices.Delete(r, 2, 3)) }, "begins with event 1"},
		"the end of a request":     {func(r []Row) []Row { return r[:4] }, "whole or not at all"},
		"twice":                    {func(r []Row) []Row { return append(r, Row{6, r[5].ID, r[5].Details}) }, "there twice"},
		"nobody sent it":           {func(r []Row) []Row { r[5].ID = "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e"; return r }, "nobody sent"},
		"changed":                  {func(r []Row) []Row { r[2].Details = r[3].Details; return r }, "sent was"},
		"changed places": {func(r []Row) []Row {
			r[0], r[1] = Row{0, r[1].ID, r[1].Details}, Row{1, r[0].ID, r[0].Details}
			return r
		}, "begins with event 1"},
	} {
		if _, err := b.Check(each(test.spoil(slices.Clone(rows)))); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func TestTake(t *testing.T) {
	b := New(time.Time{})
	answer, _ := stored(t, b.Invent(3, 0), 7)
	other, _ := stored(t, New(time.Time{}).Invent(3, 0), 7)
	for name, spoil := range map[string]func([]Stored) []Stored{
		"nothing":         func([]Stored) []Stored { return nil },
		"in part":         func(s []Stored) []Stored { return s[:2] },
		"without first":   func(s []Stored) []Stored { return s[1:] },
		"another order":   func(s []Stored) []Stored { s[0].ID, s[1].ID = s[1].ID, s[0].ID; return s },
		"a gap":           func(s []Stored) []Stored { s[2].Seq++; return s },
		"somebody else's": func([]Stored) []Stored { return other },
	} {
		if err := b.Take(spoil(slices.Clone(answer))); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if err := b.Take(answer); err != nil {
		t.Fatal(err)
	}
	for i := range answer {
		answer[i].Seq++
	}
	if err := b.Take(answer); err == nil || !strings.Contains(err.Error(), "and now with 8") {
		t.Errorf("other seqs: %v", err)
	}
}

func TestFind(t *testing.T) {
	b, rows := book(t)
	for i, want := range []Sent{{rows[0].Details, 0, rows[0].ID, 2}, {rows[1].Details, 1, rows[0].ID, 2},
		{rows[2].Details, unanswered, rows[2].ID, 3}, {rows[3].Details, unanswered, rows[2].ID, 3}} {
		if got, err := b.Find(rows[i].ID); got != want || err != nil {
			t.Errorf("event %d: %+v, %v, want %+v", i, got, err, want)
		}
	}
	if got, err := b.Find("01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e"); err == nil {
		t.Errorf("nobody sent it: %+v", got)
	}
}

// Two nodes that go on from one copy invent different events.
func TestClone(t *testing.T) {
	b, rows := book(t)
	c := b.Clone()
	mine, _ := stored(t, b.Invent(1, 0), 6)
	theirs, _ := stored(t, c.Invent(1, 0), 6)
	if _, err := b.Find(theirs[0].ID); err == nil || mine[0].ID == theirs[0].ID {
		t.Errorf("mine %s, theirs %s: %v", mine[0].ID, theirs[0].ID, err)
	}
	for book, id := range map[*Book]string{b: mine[0].ID, c: rows[0].ID} {
		if _, err := book.Find(id); err != nil {
			t.Error(err)
		}
	}
	if err := c.Forget(rows[5].ID); err != nil || c.Acked() != 2 || b.Acked() != 3 {
		t.Errorf("%v: %d and %d acknowledged", err, c.Acked(), b.Acked())
	}
	if _, err := c.Check(each(rows[:5])); err != nil {
		t.Errorf("what is not promised any more: %v", err)
	}
}
