"""Proofs of single events and receipts: docs/format/proof.md."""

import json
import re
import struct
from typing import Any

import content
from attest import signer_of
from ledger import check_open, files_root
from signatures import Refused, want
from spelling import a_hash, a_time, a_uuid, document, integer, leaf, members, open_note, tree_hash, u, unbase64, verifier_key

VERSION = 1
MAX_PROOF = 256 << 10
MAX = 2**53 - 1
TEXTS = {"actor_email", "resource_id", "reason", "details", "request_id", "ip", "user_agent", "organization_id"}


class Reader:
    """Takes parts off the front of some bytes."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def take(self, n: int) -> bytes:
        want(n <= len(self.raw) - self.at, "too short")
        self.at += n
        return self.raw[self.at - n: self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def rest(self) -> bytes:
        return self.take(len(self.raw) - self.at)


def levels(index: int, size: int) -> int:
    """How many hashes a path has: one for each level on which the way has a sibling."""
    n = 0
    while size > 1:
        if index % 2 == 1 or index + 1 < size:
            n += 1
        index, size = index // 2, (size + 1) // 2
    return n


def climb(hashed: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root to which the path of RFC 6962, 2.1.1 leads."""
    want(index < size and len(path) == levels(index, size), "path: number of hashes")
    rest = iter(path)
    while size > 1:
        if index % 2 == 1:
            hashed = content.node(next(rest), hashed)
        elif index + 1 < size:
            hashed = content.node(hashed, next(rest))
        index, size = index // 2, (size + 1) // 2
    return hashed


def decode_leaf(raw: bytes) -> content.Row:
    """Takes a leaf apart: event.md, "Leaf"."""
    r = Reader(raw)
    want(r.take(8) == b"aevleaf" + content.VERSION, "leaf: magic")

    def string() -> str:
        try:
            return r.take(r.number(4)).decode()
        except UnicodeDecodeError:
            raise Refused("leaf: not UTF-8") from None

    row: content.Row = {}
    for name in content.LEAF:
        if name in ("received_at", "timestamp_ns"):
            row[name] = struct.unpack(">q", r.take(8))[0]
        elif name in TEXTS:
            mark = r.take(1)
            want(mark in (b"\0", b"\1"), "leaf: " + name)
            row[name] = string() if mark == b"\1" else None
        else:
            row[name] = string()
    row["stream"] = content_uuid(r.take(16))
    row["seq"] = struct.unpack(">q", r.take(8))[0]
    row["retention"] = string()
    want(r.at == len(raw) and row["seq"] >= 0, "leaf: its end")
    return row


def content_uuid(raw: bytes) -> str:
    h = raw.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def split(text: bytes) -> tuple[bytes, int, list[bytes], bytes]:
    """Extra data, index, hashes and checkpoint."""
    want(len(text) <= MAX_PROOF and b"\r" not in text, "too large")
    head, found, note = text.partition(b"\n\n")
    want(found, "no empty line")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Refused("not ASCII") from None
    want(len(lines) >= 3 and lines[0] == "c2sp.org/tlog-proof@v1", "first line")
    want(lines[1].startswith("extra ") and re.fullmatch(r"index (0|[1-9]\d*)", lines[2]), "extra, index")
    hashes = [unbase64(line) for line in lines[3:]]
    want(all(len(h) == 32 for h in hashes), "hash")
    return unbase64(lines[1][6:]), int(lines[2][6:]), hashes, note


