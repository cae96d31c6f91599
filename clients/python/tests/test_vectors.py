"""The vectors that all languages share, testenv/vectors/wire: see the README there."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from audit_archiver import AuditContext, AuditRejected, audit_context
from audit_archiver._answer import Outcome, read_answer
from audit_archiver._files import Position
from audit_archiver._prepare import prepare
from audit_archiver._reader import Reader
from audit_archiver._web import TrustedProxies, request_id, traceparent, user_agent

WIRE = Path(__file__).parents[3] / "testenv" / "vectors" / "wire"


def vectors(kind: str) -> list[Any]:
    files = sorted((WIRE / kind).glob("*.json"))
    if not files:
        if os.environ.get("CI") == "true":
            raise FileNotFoundError(f"no vectors in {WIRE / kind}")
        mark = pytest.mark.skip(reason=f"no vectors in {WIRE / kind}")
        return [pytest.param({}, id="none", marks=mark)]
    return [pytest.param(json.loads(f.read_text()), id=f.stem) for f in files]


def without_none(value: Any) -> Any:
    """null is the same as absent in the envelope; in details it is a value."""
    return {
        name: without_none(inner) if name in ("actor", "resource") else inner
        for name, inner in value.items()
        if inner is not None
    }


@pytest.mark.parametrize("vector", vectors("event"))
def test_event(vector: dict[str, Any]) -> None:
    if "python" in vector.get("skip", {}):
        pytest.skip(vector["skip"]["python"])
    with audit_context(AuditContext(**vector.get("context") or {})):
        if "errors" in vector["expect"] and vector.get("judge") != "server":
            with pytest.raises(AuditRejected) as caught:
                prepare(vector["event"])
            fields = {error.field for error in caught.value.errors}
            assert fields == {error["field"] for error in vector["expect"]["errors"]}
            return
        prepared = prepare(vector["event"])
    sent = json.loads(prepared.json)
    assert b"\n" not in prepared.json
    if "json" not in vector["expect"]:
        return  # the sidecar refuses it, we cannot
    want = without_none(vector["expect"]["json"])
    for made in ("id", "timestamp"):
        if made not in want:
            assert sent.pop(made)
    assert without_none(sent) == want


@pytest.mark.parametrize("vector", vectors("answer"))
def test_answer(vector: dict[str, Any]) -> None:
    count, expect = vector["batch"], vector["expect"]
    answer = read_answer(vector["status"], vector["headers"], vector["body"].encode(), count)
    everything = list(range(count))
    delivered = everything if answer.outcome is Outcome.DELIVERED else []
    blamed = sorted(answer.blamed) if answer.outcome is Outcome.REFUSED else []
    reason = "conflict" if answer.conflict else "rejected"
    assert delivered == expect["delivered"]
    assert [{"index": i, "reason": reason} for i in blamed] == expect["dead_lettered"]
    assert [i for i in everything if i not in delivered and i not in blamed] == expect["retry"]
    assert (answer.outcome is Outcome.HALVE) == expect["halve"]
    assert (answer.outcome in (Outcome.RETRY, Outcome.KEEP)) == expect["back_off"]
    if "wait_at_least_s" in expect:
        assert answer.retry_after == expect["wait_at_least_s"]
    if "record" in expect:
        verdicts = {
            Outcome.DELIVERED: "returns",
            Outcome.RETRY: "retries",
            Outcome.KEEP: "AuditUnavailable",
            Outcome.REFUSED: "AuditConflict" if answer.conflict else "AuditRejected",
        }
        assert verdicts[answer.outcome] == expect["record"]


@pytest.mark.parametrize("vector", vectors("proxy"))
def test_proxy(vector: dict[str, Any]) -> None:
    proxies = TrustedProxies(vector["trusted_proxies"])
    assert proxies.client(vector["peer"], vector["x_forwarded_for"]) == vector["expect"]["ip"]


@pytest.mark.parametrize("vector", vectors("request_id"))
def test_request_id(vector: dict[str, Any]) -> None:
    incoming, want = vector["x_request_id"], vector["expect"]["request_id"]
    got = request_id(incoming)
    if want is None:
        assert got != incoming and len(got) == 36
    else:
        assert got == want


@pytest.mark.parametrize("vector", vectors("traceparent"))
def test_traceparent(vector: dict[str, Any]) -> None:
    assert traceparent(vector["traceparent"]) == vector["expect"]["traceparent"]


@pytest.mark.parametrize("batch", [(500, 1 << 20), (1, 1 << 20), (500, 1)], ids=str)
@pytest.mark.parametrize("vector", vectors("spool"))
def test_spool(vector: dict[str, Any], batch: tuple[int, int], tmp_path: Path) -> None:
    for segment in vector["segments"]:
        (tmp_path / segment["name"]).write_bytes(base64.b64decode(segment["base64"]))
    if "cursor" in vector:
        (tmp_path / "cursor").write_text(vector["cursor"])
    reader = Reader(tmp_path)
    delivered: list[str] = []
    damaged = 0
    while chunk := reader.next(*batch):
        delivered += [event.decode() for event in chunk.events]
        damaged += len(chunk.damaged)
        reader.advance(chunk)
    assert delivered == vector["expect"]["delivered"]
    assert damaged == vector["expect"]["damaged"]
    # Where it stopped is remembered: another reader finds nothing more.
    reader.save()
    reader.close()
    again = Reader(tmp_path)
    assert again.position == reader.position or reader.position == Position(0, 0)
    assert again.next(*batch) is None
    again.close()


@pytest.mark.parametrize("vector", vectors("user_agent"))
def test_user_agent(vector: dict[str, Any]) -> None:
    assert user_agent(vector["user_agent"]) == vector["expect"]["user_agent"]
