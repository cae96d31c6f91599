from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit_archiver import AuditClient
from audit_archiver.testing import FakeSidecar

EVENT: dict[str, Any] = {
    "action": "order.update",
    "actor": {"id": "user-1", "type": "user"},
    "resource": {"type": "order", "id": "order-1"},
    "outcome": "success",
}


def make(n: int, **fields: Any) -> dict[str, Any]:
    """An event that tells its number."""
    return {**EVENT, "details": {"n": n}, **fields}


def numbers(events: list[dict[str, Any]]) -> list[int]:
    return [event["details"]["n"] for event in events]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ARCHIVER_URL", "ARCHIVER_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    # Whatever forgets to say where its spool is must not find the user's.
    monkeypatch.setenv("ARCHIVER_SPOOL_DIR", str(tmp_path / "spool"))


@pytest.fixture
def spool_dir(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def sidecar() -> Iterator[FakeSidecar]:
    with FakeSidecar() as fake:
        yield fake


@pytest.fixture
def client(sidecar: FakeSidecar, spool_dir: Path) -> Iterator[AuditClient]:
    with AuditClient(url=sidecar.url, spool_dir=spool_dir) as audit:
        yield audit


def spool_names(spool_dir: Path) -> list[str]:
    return sorted(os.listdir(spool_dir)) if spool_dir.exists() else []


def own_folder(spool_dir: Path) -> Path:
    (name,) = [n for n in spool_names(spool_dir) if n.startswith("py-")]
    return spool_dir / name


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.spool"))
