package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
)

// events serves POST /v1/events.
type events struct {
	appender Appender
	archived func(context.Context, uuid.UUID, int64) error
	receipts ReceiptAppender // nil: none are given
	room     func(bytes int64) error
	refusal  func(error) Refusal
	lim      Limits
	bodies   *bodies
	decoders sync.Pool // of *decoder
	batches  sync.Pool // of *[]event.Event, all zero
	waiting  waiting
	metrics  *metrics
	log      *slog.Logger
	now      func() time.Time
	newID    func() (uuid.UUID, error)
}

func newEvents(o *Options, m *metrics) *events {
	return &events{
		appender: o.Appender,
		receipts: o.Receipts,
		archived: o.Archived,
		room:     o.Room,
		refusal:  o.Refusal,
		lim:      o.Limits,
		bodies:   newBodies(o.Limits.RequestBytes, o.Limits.InFlightBytes),
		decoders: sync.Pool{New: func() any { return &decoder{events: event.NewDecoder(o.Limits.Event), ids: newIDSet()} }},
		waiting:  waiting{wait: o.Limits.AppendWait},
		metrics:  m,
		log:      o.Log,
		now:      o.Now,
		newID:    o.NewID,
	}
}

// decoder is what decoding a request needs and the next one may use again.
type decoder struct {
	events *event.Decoder
	ids    *idSet
}

func (s *events) serveHTTP(w http.ResponseWriter, r *http.Request, c Client) {
	start := s.now()
	stored, applied, p := s.serve(r, c)
	if applied {
		w.Header().Set(appliedHeader, preferReceipt)
	}
	if p != nil {
		if p.Status == http.StatusUnsupportedMediaType {
			w.Header().Set("Accept", "application/json, application/x-ndjson")
			w.Header().Set("Accept-Encoding", "gzip, zstd, identity")
		}
		s.metrics.refused.WithLabelValues(p.kind).Inc()
		p.write(w)
	} else {
		writeStored(w, stored)
	}
	s.metrics.seconds.Observe(s.now().Sub(start).Seconds())
}

// serve stores the events of a request and returns the body of a success. applied
// says that the receipts which the client asked for are in it.
func (s *events) serve(r *http.Request, c Client) (stored []byte, applied bool, _ *problem) {
	q, p := parameters(r)
	if p != nil {
		return nil, false, p
	}
	archived, p := ackOf(r, q)
	if p != nil {
		return nil, false, p
	}
	receipt, p := wantsReceipt(r, q)
	if p != nil {
		return nil, false, p
	}
	stored, where, wait, p := s.store(r, c, receipt)
	if p != nil {
		return nil, false, p
	}
	if receipt {
		stored, applied = s.addReceipts(r.Context(), stored, wait)
	}
	if seq, ok := where.last(); archived && ok {
		return stored, applied, s.await(r.Context(), stored, where.Stream, seq)
	}
	return stored, applied, nil
}

// store takes a request to the disk, and returns the body of a success.
func (s *events) store(r *http.Request, c Client, receipt bool) (stored []byte, where Stored, wait func(context.Context) Receipts, _ *problem) {
	f, p := formatOf(r.Header)
	if p != nil {
		return nil, Stored{}, nil, p
	}
	packing, p := codingOf(r.Header)
	if p != nil {
		return nil, Stored{}, nil, p
	}
	b, p := s.bodies.read(r, packing)
	if p != nil {
		return nil, Stored{}, nil, p
	}
	// From here to the end of this function the body stays as it is, and what it took
	// stays reserved: the events' strings are parts of it.
	defer b.release()
	s.metrics.bytes.Add(float64(len(b.bytes)))
	if err := s.room(int64(len(b.bytes))); err != nil {
		return nil, Stored{}, nil, s.notStored(nil, err)
	}
	text := unsafe.String(unsafe.SliceData(b.bytes), len(b.bytes))
	if receipt {
		text = string(b.bytes) // whoever signs keeps the events
	}
	batch, p := s.decode(text, f, c)
	if p != nil {
		return nil, Stored{}, nil, p
	}
	where, wait, p = s.append(batch, receipt)
	if p != nil {
		return nil, Stored{}, nil, p
	}
	s.metrics.events.Add(float64(len(batch)))
	stored = appended(batch, &where)
	if !receipt {
		s.recycle(batch)
	}
	return stored, where, wait, nil
}

