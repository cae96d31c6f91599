package cloudwatch

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/audit-archiver/archiver/internal/event"
)

// appendMessage appends the message of a row: one JSON object, so that Logs Insights
// discovers its fields. It is the event as the archive takes it (absent fields are
// left out, details is byte for byte what was sent), followed by what the archive
// added. The timestamp keeps its nanoseconds; that of the log event has milliseconds.
func appendMessage(b []byte, r *event.Row) []byte {
	b = append(b, `{"id":`...)
	b = appendText(b, r.ID)
	b = append(b, `,"timestamp":"`...)
	b = time.Unix(0, r.TimestampNS).UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","action":`...)
	b = appendText(b, r.Action)
	b = append(b, `,"actor":{"id":`...)
	b = appendText(b, r.ActorID)
	b = append(b, `,"type":`...)
	b = appendText(b, r.ActorType)
	b = appendField(b, "email", r.ActorEmail)
	b = append(b, `},"resource":{"type":`...)
	b = appendText(b, r.ResourceType)
	b = appendField(b, "id", r.ResourceID)
	b = append(b, `},"outcome":`...)
	b = appendText(b, r.Outcome)
	b = appendField(b, "reason", r.Reason)
	if r.Details.Valid {
		b = append(b, `,"details":`...)
		b = append(b, r.Details.S...)
	}
	b = appendField(b, "request_id", r.RequestID)
	b = appendField(b, "ip", r.IP)
	b = appendField(b, "user_agent", r.UserAgent)
	b = appendField(b, "organization_id", r.OrganizationID)

	b = append(b, `,"received_at":"`...)
	b = time.UnixMilli(r.ReceivedAtMS).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	b = append(b, `","producer":`...)
	b = appendText(b, r.Producer)
	b = append(b, `,"stream":"`...)
	b = append(b, r.Stream.String()...)
	b = append(b, `","seq":`...)
	b = strconv.AppendInt(b, r.Seq, 10)
	b = append(b, `,"retention":`...)
	b = appendText(b, r.Retention)
	return append(b, '}')
}

// appendField appends a member that may be absent. Its name needs no escapes.
func appendField(b []byte, name string, value event.Text) []byte {
	if !value.Valid {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":`...)
	return appendText(b, value.S)
}

func appendText(b []byte, s string) []byte {
	// The only error is that s is not UTF-8, which ingestion refuses; such bytes
	// would be replaced, since no JSON can carry them.
	b, _ = jsontext.AppendQuote(b, s)
	return b
}
