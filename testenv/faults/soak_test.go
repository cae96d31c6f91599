//go:build linux

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/testenv/chaos"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

// TestSoak loads the server for SOAK_MINUTES and kills it at random moments. At others
// the bucket is away, or does to requests what it can do to them: it loses them or their
// answers, spoils them, answers with errors, keeps silent. In the end acknowledged,
// stored and distinct events are counted: they have to be the same.
func TestSoak(t *testing.T) {
	minutes, err := strconv.ParseFloat(os.Getenv("SOAK_MINUTES"), 64)
	if err != nil {
		t.Skip("make soak MINUTES=10")
	}
	k := newSoak(t)
	until := time.Now().Add(time.Duration(minutes * float64(time.Minute)))
	rounds, acked := 0, int64(0)
	for ; time.Now().Before(until) && !t.Failed(); rounds++ {
		k.round(t, uint64(rounds))
		if rounds%20 == 19 {
			t.Logf("%s left: %s, %d events acknowledged", time.Until(until).Round(time.Second), k, k.promise.Acked())
			if k.promise.Acked() == acked {
				t.Error("nothing was acknowledged in twenty rounds")
			}
			acked = k.promise.Acked()
		}
	}
	t.Logf("%d rounds, %s", rounds, k)
	v := k.start(t, how{})
	v.drained(t, func() {})
	v.stop(t)
	k.settle(t)
	k.single(t, k.proxy)
}

// soak is a site whose bucket is behind a gate and a proxy.
type soak struct {
	*site
	proxy *chaos.Proxy
	seed  uint64

	kills, outages, storms int
}

func newSoak(t *testing.T) *soak {
	t.Helper()
	cfg := s3test.Embedded(t).Config(t)
	k := &soak{seed: seedOf(t), proxy: chaos.Start(t, strings.TrimPrefix(cfg.Endpoint, "http://"))}
	g := openGate(t, k.proxy.Addr)
	k.site = newSiteAt(t, cfg, g.addr, "query: {timeout: 1h}") // some hundred files and a million rows, on a machine that may be busy
	k.gate = g
	return k
}

func (k *soak) String() string {
	return fmt.Sprintf("%d kills, %d outages, %d storms", k.kills, k.outages, k.storms)
}

// luck is that of one goroutine in one round: what it draws does not hang on the others.
func (k *soak) luck(round, who uint64) *rand.Rand { return rand.New(rand.NewPCG(k.seed, round<<8|who)) }

// upTo is a time below the longest.
func upTo(luck *rand.Rand, longest time.Duration) time.Duration {
	return time.Duration(luck.Int64N(int64(longest)))
}

// round is one life of the server. The bucket is in trouble to its end.
func (k *soak) round(t *testing.T, round uint64) {
	v := k.start(t, how{})
	luck := k.luck(round, 0)
	ctx, stop := context.WithTimeout(t.Context(), upTo(luck, 10*time.Second))
	defer stop()
	trouble, calm := context.WithCancel(t.Context())
	defer calm()
	var work sync.WaitGroup
	for client := range uint64(4) {
		work.Go(func() { v.load(ctx, t, k.luck(round, 1+client)) })
	}
	work.Go(func() { k.flicker(trouble, k.luck(round, 5)) })
	work.Go(func() { k.storm(trouble, k.luck(round, 6), k.luck(round, 7)) })
	select {
	case <-ctx.Done():
	case <-v.done:
		t.Errorf("round %d: it ended by itself:\n%s", round, v.log)
	}
	if luck.IntN(4) > 0 {
		k.kills++
		v.kill(t)
	} else {
		v.stop(t) // in order; what the bucket does not take now waits
	}
	stop()
	calm()
	work.Wait()
}

// load sends events until the server is gone: first what was not answered before.
func (v *server) load(ctx context.Context, t *testing.T, luck *rand.Rand) {
	left := v.site.promise.takeUnanswered()
	for gone := false; ctx.Err() == nil && !gone; {
		if len(left) == 0 {
			left = append(left, v.site.promise.Invent(1+luck.IntN(50), luck.IntN(300)))
		}
		raw, err := v.call(context.Background(), http.MethodPost, "/v1/events", left[0])
		switch status := statusOf(err); {
		case err == nil:
			v.site.promise.take(t, raw)
			left = left[1:]
		case status == 0:
			gone = true
		case status != http.StatusServiceUnavailable: // which it is when the log is full, while the bucket is away
			t.Errorf("a client got %v", err)
			gone = true
		}
	}
	for _, body := range left {
		v.site.promise.unanswered(body)
	}
}

// flicker takes the bucket away now and then, until ctx ends.
func (k *soak) flicker(ctx context.Context, luck *rand.Rand) {
	defer k.gate.set(false)
	for shut := false; passes(ctx, upTo(luck, 3*time.Second)); shut = !shut {
		if !shut {
			k.outages++
		}
		k.gate.set(!shut)
	}
}

// storm lets every third request meet what can happen to it, now and then, until ctx ends.
func (k *soak) storm(ctx context.Context, luck, theirs *rand.Rand) {
	unlucky := func(*http.Request) bool { return theirs.IntN(3) == 0 } // the proxy asks for one request at a time
	kinds := slices.Concat(weather, []chaos.Action{chaos.BlackHole})
	for passes(ctx, upTo(luck, 3*time.Second)) {
		k.storms++
		heal := k.proxy.Until(unlucky, kinds[luck.IntN(len(kinds))])
		passes(ctx, upTo(luck, 2*time.Second))
		heal()
	}
}

// passes waits, and says false if ctx ends before.
func passes(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
