"""Reads a spool from its cursor on, in batches."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ._files import Position, list_segments, read_cursor, segment_path, unframe, write_cursor

CURSOR_EVERY = 0.25  # seconds: a file made and renamed costs more than a batch


@dataclass(slots=True)
class Chunk:
    """A piece of a segment: whole lines."""

    end: Position
    size: int
    """Bytes of its lines."""
    count: int
    """How many lines there are, damaged ones included."""
    events: list[bytes] = field(default_factory=list[bytes])
    """The JSON of those that are good."""
    damaged: list[bytes] = field(default_factory=list[bytes])
    """Those whose checksum is wrong."""


class Reader:
    """Reads one sub-folder. It belongs to one thread, except for ``position``.

    ``written`` tells how far the writer of this process has got; without it
    the folder is an orphan's and is read to its end.
    """

    def __init__(self, folder: Path, written: Callable[[], Position] | None = None) -> None:
        self._folder = folder
        self._written = written
        self._fd = -1  # of the segment at position; -1: not open
        self.position = read_cursor(folder)
        self._saved: Position = self.position
        self._saved_at = 0.0  # time.monotonic

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def measure(self) -> tuple[int, int]:
        """Return how many events (line feeds) and bytes lie after the cursor."""
        events = size = 0
        for number in list_segments(self._folder):
            if number < self.position.segment:
                continue
            start = self.position.offset if number == self.position.segment else 0
            with open(segment_path(self._folder, number), "rb") as f:
                f.seek(start)
                while block := f.read(1 << 20):
                    events += block.count(b"\n")
                    size += len(block)
        return events, size

    def next(self, events_most: int, bytes_most: int) -> Chunk | None:
        """Return what comes next, at most so much but at least a line; None at the end.

        The same again, unless :meth:`advance` is called in between.
        """
        while True:
            written = self._written() if self._written else None
            segment, offset = self.position
            growing = written is not None and segment == written.segment
            size = written.offset if written and growing else self._size(segment)
            if offset < size:
                chunk = self._read(size, events_most, bytes_most)
                if chunk is not None:
                    return chunk
            # At the end, or before a torn line: that enqueue never returned.
            if growing or not self._step():
                return None

    def advance(self, chunk: Chunk) -> None:
        """Note that a chunk is done with: nothing of it is read again.

        The cursor on the disk may lag by so many seconds as CURSOR_EVERY says. If
        the process dies before :meth:`save`, what lies in between is sent once
        more, and the sidecar recognises it.
        """
        self.position = chunk.end
        if time.monotonic() >= self._saved_at + CURSOR_EVERY:
            self.save()

    def save(self) -> None:
        """Write the cursor if it is not what is on the disk."""
        if self.position != self._saved:
            write_cursor(self._folder, self.position)
            self._saved, self._saved_at = self.position, time.monotonic()

    def _step(self) -> bool:
        """Go on to the next segment, and delete those before it."""
        numbers = list_segments(self._folder)
        following = [n for n in numbers if n > self.position.segment]
        if not following:
            return False
        self.close()
        self.position = Position(following[0], 0)
        self.save()
        for number in numbers:
            if number < self.position.segment:
                segment_path(self._folder, number).unlink(missing_ok=True)
        return True

    def _size(self, segment: int) -> int:
        if not self._open(segment):
            return 0
        return os.fstat(self._fd).st_size

    def _open(self, segment: int) -> bool:
        if self._fd < 0:
            try:
                path = segment_path(self._folder, segment)
                self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return False
        return True

    def _read(self, size: int, events_most: int, bytes_most: int) -> Chunk | None:
        """Read lines at the position; None if there is no line feed before size."""
        segment, offset = self.position
        if not self._open(segment):
            return None
        window = bytes_most
        data = os.pread(self._fd, min(window, size - offset), offset)
        end = data.rfind(b"\n")
        while end < 0:  # one line is longer than a batch should be; take it alone
            if len(data) == size - offset or len(data) < window:
                return None
            window *= 4
            data = os.pread(self._fd, min(window, size - offset), offset)
            end = data.find(b"\n")
        lines = data[:end].split(b"\n")
        if len(lines) > events_most:
            del lines[events_most:]
            end = sum(map(len, lines)) + events_most - 1
        chunk = Chunk(Position(segment, offset + end + 1), end + 1, len(lines))
        for line in lines:
            event = unframe(line)
            if event is None:
                chunk.damaged.append(line)
            else:
                chunk.events.append(event)
        return chunk
