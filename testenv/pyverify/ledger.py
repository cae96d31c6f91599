"""An independent verifier of the ledger, written from docs/format/ledger.md.

Only Python's standard library, and nothing shared with the Go code: two
implementations that agree on every vector are unlikely to be wrong alike.

    python3 ledger.py vectors testenv/vectors/ledger
    python3 ledger.py stream ROOT_VKEY OPEN COMMIT...
"""
import base64
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))  # for -I

from signatures import Refused, want  # noqa: E402
from spelling import (  # noqa: E402
    EPOCH,
    MAX,
    a_class,
    a_hash,
    a_time,
    a_uuid,
    day_of,
    document,
    integer,
    leaf,
    members,
    open_note,
    prose,
    sha256,
    text,
    tree_hash,
    u,
    verifier_key,
)

# --- archive and open, parts 3 and 4 ---


def root_archive(vkey):
    match = re.fullmatch(r"archiver/(.{36})", verifier_key(vkey)[0])
    want(match, "root key: name")
    a_uuid(match[1])
    return match[1]


def signed_document(signed, vkey, kind):
    want(len(signed) <= 64 << 10, "too large")
    first, _, line = open_note(signed, vkey).partition(b"\n")
    want(first == f"archiver {kind} v1".encode(), "first line")
    return document(line)


def check_archive(signed, root):
    a = signed_document(signed, root, "archive")
    members(a, "version id created floor layout default classes root")
    want(a["version"] == 1 and a["id"] == root_archive(root) and a["layout"] == "day" and a["root"] == root, "archive")
    a_time(a["created"]), a_time(a["floor"])
    want(isinstance(a["classes"], list) and 1 <= len(a["classes"]) <= 64, "classes")
    for c in a["classes"]:
        members(c, "name days")
        a_class(c["name"]), integer(c["days"], 1, 36500)
    names = [c["name"] for c in a["classes"]]
    want(names == sorted(set(names)) and a["default"] in names, "classes")
    return a


def check_open(signed, root):
    o = signed_document(signed, root, "open")
    members(o, "version archive stream key previous? opened_at retain_until")
    for name in ("archive", "stream", "previous"):
        if name in o:
            want(any(a_uuid(o[name])), name)
    want(o["version"] == 1 and o["archive"] == root_archive(root) and o.get("previous") != o["stream"], "open")
    want(verifier_key(o["key"])[0] == f"archiver/{o['archive']}/{o['stream']}", "open: key name")
    want(a_time(o["retain_until"]) - a_time(o["opened_at"]) >= 366 * 86_400_000, "open: retain_until")
    return o


# --- commit, part 5 ---


def check_locked(f):
    text(f["version_id"], True), integer(f["size"], 1), a_hash(f["sha256"]), a_time(f["retain_until"])
    want(f["mode"] == "COMPLIANCE", "mode")


def check_file(f, m):
    members(f, "key version_id size sha256 rows root first_seq last_seq min_timestamp_ns max_timestamp_ns class day mode retain_until aux?", True)
    a_class(f["class"]), a_hash(f["root"]), check_locked(f)
    name = "events/retention=%s/dt=%s/%s-%020d-%020d.parquet" % (f["class"], f["day"], m["stream"], m["first"], m["last"])
    want(f["key"] == name, "key")
    integer(f["first_seq"]), integer(f["last_seq"])
    want(m["first"] <= f["first_seq"] <= f["last_seq"] <= m["last"], "seq range of a file")
    integer(f["rows"], 1, f["last_seq"] - f["first_seq"] + 1)
    want(day_of(f["min_timestamp_ns"]) == f["day"] == day_of(f["max_timestamp_ns"]), "day")
    want(int(f["min_timestamp_ns"]) <= int(f["max_timestamp_ns"]), "timestamps")
    aux = f.get("aux", [])
    want(isinstance(aux, list) and len(aux) <= 16, "aux")
    for x in aux:
        members(x, "kind key version_id size sha256 mode retain_until", True)
        a_class(x["kind"]), text(x["key"], True), check_locked(x)
        want(not x["key"].startswith("events/"), "aux key")


