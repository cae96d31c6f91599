"""What the shared vectors cannot say, because it is no JSON."""

from __future__ import annotations

import asyncio
import contextvars
import json
import math
import threading
import time
import uuid
from collections import OrderedDict
from datetime import datetime, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from audit_archiver import AuditClient, AuditContext, AuditRejected, audit_context
from audit_archiver._ids import clock, ids
from audit_archiver._options import Options, default_spool_dir
from audit_archiver._prepare import prepare

from .conftest import EVENT


def refused(event: Any) -> list[str]:
    with pytest.raises(AuditRejected) as caught:
        prepare(event)
    assert "prepare event" in str(caught.value)
    return [error.field for error in caught.value.errors]


def circle() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["self"] = value
    return value


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "details",
    [
        {"when": datetime.now()}, {"x": math.nan}, {"x": math.inf}, {"x": b"bytes"}, {"x": {1}},
        {(1, 2): 3}, circle(), deep(5000),
    ],
    ids=["datetime", "nan", "inf", "bytes", "set", "tuple-key", "circle", "deep"],
)
def test_details_that_have_no_json(details: Any) -> None:
    assert refused({**EVENT, "details": details}) == ["details"]


@pytest.mark.parametrize("event", [None, 7, "text", [EVENT]])
def test_what_is_no_mapping(event: Any) -> None:
    assert refused(event) == [""]


@pytest.mark.parametrize("cls", [OrderedDict, MappingProxyType])
def test_any_mapping_will_do(cls: Any) -> None:
    event = cls({**EVENT, "details": cls({"n": 1})})
    assert json.loads(prepare(event).json)["details"] == {"n": 1}


def test_the_callers_event_is_left_alone() -> None:
    details = {"n": 1}
    event = {**EVENT, "details": details}
    before = dict(event)
    with audit_context(AuditContext(request_id="r", traceparent="t")):
        prepared = prepare(event)
    assert event == before and details == {"n": 1}
    assert prepared.event["details"] == {"n": 1, "traceparent": "t"}


def test_braces_in_texts_are_no_levels() -> None:
    prepare({**EVENT, "details": {"text": "[{" * 200}})


def test_id_and_timestamp_are_made_once() -> None:
    prepared = prepare(EVENT)
    again = prepare(prepared.event)
    assert again.json == prepared.json
    assert again.id == prepared.id


def test_ids_are_uuids_of_version_7() -> None:
    before = time.time_ns() // 1_000_000
    made = [ids.new() for _ in range(5000)]
    after = time.time_ns() // 1_000_000
    assert len(set(made)) == len(made)
    for text in made:
        id = uuid.UUID(text)
        assert str(id) == text and id.version == 7 and id.variant == uuid.RFC_4122
        assert before <= id.int >> 80 <= after
    # All other bits are random: each is set about as often as not.
    for bit in [*range(62), *range(64, 76)]:
        assert 2000 < sum(uuid.UUID(text).int >> bit & 1 for text in made) < 3000


def test_ids_from_threads_are_different() -> None:
    made: list[str] = []

    def run() -> None:
        mine = [ids.new() for _ in range(3000)]
        made.extend(mine)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 24000


def test_the_clock() -> None:
    before = datetime.now(timezone.utc)
    told = datetime.fromisoformat(clock.now().replace("Z", "+00:00"))
    assert before <= told <= datetime.now(timezone.utc)
    assert len(clock.now()) == len("2026-01-31T10:11:12.345678Z")


def test_the_actor_hook_is_asked_when_an_event_is_made() -> None:
    calls: list[int] = []

    def hook() -> Any:
        calls.append(1)
        return {"id": f"u-{len(calls)}", "type": "user"}

    anonymous = {k: v for k, v in EVENT.items() if k != "actor"}
    with audit_context(AuditContext(actor=hook)):
        assert calls == []
        prepare(EVENT)  # has its own
        assert calls == []
        assert prepare(anonymous).event["actor"]["id"] == "u-1"
        assert prepare(anonymous).event["actor"]["id"] == "u-2"
    with audit_context(AuditContext(actor=lambda: None)):
        assert refused(anonymous) == ["actor"]


def test_contexts_nest_and_end() -> None:
    def seen() -> Any:
        return prepare(EVENT).event.get("request_id")

    with audit_context(AuditContext(request_id="outer")) as outer:
        with audit_context(AuditContext(request_id="inner")):
            assert seen() == "inner"
        assert seen() == "outer"
        outer.request_id = "changed"
        assert seen() == "changed"
        assert contextvars.copy_context().run(seen) == "changed"

        async def main() -> Any:
            return await asyncio.create_task(asyncio.to_thread(seen))

        assert asyncio.run(main()) == "changed"
        thread_saw: list[Any] = []
        thread = threading.Thread(target=lambda: thread_saw.append(seen()))
        thread.start()
        thread.join()
        assert thread_saw == [None]
    assert seen() is None


def options(**more: Any) -> Options:
    values: dict[str, Any] = dict(
        url="http://h", token=None, record_timeout=1, request_timeout=1, spool_dir=Path("/s"),
        spool_max_bytes=1, spool_sync="always", spool_sync_interval=1, enqueue_timeout=0,
        batch_events=1, batch_bytes=1, linger=0, policies={}, on_dead_letter=None,
    )
    return Options(**{**values, **more})


@pytest.mark.parametrize(
    ("action", "want"),
    [
        ("user.login", "fail_open_spooled"),
        ("user.delete", "fail_closed"),
        ("user.delete.all", "fail_open_spooled"),
        ("user.key.create", "fail_closed"),
        ("user", "fail_closed"),
        ("user.", "fail_open_spooled"),
        ("users.login", "fail_closed"),
        ("order", "fail_open_spooled"),
        ("order.read", "fail_closed"),
    ],
)
def test_policies(action: str, want: str) -> None:
    o = options(
        policies={
            "user.": "fail_open_spooled",
            "user.delete": "fail_closed",
            "user.key.": "fail_closed",
            "order": "fail_open_spooled",
        }
    )
    assert o.policy(action, None) == want
    assert o.policy(action, "fail_closed") == "fail_closed"
    with pytest.raises(ValueError, match="fail_never"):
        o.policy(action, "fail_never")  # type: ignore[arg-type]


def test_every_wrong_option_is_told() -> None:
    with pytest.raises(ValueError) as caught:
        options(
            record_timeout=0, request_timeout=math.nan, enqueue_timeout=-1, batch_events=0,
            batch_bytes=1 << 30, spool_max_bytes=0, spool_sync="never", policies={"a": "drop"},
            linger=math.inf,
        )
    text = str(caught.value)
    for name in (
        "record_timeout", "request_timeout", "enqueue_timeout", "batch_events", "batch_bytes",
        "spool_max_bytes", "spool_sync", "policies['a']", "linger",
    ):
        assert name in text


@pytest.mark.parametrize(
    "url", ["ftp://h", "h:8420", "http://", "unix:relative", "http://u:p@h", "http://h?x=1"]
)
def test_wrong_urls(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        AuditClient(url=url)


def test_where_the_spool_is() -> None:
    home = str(Path.home())
    assert default_spool_dir({"ARCHIVER_SPOOL_DIR": "/a"}) == Path("/a")
    assert default_spool_dir({"XDG_STATE_HOME": "/b"}) == Path("/b/audit-archiver")
    state = Path(home, ".local/state/audit-archiver")
    assert default_spool_dir({"XDG_STATE_HOME": "relative"}) == state
    assert default_spool_dir({}) == state
