"""What an answer of the sidecar says about each event of a request.

This is the table of the contract's section "Delivery". It is a pure function of
the answer, so that vectors shared with the other languages can test it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ._errors import FieldError
from ._kinds import is_array, is_dict

RETRY_AFTER_MOST = 60.0  # seconds; a longer Retry-After counts as this

_TRY_AGAIN = frozenset((408, 425, 429))

# Problems of class 5xx with which the sidecar says that it stored nothing.
_NOTHING_STORED = frozenset(f"urn:archiver:problem:{kind}" for kind in ("full", "busy", "not-ready"))
_BLAMES = frozenset((400, 413, 422))


class Outcome(Enum):
    DELIVERED = "delivered"
    """All events are stored."""
    REFUSED = "refused"
    """Those that ``blamed`` names can never be stored; the others may be sent again at once."""
    HALVE = "halve"
    """Something among them can never be stored, but it is not said what."""
    RETRY = "retry"
    """Nobody knows; the same events again, after a pause."""
    KEEP = "keep"
    """No event is to blame; as RETRY, but there is no use in waiting for it."""


@dataclass(slots=True)
class Answer:
    outcome: Outcome
    status: int
    text: str
    """The answer in words, for messages."""
    blamed: dict[int, list[FieldError]] = field(default_factory=dict[int, list[FieldError]])
    """With REFUSED: what is wrong with the event of this index."""
    conflict: bool = False
    retry_after: float = 0.0
    """Seconds that the sidecar asks us to wait at least."""
    unknown: bool = False
    """The events may be stored, though the answer is no success."""


def read_answer(status: int, headers: Mapping[str, str], body: bytes, count: int) -> Answer:
    """Judge the answer to a request of ``count`` events.

    ``headers`` have lower-case names.
    """
    document = _json(body)
    problem: dict[str, Any] = document if is_dict(document) else {}
    if status == 200:
        events = problem.get("events")
        if is_array(events) and len(events) == count:
            return Answer(Outcome.DELIVERED, status, "stored")
        return Answer(Outcome.RETRY, status, f"200 that does not name {count} events", unknown=True)
    text = _describe(status, problem)
    if status in _BLAMES or status == 409:
        blamed = _blamed(problem.get("errors"), count)
        if blamed:
            return Answer(Outcome.REFUSED, status, text, blamed, conflict=status == 409)
        if status in _BLAMES:
            if count > 1:
                return Answer(Outcome.HALVE, status, text)
            return Answer(Outcome.REFUSED, status, text, {0: [FieldError("", text)]})
    if 400 <= status < 500 and status not in _TRY_AGAIN:
        return Answer(Outcome.KEEP, status, text, retry_after=_retry_after(headers))
    unknown = status >= 500 and problem.get("type") not in _NOTHING_STORED
    return Answer(
        Outcome.RETRY, status, text, retry_after=_retry_after(headers), unknown=unknown
    )


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _describe(status: int, problem: dict[str, Any]) -> str:
    words = [str(problem[k]) for k in ("title", "detail") if isinstance(problem.get(k), str)]
    return f"{status} {': '.join(words)}"[:500] if words else str(status)


def _blamed(errors: object, count: int) -> dict[int, list[FieldError]]:
    blamed: dict[int, list[FieldError]] = {}
    for error in errors if is_array(errors) else ():
        index = error.get("index") if is_dict(error) else None
        if type(index) is int and 0 <= index < count:
            fault = FieldError(str(error.get("field", "")), str(error.get("reason", "")))
            blamed.setdefault(index, []).append(fault)
    return blamed


def _retry_after(headers: Mapping[str, str]) -> float:
    """Read Retry-After in seconds (RFC 9110, section 10.2.3); dates count nothing."""
    text = headers.get("retry-after", "").strip()
    if not (text.isascii() and text.isdigit()):
        return 0.0
    return RETRY_AFTER_MOST if len(text) > 4 else min(float(text), RETRY_AFTER_MOST)
