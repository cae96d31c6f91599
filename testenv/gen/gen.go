// Package gen makes audit events that look like those of a busy service, the same ones for the same seed. Every
// benchmark and every large test is fed by it; `go -C bench run ./gen` prints its events and what they are like. It
// lies here, and not in the module of the benchmarks, because tests of this module use it too.
//
// One event is about 550 bytes of JSON. What repeats in practice repeats here, with few of each doing most of the
// work; what is unique in practice is unique here:
//
//	id               UUID version 7 of the event's time, unique
//	timestamp        rising, with gaps between 0 and twice the mean; nanoseconds, nine digits
//	action           Zipf (s 1.1, v 2) over 24: document.view is every fifth, user.delete one in 78
//	actor.id         Zipf (s 1.2, v 20) over 5,000: the first is one in 68, half of the events are those of 130
//	actor.type       user, api_key, system: 89, 10 and 1 % of the actors, 91, 9 and 0.6 % of the events
//	actor.email      of users, by the actor
//	organization_id  200, by the actor
//	resource.id      Zipf (s 1.1, v 50) over 50,000 of each type
//	outcome, reason  failure with one of six reasons in 1 of 25
//	ip               the office's (by the organization) 60 %, home (by the actor; 1 of 8 homes IPv6) 30 %, on the way 10 %; system: none
//	user_agent       two of 12, by the actor: the first 85 %; system: none
//	request_id       96 random bits, unique
//	details          by the action: a request (5 members), a change (a list of fields, from, to), an object (name, tags)
//
// The parameters of a Zipf distribution are those of [rand.NewZipf]: P(k) is proportional to (v+k)^(-s).
package gen

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
)

// How many of each there are.
const (
	actors        = 5_000
	organizations = 200
	resources     = 50_000
)

// Generator makes events in the order of time. It is not safe for concurrent use.
type Generator struct {
	rng    *rand.Rand
	action *rand.Zipf
	actor  *rand.Zipf
	thing  *rand.Zipf
	nowNS  int64
	gapNS  int64
	words  words
}

// New returns a Generator whose first event happened soon after start, with rate events per second.
func New(seed uint64, start time.Time, rate int) *Generator {
	rng := rand.New(rand.NewPCG(seed, 0x6172636869766572))
	w := newWords()
	return &Generator{
		rng:    rng,
		action: rand.NewZipf(rng, 1.1, 2, uint64(len(w.actions)-1)),
		actor:  rand.NewZipf(rng, 1.2, 20, actors-1),
		thing:  rand.NewZipf(rng, 1.1, 50, resources-1),
		nowNS:  start.UnixNano(),
		gapNS:  int64(time.Second) / int64(rate),
		words:  w,
	}
}

// Event returns the next event, as it is stored: received a few milliseconds after it happened, class standard.
func (g *Generator) Event() event.Event {
	g.nowNS += 1 + g.rng.Int64N(2*g.gapNS)
	actor := int(g.actor.Uint64())
	org := actor % organizations
	action := &g.words.actions[g.action.Uint64()]
	e := event.Event{
		ID:             g.uuid(),
		Action:         action.name,
		ActorID:        "usr_" + strconv.FormatUint(0x9e3779b97f4a7c15*uint64(actor+1), 36),
		ActorType:      "user",
		ResourceType:   action.kind,
		ResourceID:     event.Str(action.kind + "_" + padded(g.thing.Uint64()*7919, 10)),
		Outcome:        "success",
		RequestID:      event.Str("req_" + g.hex(12)),
		OrganizationID: event.Str("org_" + padded(uint64(org*31), 6)),
		ReceivedAtMS:   g.nowNS/1e6 + 3,
		Producer:       "api",
		TimestampNS:    g.nowNS,
		Retention:      "standard",
	}
	switch {
	case actor%100 == 99:
		e.ActorType = "system"
	case actor%10 == 9:
		e.ActorType = "api_key"
		g.where(&e, actor, org)
	default:
		e.ActorEmail = event.Str("person." + strconv.Itoa(actor) + "@tenant-" + strconv.Itoa(org) + ".example")
		g.where(&e, actor, org)
	}
	if g.rng.IntN(25) == 0 {
		e.Outcome = "failure"
		e.Reason = event.Str(g.one(g.words.reasons))
	}
	e.Details = event.Str(g.details(action))
	return e
}

// where fills in the address and the program of an actor.
func (g *Generator) where(e *event.Event, actor, org int) {
	n := strconv.Itoa
	switch where := g.rng.IntN(10); {
	case where < 6:
		e.IP = event.Str("198.51." + n(org%256) + "." + n(org*7%250+1))
	case where < 9 && actor%8 == 7:
		e.IP = event.Str("2001:db8:" + strconv.FormatInt(int64(actor), 16) + "::" + strconv.FormatInt(int64(actor%97+1), 16))
	case where < 9:
		e.IP = event.Str("10." + n(actor/250%250) + "." + n(actor%250) + "." + n(actor*11%250+1))
	default:
		e.IP = event.Str("100.64." + n(g.rng.IntN(64)) + "." + n(g.rng.IntN(254)+1))
	}
	device := actor
	if g.rng.IntN(100) >= 85 {
		device += 5
	}
	e.UserAgent = event.Str(g.words.agents[device%len(g.words.agents)])
}

// Rows returns the next n events as rows of one stream, in the order of a file, from seq on.
func (g *Generator) Rows(n int, stream uuid.UUID, seq int64) []event.Row {
	rows := make([]event.Row, n)
	for i := range rows {
		rows[i] = event.Row{Event: g.Event(), Stream: stream, Seq: seq + int64(i)}
	}
	return rows
}

// TimeLayout is how AppendJSON writes a timestamp: always of the same length.
const TimeLayout = "2006-01-02T15:04:05.000000000Z"

// AppendJSON appends e in its wire form, which begins with id and timestamp. No string of a generated event needs an escape.
func AppendJSON(dst []byte, e *event.Event) []byte {
	dst = append(dst, `{"id":"`+e.ID+`","timestamp":"`...)
	dst = time.Unix(0, e.TimestampNS).UTC().AppendFormat(dst, TimeLayout)
	dst = append(dst, `","action":"`+e.Action+`","actor":{"id":"`+e.ActorID+`","type":"`+e.ActorType+`"`...)
	dst = appendText(dst, "email", e.ActorEmail)
	dst = append(dst, `},"resource":{"type":"`+e.ResourceType+`"`...)
	dst = appendText(dst, "id", e.ResourceID)
	dst = append(dst, `},"outcome":"`+e.Outcome+`"`...)
	dst = appendText(dst, "reason", e.Reason)
	dst = append(dst, `,"details":`+e.Details.S...)
	dst = appendText(dst, "request_id", e.RequestID)
	dst = appendText(dst, "ip", e.IP)
	dst = appendText(dst, "user_agent", e.UserAgent)
	dst = appendText(dst, "organization_id", e.OrganizationID)
	return append(dst, '}')
}

func appendText(dst []byte, name string, t event.Text) []byte {
	if !t.Valid {
		return dst
	}
	return append(dst, `,"`+name+`":"`+t.S+`"`...)
}

// uuid makes a version 7 UUID of the event's time.
func (g *Generator) uuid() string {
	var id uuid.UUID
	ms := uint64(g.nowNS / 1e6)
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	for i := 6; i < 16; i++ {
		id[i] = byte(g.rng.Uint32())
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}
