"""An independent verifier of archives, written from docs/format/*.md: Python's standard library and PyArrow.

    python3 testenv/pyverify ledger DIR                     the vectors of testenv/vectors/ledger
    python3 testenv/pyverify events DIR                     the vectors of testenv/vectors/event
    python3 testenv/pyverify proofs DIR                     the vectors of testenv/vectors/proof
    python3 testenv/pyverify dump DIR --root VKEY           a bucket, dumped by testenv/dump
    python3 testenv/pyverify pack FILE --root VKEY          an evidence pack
    python3 testenv/pyverify proof FILE --root VKEY         a proof of one event
    python3 testenv/pyverify receipt FILE --root VKEY       a receipt

Exit codes, as of archiver verify: 0 OK, 3 VIOLATION, 4 INDETERMINATE (could not look), 2 usage.
"""

import argparse
import contextlib
import io
import json
import pathlib
import sys
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))  # for -m and -I

import dump  # noqa: E402
import ledger  # noqa: E402
import objects  # noqa: E402
import pack  # noqa: E402
import proof  # noqa: E402
import vectors  # noqa: E402
from signatures import Refused  # noqa: E402

EXIT = {"OK": 0, "VIOLATION": 3, "INDETERMINATE": 4}


def refused(kind: str, key: str, err: Refused) -> dict[str, Any]:
    finding = {"kind": kind, "level": 1, "key": key, "version": "", "stream": "", "first": -1, "last": -1, "detail": str(err)}
    return {"result": "VIOLATION", "findings": [finding], "unchecked": []}


def a_dump(folder: str, root: str, now: float) -> dict[str, Any]:
    v = dump.Verifier(folder, root, now)
    if v.level1():
        o = objects.Objects(v)
        o.level2()
        o.level3()
    return v.report()


def quiet(folder: str) -> None:
    """The vectors of the ledger, without what their own command prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        ledger.vectors(folder)


def run(args: argparse.Namespace) -> dict[str, Any]:
    if args.command in ("ledger", "events", "proofs"):
        {"ledger": quiet, "events": vectors.events, "proofs": vectors.proofs}[args.command](args.path)
        return {"result": "OK", "findings": [], "unchecked": []}
    if args.command in ("proof", "receipt"):
        check = {"proof": proof.check_proof, "receipt": proof.check_receipt}[args.command]
        said = check(pathlib.Path(args.path).read_bytes(), args.root)
        return {"result": "OK", "findings": [], "unchecked": [], "says": said}
    if args.command == "pack":
        return pack.check(args.path, args.root)
    now = dump.seconds(args.now) if args.now else time.time()
    return a_dump(args.path, args.root, now)


def main() -> int:
    parser = argparse.ArgumentParser(prog="pyverify", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["ledger", "events", "proofs", "dump", "pack", "proof", "receipt"])
    parser.add_argument("path")
    parser.add_argument("--root", default="", help="the root verifier key; not from what is checked")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--now", default="", help="judge locks at this instant, RFC 3339; default: now")
    args = parser.parse_args()
    if args.command in ("dump", "pack", "proof", "receipt") and not args.root:
        parser.error("--root is missing")
    try:
        report = run(args)
    except Refused as err:
        report = refused("altered", args.path, err)
    except OSError as err:
        report = {"result": "INDETERMINATE", "findings": [], "unchecked": [{"level": 1, "key": args.path, "version": "", "why": str(err)}]}
    if args.json:
        json.dump(report, sys.stdout, ensure_ascii=False)
        print()
    else:
        for f in report["findings"]:
            print(f"{f['kind']}: {f['key']!r} version {f['version']!r}: {f['detail']}")
        for u in report["unchecked"]:
            print(f"could not look: {u['key']!r}: {u['why']}")
        print(report["result"])
    return EXIT[report["result"]]


if __name__ == "__main__":
    sys.exit(main())
