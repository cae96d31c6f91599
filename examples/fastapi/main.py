"""A small order service whose every action is audited.

What must not happen without its event is recorded first: login, change, export.
A read may go on when the archiver is away; its event waits in the spool.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

from audit_archiver import Actor, AsyncAuditClient, AuditUnavailable
from audit_archiver.asgi import install

audit = AsyncAuditClient()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    async with audit:
        yield


def actor_of(scope: Any) -> Actor | None:
    """Who acts, as far as is known when an event is made."""
    user = scope.get("state", {}).get("user")
    return {"id": user, "type": "user"} if user else None


app = FastAPI(lifespan=lifespan)
install(app, audit, actor=actor_of)

orders: dict[str, float] = {"order-456": 12.5, "order-457": 99.0}


class Credentials(BaseModel):
    user: str
    password: str


class Change(BaseModel):
    total: float


def logged_in(request: Request) -> str:
    user = request.headers.get("x-user")
    if not user:
        raise HTTPException(401, "log in first")
    request.state.user = user
    return user


User = Annotated[str, Depends(logged_in)]


def order_of(id: str, user: User) -> str:
    if id not in orders:
        raise HTTPException(404, "no such order")
    return id


Order = Annotated[str, Depends(order_of)]


@app.exception_handler(AuditUnavailable)
async def unavailable(request: Request, error: AuditUnavailable) -> JSONResponse:
    """What could not be audited was not done."""
    return JSONResponse({"detail": "the audit log is away; nothing was done"}, status_code=503)


@app.post("/login")
async def login(credentials: Credentials) -> Any:
    if credentials.password != "correct":
        await audit.record(
            {
                "action": "user.login",
                "actor": {"id": credentials.user, "type": "user"},
                "resource": {"type": "session"},
                "outcome": "failure",
                "reason": "wrong password",
            }
        )
        raise HTTPException(401, "wrong password")
    await audit.log_login(credentials.user, True)
    return {"user": credentials.user}


# Before /orders/{id}, which would take it for an id.
@app.get("/orders/export")
async def export(user: User) -> PlainTextResponse:
    await audit.record(
        {"action": "order.export", "resource": {"type": "order"}, "outcome": "success"}
    )
    lines = [f"{id},{total}" for id, total in sorted(orders.items())]
    return PlainTextResponse("\n".join(["id,total", *lines, ""]), media_type="text/csv")


@app.get("/orders/{id}")
async def read(id: Order) -> Any:
    await audit.enqueue(
        {"action": "order.read", "resource": {"type": "order", "id": id}, "outcome": "success"}
    )
    return {"id": id, "total": orders[id]}


@app.put("/orders/{id}")
async def change(id: Order, user: User, new: Change) -> Any:
    before, after = {"total": orders[id]}, {"total": new.total}
    await audit.log_data_change(user, "order", id, "update", before=before, after=after)
    orders[id] = new.total
    return {"id": id, "total": new.total}


def main() -> None:
    listener = socket.create_server(("127.0.0.1", int(os.environ.get("PORT", "8080"))))
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    # It stops on SIGTERM and SIGINT, and the lifespan closes the client.
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
