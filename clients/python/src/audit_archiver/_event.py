"""The event in wire form: what is sent, field by field.

Written in the shape that the generator of ``clients/schema`` gives; the schema
is the source, and this file is replaced by what it generates.

``None`` is the same as an absent field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypedDict

ActorType = Literal["user", "system", "api_key"]
Outcome = Literal["success", "failure"]


class _ActorRequired(TypedDict):
    id: str
    type: ActorType


class Actor(_ActorRequired, total=False):
    """Who did it: ``id``, ``type``, and ``email`` if there is one."""

    email: str | None


class _ResourceRequired(TypedDict):
    type: str


class Resource(_ResourceRequired, total=False):
    """What it was done to: ``type``, and ``id`` if there is one."""

    id: str | None


class _EventRequired(TypedDict):
    action: str
    resource: Resource
    outcome: Outcome


class Event(_EventRequired, total=False):
    """One audited action.

    ``actor`` is required too, but may come from the context. ``id`` (a UUID)
    and ``timestamp`` (RFC 3339) are made when they are absent.
    """

    id: str | None
    timestamp: str | None
    actor: Actor | None
    reason: str | None
    details: Mapping[str, Any] | None
    request_id: str | None
    ip: str | None
    user_agent: str | None
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

EVENT_BYTES: Final = 64 << 10  # of the whole event as it is sent
DETAILS_BYTES: Final = 48 << 10  # of details as they are sent
DEPTH: Final = 64  # the event's own braces are level 1
