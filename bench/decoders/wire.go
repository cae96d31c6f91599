package main

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
)

// wire is an event as a struct for the decoders that fill one. R holds details as they are.
type wire[R any] struct {
	ID        *string `json:"id"`
	Timestamp *string `json:"timestamp"`
	Action    string  `json:"action"`
	Actor     struct {
		ID    string  `json:"id"`
		Type  string  `json:"type"`
		Email *string `json:"email"`
	} `json:"actor"`
	Resource struct {
		Type string  `json:"type"`
		ID   *string `json:"id"`
	} `json:"resource"`
	Outcome        string  `json:"outcome"`
	Reason         *string `json:"reason"`
	Details        R       `json:"details"`
	RequestID      *string `json:"request_id"`
	IP             *string `json:"ip"`
	UserAgent      *string `json:"user_agent"`
	OrganizationID *string `json:"organization_id"`
}

// raws are the types that libraries have for a part that stays as it is.
type raws interface{ ~[]byte }

// toEvent is the part of the work that no library does, the same for all: types, lengths, values.
func toEvent[R raws](w *wire[R], now time.Time) (event.Event, error) {
	e := event.Event{
		Action: w.Action, ActorID: w.Actor.ID, ActorType: w.Actor.Type, ActorEmail: text(w.Actor.Email), ResourceType: w.Resource.Type,
		ResourceID: text(w.Resource.ID), Outcome: w.Outcome, Reason: text(w.Reason), RequestID: text(w.RequestID), IP: text(w.IP),
		UserAgent: text(w.UserAgent), OrganizationID: text(w.OrganizationID), TimestampNS: now.UnixNano(),
	}
	if details := []byte(w.Details); details != nil && string(details) != "null" {
		if details[0] != '{' {
			return e, errors.New("details: not an object")
		}
		e.Details = event.Str(string(details))
	}
	if w.ID != nil {
		if len(*w.ID) != 36 || uuid.Validate(*w.ID) != nil {
			return e, errors.New("id: not a UUID")
		}
		e.ID = strings.ToLower(*w.ID)
	}
	if w.Timestamp != nil {
		at, err := time.Parse(time.RFC3339Nano, *w.Timestamp)
		if err != nil {
			return e, err
		}
		e.TimestampNS = at.UnixNano()
	}
	if err := check(&e); err != nil {
		return e, err
	}
	// The sum that tells a retry from another event under the same id; ours is part of decoding.
	var room [1024]byte
	sum := sha256.Sum256(event.AppendBinary(room[:0], &e))
	e.Fingerprint = binary.BigEndian.Uint64(sum[:8])
	return e, nil
}

func check(e *event.Event) error {
	lim := event.DefaultLimits()
	for _, f := range [...]struct {
		s    string
		most int
	}{
		{e.Action, 100}, {e.ActorID, 255}, {e.ActorType, 50}, {e.ActorEmail.S, 255}, {e.ResourceType, 100}, {e.ResourceID.S, 255}, {e.Reason.S, 4096},
		{e.Details.S, lim.DetailsBytes}, {e.RequestID.S, 255}, {e.UserAgent.S, 4096}, {e.OrganizationID.S, 255},
	} {
		if len(f.s) > f.most {
			return fmt.Errorf("a field has %d bytes", len(f.s))
		}
	}
	if e.Action == "" || e.ActorID == "" || e.ResourceType == "" {
		return errors.New("a required field is empty")
	}
	switch e.ActorType {
	case "user", "system", "api_key":
	default:
		return errors.New("actor.type")
	}
	if e.Outcome != "success" && e.Outcome != "failure" {
		return errors.New("outcome")
	}
	if e.IP.Valid {
		if a, err := netip.ParseAddr(e.IP.S); err != nil || a.Zone() != "" {
			return errors.New("ip")
		}
	}
	return nil
}

func text(s *string) event.Text {
	if s == nil {
		return event.Text{}
	}
	return event.Str(*s)
}
