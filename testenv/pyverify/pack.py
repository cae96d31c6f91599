"""Checks an evidence pack: docs/format/pack.md."""

import datetime
import hashlib
import io
import re
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

import content
from ledger import Stream, check_archive, check_open, root_archive
from signatures import Refused, want
from spelling import EPOCH, a_hash, a_time, a_uuid, document, integer, members, sha256, text

BLOCK = 512
OPEN_NAME = re.compile(r"ledger/([0-9a-f-]{36})/open")
FREE = {"summary.html", "summary.txt", "results/doctor.json", "results/verify.json"}
MAX_MS = 253402300799999
FORMULA = tuple("=+-@\t\r")
MAX_WHERE, MAX_LINE, MAX_MEMBERS = 262_144, 128 << 20, 500_000


class Unreadable(Exception):
    """The pack says nothing against itself, and this program cannot judge it."""


class Found(Refused):
    """A finding with its kind."""

    def __init__(self, kind: str, level: int, key: str, detail: str) -> None:
        super().__init__(detail)
        self.kind, self.level, self.key = kind, level, key


# --- part 1 ---


def header(name: str, size: int) -> bytes:
    raw, prefix = name.encode(), b""
    if len(raw) > 100:
        at = raw[:156].rfind(b"/")
        want(0 < at and len(raw) - at - 1 <= 100, "name")
        prefix, raw = raw[:at], raw[at + 1:]

    def octal(n: int, digits: int) -> bytes:
        return b"%0*o\0" % (digits, n)

    front = raw.ljust(100, b"\0") + octal(0o644, 7) + octal(0, 7) + octal(0, 7) + octal(size, 11) + octal(0, 11)
    back = b"0" + bytes(100) + b"ustar\00000" + bytes(64) + octal(0, 7) + octal(0, 7) + prefix.ljust(155, b"\0") + bytes(12)
    total = sum(front) + sum(back) + 8 * 0x20
    return front + b"%06o\0 " % total + back


def index(f: BinaryIO) -> dict[str, tuple[int, int]]:
    """Returns offset and size of each member, in order."""
    found: dict[str, tuple[int, int]] = {}
    last, at, end = "", 0, f.seek(0, io.SEEK_END)
    f.seek(0)
    while True:
        block = f.read(BLOCK)
        want(len(block) == BLOCK, f"the pack ends at byte {at}")
        if not any(block):
            break
        try:
            name = block[:100].rstrip(b"\0").decode("ascii")
            prefix = block[345:500].rstrip(b"\0").decode("ascii")
            size = int(block[124:135], 8)
        except ValueError:
            raise Refused(f"tar header at byte {at}") from None
        name = f"{prefix}/{name}" if prefix else name
        want(block == header(name, size), f"tar header at byte {at}")
        want(name > last and len(found) < MAX_MEMBERS, f"member {name!r} is out of order")
        last, at = name, at + BLOCK
        want(size <= end - at, f"the pack ends within {name!r}")
        found[name] = (at, size)
        f.seek(size, io.SEEK_CUR)
        padding = -size % BLOCK
        want(f.read(padding) == bytes(padding), f"padding of {name!r}")
        at += size + padding
    want(f.read() == bytes(BLOCK), "the end is not 1,024 zero bytes")
    return found


class Slice(io.RawIOBase):
    """A member as a file of its own."""

    def __init__(self, f: BinaryIO, place: tuple[int, int]) -> None:
        self.f, (self.begin, self.size), self.at = f, place, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = max(0, offset + (0, self.at, self.size)[whence])
        return self.at

    def tell(self) -> int:
        return self.at

    def readinto(self, buffer: Any) -> int:
        self.f.seek(self.begin + self.at)
        raw = self.f.read(max(0, min(len(buffer), self.size - self.at)))
        buffer[: len(raw)] = raw
        self.at += len(raw)
        return len(raw)


# --- part 6 ---


def instant(ms: int) -> str:
    want(0 <= ms <= MAX_MS or ms < 0, "instant")
    at = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    return at.isoformat(timespec="milliseconds") + "Z"


