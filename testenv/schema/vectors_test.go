package schema_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/testenv/openapi"
)

const vectors = "../vectors/wire"

// each runs a test for every vector of a sort.
func each[V any](t *testing.T, sort string, atLeast int, check func(t *testing.T, v V)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(vectors, sort, "*.json"))
	if err != nil || len(files) < atLeast {
		t.Fatalf("%d vectors of the sort %s, want %d at least (%v)", len(files), sort, atLeast, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var v V
			if err := json.Unmarshal(raw, &v); err != nil {
				t.Fatal(err)
			}
			check(t, v)
		})
	}
}

type eventVector struct {
	Event  json.RawMessage
	Expect struct {
		JSON   json.RawMessage
		Errors []struct{ Field string }
	}
}

// TestEventVectors: what a client sends the server takes, and what a client
// refuses the server would refuse for the same fields.
func TestEventVectors(t *testing.T) {
	each(t, "event", 60, func(t *testing.T, v eventVector) {
		sent := v.Expect.JSON
		if sent == nil {
			sent = v.Event
		}
		var want, got []string
		for _, e := range v.Expect.Errors {
			want = append(want, e.Field)
		}
		// The sizes are of the text without white space, as clients send it.
		_, refused := event.Decode(compact(t, sent), now, event.DefaultLimits())
		for _, e := range refused {
			got = append(got, e.Field)
		}
		if !agree(got, want) {
			t.Errorf("the server refuses the fields %q, want %q: %v", got, want, refused)
		}
	})
}

// agree: every reported field is an expected one or lies within it, and every
// expected one is reported so.
func agree(got, want []string) bool {
	within := func(field, of string) bool { return field == of || strings.HasPrefix(field, of+".") && of != "" }
	for _, g := range got {
		if !slices.ContainsFunc(want, func(w string) bool { return within(g, w) }) {
			return false
		}
	}
	for _, w := range want {
		if !slices.ContainsFunc(got, func(g string) bool { return within(g, w) }) {
			return false
		}
	}
	return true
}

type answerVector struct {
	Batch   int
	Status  int
	Headers map[string]string
	Body    string
	Server  bool
	Expect  struct {
		Delivered    []int
		DeadLettered []struct {
			Index  int
			Reason string
		} `json:"dead_lettered"`
		Retry   []int
		Halve   bool
		BackOff bool `json:"back_off"`
		Record  *string
	}
}

// TestAnswerVectors: each event of a batch has one fate, and the bodies that are
// said to be the server's are as it describes them.
func TestAnswerVectors(t *testing.T) {
	raw, err := os.ReadFile("../../internal/ingest/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	described, err := openapi.Read(raw)
	if err != nil {
		t.Fatal(err)
	}
	each(t, "answer", 40, func(t *testing.T, v answerVector) {
		fates := append(slices.Clone(v.Expect.Delivered), v.Expect.Retry...)
		for _, d := range v.Expect.DeadLettered {
			fates = append(fates, d.Index)
			if d.Reason != "rejected" && d.Reason != "conflict" {
				t.Errorf("reason %q", d.Reason)
			}
		}
		slices.Sort(fates)
		for i := range v.Batch {
			if len(fates) != v.Batch || fates[i] != i {
				t.Fatalf("the fates are of the events %v of %d", fates, v.Batch)
			}
		}
		if v.Expect.Halve && (v.Batch < 2 || v.Expect.BackOff || len(v.Expect.Retry) != v.Batch) {
			t.Error("a batch that is halved is sent again as a whole, and at once")
		}
		if (v.Batch == 1) != (v.Expect.Record != nil) {
			t.Errorf("record is %v for a batch of %d", v.Expect.Record, v.Batch)
		}
		if v.Server {
			kind := "Problem"
			if v.Status == 200 {
				kind = "Appended"
			}
			if err := described.Valid([]byte(v.Body), "components", "schemas", kind); err != nil {
				t.Errorf("the server does not write this: %v", err)
			}
		}
	})
}
