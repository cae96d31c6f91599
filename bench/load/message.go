package load

import (
	"bytes"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/testenv/gen"
)

// Message is what a client sends, made beforehand so that little of the machine goes to the load generator. Before
// it is sent, [Fresh.Renew] makes new what must not come twice: ids, times, request ids. (The same times again would
// be sorted next to each other and compress as nothing real does.)
type Message struct {
	Bytes  []byte
	places []place
}

// place is where the parts of one event that are made new begin; request is -1 when there is none.
type place struct{ id, time, request int }

const (
	idLen     = 36
	idTail    = 12                // hexadecimal digits at the end of an id
	fracLen   = len("000000000Z") // of a timestamp
	requestID = "req_"
)

// AppendJSON appends an event in its wire form.
func (m *Message) AppendJSON(e *event.Event) {
	start := len(m.Bytes)
	m.Bytes = gen.AppendJSON(m.Bytes, e)
	p := place{id: start + len(`{"id":"`), request: -1}
	p.time = p.id + idLen + len(`","timestamp":"`)
	if at := bytes.Index(m.Bytes[start:], []byte(`"request_id":"`+requestID)); at >= 0 {
		p.request = start + at + len(`"request_id":"`+requestID)
	}
	m.places = append(m.places, p)
}

// AppendColumns appends an event as a line of PostgreSQL's COPY text format, the columns in the order of the
// specification's table. No generated text needs an escape there.
func (m *Message) AppendColumns(e *event.Event) {
	start := len(m.Bytes)
	m.Bytes = append(append(m.Bytes, e.ID...), '\t')
	m.Bytes = append(time.Unix(0, e.TimestampNS).UTC().AppendFormat(m.Bytes, gen.TimeLayout), '\t')
	p := place{id: start, time: start + idLen + 1, request: -1}
	for i, t := range []event.Text{event.Str(e.Action), event.Str(e.ActorID), event.Str(e.ActorType), e.ActorEmail, event.Str(e.ResourceType),
		e.ResourceID, event.Str(e.Outcome), e.Reason, e.Details, e.RequestID, e.IP, e.UserAgent, e.OrganizationID} {
		if i > 0 {
			m.Bytes = append(m.Bytes, '\t')
		}
		if !t.Valid {
			m.Bytes = append(m.Bytes, `\N`...)
			continue
		}
		if i == 9 {
			p.request = len(m.Bytes) + len(requestID)
		}
		m.Bytes = append(m.Bytes, t.S...)
	}
	m.Bytes = append(m.Bytes, '\n')
	m.places = append(m.places, p)
}

// Columns are the values of the line of a message that holds one; nil is NULL. They are parts of it and are made new with it.
func (m *Message) Columns() [][]byte {
	columns := bytes.Split(bytes.TrimSuffix(m.Bytes, []byte{'\n'}), []byte{'\t'})
	for i, c := range columns {
		if string(c) == `\N` {
			columns[i] = nil
		}
	}
	return columns
}

// Fresh makes ids that no other Fresh of the same run makes. It is not safe for concurrent use.
type Fresh struct {
	client uint64
	n      uint64
	second int64
	prefix []byte // of the second, up to the point
}

// NewFresh is for one of at most 256 clients.
func NewFresh(client int) *Fresh { return &Fresh{client: uint64(client)} }

// Renew makes every event of m one that happened just now, a microsecond after the one before.
func (f *Fresh) Renew(m *Message) {
	at := time.Now().UTC().Add(-time.Duration(len(m.places)) * time.Microsecond)
	for _, p := range m.places {
		at = at.Add(time.Microsecond)
		if at.Unix() != f.second || f.prefix == nil {
			f.second, f.prefix = at.Unix(), at.AppendFormat(f.prefix[:0], gen.TimeLayout[:len(gen.TimeLayout)-fracLen])
		}
		copy(m.Bytes[p.time:], f.prefix)
		decimal(m.Bytes[p.time+len(f.prefix):][:9], uint64(at.Nanosecond()))
		f.n++
		// An odd factor permutes the numbers below 2^48: the ids look random and never repeat.
		unique := (f.client<<40 | f.n&(1<<40-1)) * 0x9e3779b97f4b
		ms := uint64(at.UnixMilli())
		hexadecimal(m.Bytes[p.id:][:8], ms>>16)
		hexadecimal(m.Bytes[p.id+9:][:4], ms)
		hexadecimal(m.Bytes[p.id+idLen-idTail:][:idTail], unique)
		if p.request >= 0 {
			hexadecimal(m.Bytes[p.request:][:16], mix(unique))
			hexadecimal(m.Bytes[p.request+16:][:8], mix(^unique))
		}
	}
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

func hexadecimal(dst []byte, n uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = "0123456789abcdef"[n&15]
		n >>= 4
	}
}

func decimal(dst []byte, n uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
}