def check_range(r):
    members(r, "first last")
    integer(r["first"]), integer(r["last"], r["first"], MAX - 1)
    return r["first"], r["last"]


def check_note(n, m):
    """Returns the range of a gap."""
    members(n, "kind text? machine? boot? inode? host? stream? range? to? key? version_id?", True)
    a_class(n["kind"])
    for name in ("text", "machine", "boot", "inode", "host"):
        prose(n.get(name, ""))
    text(n.get("key", "")), text(n.get("version_id", ""))
    if "stream" in n:
        want(any(a_uuid(n["stream"])), "note: stream")
    other = n.get("stream", m["stream"]) != m["stream"]
    of = check_range(n["range"]) if "range" in n else None
    to = check_range(n["to"]) if "to" in n else None
    within = lambda r: r and m["first"] <= r[0] and r[1] <= m["last"]
    if n["kind"] == "gap":
        want(within(of), "gap")
        return of
    if n["kind"] == "moved":
        want(other and of and within(to) and of[1] - of[0] == to[1] - to[0], "moved")
    if n["kind"] == "orphan":
        want(n.get("key") or other and of, "orphan")
    if n["kind"] == "rotate":
        want("stream" not in n or other, "rotate")


def check_manifest(m, state):
    members(m, "version archive stream index prev first last count through sealed_at files notes writer", True)
    want(not state.closed, "the stream is closed")
    want(m["version"] == 1, "version")
    for name in ("archive", "stream"):
        want(m[name] == state.open[name], name)
    integer(m["index"]), integer(m["first"]), integer(m["last"], -1, MAX - 1), integer(m["count"])
    want(m["index"] == len(state.leaves), "index")
    want(m["prev"] == state.prev, "prev")
    want(m["first"] == state.next_seq and m["last"] >= m["first"] - 1, "seq range")
    want(a_time(m["through"], 3) >= a_time(state.through, 3), "through")
    a_time(m["sealed_at"]), prose(m["writer"], True)
    want(isinstance(m["files"], list) and len(m["files"]) <= 64, "files")
    want(isinstance(m["notes"], list) and len(m["notes"]) <= 256, "notes")
    want(m["files"] or m["notes"], "neither files nor notes")
    next_seq, missing = m["first"], 0
    for gap in filter(None, [check_note(n, m) for n in m["notes"]]):
        want(gap[0] >= next_seq, "gaps")
        next_seq, missing = gap[1] + 1, missing + gap[1] + 1 - gap[0]
    want(m["count"] == m["last"] - m["first"] + 1 - missing, "count")
    for f in m["files"]:
        check_file(f, m)
    keys = [f["key"].encode() for f in m["files"]]
    want(keys == sorted(set(keys)), "files are not in order")
    want(sum(f["rows"] for f in m["files"]) == m["count"], "rows")


def files_root(files):
    return tree_hash([leaf(b"archiver file\0\0\0" + u(1, 4) + u(f["rows"], 8) + bytes.fromhex(f["root"])) for f in files])


def record(m, manifest):
    return (b"archiver record\0" + u(1, 4) + a_uuid(m["archive"]) + a_uuid(m["stream"]) + u(m["index"], 8) +
            u(m["first"], 8) + u(m["count"], 8) + files_root(m["files"]) + sha256(manifest))


