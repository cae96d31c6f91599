"""The automatic event, which all middlewares make in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._context import current_context
from ._event import LIMITS
from ._web import cut

Automatic = Mapping[str, Any] | None
"""An event without what the middleware fills in, or None for no event."""


def default_event(method: str, path: str, status: int | None) -> Mapping[str, Any]:
    """Return ``http.<method>`` on the path, both cut: the client chose them."""
    return {
        "action": cut(f"http.{method.lower()}", LIMITS["action"]),
        "resource": {"type": "http", "id": cut(path, LIMITS["resource.id"])},
        "details": {"status": status},
    }


def give_outcome(event: Mapping[str, Any], status: int | None, failed: bool) -> dict[str, Any]:
    """Complete an automatic event.

    The outcome is ``success`` below status 400 and ``failure`` from there on, on
    an exception, and if there was no response. Who is not known is anonymous.
    """
    whole = dict(event)
    good = status is not None and status < 400 and not failed
    if whole.get("outcome") is None:
        whole["outcome"] = "success" if good else "failure"
    if whole.get("actor") is None:
        context = current_context()
        hook = context.actor if context is not None else None
        actor = hook() if callable(hook) else hook
        whole["actor"] = actor or {"id": "anonymous", "type": "user"}
    return whole
