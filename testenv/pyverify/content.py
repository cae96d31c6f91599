"""Rows of a data file through PyArrow, and their leaves: docs/format/parquet.md and event.md."""

import datetime
import hashlib
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from signatures import Refused, want
from spelling import a_uuid, leaf

MILLIS = pa.timestamp("ms", tz="UTC")
TEXT, LONG = pa.string(), pa.int64()

# name, type, nullable: parquet.md, "Columns"
COLUMNS: list[tuple[str, Any, bool]] = [
    ("id", TEXT, False),
    ("timestamp", MILLIS, False),
    ("action", TEXT, False),
    ("actor_id", TEXT, False),
    ("actor_type", TEXT, False),
    ("actor_email", TEXT, True),
    ("resource_type", TEXT, False),
    ("resource_id", TEXT, True),
    ("outcome", TEXT, False),
    ("reason", TEXT, True),
    ("details", TEXT, True),
    ("request_id", TEXT, True),
    ("ip", TEXT, True),
    ("user_agent", TEXT, True),
    ("organization_id", TEXT, True),
    ("received_at", MILLIS, False),
    ("producer", TEXT, False),
    ("timestamp_ns", LONG, False),
    ("stream", TEXT, False),
    ("seq", LONG, False),
]
NAMES = [name for name, _, _ in COLUMNS]

# The leaf's columns in order: event.md, "Leaf".
STRINGS = {"id", "action", "actor_id", "actor_type", "resource_type", "outcome", "producer"}
LEAF = [n for n in NAMES if n not in ("timestamp", "stream", "seq")]
VERSION = b"\x01"

Row = dict[str, Any]

MS_PER_DAY = 86_400_000
NS_PER_DAY = MS_PER_DAY * 1_000_000


def day(ns: int) -> str:
    """The UTC date of an instant, yyyy-MM-dd."""
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=ns // NS_PER_DAY)).isoformat()


def string(s: str) -> bytes:
    raw = s.encode()
    return struct.pack(">I", len(raw)) + raw


def leaf_bytes(row: Row, retention: str) -> bytes:
    parts = [b"aevleaf" + VERSION]
    for name in LEAF:
        value = row[name]
        if name in ("received_at", "timestamp_ns"):
            parts.append(struct.pack(">q", value))
        elif name in STRINGS:
            parts.append(string(value))
        else:
            parts.append(b"\x00" if value is None else b"\x01" + string(value))
    parts += [a_uuid(row["stream"]), struct.pack(">q", row["seq"]), string(retention)]
    return b"".join(parts)


def leaf_hash(row: Row, retention: str) -> bytes:
    h: bytes = leaf(leaf_bytes(row, retention))
    return h


def check_schema(file: pq.ParquetFile) -> None:
    want((file.metadata.metadata or {}).get(b"archiver.format") == b"1", "archiver.format is not 1")
    fields = list(file.schema_arrow)
    want(len(fields) >= len(COLUMNS), "columns are missing")
    for field, (name, typ, null) in zip(fields, COLUMNS):
        want(field.name == name and field.type == typ and field.nullable == null, f"column {name} is {field}")
    # A later release may have appended columns, which may be NULL.
    want(all(field.nullable for field in fields[len(COLUMNS):]), "a column that is not known must be nullable")


def read_rows(source: BinaryIO | str) -> Iterator[Row]:
    """Yields the rows in stored order. Instants are integers. Refuses what parquet.md does."""
    try:
        with pq.ParquetFile(source, page_checksum_verification=True) as file:
            check_schema(file)
            last, stream = None, None
            for batch in file.iter_batches(batch_size=8192, columns=NAMES):
                lists = [column(batch, i, typ) for i, (_, typ, _) in enumerate(COLUMNS)]
                for values in zip(*lists):
                    row = dict(zip(NAMES, values))
                    place = (row["timestamp_ns"], row["seq"])
                    want(row["timestamp"] == row["timestamp_ns"] // 1_000_000, "timestamp is not that of timestamp_ns")
                    want(row["seq"] >= 0 and (last is None or place > last), "rows are out of order")
                    want(stream in (None, row["stream"]), "another stream")
                    last, stream = place, row["stream"]
                    yield row
    except (pa.ArrowException, OSError, UnicodeDecodeError, ValueError) as err:
        raise Refused(f"Parquet: {str(err)[:200]}") from None


def column(batch: pa.RecordBatch, i: int, typ: pa.DataType) -> list[Any]:
    values = batch.column(i)
    if typ == MILLIS:
        values = values.cast(LONG)
    result: list[Any] = values.to_pylist()
    return result


class Tree:
    """The Merkle tree of RFC 6962 as it grows: the hashes of its full subtrees, left to right."""

    def __init__(self) -> None:
        self.size = 0
        self.edge: list[bytes] = []

    def add(self, hashed: bytes) -> None:
        self.edge.append(hashed)
        self.size += 1
        n = self.size
        while n % 2 == 0:
            right, left = self.edge.pop(), self.edge.pop()
            self.edge.append(node(left, right))
            n //= 2

    def root(self) -> bytes:
        want(bool(self.edge), "no rows")
        hashed = self.edge[-1]
        for left in self.edge[-2::-1]:
            hashed = node(left, hashed)
        return hashed


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def check_file(source: BinaryIO | str, f: dict[str, Any], stream: str) -> list[int]:
    """Compares the rows of a file with what a manifest says about it, and returns their seqs."""
    tree, seqs = Tree(), []
    first_ns = last_ns = 0
    for row in read_rows(source):
        want(row["stream"] == stream, "a row of another stream")
        want(day(row["timestamp_ns"]) == f["day"], "a row of another day")
        if tree.size == 0:
            first_ns = row["timestamp_ns"]
        last_ns = row["timestamp_ns"]
        seqs.append(row["seq"])
        tree.add(leaf_hash(row, f["class"]))
    want(tree.size == f["rows"], f"{tree.size} rows, {f['rows']} were committed")
    want(tree.root().hex() == f["root"], "the root of its rows is another one")
    want((min(seqs), max(seqs)) == (f["first_seq"], f["last_seq"]), "seqs")
    want((first_ns, last_ns) == (int(f["min_timestamp_ns"]), int(f["max_timestamp_ns"])), "timestamps")
    return seqs
