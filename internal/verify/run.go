package verify

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// run is one verification.
type run struct {
	Options
	*collector
	levels  [5]bool
	now     time.Time // when it began
	memory  *memory   // what earlier runs accepted; never nil
	cache   *cache
	reader  *ledger.Reader
	view    *ledger.View
	streams map[uuid.UUID]*stream
	repairs repairs
	vague   map[uuid.UUID]bool // streams that are not remembered; Nil: none is. Guarded by the collector's mu
	unread  error              // what the last reading of the ledger could not read
	stale   bool               // it could read nothing: view is that of an earlier one
	objects objects
	bucket  []Setting
	digests map[string]Digest // of what level 3 read, by name; for level 4. Guarded by the collector's mu
	gone    map[string]bool   // committed names that are not there; true: before their time
}

// stream is what a run knows about one certified stream.
type stream struct {
	*ledger.Stream
	remembered  remembered
	stuckUnread bool // its commits could not be read to the end
}

// Run verifies an archive. It returns a report unless the options are wrong, the
// state is damaged, or ctx ended; what is wrong with the bucket, or with the way
// to it, is in the report.
func Run(ctx context.Context, o Options) (_ *Report, err error) {
	r, err := newRun(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.cache.close(), r.memory.close()) }()
	if err := r.verify(ctx); err != nil {
		return nil, err
	}
	if r.levels[0] {
		r.settings(ctx)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("verify: %w", context.Cause(ctx))
	}
	report := r.finish()
	if err := r.remember(); err != nil {
		return nil, err
	}
	return report, nil
}

func newRun(o Options) (*run, error) {
	archive, err := ledger.ParseRootName(o.Root)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	if o.Sample < 0 || o.Sample > 1 {
		return nil, fmt.Errorf("verify: sample is %g, want 0 to 1", o.Sample)
	}
	if o.Sample == 0 {
		o.Sample = 1
	}
	if o.Workers <= 0 {
		o.Workers = 2 * runtime.GOMAXPROCS(0) // one of two waits for the store
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Levels == nil {
		o.Levels = []int{1, 2, 3}
		if o.Settings != nil {
			o.Levels = append(o.Levels, 0)
		}
	}
	r := &run{Options: o, digests: make(map[string]Digest), collector: newCollector(), now: o.Now().UTC(),
		streams: make(map[uuid.UUID]*stream), gone: make(map[string]bool), vague: make(map[uuid.UUID]bool)}
	if slices.Contains(o.Levels, 4) {
		o.Levels = append(slices.Clone(o.Levels), 2, 3)
	}
	for _, level := range append(slices.Clone(o.Levels), 1) {
		if level < 0 || level >= len(r.levels) {
			return nil, fmt.Errorf("verify: there is no level %d", level)
		}
		r.levels[level] = true
		r.begin(level)
	}
	if r.memory, err = openMemory(o.State, archive); err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	if r.cache, err = openCache(o.Store, r.memory.dir, o.Full); err != nil {
		return nil, errors.Join(fmt.Errorf("verify: %w", err), r.memory.close())
	}
	if r.reader, err = ledger.NewReader(r.cache, o.Prefix, o.Root); err != nil {
		return nil, errors.Join(err, r.cache.close(), r.memory.close())
	}
	return r, nil
}

// unable says what could not be looked at. The streams that it is about are not
// remembered: all of them when it is about no object, or about one of no stream.
func (r *run) unable(u Unchecked) {
	r.collector.unable(u)
	if u.Level == 0 || u.Level == 4 { // not about what a checkpoint says
		return
	}
	stream, _, ok := ledger.ParseCommitKey(r.Prefix, u.Key)
	if p, data := parquet.ParseKey(r.Prefix, u.Key); data {
		stream, ok = p.Stream, true
	}
	if !ok {
		stream = uuid.Nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.vague[stream] = true
}

// verify does levels 1 to 4. The ledger is read before the listing of the bucket
// and again after it: what a live writer does meanwhile is in the second reading.
func (r *run) verify(ctx context.Context) error {
	ok, err := r.readLedger(ctx)
	if err != nil {
		return err
	}
	if !ok { // and the report says why; without it there is nothing to compare with
		r.blind(2, 3, 4)
		return nil
	}
	if err := r.attestations(ctx); err != nil {
		return err
	}
	listed := false
	if r.levels[2] {
		if listed, err = r.list(ctx); err != nil {
			return err
		}
	}
	r.judgeLedger()
	if err := r.judgeAttestations(ctx); err != nil {
		return err
	}
	if err := r.cache.keep(r.accepted); err != nil {
		return err
	}
	if listed {
		if err := r.heads(ctx); err != nil {
			return err
		}
	}
	if r.levels[3] {
		if err := r.contents(ctx); err != nil {
			return err
		}
	}
	if !listed {
		r.blind(4)
	}
	if r.levels[4] && listed {
		return r.sql(ctx)
	}
	return nil
}

// finish makes the report.
func (r *run) finish() *Report {
	report := &Report{Archive: r.memory.archive, From: r.now, To: r.Now().UTC(),
		Range: Range{Since: r.Since, Sample: r.Sample, Full: r.Full || r.State == ""}, Settings: r.bucket, Streams: []StreamReport{}}
	if r.view != nil {
		report.about = r.view.Archive
		for i := range r.view.Streams {
			h := &r.view.Streams[i].Head
			report.Streams = append(report.Streams, StreamReport{Stream: h.Stream, Index: h.Index, Size: h.Tree.Size(), Root: h.Tree.Root(),
				NextSeq: h.NextSeq, Through: h.Through, Closed: h.Closed})
		}
	}
	r.report(report)
	report.Complete = report.Result != Indeterminate && len(report.Unchecked) == 0 && r.Since.IsZero() && r.Sample == 1 && r.levels[2] && r.levels[3]
	return report
}

// key is the key in the bucket of a name in a manifest.
func (r *run) key(name string) string { return ledger.Join(r.Prefix, name) }

// accepted reports whether a version is a true one of the ledger, so that its
// bytes are worth being kept.
func (r *run) accepted(key, id string) bool {
	if stream, index, ok := ledger.ParseCommitKey(r.Prefix, key); ok {
		s := r.streams[stream]
		return s != nil && index < int64(len(s.Commits)) && s.Commits[index].VersionID == id
	}
	return r.repairs.valid[version{key, id}]
}
