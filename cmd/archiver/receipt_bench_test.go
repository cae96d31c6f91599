package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/testenv/gen"
)

// benchEvents is how many events a request of the benchmark has.
const benchEvents = 500

// BenchmarkBatches is the whole program in this process: batches over HTTP from 8
// clients, the log, Parquet, the embedded S3 and the ledger, until all is archived.
// With -cpuprofile it shows what receipts and the ledger take of it: see
// docs/performance.md. cpu-us/event has the clients' part too.
func BenchmarkBatches(b *testing.B) {
	for _, query := range []string{"", "?receipt=1"} {
		b.Run("events"+query, func(b *testing.B) { benchmarkBatches(b, query) })
	}
}

func benchmarkBatches(b *testing.B, query string) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	in, out := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"dev", "--json", "--dir", b.TempDir(), "--listen", "127.0.0.1:0", "--s3-listen", "127.0.0.1:0", "--athena-listen", "", "--seal-age", "2s"},
			stdio{bytes.NewReader(nil), out, io.Discard})
	}()
	var ready devReady
	if err := json.NewDecoder(in).Decode(&ready); err != nil {
		b.Fatal(err)
	}
	before := cpuTime(b)
	var requests atomic.Int64
	b.SetParallelism(4) // of two processors: 8 clients
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		body := newBenchBody()
		for pb.Next() {
			n := requests.Add(1)
			if err := postBench(ready.URL+"/v1/events"+query, body.renew(n)); err != nil {
				b.Error(err)
				return
			}
		}
	})
	if err := archivedBench(ready.URL + "/metrics"); err != nil {
		b.Error(err)
	}
	stop()
	if code := <-ended; code != exitOK {
		b.Errorf("exit code %d", code)
	}
	events := float64(requests.Load() * benchEvents)
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/events, "cpu-us/event")
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
}

// benchBody is a request whose ids can be made new.
type benchBody struct {
	bytes []byte
	ids   []int // where each begins
}

var benchPool = sync.OnceValue(func() *benchBody {
	g := gen.New(1, time.Now().Add(-time.Hour), 100_000)
	body := &benchBody{}
	for range benchEvents {
		e := g.Event()
		body.ids = append(body.ids, len(body.bytes)+len(`{"id":"`))
		body.bytes = append(gen.AppendJSON(body.bytes, &e), '\n')
	}
	return body
})

func newBenchBody() *benchBody {
	b := benchPool()
	return &benchBody{bytes.Clone(b.bytes), b.ids}
}

// renew makes every event another one: the number of the request is in the last 12
// digits of its id, its own number in those before, and it happens now.
func (b *benchBody) renew(request int64) []byte {
	now := time.Now().UTC()
	for i, at := range b.ids {
		copy(b.bytes[at+19:], fmt.Sprintf("%04x-%012x", 0x8000+i, request))
		copy(b.bytes[at+36+len(`","timestamp":"`):], now.Add(time.Duration(i)).Format(gen.TimeLayout))
	}
	return b.bytes
}

func postBench(url string, body []byte) error {
	answer, err := http.Post(url, "application/x-ndjson", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.300s", answer.Status, text)
	}
	return err
}

// archivedBench waits until nothing is left in the log. The seal age brings the rest
// there: what the end of the program did not archive would be missing in the profile.
func archivedBench(url string) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		answer, err := http.Get(url)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(answer.Body)
		if err = errors.Join(err, answer.Body.Close()); err != nil {
			return err
		}
		value := func(name string) string {
			_, after, _ := strings.Cut(string(text), "\n"+name+" ")
			line, _, _ := strings.Cut(after, "\n")
			return line
		}
		if first := value("archiver_wal_first_seq"); first != "" && first == value("archiver_wal_next_seq") {
			return nil
		}
	}
	return nil
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
