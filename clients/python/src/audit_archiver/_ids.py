"""Ids and timestamps of events."""

from __future__ import annotations

import os
import time

_BLOCK = 256  # ids for which randomness is fetched at once
_RANDOM_BYTES = 10  # 74 bits are needed


class Ids:
    """Makes UUIDs of version 7 (RFC 9562, section 5.7).

    48 bits are milliseconds since 1970, 74 bits are random, from the operating
    system. Safe for concurrent use: ``list.pop`` and ``list.extend`` are atomic.
    A forked child must call :meth:`forget`, or it would repeat its parent's ids.
    """

    def __init__(self) -> None:
        self._random: list[int] = []

    def forget(self) -> None:
        self._random.clear()

    def new(self) -> str:
        try:
            random = self._random.pop()
        except IndexError:
            random = self._refill()
        ms = time.time_ns() // 1_000_000
        # 48 bits of time, version 7, 12 random bits, variant 10, 62 random bits.
        rand_a = random >> 68
        rand_b = random & 0x3FFF_FFFF_FFFF_FFFF
        text = "%032x" % (ms << 80 | 7 << 76 | rand_a << 64 | 2 << 62 | rand_b)
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def _refill(self) -> int:
        block = os.urandom(_RANDOM_BYTES * (_BLOCK + 1))
        numbers = [
            int.from_bytes(block[i : i + _RANDOM_BYTES], "big")
            for i in range(0, len(block), _RANDOM_BYTES)
        ]
        last = numbers.pop()
        self._random.extend(numbers)
        return last


class Clock:
    """Tells the time as RFC 3339 in UTC, with microseconds.

    The text of a second is made once and kept: a race between two threads makes
    it twice, and both use their own.
    """

    def __init__(self) -> None:
        self._second: tuple[int, str] = (-1, "")

    def now(self) -> str:
        second, micros = divmod(time.time_ns() // 1_000, 1_000_000)
        cached = self._second
        if cached[0] != second:
            cached = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)))
            self._second = cached
        return f"{cached[1]}.{micros:06d}Z"


ids = Ids()
clock = Clock()
os.register_at_fork(after_in_child=ids.forget)
