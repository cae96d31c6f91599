package archive

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// modelSeeds once showed a defect, or a flaw of the model. They run always. What a seed
// plays changes with the model, so each defect has a test of its own, too: that of 220 is
// TestStateThatWasReadIsOnTheDisk.
var modelSeeds = []uint64{220}

const (
	modelSeedsDefault = 60
	modelSteps        = 40
)

// TestModel plays random operations against the real log and archiver, on a disk
// that loses power and fails and a bucket that loses answers and lies, and against
// a model of a few lines: events are acknowledged, sealed, committed, released, in
// that order, and never go back. MODEL_SEEDS says how many seeds, MODEL_SEED which
// one. A seed fixes operations and faults; how goroutines interleave is the
// machine's.
func TestModel(t *testing.T) {
	seeds := append([]uint64(nil), modelSeeds...)
	if s := os.Getenv("MODEL_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("MODEL_SEED: %v", err)
		}
		seeds = []uint64{seed}
	} else {
		n := modelSeedsDefault
		if s := os.Getenv("MODEL_SEEDS"); s != "" {
			var err error
			if n, err = strconv.Atoi(s); err != nil {
				t.Fatalf("MODEL_SEEDS: %v", err)
			}
		}
		for seed := range n {
			seeds = append(seeds, uint64(seed))
		}
	}
	total := make(map[string]int)
	for _, seed := range seeds {
		ok := t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			m := newModel(t, seed)
			m.play()
			for what, n := range m.did {
				total[what] += n
			}
		})
		if !ok {
			t.Fatalf("run it alone with MODEL_SEED=%d, and add it to modelSeeds", seed)
		}
	}
	t.Logf("%d seeds: %v", len(seeds), total)
}

// model is what must be true, beside the real thing in world. The first three only
// grow, and each is at most the one before it and the number of acknowledged
// events, which are world.sent.
type model struct {
	*world
	seed                        uint64
	rng                         *rand.Rand
	sealed, committed, released int64
	batches                     map[int64]buffer.Batch // by number, as they were sealed

	disk     *crashfs.FS
	p        *process
	broken   atomic.Bool                        // a disk fault was hit: this process may end
	power    atomic.Pointer[context.CancelFunc] // ends this process
	forgets  atomic.Bool                        // ids could not be written or read: retries may be stored twice
	gate     atomic.Pointer[gate]               // where the log waits, once; see together
	reader   *ledger.Reader
	auditing atomic.Bool // the oracle reads the bucket: no faults
	did      map[string]int
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), disk: crashfs.New(),
		batches: make(map[int64]buffer.Batch), did: make(map[string]int)}
	if m.world = newWorld(t); seed%2 == 1 {
		m.world = newWorldOf(t, m.flaky)
	}
	m.fs, m.dir, m.stored = m.disk, "/data", m.wait
	if m.rng.IntN(3) == 0 {
		m.wrap = func(s *memstore.Store) object.Store { return &careless{Store: s, overwrites: true} }
	}
	m.reader = must(ledger.NewReader(m.store, prefix, m.root.VKey()))
	return m
}

// flaky is a key as in a KMS that fails now and then.
func (m *model) flaky(name string) ledger.Signer {
	var mu sync.Mutex // the log is shipped beside the commits
	rng := rand.New(rand.NewPCG(m.seed, 3))
	return newECDSAKey(name, func() error {
		mu.Lock()
		defer mu.Unlock()
		if m.reader == nil || rng.IntN(4) > 0 { // the play has not begun
			return nil
		}
		return errors.New("KMSInternalException")
	})
}

// play runs the script and demands in the end that everything is in the bucket.
func (m *model) play() {
	for step := 0; step < modelSteps && !m.t.Failed(); step++ {
		if m.p == nil && !m.begin() {
			m.crash()
			continue
		}
		what, err := m.step()
		m.did[what]++
		if err != nil {
			m.t.Logf("step %d, %s: %v", step, what, err) // shown when the test fails
		}
		if err != nil && !m.broken.Load() {
			m.t.Errorf("seed %d step %d, %s: %v", m.seed, step, what, err)
		}
		if errors.Is(err, buffer.ErrDamaged) && m.p != nil {
			<-m.p.ctx.Done() // it is about to end by itself
		}
		if m.p != nil && m.p.ctx.Err() != nil {
			if !m.broken.Load() {
				m.t.Errorf("seed %d step %d, %s: the process ended: %v", m.seed, step, what, m.p.end())
			}
			m.crash()
		}
		m.audit(step, what)
	}
	m.disk.Inject(nil)
	m.store.Intercept(nil)
	if m.p != nil {
		m.stop()
	}
	m.finish()
	m.check()
}

