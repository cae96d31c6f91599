"""The sub-folders of a spool, and who owns them.

Every client has a sub-folder ``py-<uuid>``, held with flock(2) on the file
``lock`` in it: the kernel lets go of it when the process ends, however it ends.
Who gets the lock of a sub-folder owns what is in it.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from ._files import CURSOR, LOCK, list_segments, segment_path
from ._ids import ids

LANGUAGE = "py-"


class Folder:
    """A sub-folder that this process holds."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    def release(self) -> None:
        """Give the folder back. What is in it is for the next client.

        In a forked child this closes its copy of the descriptor; the parent
        keeps the lock.
        """
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)

    def remove(self) -> None:
        """Delete the folder, of which everything is delivered, and give it back.

        The lock goes last. Who opens it before it is gone finds that it is not
        the folder's lock any more; who comes after that makes a new one in an
        empty folder, and owns that.
        """
        try:
            for number in list_segments(self.path):
                segment_path(self.path, number).unlink()
            for name in (f"{CURSOR}.new", CURSOR, LOCK):
                (self.path / name).unlink(missing_ok=True)
            self.path.rmdir()
        except OSError as e:
            if e.errno != errno.ENOTEMPTY:
                raise
        finally:
            self.release()


def create(spool_dir: Path) -> Folder:
    """Make a sub-folder of our own."""
    spool_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        path = spool_dir / f"{LANGUAGE}{ids.new()}"
        path.mkdir(mode=0o700)
        # An adopter may have been faster than our lock and removed the folder.
        folder = claim(path)
        if folder is not None:
            return folder


def claim(path: Path) -> Folder | None:
    """Take a sub-folder if nobody holds it; None if somebody does or it is gone."""
    try:
        fd = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The name may stand for another file by now, or for none: then what we
        # hold is the lock of a folder that is gone.
        if os.path.samestat(os.fstat(fd), os.stat(path / LOCK)):
            return Folder(path, fd)
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return None


def adopt(spool_dir: Path) -> list[Folder]:
    """Take every sub-folder of our language whose process has ended, oldest first."""
    try:
        names = sorted(name for name in os.listdir(spool_dir) if name.startswith(LANGUAGE))
    except FileNotFoundError:
        return []
    folders: list[Folder] = []
    for name in names:
        try:
            folder = claim(spool_dir / name)
        except (NotADirectoryError, PermissionError):
            continue  # not ours: another user's, or no folder at all
        if folder is not None:
            folders.append(folder)
    return folders
