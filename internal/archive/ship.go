package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

const (
	// shipBytes is where a shipment stops growing; a single frame may be longer.
	shipBytes    = 4 << 20
	shipmentType = "application/octet-stream"
)

// ShipOptions say what to ship, where, and as whom.
type ShipOptions struct {
	Dir    string // ledger/shipped lives in it
	FS     durable.FS
	Store  object.Store
	Prefix string
	Open   ledger.Open   // the stream's certificate
	Signer ledger.Signer // the stream's key
	Log    *buffer.Buffer

	Every     time.Duration // between looks at the log
	Retention time.Duration // how long a shipment is locked

	Now     func() time.Time
	Logger  *slog.Logger
	Metrics prometheus.Registerer
}

// Shipper copies what is durable in the log and not archived yet to the bucket, as
// small locked objects, so that it outlives this machine. Nobody waits for it: what
// it cannot ship is shipped later, or archived in the meantime.
type Shipper struct {
	o      ShipOptions
	bucket bucket
	now    chan chan struct{} // Flush -> Run
	moved  Moved              // where the first rows of the stream come from

	// Owned by Run.
	log   *buffer.Follower
	place buffer.Place  // all before it is shipped, or was archived
	sent  *sentPiece    // the last one, if it may be in the bucket and nobody has confirmed it
	pause time.Duration // of sentPiece.until; 0: the last one was confirmed

	objects, bytes, failures prometheus.Counter

	mu     sync.Mutex
	status ShipStatus
}

// ShipStatus is what /readyz and metrics tell about shipping.
type ShipStatus struct {
	NextSeq int64     // all before it is shipped or archived, as far as Run knows
	Shipped time.Time // when Run last came to the end of the log
	Failing time.Time // since when it has been failing; zero: it is not
	Err     error     // why
}

// NewShipper goes on where the folder says that an earlier one came to.
func NewShipper(o ShipOptions) (*Shipper, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	s := &Shipper{o: o, now: make(chan chan struct{}),
		objects:  counter("archiver_ship_objects_total", "Pieces of the WAL that were copied to the bucket."),
		bytes:    counter("archiver_ship_bytes_total", "Bytes of the pieces of the WAL that were copied to the bucket."),
		failures: counter("archiver_ship_failures_total", "Tries to copy a piece of the WAL to the bucket that failed."),
	}
	s.bucket = bucket{o.Store, o.Logger, counter("archiver_ship_foreign_versions_total", "Versions under the keys of our shipments that we did not write.")}
	o.Metrics.MustRegister(s.objects, s.bytes, s.failures, s.bucket.foreign)
	if err := durable.MkdirAll(o.FS, filepath.Dir(s.path()), 0o700); err != nil {
		return nil, fmt.Errorf("ship: %w", err)
	}
	var err error
	if s.moved, err = loadMoved(o.FS, o.Dir); err != nil {
		return nil, fmt.Errorf("ship: %w", err)
	}
	s.load()
	s.log = o.Log.Follow(s.place)
	return s, nil
}

// Status returns a copy of the current state.
func (s *Shipper) Status() ShipStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Run ships until ctx ends, and then returns nil. What fails is tried again at the
// next turn.
func (s *Shipper) Run(ctx context.Context) error {
	turn := time.NewTicker(s.o.Every)
	defer turn.Stop()
	for {
		var done chan struct{}
		select {
		case <-turn.C:
		case done = <-s.now:
		case <-ctx.Done():
			return nil
		}
		err := s.ship(ctx)
		if ctx.Err() != nil {
			return nil // it was told to stop
		}
		s.tell(ctx, err)
		if done != nil {
			close(done)
		}
	}
}

// flushPatience bounds a Flush: archiving must not hang on shipping.
const flushPatience = 10 * time.Second

// Flush lets Run ship what there is now, and waits for it, but not long.
func (s *Shipper) Flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushPatience)
	defer cancel()
	done := make(chan struct{})
	select {
	case s.now <- done:
	case <-ctx.Done():
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

func (s *Shipper) tell(ctx context.Context, err error) {
	st := s.Status()
	switch st.Err = err; {
	case err == nil:
		st.NextSeq, st.Failing, st.Shipped = s.place.NextSeq, time.Time{}, s.o.Now()
	case st.Failing.IsZero():
		st.Failing = s.o.Now()
	}
	s.mu.Lock()
	s.status = st
	s.mu.Unlock()
	if err != nil {
		s.failures.Inc()
		s.o.Logger.WarnContext(ctx, "the WAL is not copied to the bucket; tried again at the next turn", "error", err, "since", st.Failing)
	}
}

// ship brings the bucket up to the end that the log has now. If we die
//
//	before the object is stored       it is gathered again by the next process
//	before our place is saved         it is shipped once more, perhaps as a part of a
//	                                  larger piece: who recovers takes equal frames once
func (s *Shipper) ship(ctx context.Context) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	for {
		p, err := s.next(ctx)
		if err != nil {
			return err
		}
		if p == nil { // all is shipped, or archived
			s.place = s.log.Place()
			return nil
		}
		if err := s.put(ctx, p); err != nil {
			return err
		}
		if !p.Full { // what came since is for the next turn
			return nil
		}
	}
}

