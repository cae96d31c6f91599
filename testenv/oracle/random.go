package oracle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
	"github.com/audit-archiver/archiver/testenv/oracle/sqlgen"
)

// Random compares two engines on generated queries. What they are asked is in [sqlgen].
//
// An answer where the other engine fails is a difference too, but for queries that
// may fail on some of their rows: whether they do depends on which rows an engine
// looks at, and when, and that is nobody's promise. What the embedded engine refuses
// by name is none. Several goroutines may use it.
type Random struct {
	Reference, Embedded athena.Engine

	mu       sync.Mutex
	Compared int            // answered by both alike
	Failed   int            // by none
	Fragile  int            // by one of them, as chance would have it
	Broken   int            // the reference has an error in itself
	Differ   int            // in what they answer, or whether they do
	Refused  map[string]int // by the embedded engine alone: what it named
	Calls    map[string]int // of functions, in what both have answered
}

// Outcome is what came of one query: one of the fields says so.
type Outcome struct {
	Difference string // how the engines differ
	Refused    string // what the embedded engine named; the reference has an answer
	Failed     bool   // neither answers
	Fragile    bool   // one of them answers, which is chance
	Broken     bool   // Trino has an error of its own, which is no answer
}

// Check asks both engines.
func (r *Random) Check(ctx context.Context, q sqlgen.Query) (Outcome, error) {
	got, err := Ask(ctx, r.Embedded, athena.Query{SQL: q.SQL})
	if err != nil {
		return Outcome{Difference: "the embedded engine fails: " + err.Error()}, nil //nolint:nilerr // it is the finding
	}
	want, err := Ask(ctx, r.Reference, athena.Query{SQL: q.SQL})
	if err != nil && strings.Contains(err.Error(), "GENERIC_INTERNAL_ERROR") {
		return Outcome{Broken: true}, nil
	}
	if err != nil {
		return Outcome{}, fmt.Errorf("ask Trino: %w", err)
	}
	switch {
	case want.Err != nil && got.Err != nil:
		return Outcome{Failed: true}, nil //nolint:nilerr // both fail, as they must
	case want.Err == nil && got.Err == nil:
		return Outcome{Difference: sameRows(q, want, got)}, nil
	case refusal(got.Err) != "":
		return Outcome{Refused: refusal(got.Err)}, nil
	case q.Fragile && (q.Lazy || q.Shape() == sqlgen.Rows) && (fails(want.Err) || fails(got.Err)):
		return Outcome{Fragile: true}, nil
	}
	return Outcome{Difference: Differ(q.SQL, want, got)}, nil
}

// count adds up what came of q.
func (r *Random) count(q sqlgen.Query, o Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case o.Difference != "":
		r.Differ++
	case o.Refused != "":
		r.Refused[o.Refused]++
	case o.Failed:
		r.Failed++
	case o.Fragile:
		r.Fragile++
	case o.Broken:
		r.Broken++
	default:
		r.Compared++
		for _, name := range calls(q.SQL) {
			r.Calls[name]++
		}
	}
}

// found is how many differences there are so far.
func (r *Random) found() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Differ
}

var callSyntax = regexp.MustCompile(`\b([a-z_0-9]+)\(`)

// calls are the names of the functions that sql calls, in lower case.
func calls(sql string) []string {
	var names []string
	for _, m := range callSyntax.FindAllStringSubmatch(strings.ToLower(sql), -1) {
		names = append(names, m[1])
	}
	return names
}

// uncalled are the functions of the dialect that are not among calls.
func uncalled(calls map[string]int) []string {
	return slices.DeleteFunc(dialect.Functions(), func(name string) bool { return calls[name] > 0 })
}

// refusal is what err names as not supported; "" when it is another error, or none.
func refusal(err *athena.Error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err.Kind, athena.ErrRefused):
		return strings.TrimSuffix(err.Construct+": "+err.Detail, ": ")
	case errors.Is(err.Kind, athena.ErrExecution) && strings.Contains(err.Detail, "not supported"):
		return err.Detail // of a value
	}
	return ""
}

// fails reports whether err is about data.
func fails(err *athena.Error) bool { return err != nil && errors.Is(err.Kind, athena.ErrExecution) }

// sameRows compares two answers to q.
func sameRows(q sqlgen.Query, want, got Answer) string {
	want.Rows, got.Rows = comparable(q, want.Rows), comparable(q, got.Rows)
	if w, g := want.String(), got.String(); w != g {
		return fmt.Sprintf("want:\n%sgot:\n%s", w, g)
	}
	return ""
}

// comparable gives the rows an order where they have none, and the entries of maps
// too. Where the last digits of doubles depend on the machine and on the order of a
// sum, nine of them are left.
func comparable(q sqlgen.Query, rows []string) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = row
		var v any
		dec := json.NewDecoder(strings.NewReader(row))
		dec.UseNumber()
		if dec.Decode(&v) != nil {
			continue
		}
		if q.Approximate {
			v = nineDigits(v)
		}
		if text, err := json.Marshal(v); err == nil {
			out[i] = string(text)
		}
	}
	if !q.Ordered {
		slices.Sort(out)
	}
	return out
}

func nineDigits(v any) any {
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.ContainsAny(string(v), ".eE") {
			return strconv.FormatFloat(f, 'g', 9, 64)
		}
	case []any:
		for i := range v {
			v[i] = nineDigits(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = nineDigits(v[k])
		}
	}
	return v
}

// Data is what generated queries ask of the archive, and values that are in it.
func Data() *sqlgen.Data {
	values := map[string][]string{
		"timestamp": {"timestamp '2023-07-10 11:42:42.000'", "timestamp '2024-02-29 00:00:00'", "date '2023-07-10'", "timestamp '2024-03-01 00:00:00 Europe/Berlin'"},
		"dt":        {"'2023-07-10'", "'2024-02-29'", "''", "'2024-02'"},
		"retention": {"'standard'", "'long'", "'minimal'", "'empty'", "'none'"},
		"action":    {"'user.login'", "'report.export'"}, "outcome": {"'failure'", "'success'"},
		"actor_type": {"'user'", "'system'"}, "seq": {"3", "6", "100"},
		"actor_id": {"'alice'", "'bob'", "'nobody'"}, "actor_email": {"'alice@example.com'", "''"},
		"resource_type": {"'session'", "'order'"}, "resource_id": {"'order-456'", "'r-1'"}, "request_id": {"'req-1'", "''"},
		"ip": {"'203.0.113.7'", "'2001:db8::1'"}, "organization_id": {"'org-1'", "'組織'"},
		"reason":     {"'bad password'", "''", "'back\\slash %percent_ under'"},
		"user_agent": {"'curl/8'", "'日本語 😀 é é'"},
		"details":    {"'{}'", `'{"old":{"price":12.50},"new":{"price":13},"tags":["x","y"]}'`},
	}
	data := &sqlgen.Data{Unique: "id", Counter: "seq"}
	for _, c := range athena.Columns() {
		data.Columns = append(data.Columns, sqlgen.Column{Name: c.Name, Type: c.Type, Values: values[c.Name]})
	}
	return data
}
