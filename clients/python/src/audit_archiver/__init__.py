"""Audit events to the archiver, a sidecar that keeps them for good.

Two verbs: :meth:`AuditClient.record` returns when the sidecar has the event on
its disk; :meth:`AuditClient.enqueue` returns when it is in a spool on the local
disk, and a thread delivers it. Nothing is lost quietly. :class:`AsyncAuditClient`
is the same for asyncio.

Middlewares are in ``audit_archiver.asgi``, ``audit_archiver.wsgi`` and
``audit_archiver.django``, what tests need in ``audit_archiver.testing``.
"""

from ._async_client import AsyncAuditClient
from ._client import AuditClient
from ._context import AuditContext, audit_context, current_context
from ._errors import (
    AuditClosed,
    AuditConflict,
    AuditError,
    AuditRejected,
    AuditSpoolFull,
    AuditUnavailable,
    FieldError,
)
from ._event import Actor, ActorType, Event, Outcome, Resource
from ._options import Policy, SpoolSync
from ._stats import Stats

__version__ = "0.1.0"

__all__ = [
    "Actor",
    "ActorType",
    "AsyncAuditClient",
    "AuditClient",
    "AuditClosed",
    "AuditConflict",
    "AuditContext",
    "AuditError",
    "AuditRejected",
    "AuditSpoolFull",
    "AuditUnavailable",
    "Event",
    "FieldError",
    "Outcome",
    "Policy",
    "Resource",
    "SpoolSync",
    "Stats",
    "audit_context",
    "current_context",
]
