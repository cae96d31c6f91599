"""The application of the kill test that all languages share (testenv/clients).

Enqueues events at a bounded rate, every 50th it records, and writes the id of
each that was accepted to stdout: who reads the pipe knows what must arrive. It
needs nothing but this package.

Environment: ARCHIVER_URL, ARCHIVER_SPOOL_DIR; KILLAPP_NAME, the actor's id;
KILLAPP_RATE, events per second (2000). With KILLAPP_DRAIN=1 it adopts what
others left in the spool, waits until that is delivered, and exits with 0, or
with 1 after 60 seconds.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from audit_archiver import AuditClient, AuditError

DRAIN_SECONDS = 60.0
RECORD_EVERY = 50


def main() -> int:
    with AuditClient() as client:
        if os.environ.get("KILLAPP_DRAIN") == "1":
            return drain(client)
        run(client, os.environ["KILLAPP_NAME"], float(os.environ.get("KILLAPP_RATE", "2000")))
    return 0


def run(client: AuditClient, name: str, rate: float) -> None:
    start = time.monotonic()
    n = 0
    while True:
        n += 1
        event = {
            "action": "order.update",
            "actor": {"id": name, "type": "system"},
            "resource": {"type": "order", "id": str(n)},
            "outcome": "success",
            "details": {"n": n},
        }
        try:
            id = client.record(event) if n % RECORD_EVERY == 0 else client.enqueue(event)
        except AuditError as e:  # the sidecar is killed as well; not accepted, not told
            print(f"killapp: {e}", file=sys.stderr)
            continue
        os.write(1, f"{id}\n".encode())
        ahead = start + n / rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)


def drain(client: AuditClient) -> int:
    """Wait until nothing of this language is left in the spool."""
    spool = Path(os.environ["ARCHIVER_SPOOL_DIR"])
    deadline = time.monotonic() + DRAIN_SECONDS
    while left := sorted(spool.glob("py-*")):
        if time.monotonic() > deadline:
            print(f"killapp: not delivered: {left}; {client.stats()}", file=sys.stderr)
            return 1
        time.sleep(0.05)
    return 0


if __name__ == "__main__":
    sys.exit(main())
