"""The vectors under testenv/vectors: what must be accepted, with what it says, and what must be refused."""

import json
import pathlib
from collections.abc import Callable
from typing import Any

import content
import proof
from signatures import Refused, want
from spelling import leaf


def events(folder: str) -> int:
    """Leaves of events: each is taken apart, put together again, and hashed."""
    files = sorted(pathlib.Path(folder).glob("*.json"))
    want(files, "no vectors")
    for path in files:
        v = json.loads(path.read_bytes())
        raw = bytes.fromhex(v["leaf_hex"])
        row = proof.decode_leaf(raw)
        want(content.leaf_bytes(row, row["retention"]) == raw, f"{path.name}: leaf")
        want(leaf(raw).hex() == v["leaf_hash_hex"], f"{path.name}: leaf hash")
        for name in ("producer", "stream", "seq", "retention"):
            want(row[name] == v[name], f"{path.name}: {name}")
        want(row["received_at"] == v["received_at_ms"], f"{path.name}: received_at")
    return len(files)


def proofs(folder: str) -> int:
    """Proofs and receipts."""
    base = pathlib.Path(folder)
    e = json.loads((base / "expected.json").read_bytes())
    n = 0
    for kind, check in (("proofs", proof.check_proof), ("receipts", proof.check_receipt)):
        want(e[kind] and e["refused_" + kind], "no vectors of " + kind)
        for v in e[kind]:
            accepted(check, (base / v["file"]).read_bytes(), e["root_vkey"], v)
        for v in e["refused_" + kind]:
            refused(check, v["text"].encode(), e["root_vkey"], v["why"])
        n += len(e[kind]) + len(e["refused_" + kind])
    return n


def accepted(check: Callable[[bytes, str], dict[str, Any]], text: bytes, root: str, v: dict[str, Any]) -> None:
    try:
        got = check(text, root)
    except Refused as err:
        raise Refused(f"{v['file']}: {err}") from None
    for name, value in v.items():
        if name == "file":
            continue
        want(same(got[name], value), f"{v['file']}: {name} is {got[name]!r}, want {value!r}")


def same(got: Any, value: Any) -> bool:
    """Instants may have zeros at the end of their fraction."""
    if isinstance(value, str) and isinstance(got, str) and value.endswith("Z") and got.endswith("Z"):
        return proof.shortest(got) == proof.shortest(value)
    return bool(got == value)


def refused(check: Callable[[bytes, str], dict[str, Any]], text: bytes, root: str, why: str) -> None:
    try:
        check(text, root)
    except Refused:
        return
    raise Refused(f"accepted, but must be refused: {why}")
