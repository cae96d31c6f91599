"""Measures a FastAPI route with and without middleware and enqueue, side by side.

Server (uvicorn, one worker), load and sidecar are processes of their own. Runs
alternate, so that what else the machine does hits both; the medians are told.

    python -m bench                              # against the fake sidecar
    python -m bench --archiver ../../archiver    # against a real one
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

HERE = Path(__file__).parents[1]
FAKE = (
    "import threading; from audit_archiver.testing import FakeSidecar;"
    "print(FakeSidecar().url, flush=True); threading.Event().wait()"
)


@contextlib.contextmanager
def process(command: list[str], env: dict[str, str]) -> Generator[subprocess.Popen[str], None, None]:
    child = subprocess.Popen(
        command, cwd=HERE, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield child
    finally:
        child.terminate()
        child.communicate()


def first_match(child: subprocess.Popen[str], pattern: str) -> str:
    """Read output until a line matches; return its group."""
    assert child.stdout is not None
    for line in child.stdout:
        if found := re.search(pattern, line):
            return found[1]
    raise RuntimeError(f"{child.args!r} ended without {pattern!r}")


def measure(url: str, audited: bool, connections: int, seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as spool:
        env = {
            **os.environ,
            "PYTHONPATH": str(HERE / "src"),
            "ARCHIVER_URL": url,
            "ARCHIVER_SPOOL_DIR": spool,
            "BENCH_AUDIT": str(int(audited)),
        }
        server = [
            sys.executable, "-m", "uvicorn", "bench.app:app",
            "--port", "0", "--no-access-log", "--log-level", "info",
        ]
        with process(server, env) as child:
            port = first_match(child, r"running on http://127\.0\.0\.1:(\d+)")
            before = cpu_seconds(child.pid)
            load = [sys.executable, "-m", "bench.load", port, str(connections), str(seconds)]
            output = subprocess.run(load, cwd=HERE, env=env, check=True, stdout=subprocess.PIPE)
            spent = cpu_seconds(child.pid) - before
        result: dict[str, float] = json.loads(output.stdout)
        result["cpu_us"] = spent / result["all_requests"] * 1e6
        return result


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, all its threads (Linux; 0 elsewhere)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compare(url: str, connections: int, runs: int, seconds: float) -> None:
    results: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    for run in range(runs):
        for audited in (False, True) if run % 2 == 0 else (True, False):
            results[audited].append(measure(url, audited, connections, seconds))

    def median(audited: bool, name: str) -> float:
        return statistics.median(result[name] for result in results[audited])

    before, after = (median(a, "requests") / seconds for a in (False, True))
    print(f"{connections} connections, {runs} alternating runs of {seconds:g} s, medians:")
    print(
        f"  requests/s: {before:.0f} without, {after:.0f} with:"
        f" {(after - before) / before * 100:+.1f} %"
    )
    for name in ("p50_ms", "p99_ms", "cpu_us"):
        before, after = median(False, name), median(True, name)
        print(f"  {name}: {before:.2f} without, {after:.2f} with: {after - before:+.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archiver", help="the program; default: the fake sidecar")
    parser.add_argument("--runs", type=int, default=5, help="of each kind (5)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each run (4)")
    parser.add_argument("--connections", type=int, nargs="+", default=[4, 32],
                        help="concurrent requests (4 32)")
    args = parser.parse_args()
    env = {**os.environ, "PYTHONPATH": str(HERE / "src")}
    with tempfile.TemporaryDirectory() as folder:
        command, pattern = [sys.executable, "-c", FAKE], r"(http://\S+)"
        if args.archiver:
            command = [
                os.path.abspath(args.archiver), "dev", "--dir", folder, "--json",
                "--listen", "127.0.0.1:0", "--s3-listen", "127.0.0.1:0", "--athena-listen", "",
            ]
            pattern = r'"url": "(http://[^"]+)"'
        with process(command, env) as sidecar:
            url = first_match(sidecar, pattern)
            print(f"sidecar: {'archiver dev' if args.archiver else 'fake'}")
            for connections in args.connections:
                compare(url, connections, args.runs, args.seconds)


main()
