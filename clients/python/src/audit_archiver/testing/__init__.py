"""What the tests of an application need.

* :class:`Recorder` and :class:`AsyncRecorder` stand in for a client and keep
  the events in memory.
* :class:`FakeSidecar` listens on a loopback port, takes events as the real
  sidecar does, and can be told to fail.
"""

from ._recorder import AsyncRecorder, Recorder
from ._sidecar import FakeSidecar, Fault, Request

__all__ = ["AsyncRecorder", "FakeSidecar", "Fault", "Recorder", "Request"]
