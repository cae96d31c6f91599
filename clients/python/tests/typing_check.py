"""What the type checkers must accept, and must refuse. Checked, not run.

A comment that ignores an error is an error itself if there is none: both
checkers are told so.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from audit_archiver import AsyncAuditClient, AuditClient, Event, audit_context, AuditContext
from audit_archiver.asgi import AuditMiddleware, Client
from audit_archiver.testing import AsyncRecorder, Recorder


def accepted(client: AuditClient) -> str:
    event: Event = {
        "action": "order.read",
        "actor": {"id": "u", "type": "user", "email": None},
        "resource": {"type": "order"},
        "outcome": "success",
        "details": {"n": [1, 2.5, None]},
    }
    client.enqueue({"action": "a", "resource": {"type": "t"}, "outcome": "failure"})
    with audit_context(AuditContext(actor={"id": "u", "type": "api_key"})):
        client.log_data_change("u", "order", "7", "update", before=None)
    return client.record(event, policy="fail_open_spooled")


async def awaited(client: AsyncAuditClient) -> str:
    async with AsyncRecorder() as recorder:
        await recorder.enqueue({"action": "a"})
    return await client.record({"action": "a", "resource": {"type": "t"}, "outcome": "success"})


def refused(client: AuditClient) -> None:
    wrong: Event = {
        "action": "a",
        "resource": {"type": "t"},
        "outcome": "maybe",  # type: ignore
    }
    client.record(wrong, policy="drop")  # type: ignore
    AuditClient(spool_sync="never")  # type: ignore
    client.log_data_change("u", "order", "7", "upsert")  # type: ignore


def clients() -> list[Client]:
    return [AuditClient(), AsyncAuditClient(), Recorder(), AsyncRecorder()]


async def application(scope: object, receive: object, send: object) -> None: ...


middleware = AuditMiddleware(application, AsyncRecorder(), automatic=True)
