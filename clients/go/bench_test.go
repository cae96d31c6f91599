package audit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	audit "github.com/audit-archiver/archiver/clients/go"
	"github.com/audit-archiver/archiver/clients/go/audithttp"
)

// discard stands for a sidecar that is done at once, so that what is measured is
// this side's work, the sender's included.
type discard struct{}

func (discard) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	n := 0
	buf := make([]byte, 32<<10)
	for {
		k, err := r.Body.Read(buf)
		for _, b := range buf[:k] {
			if b == '\n' {
				n++
			}
		}
		if err != nil {
			break
		}
	}
	_, _ = w.WriteString(`{"events":[`)
	for i := range n {
		if i > 0 {
			_, _ = w.WriteString(",")
		}
		_, _ = w.WriteString(`{"id":"","seq":0}`)
	}
	_, _ = w.WriteString("]}")
	return w.Result(), nil
}

func newBenchClient(b *testing.B, mode audit.SyncMode) *audit.Client {
	c, err := audit.New(audit.Options{
		SpoolDir: b.TempDir(), Transport: discard{}, SpoolSync: mode, EnqueueTimeout: 1 << 40,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close(b.Context()) })
	return c
}

func benchEvent() audit.Event {
	return audit.DataChangeEvent("user-123", "order", "order-456", audit.Update,
		map[string]any{"status": "open"}, map[string]any{"status": "paid"})
}

// BenchmarkEnqueue: the cost to the caller while the sender delivers in the
// background.
func BenchmarkEnqueue(b *testing.B) {
	for _, mode := range []audit.SyncMode{audit.SyncInterval, audit.SyncAlways} {
		for _, callers := range []int{1, 64} {
			name := fmt.Sprintf("sync=%v/callers=%d", map[audit.SyncMode]string{audit.SyncInterval: "interval", audit.SyncAlways: "always"}[mode], callers)
			b.Run(name, func(b *testing.B) {
				c := newBenchClient(b, mode)
				e := benchEvent()
				b.ReportAllocs()
				b.SetParallelism(callers)
				if callers == 1 {
					for b.Loop() {
						if err := c.Enqueue(b.Context(), e); err != nil {
							b.Fatal(err)
						}
					}
					return
				}
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := c.Enqueue(b.Context(), e); err != nil {
							b.Fatal(err)
						}
					}
				})
			})
		}
	}
}

// BenchmarkComplete: the part of Enqueue that is not the write.
func BenchmarkComplete(b *testing.B) {
	e := benchEvent()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := audit.Complete(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMiddleware: what one request costs more than without it.
func BenchmarkMiddleware(b *testing.B) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	serve := func(b *testing.B, h http.Handler) {
		r := httptest.NewRequest(http.MethodGet, "/orders/7", nil)
		r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)")
		r.Header.Set("X-Forwarded-For", "203.0.113.7, 10.0.0.2")
		b.ReportAllocs()
		for b.Loop() {
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	wrap := func(o audithttp.Options) http.Handler {
		o.TrustedProxies = []string{"10.0.0.0/8", "192.0.2.0/24"}
		mw, err := audithttp.New(o)
		if err != nil {
			b.Fatal(err)
		}
		return mw(handler)
	}
	b.Run("without", func(b *testing.B) { serve(b, handler) })
	b.Run("context", func(b *testing.B) { serve(b, wrap(audithttp.Options{})) })
	b.Run("context+event", func(b *testing.B) {
		serve(b, wrap(audithttp.Options{Auditor: newBenchClient(b, audit.SyncInterval)}))
	})
}
