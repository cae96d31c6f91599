// Package gen makes audit events that look like those of a busy service, the same ones for the same seed.
//
// One event is about 555 bytes of JSON. What repeats in practice repeats here (actors, tenants, addresses, user agents, actions),
// with few of each doing most of the work; what is unique in practice is unique here (ids, request ids).
package gen

import (
	"encoding/hex"
	"fmt"
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
	rng   *rand.Rand
	actor *rand.Zipf
	thing *rand.Zipf
	nowNS int64
	gapNS int64
}

// New returns a Generator whose first event happened soon after start, with rate events per second.
func New(seed uint64, start time.Time, rate int) *Generator {
	rng := rand.New(rand.NewPCG(seed, 0x6172636869766572))
	return &Generator{
		rng:   rng,
		actor: rand.NewZipf(rng, 1.2, 20, actors-1),
		thing: rand.NewZipf(rng, 1.1, 50, resources-1),
		nowNS: start.UnixNano(),
		gapNS: int64(time.Second) / int64(rate),
	}
}

// Event returns the next event, as it is stored: received a few milliseconds after it happened, class standard.
func (g *Generator) Event() event.Event {
	g.nowNS += 1 + g.rng.Int64N(2*g.gapNS)
	actor := int(g.actor.Uint64())
	org := actor % organizations
	kind := resourceKinds()[g.rng.IntN(len(resourceKinds()))]
	action := actions()[g.rng.IntN(len(actions()))]
	e := event.Event{
		ID:             g.uuid(),
		Action:         kind + "." + action,
		ActorID:        "usr_" + strconv.FormatUint(0x9e3779b97f4a7c15*uint64(actor+1), 36),
		ActorType:      "user",
		ResourceType:   kind,
		ResourceID:     event.Str(fmt.Sprintf("%s_%010d", kind, g.thing.Uint64()*7919)),
		Outcome:        "success",
		Details:        event.Str(g.details(kind)),
		RequestID:      event.Str("req_" + g.hex(12)),
		IP:             event.Str(fmt.Sprintf("10.%d.%d.%d", org%250, actor/250%250, actor%250)),
		UserAgent:      event.Str(agents()[actor%len(agents())]),
		OrganizationID: event.Str(fmt.Sprintf("org_%06d", org*31)),
		ReceivedAtMS:   g.nowNS/1e6 + 3,
		Producer:       "api",
		TimestampNS:    g.nowNS,
		Retention:      "standard",
	}
	if actor%10 == 9 {
		e.ActorType = "api_key"
	} else {
		e.ActorEmail = event.Str(fmt.Sprintf("person.%d@customer-%d.example.com", actor, org))
	}
	if g.rng.IntN(20) == 0 {
		e.Outcome = "failure"
		e.Reason = event.Str(reasons()[g.rng.IntN(len(reasons()))])
	}
	return e
}

// Rows returns the next n events as rows of one stream, in the order of a file, from seq on.
func (g *Generator) Rows(n int, stream uuid.UUID, seq int64) []event.Row {
	rows := make([]event.Row, n)
	for i := range rows {
		rows[i] = event.Row{Event: g.Event(), Stream: stream, Seq: seq + int64(i)}
	}
	return rows
}

// AppendJSON appends e in its wire form. Every string of a generated event is plain ASCII without quotes.
func AppendJSON(dst []byte, e *event.Event) []byte {
	dst = append(dst, `{"id":"`+e.ID+`","timestamp":"`...)
	dst = time.Unix(0, e.TimestampNS).UTC().AppendFormat(dst, time.RFC3339Nano)
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

func (g *Generator) hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.rng.Uint32())
	}
	return hex.EncodeToString(b)
}

func (g *Generator) details(kind string) string {
	return fmt.Sprintf(`{"region":"%s","method":"%s","path":"/v1/%ss/%d","ms":%d,"version":%d}`,
		regions()[g.rng.IntN(len(regions()))], methods()[g.rng.IntN(len(methods()))], kind, g.rng.IntN(100_000),
		g.rng.IntN(900), g.rng.IntN(40))
}

func resourceKinds() []string {
	return []string{"document", "invoice", "user", "session", "project", "api_key", "report", "webhook"}
}

func actions() []string {
	return []string{"create", "update", "delete", "view", "export", "share", "login", "approve"}
}

func reasons() []string {
	return []string{"permission denied", "bad password", "quota exceeded: plan allows 50 projects", "resource is locked"}
}

func regions() []string { return []string{"eu-central-1", "us-east-1", "ap-southeast-2"} }

func methods() []string { return []string{"GET", "POST", "PUT", "PATCH", "DELETE"} }

func agents() []string {
	return []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
		"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
		"python-requests/2.32.3",
		"example-cli/4.11.0 (linux; amd64)",
	}
}
