"""A process that enqueues until it is killed, and tells what was accepted."""

from __future__ import annotations

import os
import sys

from audit_archiver import AuditClient


def main() -> None:
    client = AuditClient(linger=0.001, batch_events=50)
    n = 0
    while True:
        client.enqueue(
            {
                "action": "order.update",
                "actor": {"id": sys.argv[1], "type": "system"},
                "resource": {"type": "order"},
                "outcome": "success",
                "details": {"n": n},
            }
        )
        os.write(1, b"%d\n" % n)
        n += 1


main()