// decode makes events of a body: all of them, or a problem that lists every
// fault.
func (s *events) decode(text string, f format, c Client) ([]event.Event, *problem) {
	d, ok := s.decoders.Get().(*decoder)
	if !ok {
		panic("bug: the pool holds something else")
	}
	defer s.decoders.Put(d)
	var (
		batch  = s.emptyBatch(s.expect(text, f))
		faults faults
		now    = s.now()
		index  = -1
	)
	for raw, broken := range split(text, f) {
		if index++; broken != "" {
			faults.addBroken(index, broken)
			break
		}
		if index == s.lim.RequestEvents {
			return nil, tooLarge(fmt.Sprintf("the request has more than %d events", s.lim.RequestEvents))
		}
		batch = append(batch, event.Event{})
		e := &batch[len(batch)-1]
		if faults.add(index, d.events.DecodeTo(e, raw, now)...); len(faults.list) > 0 {
			batch = batch[:len(batch)-1]
			if len(faults.list) > maxListed {
				break
			}
			continue
		}
		if e.ID == "" {
			id, err := s.newID()
			if err != nil {
				s.log.Error("event id not made", "error", err)
				return nil, newProblem(http.StatusInternalServerError, kindInternal, "Internal error", "nothing was stored")
			}
			e.ID = id.String()
		}
		e.Producer, e.Retention = c.Name, c.Class
	}
	faults.addDuplicates(batch, d.ids)
	faults.addDays(batch, s.lim.RequestDays)
	if p := faults.problem(f); p != nil {
		return nil, p
	}
	if len(batch) == 0 {
		return nil, badRequest("the request has no events")
	}
	return batch, nil
}

// emptyBatch returns one with room for n events.
func (s *events) emptyBatch(n int) []event.Event {
	if used, ok := s.batches.Get().(*[]event.Event); ok && cap(*used) >= n {
		return *used
	}
	return make([]event.Event, 0, n)
}

// recycle takes a batch that nobody looks at any more.
func (s *events) recycle(batch []event.Event) {
	clear(batch) // keep no event alive
	batch = batch[:0]
	s.batches.Put(&batch)
}

// expect says for how many events of a body to make room at once: growing as they
// come would cost twice the memory, and copying. Few bytes cannot claim much: no
// valid event is shorter than shortest.
func (s *events) expect(text string, f format) int {
	const shortest = len(`{"action":"a","actor":{"id":"a","type":"user"},"resource":{"type":"a"},"outcome":"success"}`)
	n := 1
	if f == formatNDJSON {
		n += strings.Count(text, "\n")
	}
	return min(n, 1+len(text)/shortest, s.lim.RequestEvents)
}

// faults collects what is wrong with a request.
type faults struct {
	list    []itemError
	framing bool // the body itself cannot be taken apart
	small   bool // at least one fault is not about size
}

func (f *faults) add(index int, errs ...event.FieldError) {
	for _, e := range errs {
		// They may be parts of a body, which does not live as long.
		f.list = append(f.list, itemError{Index: index, Field: strings.Clone(e.Field), Reason: strings.Clone(e.Reason)})
		f.small = f.small || !e.TooLarge
	}
}

// addBroken complains that the body cannot be taken apart after the event before
// index, unless that one is to blame itself: its end was not found.
func (f *faults) addBroken(index int, reason string) {
	if n := len(f.list); n > 0 && f.list[n-1].Index == index-1 {
		return
	}
	f.framing = true
	f.add(index, event.FieldError{Reason: reason})
}

// addDuplicates complains about ids that are in a request twice.
func (f *faults) addDuplicates(batch []event.Event, ids *idSet) {
	if len(f.list) > 0 {
		return // batch has holes and its indices are not the sender's
	}
	for first, second := range ids.repeated(batch) {
		f.add(second, event.FieldError{Field: "id", Reason: fmt.Sprintf("is also the id of event %d", first)})
	}
}

// addDays complains about events of one day too many.
func (f *faults) addDays(batch []event.Event, most int) {
	if len(batch) <= most || len(f.list) > 0 {
		return
	}
	days := make(map[int64]bool)
	last := event.DayNumber(batch[0].TimestampNS) - 1
	for i := range batch {
		day := event.DayNumber(batch[i].TimestampNS)
		if day == last {
			continue // nearly always
		}
		if !days[day] && len(days) == most {
			f.add(i, event.FieldError{Field: "timestamp",
				Reason: fmt.Sprintf("is of one more UTC day than the %d that a request may have; send it in another request", most)})
			continue
		}
		days[day], last = true, day
	}
}

