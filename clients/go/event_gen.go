// Code generated from clients/schema/event.schema.json by clients/schema/generate. DO NOT EDIT.

package audit

// Values of Actor.Type.
const (
	TypeUser   = "user"
	TypeSystem = "system"
	TypeAPIKey = "api_key"
)

// Values of Event.Outcome.
const (
	OutcomeSuccess = "success"
	OutcomeFailure = "failure"
)

// Actor: who did it.
type Actor struct {
	// The actor's id, such as an account's. At most 255 bytes.
	ID string `json:"id"`
	// What the actor is.
	Type string `json:"type"`
	// The actor's mail address. At most 255 bytes.
	Email string `json:"email,omitempty"`
}

// Resource: what it was done to.
type Resource struct {
	// The kind of thing, such as order. At most 100 bytes.
	Type string `json:"type"`
	// Which of them. At most 255 bytes.
	ID string `json:"id,omitempty"`
}

// Event: one audited action. Field names are case-sensitive, every name may be
// there once, null is the same as absent. U+0000 is refused everywhere. At most 64
// KiB and 64 levels deep.
type Event struct {
	// UUID; made up when absent. Stored in lower case.
	ID string `json:"id,omitempty"`
	// When it was done: RFC 3339 with at most 9 fraction digits and no leap second, at
	// most 24 hours ahead; now when absent.
	Timestamp string `json:"timestamp,omitempty"`
	// What was done, such as user.login. At most 100 bytes.
	Action string `json:"action"`
	// Who did it. Taken from the request's context when absent.
	Actor Actor `json:"actor"`
	// What it was done to.
	Resource Resource `json:"resource"`
	// How it ended.
	Outcome string `json:"outcome"`
	// Why it ended so; for failures. At most 4 KiB.
	Reason string `json:"reason,omitempty"`
	// Anything else; stored byte for byte. At most 48 KiB.
	Details any `json:"details,omitempty"`
	// The request that it was part of. At most 255 bytes. Taken from the request's
	// context when absent.
	RequestID string `json:"request_id,omitempty"`
	// The client's IPv4 or IPv6 address, without a zone; stored as sent. Taken from
	// the request's context when absent.
	IP string `json:"ip,omitempty"`
	// The client's User-Agent header. At most 4 KiB. Taken from the request's context
	// when absent.
	UserAgent string `json:"user_agent,omitempty"`
	// The tenant or organization whose data it concerns. At most 255 bytes. Taken from
	// the request's context when absent.
	OrganizationID string `json:"organization_id,omitempty"`
}

// Longest values, in bytes of UTF-8; of details and event, in bytes of their JSON
// as it is sent.
const (
	maxAction         = 100
	maxActorID        = 255
	maxActorEmail     = 255
	maxResourceType   = 100
	maxResourceID     = 255
	maxReason         = 4096
	maxRequestID      = 255
	maxUserAgent      = 4096
	maxOrganizationID = 255
	maxDetails        = 49152
	maxEvent          = 65536
	maxDepth          = 64 // levels of objects and arrays; the event's own braces are level 1
)
