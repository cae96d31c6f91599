package audit

import "context"

// Change is what was done to data.
type Change string

// The changes of data.
const (
	Create Change = "create"
	Update Change = "update"
	Delete Change = "delete"
)

// LoginEvent is a user.login on session.
func LoginEvent(userID string, success bool, details map[string]any) Event {
	outcome := OutcomeFailure
	if success {
		outcome = OutcomeSuccess
	}
	e := Event{
		Action:   "user.login",
		Actor:    Actor{ID: userID, Type: TypeUser},
		Resource: Resource{Type: "session"},
		Outcome:  outcome,
	}
	if details != nil {
		e.Details = details
	}
	return e
}

// DataAccessEvent is a successful <resourceType>.read by a user.
func DataAccessEvent(actorID, resourceType, resourceID string) Event {
	return Event{
		Action:   resourceType + ".read",
		Actor:    Actor{ID: actorID, Type: TypeUser},
		Resource: Resource{Type: resourceType, ID: resourceID},
		Outcome:  OutcomeSuccess,
	}
}

// DataChangeEvent is a successful <resourceType>.<change> by a user. before and
// after go to details, unless they are nil.
func DataChangeEvent(actorID, resourceType, resourceID string, change Change, before, after any) Event {
	e := DataAccessEvent(actorID, resourceType, resourceID)
	e.Action = resourceType + "." + string(change)
	details := make(map[string]any)
	if before != nil {
		details["before"] = before
	}
	if after != nil {
		details["after"] = after
	}
	if len(details) > 0 {
		e.Details = details
	}
	return e
}

// LogLogin records a [LoginEvent].
func (c *Client) LogLogin(ctx context.Context, userID string, success bool, details map[string]any) error {
	return c.Record(ctx, LoginEvent(userID, success, details))
}

// LogDataAccess records a [DataAccessEvent].
func (c *Client) LogDataAccess(ctx context.Context, actorID, resourceType, resourceID string) error {
	return c.Record(ctx, DataAccessEvent(actorID, resourceType, resourceID))
}

// LogDataChange records a [DataChangeEvent].
func (c *Client) LogDataChange(ctx context.Context, actorID, resourceType, resourceID string, change Change, before, after any) error {
	return c.Record(ctx, DataChangeEvent(actorID, resourceType, resourceID, change, before, after))
}
