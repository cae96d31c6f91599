package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/google/uuid"
)

// What a client may ask 200 to mean, with the header or the parameter of the query.
const (
	ackHeader    = "Archiver-Ack"
	ackParameter = "ack"
	ackSynced    = "synced"   // the events are on disk; the default
	ackArchived  = "archived" // the events are in the bucket, locked and committed
)

// parameters are those of the query of a request's address; nil: it has none. A query that
// cannot be understood is refused: what is lost of it may be what 200 was to mean.
func parameters(r *http.Request) (url.Values, *problem) {
	if r.URL.RawQuery == "" {
		return nil, nil
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("the query of the address cannot be understood: separate its parameters by &, and escape what is special; nothing was stored")
	}
	return q, nil
}

// ackOf tells whether the client waits for the bucket.
func ackOf(r *http.Request, q url.Values) (archived bool, _ *problem) {
	asked := r.Header.Values(ackHeader)
	if more := q[ackParameter]; len(more) > 0 {
		asked = slices.Concat(asked, more)
	}
	for i, ack := range asked {
		switch {
		case ack != ackSynced && ack != ackArchived:
			return false, badRequest(fmt.Sprintf("%s (or ?%s=) is %q; it may be %s or %s; nothing was stored",
				ackHeader, ackParameter, clip(ack), ackSynced, ackArchived))
		case i > 0 && ack != asked[0]:
			return false, badRequest(fmt.Sprintf("%s (or ?%s=) is both %s and %s; nothing was stored",
				ackHeader, ackParameter, ackSynced, ackArchived))
		}
		archived = ack == ackArchived
	}
	return archived, nil
}

// clip keeps a client's text short.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// await waits until all up to seq are in the bucket. Unlike the wait for the disk it
// ends with the client's connection: there is nobody to tell then, and it is long.
// Meanwhile the request costs the body of its answer, which counts as one in flight.
func (s *events) await(ctx context.Context, stored []byte, stream uuid.UUID, seq int64) *problem {
	size := int64(len(stored))
	defer s.bodies.free.Add(size)
	if s.bodies.free.Add(-size) < 0 {
		return notArchivedYet(stored, "too many requests wait for the archive")
	}
	ctx, cancel := context.WithTimeout(ctx, s.lim.ArchiveWait)
	defer cancel()
	err := s.archived(ctx, stream, seq)
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return notArchivedYet(stored, fmt.Sprintf("it took longer than %v", s.lim.ArchiveWait))
	default:
		s.log.Debug("no longer waiting for the bucket", "seq", seq, "error", err)
		return notArchivedYet(stored, "/readyz says why")
	}
}

// notArchivedYet: the events are as safe as a plain 200 makes them, and no safer.
func notArchivedYet(stored []byte, why string) *problem {
	p := newProblem(http.StatusGatewayTimeout, kindNotArchivedYet, "Stored, but not archived yet",
		"the events are on this server's disk and will be archived; to ask again, send the same events with the same ids, which are in stored; "+why)
	p.Stored, p.retryAfter = json.RawMessage(stored), 5
	return p
}
