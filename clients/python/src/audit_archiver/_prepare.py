"""From what the caller gave to the bytes that are sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ._context import current_context
from ._errors import AuditRejected, FieldError, describe
from ._event import DETAILS_BYTES, Event
from ._kinds import is_object
from ._ids import clock, ids
from ._validate import check_fields, check_json, find_surrogates, usual_json

_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":")
).encode


class Prepared(NamedTuple):
    """An event that is complete and, as far as can be told here, correct."""

    id: str
    action: str
    event: dict[str, Any]
    json: bytes
    """One line of JSON. Every try sends these very bytes."""


def prepare(event: Event | Mapping[str, Any]) -> Prepared:
    """Complete an event with id, timestamp and context, check it, encode it.

    Raises AuditRejected if it can never be stored.
    """
    # These two come first: the sender finds them there without parsing.
    whole: dict[str, Any] = {"id": None, "timestamp": None}
    try:
        whole.update(event)
    except (TypeError, ValueError):
        error = FieldError("", f"must be a mapping, not {type(event).__name__}")
        raise AuditRejected(f"prepare event: {describe([error])}", errors=[error]) from None
    made = whole["id"] is None and whole["timestamp"] is None
    if whole["id"] is None:
        whole["id"] = ids.new()
    if whole["timestamp"] is None:
        whole["timestamp"] = clock.now()
    if None in whole.values():
        whole = {name: value for name, value in whole.items() if value is not None}
    details = whole.get("details")
    if details is not None and not isinstance(details, dict) and is_object(details):
        whole["details"] = dict(details)
    context = current_context()
    if context is not None:
        context.fill(whole)

    errors = check_fields(whole, made=made)
    data = b""
    if not errors:
        data, errors = _to_json(whole)
    if errors:
        action = whole.get("action")
        raise AuditRejected(
            f"prepare event {action!r}: {describe(errors)}", events=[whole], errors=errors
        )
    return Prepared(whole["id"], whole["action"], whole, data)


def _to_json(event: dict[str, Any]) -> tuple[bytes, list[FieldError]]:
    try:
        text = _encode(event)
    except RecursionError:
        return b"", [FieldError("details", "is nested too deeply")]
    except (TypeError, ValueError) as e:  # no JSON for a value, NaN, a circle
        return b"", [FieldError("details", f"has no JSON: {e}")]
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return b"", find_surrogates(event)
    if len(data) <= DETAILS_BYTES and usual_json(text):
        return data, []
    details = 0
    if len(data) > DETAILS_BYTES and event.get("details") is not None:
        details = len(_encode(event["details"]).encode())
    return data, check_json(event, text, len(data), details)
