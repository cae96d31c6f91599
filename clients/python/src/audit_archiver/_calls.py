"""The events of the convenience calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from ._event import Event

ChangeAction = Literal["create", "update", "delete"]


class _NotGiven:
    """The type of a value that was not given; None is a value."""

    def __repr__(self) -> str:
        return "<not given>"


NOT_GIVEN: Final = _NotGiven()


def login(user_id: str, success: bool, details: Mapping[str, Any] | None) -> Event:
    return {
        "action": "user.login",
        "actor": {"id": user_id, "type": "user"},
        "resource": {"type": "session"},
        "outcome": "success" if success else "failure",
        "details": details,
    }


def data_access(actor_id: str, resource_type: str, resource_id: str) -> Event:
    return {
        "action": f"{resource_type}.read",
        "actor": {"id": actor_id, "type": "user"},
        "resource": {"type": resource_type, "id": resource_id},
        "outcome": "success",
    }


def data_change(
    actor_id: str,
    resource_type: str,
    resource_id: str,
    action: ChangeAction,
    before: object,
    after: object,
) -> Event:
    if action not in ("create", "update", "delete"):
        raise ValueError(f"action: want create, update or delete, not {action!r}")
    details = {
        name: value
        for name, value in (("before", before), ("after", after))
        if value is not NOT_GIVEN
    }
    return {
        "action": f"{resource_type}.{action}",
        "actor": {"id": actor_id, "type": "user"},
        "resource": {"type": resource_type, "id": resource_id},
        "outcome": "success",
        "details": details or None,
    }
