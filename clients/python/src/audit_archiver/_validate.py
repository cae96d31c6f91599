"""Checks an event as the sidecar does, before it leaves the caller's line.

The sidecar is the judge: nothing that it takes may be refused here. What
depends on its clock or its settings (how far ahead or back a timestamp may lie)
is left to it.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from ._errors import FieldError
from ._event import DEPTH, DETAILS_BYTES, EVENT_BYTES, LIMITS
from ._kinds import is_array, is_object, is_plain, kind

_FIELDS = frozenset(
    "id timestamp action actor resource outcome reason details request_id ip user_agent"
    " organization_id".split()
)
_TEXTS = (
    ("reason", LIMITS["reason"]),
    ("request_id", LIMITS["request_id"]),
    ("user_agent", LIMITS["user_agent"]),
    ("organization_id", LIMITS["organization_id"]),
)
_ACTOR = frozenset(("id", "type", "email"))
_ACTOR_TYPES = ("user", "system", "api_key")
_RESOURCE = frozenset(("type", "id"))
_OUTCOMES = ("success", "failure")

# So many characters fit, whatever they are.
_AN_OBJECT = -1
_SHORT = {
    "id": 36, "timestamp": 64, "action": LIMITS["action"] // 4, "outcome": 8, "ip": 64,
    "actor": _AN_OBJECT, "resource": _AN_OBJECT, "details": _AN_OBJECT,
    **{name: most // 4 for name, most in _TEXTS},
}
_SHORT_ACTOR = {"id": LIMITS["actor.id"] // 4, "type": 8, "email": LIMITS["actor.email"] // 4}
_SHORT_RESOURCE = {"type": LIMITS["resource.type"] // 4, "id": LIMITS["resource.id"] // 4}

_uuid = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch
_time = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
).fullmatch

# What the json module writes for U+0000; also the end of an escaped backslash
# before the text u0000, so its presence decides nothing.
_NUL = "\\u0000"


def check_fields(event: Mapping[str, Any], *, made: bool = False) -> list[FieldError]:
    """Return every fault of an event's fields, except those that need its JSON.

    ``made`` says that id and timestamp are of our own making.
    """
    if made and _surely_good(event):
        return []
    errors: list[FieldError] = []
    if not event.keys() <= _FIELDS:
        for name in event:
            if name not in _FIELDS:
                errors.append(FieldError(str(name), _unknown(name, _FIELDS)))
    _required(errors, "action", event.get("action"), LIMITS["action"])
    _actor(errors, event.get("actor"))
    _resource(errors, event.get("resource"))
    _choice(errors, "outcome", event.get("outcome"), _OUTCOMES)
    for name, most in _TEXTS:
        value = event.get(name)
        if value is not None:
            _text(errors, name, value, most)
    value = event.get("id")
    if value is not None and (not isinstance(value, str) or not _uuid(value)):
        errors.append(
            FieldError("id", 'must be a UUID such as "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e"')
        )
    value = event.get("timestamp")
    if value is not None and (fault := _timestamp(value)):
        errors.append(FieldError("timestamp", fault))
    value = event.get("ip")
    if value is not None and not (isinstance(value, str) and is_address(value)):
        errors.append(FieldError("ip", "must be an IPv4 or IPv6 address without a zone"))
    value = event.get("details")
    if value is not None and not is_object(value):
        errors.append(FieldError("details", f"must be an object, not {kind(value)}"))
    return errors


def _surely_good(event: Mapping[str, Any]) -> bool:
    """Recognise the usual event at a fraction of the cost of finding every fault.

    Short values of plain types only: a character takes four bytes at most. Its
    id and timestamp are not looked at. False says nothing.
    """
    try:
        actor, resource = event["actor"], event["resource"]
        return (
            event["outcome"] in _OUTCOMES
            and is_plain(actor)
            and is_plain(resource)
            and actor["type"] in _ACTOR_TYPES
            and _all_short(event, _SHORT)
            and _all_short(actor, _SHORT_ACTOR)
            and _all_short(resource, _SHORT_RESOURCE)
            and event["action"] != ""
            and actor["id"] != ""
            and resource["type"] != ""
            and ("ip" not in event or is_address(event["ip"]))
        )
    except KeyError:  # something is missing or unknown
        return False


def _all_short(members: Mapping[str, Any], most: Mapping[str, int]) -> bool:
    """Say whether all members are texts that fit for sure, or objects where one is due."""
    for name, value in members.items():
        if type(value) is str:
            if len(value) > most[name]:
                return False
        elif most[name] != _AN_OBJECT or not is_plain(value):
            return False
    return True


def usual_json(text: str) -> bool:
    """Say whether an event's JSON has nothing that :func:`check_json` could mind but its size."""
    return text.count("{") + text.count("[") <= DEPTH and _NUL not in text


def check_json(event: Mapping[str, Any], text: str, size: int, details_size: int) -> list[FieldError]:
    """Return the faults that only the JSON of an event shows.

    ``text`` is the JSON, ``size`` its length in bytes, ``details_size`` that of
    the details within; it may be anything up to the limit if it is not over it.
    """
    errors: list[FieldError] = []
    if size > EVENT_BYTES:
        reason = f"the event has {size} bytes; at most {EVENT_BYTES} are accepted"
        errors.append(FieldError("", reason))
    if details_size > DETAILS_BYTES:
        reason = f"has {details_size} bytes; at most {DETAILS_BYTES} are accepted"
        errors.append(FieldError("details", reason))
    # Counting is quick and decides the usual case; only then is it worth a walk.
    if text.count("{") + text.count("[") > DEPTH and _deeper(event.get("details"), DEPTH - 1):
        reason = f"is nested too deeply; an event may have {DEPTH} levels"
        errors.append(FieldError("details", reason))
    if _NUL in text:
        errors.extend(_find(event, _has_nul, "contains U+0000"))
    return errors