// begin starts a process; false: the disk did not let it.
func (m *model) begin() bool {
	m.broken.Store(false)
	p, err := m.start()
	if err != nil {
		if !m.broken.Load() {
			m.t.Errorf("seed %d: start: %v", m.seed, err)
		}
		return false
	}
	m.p = p.together()
	m.power.Store(&p.stop)
	return true
}

// stop ends the process in order, if its disk lets it.
func (m *model) stop() {
	if err := m.p.end(); err != nil && !errors.Is(err, context.Canceled) && !m.broken.Load() {
		m.t.Errorf("seed %d: end: %v", m.seed, err)
	}
	m.p = nil
}

// crash ends the process at once. Half of the time the machine loses power with
// it, and with that some of what was not synced.
func (m *model) crash() {
	m.broken.Store(true)
	m.disk.Inject(off)
	if m.p != nil {
		m.stop()
	}
	m.disk.Inject(nil)
	if m.rng.IntN(2) == 0 {
		m.did["power loss"]++
		m.disk = m.disk.Crash(m.rng, []int{0, 30, 70, 100}[m.rng.IntN(4)])
		m.fs = m.disk
	}
}

// off is a disk that changes no more; what was read before can be read still.
func off(op crashfs.Op) error {
	switch op.Kind {
	case crashfs.Read, crashfs.Open, crashfs.Size, crashfs.Close:
		return nil
	}
	return errors.New("the machine is off")
}

// step does one thing. Its error is one of the real thing.
func (m *model) step() (what string, err error) {
	switch n := m.rng.IntN(100); {
	case n < 30:
		return "append", m.append(nil, m.events(1+m.rng.IntN(6)))
	case n < 38:
		return "append together", m.together()
	case n < 48:
		return "append again", m.append(m.known(), m.events(m.rng.IntN(3)))
	case n < 52:
		return "conflict", m.conflict()
	case n < 62:
		return "seal", m.seal()
	case n < 65:
		return "heartbeat", m.heartbeat()
	case n < 72:
		return "drain", m.drained()
	case n < 75:
		m.clock.advance(time.Duration(m.rng.IntN(100)) * time.Minute)
		return "clock", nil
	case n < 80:
		m.diskFails()
		return "disk fault", nil
	case n < 92:
		m.bucketFails()
		return "bucket fault", nil
	case n < 96:
		m.stop()
		return "restart", nil
	default:
		m.crash()
		return "crash", nil
	}
}

// known picks some events that were acknowledged, to be sent again.
func (m *model) known() (again []event.Event) {
	if m.forgets.Load() || len(m.sent) == 0 {
		return nil
	}
	seen := make(map[int]bool)
	for range 1 + m.rng.IntN(3) {
		if i := m.rng.IntN(len(m.sent)); !seen[i] {
			seen[i] = true
			again = append(again, m.sent[i])
		}
	}
	return again
}

// conflict sends an event under an id that is taken, with one that is new: neither
// is stored.
func (m *model) conflict() error {
	known := m.known()
	if len(known) == 0 {
		return nil
	}
	taken := known[0]
	taken.ReceivedAtMS = 0
	taken.Fingerprint++ // as of other fields
	_, err := m.p.buffer.Append(context.Background(), append(m.events(1), taken))
	if errors.Is(err, buffer.ErrConflict) {
		return nil
	}
	if err == nil {
		m.t.Errorf("seed %d: another event under the id %s was stored", m.seed, taken.ID)
	}
	return err
}

func (m *model) seal() error {
	if err := m.p.buffer.Seal(m.p.ctx); err != nil {
		return err
	}
	m.sealed = int64(len(m.sent))
	return nil
}

func (m *model) heartbeat() error {
	if err := m.p.buffer.Heartbeat(m.p.ctx); err != nil {
		return err
	}
	m.sealed = int64(len(m.sent))
	return nil
}

func (m *model) drained() error {
	if err := m.p.drain(); err != nil {
		return err
	}
	m.committed, m.released = max(m.committed, m.sealed), max(m.released, m.sealed)
	return nil
}