def cell(value: str | None) -> str:
    if value is None:
        return ""
    if value.startswith(FORMULA):
        value = "'" + value
    if value == "" or value[0] == " " or value[-1] == " " or any(c in value for c in ',"\r\n'):
        return '"' + value.replace('"', '""') + '"'
    return value


def line(row: content.Row, retention: str) -> bytes:
    want(0 <= row["received_at"] <= MAX_MS, "received_at is no date of four digits")
    cells = []
    for name, typ, _ in content.COLUMNS:
        value = row[name]
        cells.append(instant(value) if typ == content.MILLIS else str(value) if typ == content.LONG else cell(value))
    return (",".join([*cells, cell(retention), content.day(row["timestamp_ns"])]) + "\r\n").encode()


# --- part 5 ---


def root_of(proof: bytes, rows: int, exported: int, leaves: Iterator[bytes]) -> bytes:
    want(proof[:20] == b"archiver rows\0\0\0" + struct.pack(">I", 1), "is no proof")
    want(proof[20:36] == struct.pack(">QQ", rows, exported) and len(proof) >= 36 + 8 * exported, "is about other rows")
    places = struct.unpack_from(f">{exported}Q", proof, 36)
    want(all(a < b for a, b in zip(places, places[1:])) and places[-1] < rows, "places are out of order")
    at, rest = 0, 36 + 8 * exported

    def take(a: int, b: int) -> bytes:
        nonlocal at, rest
        if at == exported or places[at] >= b:
            want(rest + 32 <= len(proof), "too few hashes")
            rest += 32
            return proof[rest - 32: rest]
        if b - a == 1:
            at += 1
            return next(leaves)
        k = 1 << (b - a - 1).bit_length() - 1
        return content.node(take(a, a + k), take(a + k, b))

    root = take(0, rows)
    want(rest == len(proof), "too many hashes")
    return root


# --- part 7 ---


