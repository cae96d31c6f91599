"""Levels 2 and 3 of a dump: the objects that commits name, whatever else the bucket holds, and the content."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import content
from dump import DAY, UUID, Chain, Verifier, Version, seconds
from signatures import Refused

DATA_NAME = re.compile(rf"events/retention=([a-z][a-z0-9-]{{0,31}})/dt=(\d{{4}}-\d\d-\d\d)/({UUID})-(\d{{20}})-(\d{{20}})\.parquet")
FLIGHT = 3600  # seconds that a file may lie in the bucket before its commit and be no news
SKEW = 900  # seconds by which a writer's clock may be off


@dataclass
class Committed:
    """One object that a commit names."""

    chain: Chain
    file: dict[str, Any]  # of the manifest
    is_: dict[str, Any]  # the file itself, or one of its auxiliary objects
    lost: bool = False

    @property
    def seqs(self) -> tuple[int, int]:
        return self.file["first_seq"], self.file["last_seq"]


class Objects:
    def __init__(self, v: Verifier) -> None:
        self.v = v
        self.named: dict[str, Committed] = {}
        for chain in v.chains.values():
            for m in chain.manifests:
                for f in m["files"]:
                    for o in [f, *f.get("aux", [])]:
                        self.named[v.prefix + o["key"]] = Committed(chain, f, o)

    # --- level 2 ---

    def level2(self) -> None:
        self.dates()
        for key, versions in self.v.keys.items():
            if key in self.named:
                self.versions(self.named[key], key, versions)
                continue
            for version in versions:
                self.foreign(key, version)
        for key, c in self.named.items():
            if not self.find_true(key, c.is_):
                c.lost = True
                kind = "expired" if self.v.over(seconds(c.is_["retain_until"])) else "missing"
                self.v.find(kind, 2, key, c.is_["version_id"], c.chain.id, c.seqs)
        self.heads()

    def dates(self) -> None:
        """What the manifests themselves say about the locks of files: ledger.md 5.1."""
        assert self.v.archive
        days = {c["name"]: c["days"] for c in self.v.archive["classes"]}
        for chain in self.v.chains.values():
            for index, m in enumerate(chain.manifests):
                for f in m["files"]:
                    least = seconds(m["sealed_at"]) + days.get(f["class"], float("inf")) * DAY
                    if not least <= seconds(f["retain_until"]) <= chain.until:
                        self.v.find("short-locked", 2, self.v.prefix + f["key"], f["version_id"], chain.id, chain.seqs(index))

    def find_true(self, key: str, is_: dict[str, Any]) -> Version | None:
        for version in self.v.keys.get(key, []):
            if version["version_id"] == is_["version_id"] and not version["delete_marker"]:
                return version
        return None

    def versions(self, c: Committed, key: str, versions: list[Version]) -> None:
        v, seen = self.v, False
        for x in versions:
            this, marker = x["version_id"], x["delete_marker"]
            repair = any(o["version_id"] == this and o["sha256"] == c.is_["sha256"] for o in v.repairs.get(key, []))
            if this == c.is_["version_id"] and not marker:
                seen = True
                continue
            if repair and not marker:
                self.copy(c, key, x)
                continue
            if v.covered(key, this, c.is_["version_id"], c.is_["sha256"]):
                kind = "repaired"
            elif marker:
                kind = "expired" if v.over(seconds(c.is_["retain_until"])) else "hidden"
            else:
                kind = "injected" if seen else "replaced"
            v.find(kind, 2, key, this, c.chain.id, c.seqs)

    def copy(self, c: Committed, key: str, x: Version) -> None:
        """A version that a signed repair names must have the committed bytes, and be locked for as long."""
        if x["size"] != c.is_["size"] or x["sha256"] not in ("", c.is_["sha256"]):
            self.v.find("replaced", 2, key, x["version_id"], c.chain.id, c.seqs)
            return
        self.lock(x, c.chain.id, c.seqs, seconds(c.is_["retain_until"]))

    def foreign(self, key: str, x: Version) -> None:
        name = key[len(self.v.prefix):]
        if name == "archive" or name.startswith(("ledger/", "attest/", "wal/", "probe/")):
            return
        if not name.startswith("events/"):
            self.stranger("unknown-key", key, x)
            return
        kind = self.candidate(key, name, x)
        if kind:
            self.stranger(kind, key, x)

    def stranger(self, kind: str, key: str, x: Version) -> None:
        match = DATA_NAME.fullmatch(key[len(self.v.prefix):])
        stream, seqs = (match[3], (int(match[4]), int(match[5]))) if match else ("", (-1, -1))
        self.v.find(kind, 2, key, x["version_id"], stream, seqs)

    def candidate(self, key: str, name: str, x: Version) -> str:
        """What a version under events/ is that no commit names; "" when that cannot be said."""
        v, match = self.v, DATA_NAME.fullmatch(name)
        if not x["delete_marker"]:
            for chain in v.chains.values():
                for m in chain.manifests:
                    for n in m["notes"]:
                        about = n["kind"] == "orphan" and n.get("key") == name and n.get("version_id", "") in ("", x["version_id"])
                        if about and match and self.continues(chain.id, match[3]):
                            return "orphan"
        if x["delete_marker"] or not match or match[3] not in v.chains:
            return "injected"
        chain = v.chains[match[3]]
        if chain.stuck and int(match[4]) >= chain.stream.next_seq:
            v.unable(2, key, x["version_id"], "the stream's commits cannot be verified up to it: " + chain.stuck)
            return ""
        if chain.stream.closed or int(match[4]) != chain.stream.next_seq or x["mode"] != "COMPLIANCE":
            return "injected"
        written = seconds(x["last_modified"])
        if written >= v.now - FLIGHT:
            return "pending"
        if seconds(chain.stream.through) > written + SKEW:
            return "injected"
        v.unable(2, key, x["version_id"], "a file of the stream's next batch, it seems, and nothing was committed since that tells")
        return ""

    def continues(self, stream: str, other: str) -> bool:
        """Whether a stream is another one, or continues it, or a stream that does."""
        seen: set[str] = set()
        while stream != other and stream in self.v.chains and stream not in seen:
            seen.add(stream)
            stream = self.v.chains[stream].stream.open.get("previous", "")
        return stream == other

    def lock(self, x: Version, stream: str, seqs: tuple[int, int], until: float) -> None:
        if until and self.v.over(until):
            return
        if x["mode"] != "COMPLIANCE" or seconds(x["retain_until"]) < until:
            self.v.find("short-locked", 2, x["key"], x["version_id"], stream, seqs)

    def heads(self) -> None:
        v = self.v
        assert v.archive_place.true
        self.lock(v.archive_place.true, "", (-1, -1), 0)  # any lock: its writers lengthen it
        for chain in v.chains.values():
            assert chain.open.true
            self.lock(chain.open.true, chain.id, (-1, -1), chain.until)
            for index, p in enumerate(chain.places):
                assert p.true
                self.lock(p.true, chain.id, chain.seqs(index), chain.until)
        for key, c in self.named.items():
            x = self.find_true(key, c.is_)
            if not x:
                continue
            self.lock(x, c.chain.id, c.seqs, seconds(c.is_["retain_until"]))
            if x["size"] != c.is_["size"] or x["sha256"] not in ("", c.is_["sha256"]):
                v.find("altered", 2, key, x["version_id"], c.chain.id, c.seqs)

    # --- level 3 ---

    def level3(self) -> None:
        for chain in self.v.chains.values():
            for index, m in enumerate(chain.manifests):
                seqs: list[int] | None = []
                for f in m["files"]:
                    got = self.content(chain, f)
                    seqs = None if seqs is None or got is None else seqs + got
                if seqs is None or self.all_seqs(m, seqs):
                    continue
                p = chain.places[index]
                assert p.true
                self.v.find("altered", 3, p.key, p.true["version_id"], chain.id, (m["first"], m["last"]))

    def all_seqs(self, m: dict[str, Any], seqs: list[int]) -> bool:
        """Whether the files of a commit have each of its seqs once, but for those that gap notes name."""
        for n in m["notes"]:
            if n["kind"] == "gap":
                seqs = seqs + list(range(n["range"]["first"], n["range"]["last"] + 1))
        return sorted(seqs) == list(range(m["first"], m["last"] + 1))

    def content(self, chain: Chain, f: dict[str, Any]) -> list[int] | None:
        """Reads a file and what belongs to it. Returns the seqs of its rows, or nothing when there is something to say about them."""
        v, key, where = self.v, self.v.prefix + f["key"], (f["first_seq"], f["last_seq"])
        x, seqs = self.find_true(key, f), None
        if x:
            try:
                if not self.same_bytes(x, f["sha256"]):
                    raise Refused("SHA-256")
                seqs = content.check_file(str(v.folder / x["body"]), f, chain.id)
            except Refused as err:
                v.find("altered", 3, key, x["version_id"], chain.id, where, str(err))
        for aux in f.get("aux", []):
            y = self.find_true(v.prefix + aux["key"], aux)
            if y and not self.same_bytes(y, aux["sha256"]):
                v.find("altered", 3, y["key"], y["version_id"], chain.id, where)
        for o in v.repairs.get(key, []):
            y = self.find_true(key, o)
            if y and o["sha256"] == f["sha256"] and not self.same_bytes(y, f["sha256"]):
                v.find("replaced", 3, key, y["version_id"], chain.id, where)
        return seqs

    def same_bytes(self, x: Version, sha256: str) -> bool:
        return hashlib.sha256(self.v.body(x)).hexdigest() == sha256
