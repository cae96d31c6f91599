package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// ProofQuery names an event whose proof is wanted.
type ProofQuery struct {
	ID       uuid.UUID
	Producer string    // "": any
	Stream   uuid.UUID // Nil: any
	Seq      int64     // -1: any
	Day      string    // UTC date of its timestamp, yyyy-MM-dd; "": any
}

// Prover makes the proof of one event. Errors that are a [*ProofError] are told to
// the client, others are logged.
type Prover func(ctx context.Context, q ProofQuery) (proof []byte, _ error)

// ProofRefusal says why there is no proof.
type ProofRefusal int

// The reasons.
const (
	NoEvent     ProofRefusal = iota + 1 // there is no such event
	NotArchived                         // it is on disk and not committed yet
	Ambiguous                           // there are several
	Expired                             // its file is gone, and may be
	Unavailable                         // the bucket cannot be read, or too many ask
)

// ProofError is the error of a [Prover] that the client may read.
type ProofError struct {
	Refusal ProofRefusal
	Detail  string
	Cause   error // for the log; nil: the detail says it all
}

func (e *ProofError) Error() string { return e.Detail }

// Unwrap returns the cause.
func (e *ProofError) Unwrap() error { return e.Cause }

// proofPath is where proofs are asked for.
const proofPath = "/v1/events/{id}/proof"

// proofTime bounds one proof: a file of the archive is fetched and read for it.
// proofsMost is how many are made at a time.
const (
	proofTime  = 2 * time.Minute
	proofsMost = 2
)

type proofs struct {
	prove Prover
	slots chan struct{}
	log   *slog.Logger
}

func newProofs(prove Prover, log *slog.Logger) *proofs {
	return &proofs{prove: prove, slots: make(chan struct{}, proofsMost), log: log}
}

func (s *proofs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, p := proofQueryOf(r)
	if p != nil {
		p.write(w)
		return
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		unavailable(kindBusy, "Too many proofs are being made", "ask again later", 1).write(w)
		return
	}
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(proofTime + 10*time.Second)); err != nil {
		s.log.WarnContext(r.Context(), "write deadline of a proof", "error", err)
	}
	ctx, cancel := context.WithTimeout(r.Context(), proofTime)
	defer cancel()
	proof, err := s.prove(ctx, q)
	if err != nil {
		s.refuse(ctx, q, err).write(w)
		return
	}
	writeBody(w, http.StatusOK, "text/plain; charset=utf-8", proof)
}

func (s *proofs) refuse(ctx context.Context, q ProofQuery, err error) *problem {
	refusal := new(ProofError)
	if !errors.As(err, &refusal) {
		s.log.ErrorContext(ctx, "proof not made", "id", q.ID, "error", err)
		return newProblem(http.StatusInternalServerError, kindInternal, "The proof could not be made", "the server's log says why")
	}
	switch refusal.Refusal {
	case NoEvent:
		return newProblem(http.StatusNotFound, kindNotFound, "There is no such event", refusal.Detail)
	case NotArchived:
		p := newProblem(http.StatusConflict, kindNotArchivedYet, "The event is not committed yet", refusal.Detail)
		p.retryAfter = 5
		return p
	case Ambiguous:
		return newProblem(http.StatusConflict, kindAmbiguous, "There are several such events", refusal.Detail)
	case Expired:
		return newProblem(http.StatusGone, kindExpired, "The event's file is gone", refusal.Detail)
	}
	s.log.WarnContext(ctx, "proof not made", "id", q.ID, "error", err, "cause", refusal.Cause)
	return unavailable(kindBusy, "The proof cannot be made now", refusal.Detail, 5)
}

func proofQueryOf(r *http.Request) (q ProofQuery, _ *problem) {
	fail := func(format string, args ...any) (ProofQuery, *problem) {
		return ProofQuery{}, badRequest(fmt.Sprintf(format, args...))
	}
	var err error
	if q.ID, err = parseUUID(r.PathValue("id")); err != nil {
		return fail("the id %q is not a UUID", clip(r.PathValue("id")))
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fail("the query of the address cannot be understood")
	}
	q.Seq = -1
	for name, all := range values {
		v := all[0]
		switch name {
		case "producer":
			q.Producer = v
		case "stream":
			q.Stream, err = parseUUID(v)
		case "seq":
			if q.Seq, err = strconv.ParseInt(v, 10, 64); q.Seq < 0 {
				err = errors.New("negative")
			}
		case "dt":
			q.Day = v
			_, err = time.Parse(time.DateOnly, v)
		default:
			return fail("the parameter %q is unknown; there are producer, stream, seq and dt", clip(name))
		}
		if err != nil || v == "" || len(all) > 1 {
			return fail("the parameter %s=%q is not what it must be: producer a name, stream a UUID, seq a number from 0, dt a date yyyy-MM-dd, each at most once", name, clip(v))
		}
	}
	return q, nil
}

// parseUUID takes the usual spelling only, in either case.
func parseUUID(s string) (uuid.UUID, error) {
	if len(s) != len(uuid.UUID{}.String()) {
		return uuid.UUID{}, errors.New("not a UUID")
	}
	return uuid.Parse(s)
}
