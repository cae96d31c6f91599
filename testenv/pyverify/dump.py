"""Judges a dump of a bucket, as `archiver verify` judges the bucket: levels 1 to 3 of docs/verify.md.

A dump is a folder with listing.json (testenv/dump): every version and delete marker under the archive's prefix,
newest first within a key, and the content of each version in a file of its own.
"""

import datetime
import hashlib
import json
import pathlib
import re
from collections.abc import Callable
from typing import Any

import attest
from ledger import Stream, check_archive, check_open, root_archive
from signatures import Refused
from spelling import verifier_key

Version = dict[str, Any]
Manifest = dict[str, Any]

INFORMATION = {"expired", "repaired", "pending", "orphan"}
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
LEDGER_NAME = re.compile(rf"ledger/({UUID})/(?:open|(\d{{20}})\.commit)")
NOTE_MAX, COMMIT_MAX = 64 << 10, 1 << 20
DAY = 86_400.0
# ledger.md 6: how long a successor may take, how far a writer's clock may be ahead.
SUCCESSION, AHEAD = DAY, 25 * 3600.0
STREAM_LIFE, LEDGER_MARGIN = 366, 30  # days, ledger.md 4


def seconds(text: str) -> float:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Place:
    """One key of the ledger: its versions, and which of them is the true one."""

    def __init__(self, key: str, versions: list[Version]) -> None:
        self.key, self.versions = key, versions
        self.true: Version | None = None
        self.body = b""
        self.says: Any = None


class Chain:
    """A certified stream as far as its commits are true."""

    def __init__(self, stream: Stream, opened: Place, key: str) -> None:
        self.stream, self.open, self.key = stream, opened, key
        self.id: str = stream.open["stream"]
        self.until = seconds(stream.open["retain_until"])
        self.manifests: list[Manifest] = []
        self.places: list[Place] = []
        self.stuck = ""

    def seqs(self, index: int) -> tuple[int, int]:
        m = self.manifests[index]
        return (m["first"], m["last"]) if m["last"] >= m["first"] else (-1, -1)


