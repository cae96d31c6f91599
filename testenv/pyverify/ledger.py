"""An independent verifier of the ledger, written from docs/format/ledger.md.

Only Python's standard library, and nothing shared with the Go code: two
implementations that agree on every vector are unlikely to be wrong alike.

    python3 ledger.py vectors testenv/vectors/ledger
    python3 ledger.py stream ROOT_VKEY OPEN COMMIT...
"""
import base64
import datetime
import hashlib
import json
import pathlib
import re
import sys
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))  # for -I

from signatures import Refused, ecdsa_ok, ed25519_ok, p256_key, want  # noqa: E402

# --- building blocks, part 1 of the format ---


def sha256(b):
    return hashlib.sha256(b).digest()


def unbase64(s):
    try:
        raw = base64.b64decode(s, validate=True)
    except ValueError:
        raise Refused("base64") from None
    want(base64.b64encode(raw).decode() == s, "base64 is not canonical")
    return raw


def tree_hash(leaves):
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + tree_hash(leaves[:k]) + tree_hash(leaves[k:]))


def verifier_key(vkey):
    """Returns name, key id, and what checks a signature of a text."""
    name, _, rest = vkey.partition("+")
    key_id, _, b64 = rest.partition("+")
    key = unbase64(b64)
    want(name and not re.search(r"\s", name), "verifier key: name")
    if key[:1] == b"\x01":
        want(len(key) == 33, "verifier key: not Ed25519")
        hashed, check = name.encode() + b"\n" + key, lambda text, signature: ed25519_ok(key[1:], text, signature)
    else:
        want(key[:1] == b"\x02", "verifier key: neither Ed25519 nor ECDSA")
        hashed, public = key[1:], p256_key(key[1:])
        check = lambda text, signature: ecdsa_ok(public, text, signature)  # noqa: E731
    want(sha256(hashed)[:4].hex() == key_id, "verifier key: id")
    return name, bytes.fromhex(key_id), check


def open_note(signed, vkey):
    """Returns the text of a signed note."""
    name, key_id, check = verifier_key(vkey)
    text, found, tail = signed.rpartition(b"\n\n")
    want(found, "note: no signature")
    text += b"\n"
    want(not re.search(rb"[\x00-\x09\x0b-\x1f]", signed), "note: control character")
    try:
        line = tail.decode()
    except UnicodeDecodeError:
        raise Refused("note: not UTF-8") from None
    prefix = f"\u2014 {name} "
    want(line.startswith(prefix) and line.endswith("\n") and line.count("\n") == 1, "note: want one signature by " + name)
    raw = unbase64(line[len(prefix):-1])
    want(raw[:4] == key_id, "note: another key")
    want(check(text, raw[4:]), "note: signature")
    return text


def unique(pairs):
    members = dict(pairs)
    want(len(members) == len(pairs), "JSON: a member twice")
    return members


def document(line):
    want(line.endswith(b"\n") and line.count(b"\n") == 1, "document: not one line")
    try:
        doc = json.loads(line.decode(), object_pairs_hook=unique)
    except ValueError as err:
        raise Refused(f"document: {err}") from None
    again = json.dumps(doc, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    want(again.encode() + b"\n" == line, "document: not the canonical spelling")
    return doc


def members(doc, names, grows=False):
    """Checks that an object has these members in this order; '?' marks optional ones."""
    want(isinstance(doc, dict), "not an object")
    have, known = list(doc), []
    for name in names.split():
        if not name.endswith("?"):
            known.append(name)
        elif name[:-1] in doc:
            known.append(name[:-1])
            want(doc[name[:-1]] not in (None, "", []), name + " is empty")
    want(have[:len(known)] == known, f"members: want {known}")
    want(grows or len(have) == len(known), "unknown member")


MAX = 2**53 - 1
CLASS = re.compile(r"[a-z][a-z0-9-]{0,31}")
ZERO = "0" * 64
EPOCH = "1970-01-01T00:00:00Z"


def integer(n, low=0, high=MAX):
    want(type(n) is int and low <= n <= high, f"number {n}")


def text(s, required=False):
    want(isinstance(s, str) and len(s.encode()) <= 4096 and (s or not required), "text")


def prose(s, required=False):
    text(s, required)
    want(not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", s), "text: control character")


def a_class(s):
    want(isinstance(s, str) and CLASS.fullmatch(s), f"class {s!r}")


def a_hash(s, zero_ok=False):
    want(isinstance(s, str) and re.fullmatch(r"[0-9a-f]{64}", s) and (zero_ok or s != ZERO), "hash")


def a_uuid(s):
    want(isinstance(s, str) and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", s), "uuid")
    return uuid.UUID(s).bytes


def a_time(s, digits=0):
    """Returns milliseconds since the epoch."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", s if isinstance(s, str) else "")
    want(match and not (match[2] or "1").endswith("0"), f"time {s!r}")
    want(len(match[2] or "") <= digits, f"time {s!r} is too fine")
    try:
        whole = datetime.datetime.fromisoformat(match[1])
    except ValueError:
        raise Refused(f"time {s!r}") from None
    seconds = (whole - datetime.datetime(1970, 1, 1)) // datetime.timedelta(seconds=1)
    return seconds * 1000 + int((match[2] or "").ljust(3, "0"))


def day_of(ns):
    want(isinstance(ns, str) and re.fullmatch(r"0|-?[1-9]\d{0,18}", ns) and -2**63 <= int(ns) < 2**63, "nanoseconds")
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=int(ns) // 86_400_000_000_000)).isoformat()


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


def u(n, size):
    return n.to_bytes(size, "big")


def leaf(data):
    return sha256(b"\x00" + data)


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
