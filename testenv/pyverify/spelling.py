"""How everything is spelled that is signed or hashed: part 1 of docs/format/ledger.md."""
import base64
import datetime
import hashlib
import json
import re
import uuid

from signatures import Refused, ecdsa_ok, ed25519_ok, p256_key, want


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


def u(n, size):
    return n.to_bytes(size, "big")


def leaf(data):
    return sha256(b"\x00" + data)