class Checker:
    def __init__(self, f: BinaryIO, root: str) -> None:
        self.f, self.root = f, root
        self.findings: list[dict[str, Any]] = []
        self.places: dict[str, tuple[int, int]] = {}
        self.used: set[str] = {"manifest.json"}
        self.streams: list[dict[str, Any]] = []
        self.files: list[tuple[dict[str, Any], dict[str, Any]]] = []  # of the statement, of the commit
        self.keys: list[str] = []
        self.complete = self.open = self.rows = 0

    def find(self, err: Refused, kind: str = "altered", level: int = 1, key: str = "") -> None:
        if isinstance(err, Found):
            kind, level, key = err.kind, err.level, err.key
        self.findings.append({"kind": kind, "level": level, "key": key, "version": "", "stream": "", "first": -1, "last": -1, "detail": str(err)})

    def read(self, name: str, most: int) -> bytes:
        if name not in self.places:
            raise Found("missing", 1, name, "is not in the pack")
        self.used.add(name)
        at, size = self.places[name]
        if size > most:
            raise Found("altered", 1, name, f"has more than {most} bytes")
        self.f.seek(at)
        return self.f.read(size)

    def slice(self, name: str) -> BinaryIO:
        if name not in self.places:
            raise Found("missing", 3, name, "is not in the pack")
        self.used.add(name)
        return io.BufferedReader(Slice(self.f, self.places[name]), 1 << 16)

    def sha256(self, name: str) -> str:
        digest, source = hashlib.sha256(), self.slice(name)
        while chunk := source.read(1 << 20):
            digest.update(chunk)
        return digest.hexdigest()

    def report(self) -> dict[str, Any]:
        for step in (self.members, self.ledger, self.statement, self.content, self.strangers):
            try:
                step()
            except Refused as err:
                self.find(err)
            if self.findings and step != self.content:
                break
        return {"result": "VIOLATION" if self.findings else "OK", "findings": self.findings, "unchecked": [],
                "rows": self.rows, "files_complete": self.complete, "files_open": self.open}

    def members(self) -> None:
        self.places = index(self.f)
        try:
            m = document(self.read("manifest.json", MAX_LINE))
        except Found:
            raise
        except Refused as err:
            raise Found("altered", 1, "manifest.json", str(err)) from None
        if isinstance(m, dict) and type(m.get("version")) is int and m["version"] != 1:
            raise Unreadable(f"the pack has version {m['version']}")
        named = self.named(m)
        if m["archive"] != root_archive(self.root):
            raise Found("unknown-key", 1, "manifest.json", "is of another archive than the root key")
        here = set(self.places) - {"manifest.json"}
        for name in sorted(here | set(named)):
            if name not in named:
                self.find(Found("injected", 1, name, "the manifest does not name it"))
            elif name not in here:
                self.find(Found("missing", 1, name, "is not in the pack"))
            elif self.places[name][1] != named[name]["size"] or self.sha256(name) != named[name]["sha256"]:
                self.find(Found("altered", 1, name, "is not what the manifest says"))
        self.used = {"manifest.json"}

    def named(self, m: Any) -> dict[str, dict[str, Any]]:
        """The members that the manifest names."""
        try:
            members(m, "version archive members")
            want(m["version"] == 1 and isinstance(m["members"], list), "manifest")
            found: dict[str, dict[str, Any]] = {}
            for x in m["members"]:
                members(x, "name size sha256")
                integer(x["size"]), a_hash(x["sha256"], True)
                want(isinstance(x["name"], str) and (not found or x["name"] > next(reversed(found))), "names are out of order")
                found[x["name"]] = x
        except Refused as err:
            raise Found("altered", 1, "manifest.json", str(err)) from None
        return found

    def ledger(self) -> None:
        s = document(self.read("statement.json", MAX_LINE))
        members(s, "version archive created writer from_ns to_ns where? whole_files complete_through? rows streams files")
        a_time(s["created"]), text(s["writer"])
        for name in ("from_ns", "to_ns"):
            want(re.fullmatch(r"0|-?[1-9]\d{0,18}", s[name]) and -2**63 <= int(s[name]) < 2**63, name)
        want(isinstance(s["whole_files"], bool) and len(s.get("where", "").encode()) <= MAX_WHERE, "statement")
        self.said, self.begin, self.end = s, int(s["from_ns"]), int(s["to_ns"])
        want(self.begin < self.end, "the period is empty")
        check_archive(self.read("archive", 64 << 10), self.root)
        ids = [m[1] for m in map(OPEN_NAME.fullmatch, self.places) if m]
        for stream in sorted(ids, key=a_uuid):
            self.stream(stream)
        want(self.read("keys.txt", MAX_LINE) == "".join(k + "\n" for k in [self.root, *self.keys]).encode(), "keys.txt")

    def stream(self, stream: str) -> None:
        name = f"ledger/{stream}/open"
        raw = self.read(name, 64 << 10)
        try:
            want(check_open(raw, self.root)["stream"] == stream, "is for another stream")
        except Refused as err:
            raise Found("unknown-key", 1, name, str(err)) from None
        chain, gaps, root, note = Stream(raw, self.root), [], sha256(b""), b""
        self.keys.append(chain.open["key"])
        while (name := f"ledger/{stream}/{len(chain.leaves):020d}.commit") in self.places:
            raw = self.read(name, 1 << 20)
            try:
                m, _, root = chain.commit(raw)
            except Refused as err:
                raise Found("altered", 1, name, str(err)) from None
            note = raw.split(b"\n", 3)[3]
            gaps += [n["range"] for n in m["notes"] if n["kind"] == "gap"]
            for f in m["files"]:
                if int(f["max_timestamp_ns"]) >= self.begin and int(f["min_timestamp_ns"]) < self.end:
                    part = {"stream": stream, "index": m["index"], "key": f["key"], "rows": f["rows"], "exported": 0}
                    self.files.append((part, f))
        if chain.leaves:
            want(self.read("checkpoints/" + stream, 64 << 10) == note, "checkpoint of stream " + stream)
        self.streams.append({"stream": stream, "commits": len(chain.leaves), "root": root.hex(), "next_seq": chain.next_seq,
                             "through": chain.through if chain.leaves else EPOCH, "closed": chain.closed, "gaps": gaps})

    def statement(self) -> None:
        s = dict(self.said)
        want(isinstance(s["files"], list) and len(s["files"]) == len(self.files), "statement: files")
        for given, (part, _) in zip(s["files"], self.files):
            integer(given["exported"], 0, part["rows"])
            part["exported"] = given["exported"]
        s["files"], s["streams"] = [part for part, _ in self.files], self.streams
        s["rows"] = sum(part["exported"] for part in s["files"])
        s["version"], s["archive"] = 1, root_archive(self.root)
        through = [x["through"] for x in self.streams if not x["closed"]]
        if through:
            s["complete_through"] = min(through, key=lambda t: a_time(t, 3))
        want(s == self.said and ("complete_through" in self.said) == bool(through), "statement.json is not what the commits say")

    def content(self) -> None:
        self.csv = self.slice("rows.csv")
        columns = [name for name, _, _ in content.COLUMNS] + ["retention", "dt"]
        self.unlike: Found | None = None
        self.same_line((",".join(columns) + "\r\n").encode())
        self.like()
        for part, f in self.files:
            try:
                self.file(part, f)
            except Refused as err:
                self.find(err, level=3, key="rows/" + f["key"].removeprefix("events/"))
                return  # the lines of the CSV cannot be told apart any more
        if self.csv.read(1):
            raise Found("injected", 3, "rows.csv", "has lines of other rows")

    def same_line(self, want_: bytes) -> None:
        if not self.unlike and self.csv.read(len(want_)) != want_:
            self.unlike = Found("altered", 3, "rows.csv", f"has not the line {want_[:200]!r}")

    def like(self) -> None:
        """Says what is wrong with the CSV, when it is clear that the rows are not to blame."""
        if self.unlike:
            raise self.unlike

    def file(self, part: dict[str, Any], f: dict[str, Any]) -> None:
        name, where = f["key"].removeprefix("events/"), "where" in self.said
        low, high = int(f["min_timestamp_ns"]), int(f["max_timestamp_ns"])
        matching = f["rows"] if self.begin <= low and high < self.end else None
        if self.said["whole_files"]:
            whole = "files/" + name
            if self.places.get(whole, (0, -1))[1] != f["size"] or self.sha256(whole) != f["sha256"]:
                raise Found("altered" if whole in self.places else "missing", 3, whole, "is not the committed file")
            content.check_file(self.slice(whole), f, part["stream"])
            matching = sum(self.begin <= row["timestamp_ns"] < self.end for row in content.read_rows(self.slice(whole)))
        if part["exported"]:
            proof = self.read("proofs/" + name.removesuffix(".parquet") + ".proof", 1 << 33)
            leaves = self.leaves("rows/" + name, f)
            try:
                root = root_of(proof, f["rows"], part["exported"], leaves)
            except StopIteration:
                raise Refused("fewer rows than the proof has") from None
            want(root.hex() == f["root"], "the rows are not those of the committed file")
            want(next(leaves, None) is None, "more rows than the proof has")
            self.like()
        if not where and matching is not None and part["exported"] != matching:
            raise Found("missing", 3, "rows/" + name, f"{matching} rows of the period are in the file, {part['exported']} here")
        if part["exported"] == f["rows"] or not where and matching is not None:
            self.complete += 1
        else:
            self.open += 1

    def leaves(self, name: str, f: dict[str, Any]) -> Iterator[bytes]:
        for row in content.read_rows(self.slice(name)):
            if not self.begin <= row["timestamp_ns"] < self.end:
                raise Found("injected", 3, name, f"seq {row['seq']} is not of the period")
            self.same_line(line(row, f["class"]))
            self.rows += 1
            yield content.leaf_hash(row, f["class"])

    def strangers(self) -> None:
        for name in set(self.places) - self.used - FREE:
            self.find(Found("injected", 1, name, "nothing needs it"))


def check(path: str, root: str) -> dict[str, Any]:
    with open(path, "rb") as f:
        try:
            return Checker(f, root).report()
        except Unreadable as err:
            return {"result": "INDETERMINATE", "findings": [], "unchecked": [{"level": 1, "key": "", "version": "", "why": str(err)}]}
