"""Attestations, and what a commit's checkpoint says by itself: docs/format/ledger.md."""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any

from signatures import Refused, want
from spelling import a_hash, a_time, document, members, open_note, text

NAME = re.compile(r"attest/([a-z][a-z0-9-]{0,31})/([0-9a-f]{16})\.note")


def signer_of(signed: bytes) -> str:
    """The name in the signature line, unchecked."""
    try:
        line = signed.rpartition(b"\n\n")[2].decode()
    except UnicodeDecodeError:
        raise Refused("note: not UTF-8") from None
    want(line.startswith("\u2014 "), "note: no signature")
    return line.split(" ")[1]


def check(signed: bytes, name: str, archive: str, vkey: Callable[[str], str]) -> dict[str, Any]:
    """Returns the document of the attestation that lies under name, relative to the archive's prefix."""
    match = NAME.fullmatch(name)
    want(match, "no attestation is named so")
    assert match
    want(len(signed) <= 64 << 10 and hashlib.sha256(signed).hexdigest()[:16] == match[2], "its content is not what its name says")
    signer = signer_of(signed)
    key = vkey(signer)
    want(key, "signed by no key of this archive")
    first, _, line = open_note(signed, key).partition(b"\n")
    want(first == b"archiver attest v1", "first line")
    a: dict[str, Any] = document(line)
    members(a, "version archive kind at signer body")
    want(a["version"] == 1 and a["archive"] == archive and a["kind"] == match[1] and a["signer"] == signer, "attestation")
    a_time(a["at"])
    want(isinstance(a["body"], dict), "body is not an object")
    if a["kind"] == "repair":
        check_repair(a["body"])
    return a


def check_repair(body: dict[str, Any]) -> None:
    want(list(body) == ["objects"] and isinstance(body["objects"], list), "repair: objects")
    for o in body["objects"]:
        members(o, "key version_id sha256 over")
        text(o["key"], True), text(o["version_id"], True), a_hash(o["sha256"])
        want(isinstance(o["over"], list), "repair: over")
        for v in o["over"]:
            text(v, True)


def checkpoint(commit: bytes, keys: list[str], name: str, index: int) -> bytes | None:
    """The tree root that one of the keys signed for this index of the stream's log, if it did."""
    signed = commit.partition(b"\n")[2].partition(b"\n")[2][1:]
    for key in keys:
        try:
            lines = open_note(signed, key).decode().split("\n")
        except (Refused, UnicodeDecodeError):
            continue
        if len(lines) == 4 and lines[0] == "archiver/" + name and lines[1] == str(index + 1):
            return base64.b64decode(lines[2])
    return None


