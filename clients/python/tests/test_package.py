"""The wheel, in an empty environment: it installs without anything else and does what the README says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from audit_archiver.testing import FakeSidecar

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dist = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    assert len(list(dist.glob("audit_archiver-*.tar.gz"))) == 1
    (path,) = dist.glob("audit_archiver-*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the wheel and nothing else."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [python, "-m", "pip", "install", "--quiet", "--no-index", str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    return python


def run(python: Path, code: str, tmp_path: Path, **env: str) -> str:
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **env}
    done = subprocess.run(
        [python, "-W", "error", "-c", code],
        cwd=tmp_path, env=variables, timeout=60, capture_output=True, text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def snippet() -> str:
    found = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_readmes_snippet(python: Path, tmp_path: Path, sidecar: FakeSidecar) -> None:
    output = run(python, snippet(), tmp_path, ARCHIVER_URL=sidecar.url)
    assert [e["action"] for e in sorted(sidecar.events, key=lambda e: str(e["timestamp"]))] == [
        "invoice.approve", "invoice.view", "user.login", "invoice.update",
    ]
    assert all(e["request_id"] == "req-1" for e in sidecar.events)
    assert "recorded=3, enqueued=1, delivered=1" in output
    # The default spool is in the user's state folder, and is left empty.
    assert os.listdir(tmp_path / ".local" / "state" / "audit-archiver") == []


def test_only_what_is_used_is_imported(python: Path, tmp_path: Path) -> None:
    code = "import sys, audit_archiver; print({'http.client', 'http.server'} & {*sys.modules})"
    assert run(python, code, tmp_path) == "set()\n"
    run(python, "import audit_archiver.asgi, audit_archiver.wsgi, audit_archiver.testing", tmp_path)


def test_what_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = [n for n in names if n.endswith("METADATA")]
        text = archive.read(metadata).decode()
    assert "audit_archiver/py.typed" in names
    assert not [n for n in names if n.startswith(("tests", "bench"))]
    assert "Requires-Dist" not in text
    assert "Requires-Python: >=3.10" in text


def test_the_version_is_one() -> None:
    import audit_archiver

    assert f'version = "{audit_archiver.__version__}"' in (ROOT / "pyproject.toml").read_text()