def check_proof(text: bytes, root: str) -> dict[str, Any]:
    """Returns what a proof says."""
    extra, index, path, note = split(text)
    want(index <= MAX, "index")
    r = Reader(extra)
    want(r.take(16) == b"archiver proof\0\0" and r.number(4) == VERSION, "extra: magic")
    cert = r.take(r.number(4))
    opened = check_open(cert, root)
    first, count, manifest = r.number(8), r.number(8), r.take(32)
    n = r.number(4)
    want(1 <= n <= 64, "number of files")
    files: list[dict[str, Any]] = []
    for _ in range(n):
        rows = r.number(8)
        want(1 <= rows <= MAX, "rows")
        files.append({"rows": rows, "root": r.take(32).hex()})
    which, row = r.number(4), r.number(8)
    want(which < n and row < files[which]["rows"], "which row")
    want(max(first, count) <= MAX and sum(f["rows"] for f in files) == count, "count")
    within = [r.take(32) for _ in range(levels(row, files[which]["rows"]))]
    raw = r.rest()
    event = decode_leaf(raw)
    want(event["stream"] == opened["stream"] and event["seq"] >= first, "the event is of another stream or commit")
    hashed = leaf(raw)
    want(climb(hashed, row, files[which]["rows"], within).hex() == files[which]["root"], "path in the file")
    signer = signer_of(note)
    by = root if signer == verifier_key(root)[0] else opened["key"]
    lines = open_note(note, by).decode().split("\n")
    want(len(lines) == 4 and lines[0] == f"archiver/{opened['archive']}/{opened['stream']}", "checkpoint")
    want(re.fullmatch(r"0|[1-9]\d{0,15}", lines[1]) and int(lines[1]) <= MAX, "checkpoint: size")
    size, log = int(lines[1]), unbase64(lines[2])
    record = (b"archiver record\0" + u(VERSION, 4) + a_uuid(opened["archive"]) + a_uuid(opened["stream"]) + u(index, 8) +
              u(first, 8) + u(count, 8) + files_root(files) + manifest)
    want(climb(leaf(record), index, size, path) == log, "path in the log")
    return {"leaf_hex": raw.hex(), "leaf_hash": hashed.hex(), "id": event["id"], "stream": event["stream"], "seq": event["seq"], "index": index,
            "first": first, "count": count, "manifest_sha256": manifest.hex(), "files": n, "file_at": which, "file_root": files[which]["root"],
            "rows": files[which]["rows"], "row": row, "size": size, "root": log.hex(), "signer": signer}


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    want(len(found) == len(pairs), "a member twice")
    return found


def shortest(time: str) -> str:
    """An instant without zeros at the end of its fraction, which a receipt may have."""
    match = re.fullmatch(r"(.*?)\.(\d*?)0*Z", time)
    return time if not match else f"{match[1]}.{match[2]}Z" if match[2] else match[1] + "Z"


def check_receipt(text: bytes, root: str) -> dict[str, Any]:
    """Returns what a receipt says."""
    try:
        r = json.loads(text, object_pairs_hook=unique)
        want(isinstance(r, dict) and set(r) == set("version open note index path received_at first leaves".split()), "members")
        want(type(r["version"]) is int and r["version"] == VERSION, "version")
        want(all(isinstance(r[name], str) for name in ("open", "note", "received_at")), "text")
        cert, note = r["open"].encode(), r["note"].encode()
    except ValueError as err:
        raise Refused(f"receipt: {err}") from None
    opened = check_open(cert, root)
    head, _, line = open_note(note, opened["key"]).partition(b"\n")
    want(head == b"archiver receipt v1", "first line")
    d = document(line)
    members(d, "version archive stream issued_at size root")
    want(type(d["version"]) is int and d["version"] == VERSION and d["archive"] == opened["archive"] and d["stream"] == opened["stream"], "note")
    a_time(d["issued_at"], 3), integer(d["size"], 1), a_hash(d["root"])
    integer(r["index"]), integer(r["first"])
    received = a_time(shortest(r["received_at"]), 3)
    for hashes in (r["leaves"], r["path"]):
        want(isinstance(hashes, list), "hashes")
        for h in hashes:
            a_hash(h)
    want(r["leaves"] and r["first"] + len(r["leaves"]) - 1 <= MAX, "leaves")
    taken = (b"archiver taken\0\0" + u(VERSION, 4) + received.to_bytes(8, "big", signed=True) + u(r["first"], 8) + u(len(r["leaves"]), 8) +
             tree_hash([bytes.fromhex(h) for h in r["leaves"]]))
    got = climb(leaf(taken), r["index"], d["size"], [bytes.fromhex(h) for h in r["path"]])
    want(got.hex() == d["root"], "path")
    return {"stream": opened["stream"], "first": r["first"], "last": r["first"] + len(r["leaves"]) - 1, "received_at": r["received_at"], "issued_at": d["issued_at"]}
