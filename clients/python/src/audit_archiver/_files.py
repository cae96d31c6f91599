"""The files of a spool, as the contract's section "The spool" defines them.

A segment is a file of lines ``<CRC-32, 8 hex digits> <JSON>``, appended with
one write each. The cursor says up to where they are delivered. Dead letters
are one file for all processes and languages that share the spool folder.
"""

from __future__ import annotations

import base64
import json
import os
import re
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ._errors import FieldError
from ._ids import clock

SEGMENT_BYTES = 8 << 20
PREFIX = 9  # bytes of a line before its JSON
CURSOR = "cursor"
LOCK = "lock"
DEAD_LETTERS = "dead-letter.ndjson"

_segment_name = re.compile(r"([0-9]{20})\.spool").fullmatch


class Position(NamedTuple):
    """A place in a spool: everything before it is delivered, or written."""

    segment: int
    offset: int


def frame(data: bytes) -> bytes:
    """Make a line of an event's JSON (CRC-32/ISO-HDLC, as in zlib)."""
    return b"%08x %b\n" % (zlib.crc32(data), data)


def unframe(line: bytes) -> bytes | None:
    """Return the JSON of a line without its line feed, or None if it is damaged."""
    data = line[PREFIX:]
    return data if line[:PREFIX] == b"%08x " % zlib.crc32(data) else None


def segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:020d}.spool"


def list_segments(folder: Path) -> list[int]:
    """Return the numbers of the segments in a folder, lowest first."""
    names = (_segment_name(name) for name in os.listdir(folder))
    return sorted(int(m[1]) for m in names if m)


def read_cursor(folder: Path) -> Position:
    """Return the cursor; one that is absent or cannot be read is the very start.

    Events are sent again then, and the sidecar recognises them.
    """
    try:
        document = json.loads((folder / CURSOR).read_bytes())
        position = Position(document["segment"], document["offset"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return Position(0, 0)
    if type(position.segment) is int and type(position.offset) is int and min(position) >= 0:
        return position
    return Position(0, 0)


def write_cursor(folder: Path, position: Position) -> None:
    """Replace the cursor. It is not synced: after a power failure it may lag."""
    text = b'{"segment": %d, "offset": %d}\n' % position
    scratch = f"{folder}/{CURSOR}.new"
    fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, text)
    finally:
        os.close(fd)
    os.rename(scratch, f"{folder}/{CURSOR}")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class DeadLetter(NamedTuple):
    """An event that can never be delivered, and why.

    ``reason`` is ``rejected``, ``conflict`` or ``damaged``. ``data`` is the
    event's JSON; of a damaged line, the line as it was found.
    """

    reason: str
    data: bytes
    status: int | None = None
    errors: Sequence[FieldError] = ()

    def line(self) -> bytes:
        head: dict[str, object] = {"at": clock.now(), "reason": self.reason}
        if self.status is not None:
            head["status"] = self.status
        if self.errors:
            head["errors"] = [error._asdict() for error in self.errors]
        if self.reason == "damaged":
            head["event"] = None
            head["line"] = base64.b64encode(self.data).decode()
            return json.dumps(head).encode() + b"\n"
        # The event's bytes go in as they are: they are JSON already.
        return json.dumps(head).encode()[:-1] + b', "event": ' + self.data + b"}\n"


def bury(spool_dir: Path, letters: Iterable[DeadLetter]) -> Path:
    """Append dead letters to their file; on return they are durable.

    Processes share the file: each writes with one call, at the end. If one dies
    in its write, the last line has no line feed; the next writer begins a new one.
    """
    path = spool_dir / DEAD_LETTERS
    data = b"".join(letter.line() for letter in letters)
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            data = b"\n" + data
        if (written := os.write(fd, data)) != len(data):
            raise OSError(f"append to {path}: only {written} of {len(data)} bytes were written")
        os.fsync(fd)
    finally:
        os.close(fd)
    sync_folder(spool_dir)
    return path
