"""What a client has done so far."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timezone


@dataclass(frozen=True, slots=True)
class Stats:
    """A look at a client's counters. They begin with the client, in each process."""

    recorded: int
    """Events that ``record`` knows to be stored."""
    enqueued: int
    """Events that were written to the spool, by ``enqueue`` or ``fail_open_spooled``."""
    delivered: int
    """Events of spools, adopted ones included, that are stored."""
    dead_lettered: int
    spool_bytes: int
    """Not delivered yet, in spools that this client holds."""
    spool_events: int
    retries: int
    last_error: str | None
    last_delivered_at: datetime | None
    """When the sidecar last took something from this client; UTC."""


class Counters:
    """The counters, safe for concurrent use."""

    def __init__(self) -> None:
        self._mu = threading.Lock()
        self.recorded = 0
        self.delivered = 0
        self.dead_lettered = 0
        self.retries = 0
        self.last_error: str | None = None
        self.last_delivered_at: datetime | None = None

    def add(
        self, *, recorded: int = 0, delivered: int = 0, dead_lettered: int = 0, retries: int = 0
    ) -> None:
        with self._mu:
            self.recorded += recorded
            self.delivered += delivered
            self.dead_lettered += dead_lettered
            self.retries += retries
            if recorded or delivered:
                self.last_delivered_at = datetime.now(timezone.utc)

    def failed(self, text: str) -> None:
        self.last_error = text
