"""The options of a client, checked, with their defaults."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

Policy = Literal["fail_closed", "fail_open_spooled"]
SpoolSync = Literal["interval", "always"]

DeadLetterHook = Callable[[Any, str, Path], object]
"""Called with the event (None for a damaged line), the reason, and the file."""

_POLICIES: Final = ("fail_closed", "fail_open_spooled")
_REQUEST_EVENTS: Final = 10_000  # of the sidecar
_REQUEST_BYTES: Final = 16 << 20


def default_spool_dir(environ: Mapping[str, str]) -> Path:
    """Return ARCHIVER_SPOOL_DIR, else audit-archiver in the user's state folder."""
    if folder := environ.get("ARCHIVER_SPOOL_DIR"):
        return Path(folder)
    state = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # the XDG specification: ignore relative ones
        state = os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(state, "audit-archiver")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """See the table in the README. Times are in seconds."""

    url: str
    token: str | None
    record_timeout: float
    request_timeout: float
    spool_dir: Path
    spool_max_bytes: int
    spool_sync: SpoolSync
    spool_sync_interval: float
    enqueue_timeout: float
    batch_events: int
    batch_bytes: int
    linger: float
    policies: Mapping[str, Policy]
    on_dead_letter: DeadLetterHook | None

    def __post_init__(self) -> None:
        """Raise ValueError that says everything that is wrong, not just the first."""
        wrong: list[str] = []
        for name in ("record_timeout", "request_timeout", "spool_sync_interval"):
            if not 0 < getattr(self, name) < float("inf"):
                wrong.append(f"{name}: want seconds above 0, not {getattr(self, name)!r}")
        for name in ("enqueue_timeout", "linger"):
            if not 0 <= getattr(self, name) < float("inf"):
                wrong.append(f"{name}: want seconds of 0 or more, not {getattr(self, name)!r}")
        if self.spool_max_bytes < 1:
            wrong.append(f"spool_max_bytes: want at least 1, not {self.spool_max_bytes!r}")
        if not 1 <= self.batch_events <= _REQUEST_EVENTS:
            wrong.append(f"batch_events: want 1 to {_REQUEST_EVENTS}, not {self.batch_events!r}")
        if not 1 <= self.batch_bytes <= _REQUEST_BYTES:
            wrong.append(f"batch_bytes: want 1 to {_REQUEST_BYTES}, not {self.batch_bytes!r}")
        if self.spool_sync not in ("interval", "always"):
            wrong.append(f"spool_sync: want interval or always, not {self.spool_sync!r}")
        for key, policy in self.policies.items():
            if policy not in _POLICIES:
                wrong.append(f"policies[{key!r}]: want {' or '.join(_POLICIES)}, not {policy!r}")
        if wrong:
            raise ValueError("; ".join(wrong))

    def policy(self, action: str, override: Policy | None) -> Policy:
        """Return the policy of an action: the longest of its name and its prefixes."""
        if override is not None:
            if override not in _POLICIES:
                raise ValueError(f"policy: want {' or '.join(_POLICIES)}, not {override!r}")
            return override
        if not self.policies:
            return "fail_closed"
        end = len(action)
        key = action
        while key:
            if key in self.policies:
                return self.policies[key]
            # "a.b.c" is followed by its prefixes "a.b." and "a.".
            end = action.rfind(".", 0, end)
            key = action[: end + 1]
        return "fail_closed"