class Verifier:
    def __init__(self, folder: str, root: str, now: float) -> None:
        self.folder, self.root, self.now = pathlib.Path(folder), root, now
        listing = json.loads((self.folder / "listing.json").read_bytes())
        self.prefix: str = listing["prefix"] + "/" if listing["prefix"] else ""
        self.keys: dict[str, list[Version]] = {}
        for v in listing["versions"]:
            self.keys.setdefault(v["key"], []).append(v)
        self.findings: list[dict[str, Any]] = []
        self.unchecked: list[dict[str, Any]] = []
        self.chains: dict[str, Chain] = {}
        self.archive_place = Place("", [])
        self.archive: dict[str, Any] | None = None
        self.repairs: dict[str, list[dict[str, Any]]] = {}

    # --- what is said ---

    def find(self, kind: str, level: int, key: str, version: str = "", stream: str = "", seqs: tuple[int, int] = (-1, -1), detail: str = "") -> None:
        self.findings.append({"kind": kind, "level": level, "key": key, "version": version, "stream": stream,
                              "first": seqs[0], "last": seqs[1], "detail": detail})

    def unable(self, level: int, key: str, version: str, why: str) -> None:
        self.unchecked.append({"level": level, "key": key, "version": version, "why": why})

    def report(self) -> dict[str, Any]:
        self.findings.sort(key=lambda f: (f["level"], f["key"], f["version"], f["first"]))
        violated = any(f["kind"] not in INFORMATION for f in self.findings)
        result = "VIOLATION" if violated else "INDETERMINATE" if self.unchecked else "OK"
        return {"result": result, "findings": self.findings, "unchecked": self.unchecked}

    # --- what is read ---

    def body(self, v: Version) -> bytes:
        return pathlib.Path(self.folder / v["body"]).read_bytes()

    def over(self, until: float) -> bool:
        return until <= self.now

    def current(self, key: str) -> str:
        """The version id of the current version; "" when the key is hidden or not there."""
        versions = self.keys.get(key, [])
        return "" if not versions or versions[0]["delete_marker"] else str(versions[0]["version_id"])

    def covered(self, key: str, foreign: str, true: str, sha256: str) -> bool:
        """Whether a signed repair has put the committed bytes over a foreign version, and they are what readers get."""
        return any(o["sha256"] == sha256 and foreign in o["over"] and self.current(key) in (o["version_id"], true)
                   for o in self.repairs.get(key, []))

    # --- level 1 ---

    def choose(self, key: str, most: int, accept: Callable[[bytes], Any]) -> Place:
        """Finds the true version of a key: the oldest that is acceptable."""
        p = Place(key, self.keys.get(key, []))
        for v in reversed(p.versions):
            if v["delete_marker"] or v["size"] > most:
                continue
            body = self.body(v)
            try:
                p.says = accept(body)
            except Refused:
                continue
            p.true, p.body = v, body
            break
        return p

    def judge(self, p: Place, signs: Callable[[bytes], Any], stream: str, seqs: tuple[int, int], until: float | None, most: int) -> None:
        """Reports every version of a key that is not the true one."""
        at = p.versions.index(p.true) if p.true else -1
        for i, v in enumerate(p.versions):
            if v is p.true:
                continue
            body = b"" if v["delete_marker"] or v["size"] > most else self.body(v)
            if p.true and not v["delete_marker"] and body == p.body:
                continue  # a copy
            said = None if v["delete_marker"] else signs(body)
            if v["delete_marker"]:
                kind = "expired" if until is not None and self.over(until) else "hidden"
            elif not p.true:
                kind = "altered"
            elif said is not None and said != p.says:
                kind = "fork"
            else:
                kind = "replaced" if i < at else "injected"
            if p.true and kind in ("replaced", "injected", "hidden") and self.covered(
                    p.key, v["version_id"], p.true["version_id"], hashlib.sha256(p.body).hexdigest()):
                kind = "repaired"
            self.find(kind, 1, p.key, v["version_id"], stream, seqs)

    def level1(self) -> bool:
        key = self.prefix + "archive"
        p = self.choose(key, NOTE_MAX, lambda b: (check_archive(b, self.root), hashlib.sha256(b).digest())[1])
        if not p.true:
            self.unable(1, key, "", "no version is signed by the root key")
            return False
        self.archive_place = p
        self.archive = check_archive(p.body, self.root)
        places: dict[str, list[tuple[int, str]]] = {}
        for name in self.keys:
            if not name.startswith(self.prefix + "ledger/"):
                continue
            match = LEDGER_NAME.fullmatch(name[len(self.prefix):])
            if match is None:
                self.find("unknown-key", 1, name)
                continue
            places.setdefault(match[1], []).append((int(match[2] or -1), name))
        for stream, found in places.items():
            self.read_stream(stream, dict(found))
        self.read_repairs()
        self.judge_ledger(places)
        return True

    def read_stream(self, stream: str, names: dict[int, str]) -> None:
        def accept(b: bytes) -> bytes:
            if check_open(b, self.root)["stream"] != stream:
                raise Refused("open: another stream")
            return hashlib.sha256(b).digest()

        key = f"{self.prefix}ledger/{stream}/open"
        p = self.choose(key, NOTE_MAX, accept)
        if not p.true:
            self.find("unknown-key", 1, key, stream=stream)
            return
        chain = Chain(Stream(p.body, self.root), p, key)
        self.chains[stream] = chain
        top = max(names)
        for index in range(top + 1):
            key = f"{self.prefix}ledger/{stream}/{index:020d}.commit"
            if key not in self.keys:
                chain.stuck = f"commit {index} is missing"
                self.find("expired" if self.over(chain.until) else "missing", 1, key, stream=stream, seqs=(chain.stream.next_seq, -1))
                break
            q = self.choose(key, COMMIT_MAX, chain.stream.commit)
            if not q.true:
                chain.stuck = f"no version of commit {index} is a true one"
                self.judge(q, lambda _: None, stream, (chain.stream.next_seq, -1), chain.until, COMMIT_MAX)
                break
            manifest, _, root = q.says
            q.says = root
            chain.manifests.append(manifest)
            chain.places.append(q)

    def signed(self, chain: Chain, index: int) -> Callable[[bytes], Any]:
        """What any content says for that index under a key that may sign it."""
        def signs(b: bytes) -> Any:
            return attest.checkpoint(b, [chain.stream.open["key"], self.root], f"{chain.stream.open['archive']}/{chain.id}", index)
        return signs

    def opens(self, b: bytes, stream: str) -> Any:
        try:
            return hashlib.sha256(b).digest() if check_open(b, self.root)["stream"] == stream else None
        except Refused:
            return None

    def archives(self, b: bytes) -> Any:
        try:
            check_archive(b, self.root)
            return hashlib.sha256(b).digest()
        except Refused:
            return None

    def judge_ledger(self, places: dict[str, list[tuple[int, str]]]) -> None:
        self.judge(self.archive_place, self.archives, "", (-1, -1), None, NOTE_MAX)
        for chain in self.chains.values():
            self.judge(chain.open, lambda b, c=chain: self.opens(b, c.id), chain.id, (-1, -1), chain.until, NOTE_MAX)  # type: ignore[misc]
            for index, (m, p) in enumerate(zip(chain.manifests, chain.places)):
                self.judge(p, self.signed(chain, index), chain.id, chain.seqs(index), chain.until, COMMIT_MAX)
                assert p.true
                for n in m["notes"]:
                    if n["kind"] == "gap":
                        self.find("gap", 1, p.key, p.true["version_id"], chain.id, (n["range"]["first"], n["range"]["last"]))
        self.judge_moves()
        for chain in self.chains.values():
            self.judge_clock(chain)
            self.judge_previous(chain)
            self.judge_successor(chain)

    def about(self, kind: str, chain: Chain, index: int, detail: str) -> None:
        """A finding about a commit of a stream, or with index -1 about its open object."""
        p = chain.open if index < 0 else chain.places[index]
        assert p.true
        self.find(kind, 1, p.key, p.true["version_id"], chain.id, (-1, -1) if index < 0 else chain.seqs(index), detail)

    def judge_clock(self, chain: Chain) -> None:
        if chain.manifests and seconds(chain.stream.through) > self.now + AHEAD:
            self.about("gap", chain, len(chain.manifests) - 1, "complete through what has not come yet: " + chain.stream.through)

    def judge_previous(self, chain: Chain) -> None:
        assert self.archive
        before, opened = chain.stream.open.get("previous", ""), seconds(chain.stream.open["opened_at"])
        if not before:
            return
        longest = max(c["days"] for c in self.archive["classes"])
        if before not in self.chains:
            if not self.over(opened + (STREAM_LIFE + longest + LEDGER_MARGIN) * DAY):
                self.about("missing", chain, -1, f"continues {before}, which is not there")
        elif seconds(self.chains[before].stream.open["opened_at"]) > opened:
            self.about("fork", chain, -1, f"continues {before}, which was opened later")

    def judge_successor(self, chain: Chain) -> None:
        if not chain.stream.closed:
            return
        index, last = len(chain.manifests) - 1, chain.manifests[-1]
        for n in last["notes"]:
            after = n.get("stream", "")
            if n["kind"] != "rotate" or not after:
                continue
            if after not in self.chains:
                if seconds(last["sealed_at"]) + SUCCESSION < self.now:
                    kind = "expired" if self.over(chain.until) else "missing"
                    self.about(kind, chain, index, f"closed in favour of {after}, which is not there")
            elif self.chains[after].stream.open.get("previous", "") != chain.id:
                self.about("fork", chain, index, f"closed in favour of {after}, whose certificate does not say so")

    def judge_moves(self) -> None:
        moves: dict[str, list[tuple[dict[str, Any], Chain, int]]] = {}
        for chain in self.chains.values():
            for index, m in enumerate(chain.manifests):
                for n in m["notes"]:
                    if n["kind"] == "moved":
                        moves.setdefault(n["stream"], []).append((n, chain, index))
        for source, found in moves.items():
            after = 0
            for n, chain, index in sorted(found, key=lambda f: f[0]["range"]["first"]):
                p = chain.places[index]
                assert p.true
                kind = "unknown-key" if source not in self.chains else "fork" if n["range"]["first"] < after else ""
                if kind:
                    self.find(kind, 1, p.key, p.true["version_id"], chain.id, (n["to"]["first"], n["to"]["last"]))
                after = max(after, n["range"]["last"] + 1)

    def vkey(self, name: str) -> str:
        if name == verifier_key(self.root)[0]:
            return self.root
        for chain in self.chains.values():
            if verifier_key(chain.stream.open["key"])[0] == name:
                return str(chain.stream.open["key"])
        return ""

    def read_repairs(self) -> None:
        """Attestations, and what the repairs among them say."""
        folder = self.prefix + "attest/"
        for key, versions in self.keys.items():
            if not key.startswith(folder):
                continue
            def accept(b: bytes, key: str = key) -> dict[str, Any]:
                return attest.check(b, key[len(self.prefix):], root_archive(self.root), self.vkey)
            p = self.choose(key, NOTE_MAX, accept)
            if p.true and p.says["kind"] == "repair":
                for o in p.says["body"]["objects"]:
                    self.repairs.setdefault(self.prefix + o["key"], []).append(o)
            at = versions.index(p.true) if p.true else -1
            for i, v in enumerate(versions):
                if v is p.true or p.true and not v["delete_marker"] and self.body(v) == p.body:
                    continue
                kind = "injected" if not p.true else "hidden" if v["delete_marker"] else "replaced" if i < at else "injected"
                self.find(kind, 2, key, v["version_id"])
