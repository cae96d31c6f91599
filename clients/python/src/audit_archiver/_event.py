# Code generated from clients/schema/event.schema.json by clients/schema/generate. DO NOT EDIT.
"""The event in wire form: what is sent, field by field. ``None`` is the same as absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypedDict

ActorType = Literal["user", "system", "api_key"]
Outcome = Literal["success", "failure"]


class _ActorRequired(TypedDict):
    # The actor's id, such as an account's. At most 255 bytes.
    id: str
    # What the actor is.
    type: ActorType


class Actor(_ActorRequired, total=False):
    """Who did it."""

    # The actor's mail address. At most 255 bytes.
    email: str | None


class _ResourceRequired(TypedDict):
    # The kind of thing, such as order. At most 100 bytes.
    type: str


class Resource(_ResourceRequired, total=False):
    """What it was done to."""

    # Which of them. At most 255 bytes.
    id: str | None


class _EventRequired(TypedDict):
    # What was done, such as user.login. At most 100 bytes.
    action: str
    # What it was done to.
    resource: Resource
    # How it ended.
    outcome: Outcome


class Event(_EventRequired, total=False):
    """One audited action.

    Field names are case-sensitive, every name may be there once, null is the
    same as absent. U+0000 is refused everywhere. At most 64 KiB and 64 levels
    deep.
    """

    # UUID; made up when absent. Stored in lower case.
    id: str | None
    # When it was done: RFC 3339 with at most 9 fraction digits and no leap
    # second, at most 24 hours ahead; now when absent.
    timestamp: str | None
    # Who did it. Taken from the request's context when absent.
    actor: Actor | None
    # Why it ended so; for failures. At most 4 KiB.
    reason: str | None
    # Anything else; stored byte for byte. At most 48 KiB.
    details: Mapping[str, Any] | None
    # The request that it was part of. At most 255 bytes. Taken from the request's
    # context when absent.
    request_id: str | None
    # The client's IPv4 or IPv6 address, without a zone; stored as sent. Taken
    # from the request's context when absent.
    ip: str | None
    # The client's User-Agent header. At most 4 KiB. Taken from the request's
    # context when absent.
    user_agent: str | None
    # The tenant or organization whose data it concerns. At most 255 bytes. Taken
    # from the request's context when absent.
    organization_id: str | None


# Longest values, in bytes of UTF-8.
LIMITS: Final[Mapping[str, int]] = {
    "action": 100,
    "actor.id": 255,
    "actor.email": 255,
    "resource.type": 100,
    "resource.id": 255,
    "reason": 4096,
    "request_id": 255,
    "user_agent": 4096,
    "organization_id": 255,
}

EVENT_BYTES: Final = 65536  # of the whole event as it is sent
DETAILS_BYTES: Final = 49152  # of details as they are sent
DEPTH: Final = 64  # levels of objects and arrays; the event's own braces are level 1