func (f *faults) problem(as format) *problem {
	if len(f.list) == 0 {
		return nil
	}
	p := newProblem(http.StatusBadRequest, kindInvalidEvent, "There are invalid events", "nothing was stored")
	switch {
	case f.framing:
		p = badRequest("nothing was stored; the body is not a JSON array")
	case !f.small:
		p = tooLarge("nothing was stored")
	}
	if as == formatJSON && len(f.list) == 1 && f.list[0].Index == 0 && f.list[0].Field == "" {
		p.Detail += "; application/json is one event or an array of events, application/x-ndjson is one event per line"
	}
	p.Errors = f.list
	if len(f.list) > maxListed {
		p.Errors = f.list[:maxListed]
		p.Detail += fmt.Sprintf("; only the first %d errors are listed", maxListed)
	}
	return p
}

// append stores the events, waiting for the disk. It does not stop waiting when the
// client has closed its side of the connection: that may be one which has sent
// everything and waits for the answer, and the wait is bounded.
func (s *events) append(batch []event.Event, receipt bool) (stored Stored, wait func(context.Context) Receipts, _ *problem) {
	ctx := s.waiting.context()
	var err error
	if receipt && s.receipts != nil {
		stored, wait, err = s.receipts.AppendReceipt(ctx, batch)
	} else {
		stored, err = s.appender.Append(ctx, batch)
	}
	if err != nil {
		return Stored{}, nil, s.notStored(batch, err)
	}
	return stored, wait, nil
}

// notStored says what an error of the Appender means to the client.
func (s *events) notStored(batch []event.Event, err error) *problem {
	var taken *ConflictError
	if errors.As(err, &taken) {
		return conflict(batch, taken)
	}
	switch refusal := s.refusal(err); {
	case refusal == Full:
		return unavailable(kindFull, "There is no room", "nothing was stored; send the same events again later", 1)
	case refusal == NotReady:
		return unavailable(kindNotReady, "This server takes no events now",
			"nothing was stored; /readyz says why; send the same events again later", 1)
	case refusal == NotWritable:
		s.log.Error("events not stored", "events", len(batch), "error", err)
		return unavailable(kindNotWritable, "This server cannot store events", unknownDetail, 5)
	case refusal == TooLarge:
		s.log.Warn("events refused: more than can be stored at once", "events", len(batch), "error", err)
		return tooLarge("nothing was stored; send fewer events at once")
	default:
		s.log.Error("outcome of append unknown", "events", len(batch), "error", err)
	}
	return unavailable(kindOutcomeUnknown, "Whether the events were stored is unknown", unknownDetail, 1)
}

const unknownDetail = "the events may or may not have been stored; send them again with the same ids: " +
	"what is stored already is recognised (an event that was sent without an id is not)"

// conflict names the events whose ids are taken.
func conflict(batch []event.Event, taken *ConflictError) *problem {
	p := newProblem(http.StatusConflict, kindConflict, "Ids are taken", "nothing was stored; an id is for one event: "+
		"an event that is sent again must have the same fields, another event needs an id of its own")
	for i, index := range taken.Index {
		if i == maxListed {
			p.Detail += fmt.Sprintf("; only the first %d of %d errors are listed", maxListed, len(taken.Index))
			break
		}
		where := fmt.Sprintf("seq %d", taken.Seq[i])
		if stream, ok := taken.Earlier[i]; ok {
			where += " of stream " + stream.String()
		}
		p.Errors = append(p.Errors, itemError{Index: index, Field: "id",
			Reason: fmt.Sprintf("%s is the id of the event with %s, which has other content", batch[index].ID, where)})
	}
	return p
}

// appended is the body of a success. It is put together by hand: with 10,000
// events it would otherwise be a tenth of the work.
func appended(batch []event.Event, stored *Stored) []byte {
	const perEvent = len(`{"id":"","seq":},`) + 36 + 19
	const perEarlier = len(`,"stream":""`) + 36
	b := make([]byte, 0, 64+perEarlier+perEvent*len(batch)+perEarlier*len(stored.Earlier))
	b = append(b, `{"stream":"`...)
	b = append(b, stored.Stream.String()...)
	b = append(b, `","events":[`...)
	for i := range batch {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":"`...)
		b = append(b, batch[i].ID...)
		b = append(b, `","seq":`...)
		b = strconv.AppendInt(b, stored.Seqs[i], 10)
		if stream, ok := stored.Earlier[i]; ok {
			b = append(b, `,"stream":"`...)
			b = append(b, stream.String()...)
			b = append(b, '"')
		}
		b = append(b, '}')
	}
	return append(append(b, ']'), answerEnd...)
}

const answerEnd = "}\n"
