"""The kill test's application, against the fake sidecar."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from audit_archiver.testing import FakeSidecar

from .conftest import spool_names
from .test_orphans import SRC, leave_orphan

APP = Path(__file__).with_name("killapp.py")


def env(sidecar: FakeSidecar, spool_dir: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(SRC),
        "ARCHIVER_URL": sidecar.url,
        "ARCHIVER_SPOOL_DIR": str(spool_dir),
        **more,
    }


def test_killed_and_drained(sidecar: FakeSidecar, spool_dir: Path) -> None:
    told: list[str] = []
    for name in ("one", "two"):
        command = [sys.executable, str(APP)]
        variables = env(sidecar, spool_dir, KILLAPP_NAME=name, KILLAPP_RATE="5000")
        with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            mine = [child.stdout.readline() for _ in range(120)]
            child.kill()
            mine += child.stdout.readlines()
        told += [line.decode().strip() for line in mine if line.endswith(b"\n")]
    drained = subprocess.run(
        [sys.executable, str(APP)], env=env(sidecar, spool_dir, KILLAPP_DRAIN="1"), timeout=90
    )
    assert drained.returncode == 0
    assert spool_names(spool_dir) == []
    ids = [event["id"] for event in sidecar.events]
    assert len(ids) == len(set(ids))
    assert set(told) <= set(ids)
    assert len(ids) <= len(told) + 2  # one in flight for each kill
    assert {e["actor"]["id"] for e in sidecar.events} == {"one", "two"}


def test_drain_of_several(sidecar: FakeSidecar, spool_dir: Path) -> None:
    for n in range(5):
        leave_orphan(spool_dir, n)
    drained = subprocess.run(
        [sys.executable, str(APP)], env=env(sidecar, spool_dir, KILLAPP_DRAIN="1"), timeout=90
    )
    assert drained.returncode == 0
    assert len(sidecar.events) == 5
