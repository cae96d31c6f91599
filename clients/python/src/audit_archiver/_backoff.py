"""How long to wait between two tries."""

from __future__ import annotations

import random

FIRST = 0.1  # seconds
MOST = 30.0


class Backoff:
    """Full jitter: ``random(0, min(30 s, 100 ms · 2^attempt))``.

    Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """

    def __init__(self) -> None:
        self._attempt = 0

    def reset(self) -> None:
        self._attempt = 0

    def next(self, at_least: float = 0.0) -> float:
        """Return the seconds to wait after one more failure."""
        ceiling = min(MOST, FIRST * 2.0**self._attempt)
        self._attempt = min(self._attempt + 1, 16)
        return max(at_least, random.uniform(0.0, ceiling))
