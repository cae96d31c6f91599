package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/audit-archiver/archiver/internal/event"
)

// What a client may ask for beside 200: a signed statement that its events were
// taken. The header is that of RFC 7240.
const (
	preferHeader     = "Prefer"
	appliedHeader    = "Preference-Applied"
	receiptParameter = "receipt"
	preferReceipt    = "receipt"
)

// Receipts are what covers the events of a request, each a JSON document.
type Receipts struct {
	All     [][]byte
	Missing string // why there is none for some of the events; "" when there is
}

// ReceiptAppender is an Appender that can say more about what it took.
//
// AppendReceipt is Append for a request that asked for receipts. They may come
// later than the seqs: wait returns them, or says why there are none once its
// context ends. The events must not be changed afterwards.
type ReceiptAppender interface {
	AppendReceipt(ctx context.Context, events []event.Event) (stored Stored, wait func(context.Context) Receipts, err error)
}

// wantsReceipt tells whether the client asked for receipts. A preference that we do
// not know is none of our business, as RFC 7240 says.
func wantsReceipt(r *http.Request, q url.Values) (bool, *problem) {
	wants := false
	for _, header := range r.Header[preferHeader] {
		for preference := range preferences(header) {
			wants = wants || strings.EqualFold(preference, preferReceipt)
		}
	}
	for _, v := range q[receiptParameter] {
		if v != "1" {
			return false, badRequest(fmt.Sprintf("?%s= is %q; it may be 1; nothing was stored", receiptParameter, clip(v)))
		}
		wants = true
	}
	return wants, nil
}

// preferences yields the preferences of one header that have no value, without
// their parameters. Commas and semicolons in quotes separate nothing.
func preferences(header string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for len(header) > 0 {
			end := unquoted(header, ',')
			one := header[:end]
			header = header[min(end+1, len(header)):]
			name, value, _ := strings.Cut(one[:unquoted(one, ';')], "=")
			if value = strings.TrimSpace(value); value != "" && value != `""` {
				continue
			}
			if !yield(strings.TrimSpace(name)) {
				return
			}
		}
	}
}

// unquoted returns the index of the first c that is not within quotes, or len(s).
func unquoted(s string, c byte) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '\\' && quoted:
			i++
		case s[i] == c && !quoted:
			return i
		}
	}
	return len(s)
}

// addReceipts waits for the receipts of a request that is on disk, and adds them to
// the body of its answer. applied: every event has one.
func (s *events) addReceipts(ctx context.Context, stored []byte, wait func(context.Context) Receipts) (_ []byte, applied bool) {
	got := Receipts{Missing: "this server gives no receipts"}
	if wait != nil {
		ctx, cancel := context.WithTimeout(ctx, s.lim.ReceiptWait)
		defer cancel()
		got = wait(ctx)
	}
	size := len(stored) + 128
	for _, r := range got.All {
		size += len(r) + 1
	}
	b := append(make([]byte, 0, size), stored[:len(stored)-len(answerEnd)]...)
	b = append(b, `,"receipts":[`...)
	for i, r := range got.All {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, r...)
	}
	b = append(b, ']')
	if got.Missing != "" {
		why, err := json.Marshal(got.Missing)
		if err != nil {
			panic("bug: a text does not encode: " + err.Error())
		}
		b = append(append(b, `,"receipts_missing":`...), why...)
	}
	return append(b, answerEnd...), got.Missing == ""
}
