package ingest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/audit-archiver/archiver/internal/event"
)

// sink takes events and forgets them.
type sink struct{ n atomic.Int64 }

func (s *sink) Append(_ context.Context, events []event.Event) (Stored, error) {
	seqs := make([]int64, len(events))
	for i := range seqs {
		seqs[i] = s.n.Add(1)
	}
	return Stored{Stream: testStream, Seqs: seqs}, nil
}

// discard is a ResponseWriter without a network.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

func BenchmarkHandler(b *testing.B) {
	lines := strings.SplitAfter(recorded(b), "\n")
	for _, n := range []int{1, 500} {
		batch := strings.Join(lines[:n], "")
		for name, body := range map[string]string{
			"lines": batch,
			"array": "[" + strings.ReplaceAll(strings.TrimSpace(batch), "\n", ",") + "]",
			"gzip":  gz(batch),
			"zstd":  zst(b, batch),
		} {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				h, err := NewHandler(options(&sink{}))
				if err != nil {
					b.Fatal(err)
				}
				header := http.Header{"Content-Type": {"application/x-ndjson"}}
				switch name {
				case "array":
					header.Set("Content-Type", "application/json")
				case "gzip", "zstd":
					header.Set("Content-Encoding", name)
				}
				b.SetBytes(int64(len(batch)))
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						r := httptest.NewRequest("POST", "http://localhost/v1/events", strings.NewReader(body))
						r.Header = header
						w := &discard{header: make(http.Header)}
						h.ServeHTTP(w, r)
						if w.status != 200 {
							b.Errorf("status %d", w.status)
							return
						}
					}
				})
				b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}
