"""The route that is measured: it awaits 2 ms, as if for a database.

With BENCH_AUDIT=1 the middleware is installed and each request enqueues an event.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from audit_archiver import Actor, AsyncAuditClient
from audit_archiver.asgi import Scope, install

AWAIT_SECONDS = 0.002

if os.environ.get("BENCH_AUDIT") == "1":
    audit = AsyncAuditClient()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        async with audit:
            yield

    app = FastAPI(lifespan=lifespan)

    def actor_of(scope: Scope) -> Actor:
        return {"id": "user-1", "type": "user"}

    install(app, audit, actor=actor_of)

    @app.get("/orders/{id}")
    async def read_audited(id: str) -> dict[str, object]:
        await asyncio.sleep(AWAIT_SECONDS)
        await audit.enqueue(
            {
                "action": "order.read",
                "resource": {"type": "order", "id": id},
                "outcome": "success",
                "details": {"fields": ["total", "items"]},
            }
        )
        return {"id": id, "total": 12}

else:
    app = FastAPI()

    @app.get("/orders/{id}")
    async def read(id: str) -> dict[str, object]:
        await asyncio.sleep(AWAIT_SECONDS)
        return {"id": id, "total": 12}