class Stream:
    """A stream's state, part 6."""

    def __init__(self, signed_open, root):
        self.open, self.root, self.recovered = check_open(signed_open, root), root, False
        self.prev, self.next_seq, self.through, self.closed, self.leaves = sha256(signed_open).hex(), 0, EPOCH, False, []

    def commit(self, b):
        """Checks the next commit and moves on; leaves the state alone when it is refused."""
        want(len(b) <= 1 << 20, "too large")
        magic, _, rest = b.partition(b"\n")
        want(magic == b"archiver commit v1", "magic")
        manifest, _, rest = rest.partition(b"\n")
        want(rest.startswith(b"\n"), "no empty line after the manifest")
        m = document(manifest + b"\n")
        try:
            check_manifest(m, self)
        except (AttributeError, KeyError, TypeError, ValueError) as err:
            raise Refused(f"manifest: {err!r}") from None  # another type than the format says
        data = record(m, manifest)
        leaves = self.leaves + [leaf(data)]
        root = tree_hash(leaves)
        lines = f"archiver/{m['archive']}/{m['stream']}\n{len(leaves)}\n{base64.b64encode(root).decode()}\n"
        signer = rest.rpartition(b"\n\n")[2].split(b" ")[1:2]
        by_root = signer == [verifier_key(self.root)[0].encode()]
        want(open_note(rest[1:], self.root if by_root else self.open["key"]) == lines.encode(), "checkpoint")
        want(by_root or not self.recovered, "the stream's key after the root's")
        want(not by_root or any(n["kind"] == "recover" for n in m["notes"]), "the root key without a recover note")
        self.recovered = by_root
        self.prev, self.next_seq, self.through, self.leaves = sha256(manifest).hex(), m["last"] + 1, m["through"], leaves
        self.closed = any(n["kind"] == "rotate" for n in m["notes"])
        return m, data, root


# --- commands ---


def vectors(folder):
    read = lambda name: (pathlib.Path(folder) / name).read_bytes()
    e = json.loads(read("expected.json"))
    root = e["root_vkey"]
    check_archive(read("archive"), root)
    for vector in e["trees"]:
        leaves = [leaf(u(i, 8)) for i in range(vector["size"])]
        want(tree_hash(leaves).hex() == vector["root"], f"tree of {len(leaves)}")
    stream = Stream(read("open"), root)
    want(stream.prev == e["open_sha256"], "open_sha256")
    refused = 0
    for i, c in enumerate(e["commits"]):
        for bad in e["refused"]:
            if bad["index"] != i:
                continue
            try:
                stream.commit(bad["commit"].encode())
            except Refused:
                refused += 1
            else:
                raise Refused(f"accepted, but must be refused: {bad['why']}")
        m, data, tree = stream.commit(read(c["file"]))
        got = (stream.prev, files_root(m["files"]).hex(), data.hex(), leaf(data).hex(), len(stream.leaves), tree.hex(), stream.next_seq, stream.closed)
        names = "manifest_sha256 files_root record leaf_hash size root next_seq closed".split()
        for name, value in zip(names, got):
            want(c[name] == value, f"{c['file']}: {name} is {value}")
    want(refused == len(e["refused"]), "a vector was not tried")
    for bad in e.get("refused_vkeys", []):
        try:
            verifier_key(bad["vkey"])
        except Refused:
            refused += 1
        else:
            raise Refused(f"accepted as a key, but must be refused: {bad['why']}")
    print(f"OK: {len(e['commits'])} commits, {refused} refused")


def verify_stream(root, open_file, *commit_files):
    stream = Stream(pathlib.Path(open_file).read_bytes(), root)
    for name in commit_files:
        try:
            stream.commit(pathlib.Path(name).read_bytes())
        except Refused as err:
            raise Refused(f"{name}: {err}") from None
    print(f"OK: {len(commit_files)} commits, next seq {stream.next_seq}, through {stream.through}")


def main(command="", *arguments):
    if command not in ("vectors", "stream") or not arguments:
        sys.exit(__doc__)
    try:
        {"vectors": vectors, "stream": verify_stream}[command](*arguments)
    except Refused as err:
        sys.exit(f"REFUSED: {err}")


if __name__ == "__main__":
    main(*sys.argv[1:])