def find_surrogates(event: Mapping[str, Any]) -> list[FieldError]:
    """Name the fields that have no UTF-8."""
    return _find(event, _has_surrogate, "contains half of a surrogate pair, which has no UTF-8")


@lru_cache(maxsize=4096)
def is_address(text: str) -> bool:
    """Say whether text is an IPv4 or IPv6 address, without a zone."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except (OSError, ValueError):  # ValueError: U+0000, surrogates
            continue
        return True
    return False


def _actor(errors: list[FieldError], actor: object) -> None:
    if actor is None:
        errors.append(FieldError("actor", "is required"))
        return
    if not is_object(actor):
        errors.append(FieldError("actor", f"must be an object, not {kind(actor)}"))
        return
    _members(errors, "actor", actor, _ACTOR)
    _required(errors, "actor.id", actor.get("id"), LIMITS["actor.id"])
    _choice(errors, "actor.type", actor.get("type"), _ACTOR_TYPES)
    email = actor.get("email")
    if email is not None:
        _text(errors, "actor.email", email, LIMITS["actor.email"])


def _resource(errors: list[FieldError], resource: object) -> None:
    if resource is None:
        errors.append(FieldError("resource", "is required"))
        return
    if not is_object(resource):
        errors.append(FieldError("resource", f"must be an object, not {kind(resource)}"))
        return
    _members(errors, "resource", resource, _RESOURCE)
    _required(errors, "resource.type", resource.get("type"), LIMITS["resource.type"])
    id = resource.get("id")
    if id is not None:
        _text(errors, "resource.id", id, LIMITS["resource.id"])


def _members(
    errors: list[FieldError], path: str, value: Mapping[Any, Any], known: frozenset[str]
) -> None:
    if not value.keys() <= known:
        for name in value:
            if name not in known:
                errors.append(FieldError(f"{path}.{name}", _unknown(name, known)))


def _unknown(name: object, known: frozenset[str]) -> str:
    if isinstance(name, str) and name.lower() in known:
        return f'unknown field; did you mean "{name.lower()}"? names are case-sensitive'
    return "unknown field"


def _required(errors: list[FieldError], path: str, value: object, most: int) -> None:
    if value is None:
        errors.append(FieldError(path, "is required"))
    elif value == "":
        errors.append(FieldError(path, "must not be empty"))
    else:
        _text(errors, path, value, most)


def _choice(errors: list[FieldError], path: str, value: object, values: tuple[str, ...]) -> None:
    if value is None:
        errors.append(FieldError(path, "is required"))
    elif not isinstance(value, str):
        errors.append(FieldError(path, f"must be a string, not {kind(value)}"))
    elif value not in values:
        errors.append(FieldError(path, f"must be one of {', '.join(values)}"))


def _text(errors: list[FieldError], path: str, value: object, most: int) -> None:
    if not isinstance(value, str):
        errors.append(FieldError(path, f"must be a string, not {kind(value)}"))
        return
    if 4 * len(value) <= most:
        return  # no character takes more bytes than four
    size = len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    if size > most:
        errors.append(FieldError(path, f"has {size} bytes; at most {most} are accepted"))


def _timestamp(value: object) -> str | None:
    """Return what is wrong with a timestamp, or None."""
    parts = _time(value) if isinstance(value, str) else None
    if parts is None:
        return 'must be an RFC 3339 time such as "2026-01-31T10:11:12.345Z"'
    if len(parts[7] or "") > 9:
        return "has more than 9 fraction digits"
    year, month, day, hour, minute, second = (int(parts[i]) for i in range(1, 7))
    if second == 60:
        return "is a leap second, which cannot be stored: send :59 or the next second"
    if hour > 23 or minute > 59 or second > 60:
        return "is not a time of day"
    try:
        date(year or 4, month, day)  # 0 and 4 are both leap years; date begins at 1
    except ValueError:
        return "is not a date of the calendar"
    return None


def _children(value: object) -> list[object]:
    if is_object(value):
        return [*value.keys(), *value.values()]
    if is_array(value):
        return list(value)
    return []


def _deeper(value: object, levels: int) -> bool:
    """Say whether value nests more than levels deep, without recursion."""
    level: list[object] = [value]  # of containers, all so deep
    depth = 0
    while level:
        depth += 1
        if depth > levels:
            return True
        level = [
            child
            for container in level
            for child in _children(container)
            if is_object(child) or is_array(child)
        ]
    return False


def _find(
    event: Mapping[str, Any], bad: Callable[[str], bool], reason: str
) -> list[FieldError]:
    """Name the fields that hold a string that is bad, at any depth."""
    errors: list[FieldError] = []
    for name, value in event.items():
        parts: list[tuple[str, object]] = [(name, value)]
        if name in ("actor", "resource") and is_object(value):
            parts = [(f"{name}.{member}", inner) for member, inner in value.items()]
        for path, part in parts:
            stack = [part]
            while stack:
                item = stack.pop()
                if isinstance(item, str) and bad(item):
                    errors.append(FieldError(path, reason))
                    break
                stack.extend(_children(item))
    return errors


def _has_nul(text: str) -> bool:
    return "\0" in text


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
