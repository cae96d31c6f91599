"""What a value is in JSON, for the type checkers as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard


def is_object(value: object) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def is_dict(value: object) -> TypeGuard[dict[str, Any]]:
    """Say whether a value that was read from JSON is an object."""
    return isinstance(value, dict)


def is_plain(value: object) -> TypeGuard[dict[str, Any]]:
    """Say whether a value is a dict and of no class of its own."""
    return type(value) is dict


def is_array(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, (list, tuple))


def kind(value: object) -> str:
    """Name what a value is, for messages."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    if is_array(value):
        return "an array"
    if is_object(value):
        return "an object"
    return type(value).__name__