// next returns the next piece. One that is of more moved runs than its head can tell
// is made smaller: a single frame is of one batch, all of whose runs a commit can tell.
func (s *Shipper) next(ctx context.Context) (*buffer.Piece, error) {
	for most := int64(shipBytes); ; most /= 2 {
		p, err := s.log.Next(ctx, most)
		if err != nil || p == nil || most == 0 || len(s.moved.within(p.From.NextSeq, p.Last())) <= ledger.MaxShipmentMoved {
			return p, err
		}
		s.log.Back()
	}
}

// sentPiece is what is kept of a piece that was sent.
type sentPiece struct {
	upload            // without its body
	first, last int64 // seqs
	to          buffer.Place
	until       time.Time // the store is asked to mend it; afterwards it is sent anew
}

// A piece that the store has without its lock, or as other bytes, is sent again after a
// pause, in case the store is right by then. It grows, since each try may leave one more
// locked copy: some 80 of them in three days.
const (
	resendFirst = time.Minute
	resendMost  = time.Hour
)

// put stores one piece under the name that only its bytes have.
func (s *Shipper) put(ctx context.Context, p *buffer.Piece) error {
	now := s.o.Now().UTC().Truncate(time.Second)
	about := ledger.Shipment{Archive: s.o.Open.Archive, Stream: s.o.Open.Stream, First: p.From.NextSeq, Last: p.Last(),
		Batch: p.From.NextBatch, BatchFirst: p.From.BatchFirst, ShippedAt: now, Moved: s.moved.within(p.From.NextSeq, p.Last())}
	body, err := ledger.SealShipment(about, p.Frames, s.o.Signer)
	if err != nil {
		s.log.Back()
		return err
	}
	body = append(body, p.Frames...)
	u := upload{}
	u.SHA256 = sha256.Sum256(body)
	u.Key, u.Size = ledger.ShipmentKey(s.o.Prefix, &about, u.SHA256), int64(len(body))
	u.ContentType, u.RetainUntil = shipmentType, now.Add(s.o.Retention)
	u.earliest = u.RetainUntil
	s.pause = min(max(2*s.pause, resendFirst), resendMost)
	s.sent = &sentPiece{u, about.First, about.Last, p.To, now.Add(s.pause)}
	u.Body = bytes.NewReader(body)
	if _, err := s.bucket.ensure(ctx, u); err != nil {
		return fmt.Errorf("ship seq %d to %d: %w", about.First, about.Last, err)
	}
	return s.confirmed()
}

// settle finds out about the piece that was sent and not confirmed. Nothing else is sent
// before: the same frames have another date at each turn, so another name, and each copy
// would be locked. If they are not there they are gathered again.
func (s *Shipper) settle(ctx context.Context) error {
	if s.sent == nil {
		return nil
	}
	if s.sent.last < s.o.Log.Stats().FirstSeq { // archived meanwhile
		s.sent, s.pause = nil, 0
		return nil
	}
	_, found, err := s.bucket.adopt(ctx, s.sent.upload)
	wrong := errors.Is(err, object.ErrUnlocked) || errors.Is(err, ErrConflict)
	switch {
	case wrong && !s.o.Now().Before(s.sent.until):
		s.o.Logger.WarnContext(ctx, "a piece of the WAL in the bucket is not as it was sent: sent again", "key", s.sent.Key, "error", err)
	case err != nil:
		return fmt.Errorf("ship seq %d to %d: %w", s.sent.first, s.sent.last, err)
	case found:
		return s.confirmed()
	default:
		s.pause = 0
	}
	s.sent = nil
	s.log.Back()
	return nil
}

// confirmed notes that what was sent is in the bucket.
func (s *Shipper) confirmed() error {
	s.objects.Inc()
	s.bytes.Add(float64(s.sent.Size))
	s.place, s.sent, s.pause = s.sent.to, nil, 0
	return s.save()
}

// shippedState is ledger/shipped. It saves work after a restart and is no evidence:
// without it, what is not archived is shipped again.
type shippedState struct {
	Version    int    `json:"version"`
	Stream     string `json:"stream"`
	NextSeq    int64  `json:"next_seq"`
	NextBatch  int64  `json:"next_batch"`
	BatchFirst int64  `json:"batch_first"`
}

func (s *Shipper) path() string { return filepath.Join(s.o.Dir, "ledger", "shipped") }

func (s *Shipper) save() error {
	return saveJSON(s.o.FS, s.path(), shippedState{Version: stateVersion, Stream: s.o.Open.Stream.String(),
		NextSeq: s.place.NextSeq, NextBatch: s.place.NextBatch, BatchFirst: s.place.BatchFirst})
}

func (s *Shipper) load() {
	var st shippedState
	found, err := readJSON(s.o.FS, s.path(), &st)
	if err == nil && found && (st.Version != stateVersion || st.Stream != s.o.Open.Stream.String()) {
		err = errors.New("is of another version or stream")
	}
	if err != nil {
		s.o.Logger.Warn("what was shipped is not known: it is shipped again", "error", err)
		return
	}
	s.place = buffer.Place{NextSeq: st.NextSeq, NextBatch: st.NextBatch, BatchFirst: st.BatchFirst}
	s.status.NextSeq = st.NextSeq
}
