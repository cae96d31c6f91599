package ingest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
)

// receipts is a memory that gives receipts, or says why not.
type receipts struct {
	*memory
	all     []string
	missing string
	late    bool // the receipts do not come
	asked   int
}

func (m *receipts) AppendReceipt(ctx context.Context, events []event.Event) (Stored, func(context.Context) Receipts, error) {
	m.asked++
	seqs, err := m.Append(ctx, events)
	return seqs, func(ctx context.Context) Receipts {
		if m.late {
			<-ctx.Done()
			return Receipts{Missing: "too slow"}
		}
		r := Receipts{Missing: m.missing}
		for _, text := range m.all {
			r.All = append(r.All, []byte(text))
		}
		return r
	}, err
}

// aReceipt is one, as far as the interface goes.
const aReceipt = `{"version":0,"open":"o","note":"n","index":0,"path":[],"received_at":"2026-11-23T12:00:00.000Z","first":0,` +
	`"leaves":["0000000000000000000000000000000000000000000000000000000000000000"]}`

func newReceiptWorld(t *testing.T, r *receipts) *world {
	t.Helper()
	w := newWorld(t, DefaultTimeouts(), func(o *Options) {
		m, ok := o.Appender.(*memory)
		if !ok {
			t.Fatal("not the memory")
		}
		r.memory = m
		o.Receipts = r
		o.Limits.ReceiptWait = time.Millisecond
	})
	return w
}

func TestReceiptsAreGivenToThoseWhoAsk(t *testing.T) {
	for name, tt := range map[string]struct {
		prefer []string
		query  string
		asked  bool
	}{
		"nobody asks":          {},
		"header":               {prefer: []string{"receipt"}, asked: true},
		"header in any case":   {prefer: []string{"Receipt"}, asked: true},
		"among others":         {prefer: []string{`return=minimal, wait=5; x="a,receipt", receipt; y=1`}, asked: true},
		"second header":        {prefer: []string{"respond-async", "receipt"}, asked: true},
		"empty value":          {prefer: []string{`receipt=""`}, asked: true},
		"another value":        {prefer: []string{"receipt=later"}},
		"within quotes":        {prefer: []string{`note="a, receipt, b"`}},
		"an escaped quote":     {prefer: []string{`note="a\", receipt, b"`}},
		"another preference":   {prefer: []string{"receipts"}},
		"parameter":            {query: "?receipt=1", asked: true},
		"header and parameter": {prefer: []string{"receipt"}, query: "?receipt=1&ack=synced", asked: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := &receipts{all: []string{aReceipt}}
			w := newReceiptWorld(t, r)
			a := w.do("POST", "/v1/events"+tt.query, http.Header{"Content-Type": {"application/json"}, "Prefer": tt.prefer}, []byte(minimal))
			var got struct {
				Receipts []json.RawMessage `json:"receipts"`
				Missing  *string           `json:"receipts_missing"`
			}
			if err := json.Unmarshal(a.body, &got); err != nil || a.StatusCode != 200 {
				t.Fatalf("status %d, %v: %s", a.StatusCode, err, a.body)
			}
			applied := slices.Equal(a.Header["Preference-Applied"], []string{"receipt"})
			if (r.asked == 1) != tt.asked || (len(got.Receipts) == 1) != tt.asked || applied != tt.asked || got.Missing != nil {
				t.Errorf("asked %d times, %v: %s", r.asked, a.Header, a.body)
			}
			if err := describe(t, openAPI).Describes("POST", "/v1/events", a.StatusCode, a.Header, a.body); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReceiptsThatAreMissing: the 200 stands, and the client learns why.
func TestReceiptsThatAreMissing(t *testing.T) {
	ask := http.Header{"Content-Type": {"application/json"}, "Prefer": {"receipt"}}
	for name, r := range map[string]*receipts{
		"some": {all: []string{aReceipt, aReceipt}, missing: "of the \"others\" none is known"},
		"none": {missing: "no key"},
		"late": {late: true},
		"no":   nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, DefaultTimeouts(), nil)
			if r != nil {
				w = newReceiptWorld(t, r)
			}
			a := w.do("POST", "/v1/events", ask, []byte(minimal))
			var got struct {
				Receipts []json.RawMessage `json:"receipts"`
				Missing  string            `json:"receipts_missing"`
			}
			if err := json.Unmarshal(a.body, &got); err != nil || a.StatusCode != 200 || a.Header.Get("Preference-Applied") != "" || got.Missing == "" || got.Receipts == nil {
				t.Errorf("status %d, %v: %s", a.StatusCode, a.Header, a.body)
			}
			if r != nil && (len(got.Receipts) != len(r.all) || r.missing != "" && got.Missing != r.missing) {
				t.Errorf("%s", a.body)
			}
			if err := describe(t, openAPI).Describes("POST", "/v1/events", a.StatusCode, a.Header, a.body); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReceiptAndArchive(t *testing.T) {
	r := &receipts{all: []string{aReceipt}}
	w := newReceiptWorld(t, r)
	ask := http.Header{"Content-Type": {"application/json"}, "Prefer": {"receipt"}, "Archiver-Ack": {"archived"}}
	w.appender.archived <- context.Canceled
	a := w.do("POST", "/v1/events", ask, []byte(minimal))
	if a.StatusCode != 504 || !strings.Contains(string(a.problem(t).Stored), `"receipts":[{`) {
		t.Errorf("status %d: %s", a.StatusCode, a.body)
	}
}

func TestReceiptOfWhatIsNotStored(t *testing.T) {
	r := &receipts{all: []string{aReceipt}}
	w := newReceiptWorld(t, r)
	w.appender.fail = errTestFull
	a := w.do("POST", "/v1/events?receipt=1", http.Header{"Content-Type": {"application/json"}}, []byte(minimal))
	if a.StatusCode != 503 || strings.Contains(string(a.body), "receipt") {
		t.Errorf("status %d: %s", a.StatusCode, a.body)
	}
	for _, query := range []string{"?receipt=", "?receipt=0", "?receipt=yes"} {
		if a := w.do("POST", "/v1/events"+query, http.Header{"Content-Type": {"application/json"}}, []byte(minimal)); a.StatusCode != 400 {
			t.Errorf("%s: status %d", query, a.StatusCode)
		}
	}
}
