"""Cuts a batch into requests in which no event suffers from its company.

The sidecar refuses a request that holds an id twice, or timestamps of too many
different UTC days, though each of its events is good.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone

REQUEST_DAYS = 20  # UTC days in one request, at most

# Our own lines begin {"id":"<36 characters>","timestamp":"2026-01-31T….
_ID = slice(7, 43)
_DATE = slice(58, 68)
_BETWEEN = slice(43, 58)


def cut(events: list[bytes]) -> list[list[bytes]]:
    """Return the events in their order, as one or more requests; none is empty."""
    if not events:
        return []
    # The usual batch is recognised in bulk: ids all different, and few dates. A date
    # with any offset lies in three UTC days at most.
    usual = (
        {e[_BETWEEN] for e in events} == {b'","timestamp":"'}
        and len({e[_ID].lower() for e in events}) == len(events)
        and 3 * len({e[_DATE] for e in events}) <= REQUEST_DAYS
    )
    if usual:
        return [events]
    requests: list[list[bytes]] = []
    seen_ids: set[str] = set()
    seen_days: set[str] = set()
    for event in events:
        id, day = _look(event)
        crowded = day not in seen_days and len(seen_days) == REQUEST_DAYS
        if not requests or id in seen_ids or crowded:
            requests.append([])
            seen_ids, seen_days = set(), set()
        requests[-1].append(event)
        seen_ids.add(id)
        seen_days.add(day)
    return requests


def _look(event: bytes) -> tuple[str, str]:
    """Return an event's id and UTC day; what has none of its own is left to the sidecar."""
    try:
        document = json.loads(event)
        id = str(document["id"]).lower()
    except (ValueError, KeyError, TypeError):
        return event.hex(), ""
    text = str(document.get("timestamp", ""))
    try:
        # fromisoformat of Python 3.10 knows neither Z nor nine digits.
        zone = "+00:00" if text[-1:] in ("Z", "z") else text[-6:]
        instant = datetime.fromisoformat(text[:19].replace("t", "T") + zone)
        return id, instant.astimezone(timezone.utc).date().isoformat()
    except (ValueError, OverflowError):
        return id, text[:10]
