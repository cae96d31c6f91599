"""Opens an archive's data files with PyArrow and with DuckDB and compares every value with a dump.

usage: check.py FOLDER

FOLDER holds data files under their keys, and beside each FILE.parquet a FILE.parquet.ndjson with its rows: one JSON object
per row, strings and nulls as they are, instants as integers. The expectations below are written down here once more,
independently of the program that wrote the files. Exits 1 and names file, engine and column at the first difference.
"""

import collections
import json
import pathlib
import sys

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

MILLIS = pa.timestamp("ms", tz="UTC")

# name, Arrow type, nullable, DuckDB type
COLUMNS = [
    ("id", pa.string(), False, "VARCHAR"),
    ("timestamp", MILLIS, False, "TIMESTAMP WITH TIME ZONE"),
    ("action", pa.string(), False, "VARCHAR"),
    ("actor_id", pa.string(), False, "VARCHAR"),
    ("actor_type", pa.string(), False, "VARCHAR"),
    ("actor_email", pa.string(), True, "VARCHAR"),
    ("resource_type", pa.string(), False, "VARCHAR"),
    ("resource_id", pa.string(), True, "VARCHAR"),
    ("outcome", pa.string(), False, "VARCHAR"),
    ("reason", pa.string(), True, "VARCHAR"),
    ("details", pa.string(), True, "VARCHAR"),
    ("request_id", pa.string(), True, "VARCHAR"),
    ("ip", pa.string(), True, "VARCHAR"),
    ("user_agent", pa.string(), True, "VARCHAR"),
    ("organization_id", pa.string(), True, "VARCHAR"),
    ("received_at", MILLIS, False, "TIMESTAMP WITH TIME ZONE"),
    ("producer", pa.string(), False, "VARCHAR"),
    ("timestamp_ns", pa.int64(), False, "BIGINT"),
    ("stream", pa.string(), False, "VARCHAR"),
    ("seq", pa.int64(), False, "BIGINT"),
]
NAMES = [name for name, *_ in COLUMNS]
INSTANTS = {"timestamp", "received_at"}
UNBOUNDED = {"reason", "details", "user_agent"}
BLOOM = ["id", "actor_id", "resource_id", "request_id", "organization_id"]


class Difference(Exception):
    pass


def want(what, got, expected):
    if got != expected:
        raise Difference(f"{what}: got {got!r}, want {expected!r}")


def want_column(what, got, expected):
    """Compares two lists value by value; None and "" are different, and so are 1 and True."""
    want(f"{what}: number of values", len(got), len(expected))
    for i, (g, e) in enumerate(zip(got, expected)):
        if g != e or type(g) is not type(e):
            raise Difference(f"{what}: row {i}: got {g!r}, want {e!r}")


def check_dump(dump):
    """The dump must agree with itself, or else the comparison proves nothing about timestamps."""
    for i, (ms, ns) in enumerate(zip(dump["timestamp"], dump["timestamp_ns"])):
        want(f"timestamp: row {i}", ms, ns // 1_000_000)
    order = list(zip(dump["timestamp_ns"], dump["seq"]))
    want("order", order, sorted(set(order)))


def check_arrow(path, dump):
    with pq.ParquetFile(path) as file:
        arrow_types = [(f.name, f.type, f.nullable) for f in file.schema_arrow]
        want("pyarrow: types", arrow_types, [(n, t, null) for n, t, null, _ in COLUMNS])
        want("pyarrow: metadata", file.metadata.metadata.get(b"archiver.format"), b"1")
        table = file.read()
        for name in NAMES:
            column = table.column(name)
            if name in INSTANTS:
                column = column.cast(pa.int64())
            want_column(f"pyarrow: {name}", column.to_pylist(), dump[name])
        check_statistics(file.metadata, dump)


def check_statistics(metadata, dump):
    start = 0
    for g in range(metadata.num_row_groups):
        group = metadata.row_group(g)
        want("pyarrow: sorting columns", [s.column_index for s in group.sorting_columns], [17, 19])
        for i, name in enumerate(NAMES):
            chunk = group.column(i)
            what = f"pyarrow: {name}: row group {g}"
            values = [v for v in dump[name][start : start + group.num_rows] if v is not None]
            want(f"{what}: compression", chunk.compression, "ZSTD")
            want(f"{what}: page index", (chunk.has_column_index, chunk.has_offset_index), (name not in UNBOUNDED, True))
            want(f"{what}: nulls", chunk.statistics.null_count, group.num_rows - len(values))
            bounded = name not in UNBOUNDED and len(values) > 0
            want(f"{what}: has bounds", chunk.statistics.has_min_max, bounded)
            if bounded:
                if isinstance(values[0], str):
                    values = [v.encode() for v in values]  # the order of UTF-8 bytes
                low, high = min(values), max(values)
                raw = (chunk.statistics.min_raw, chunk.statistics.max_raw)
                raw = tuple(v.encode() if isinstance(v, str) else v for v in raw)
                want(f"{what}: bounds", raw, (low, high))
        start += group.num_rows
    want("pyarrow: rows", start, len(dump["id"]))


def check_duckdb(db, path, dump):
    source = f"read_parquet('{path}', hive_partitioning = false)"
    types = [(row[0], row[1]) for row in db.sql(f"DESCRIBE SELECT * FROM {source}").fetchall()]
    want("duckdb: types", types, [(n, d) for n, _, _, d in COLUMNS])
    select = ", ".join(f'epoch_ms("{n}")' if n in INSTANTS else f'"{n}"' for n in NAMES)
    rows = db.sql(f"SELECT {select} FROM {source} ORDER BY timestamp_ns, seq").fetchall()
    want("duckdb: rows", len(rows), len(dump["id"]))
    for name, column in zip(NAMES, zip(*rows)):
        want_column(f"duckdb: {name}", column, dump[name])
    nulls = ", ".join(f'count(*) FILTER ("{n}" IS NULL), count(*) FILTER ("{n}" = \'\')' for n in NAMES if n not in INSTANTS and not n.endswith("_ns") and n != "seq")
    got = db.sql(f"SELECT {nulls} FROM {source}").fetchone()
    texts = [n for n, t, _, _ in COLUMNS if t == pa.string()]
    want("duckdb: NULL and empty", list(got), [c for n in texts for c in (dump[n].count(None), dump[n].count(""))])
    check_lookups(db, path, source, dump)


def check_lookups(db, path, source, dump):
    """Each value must be found through the bloom filters, and the filters must exclude what is not there."""
    for name in BLOOM:
        values = [v for v in dump[name] if v is not None]
        if not values:
            continue
        counts = collections.Counter(values)
        sample = sorted(counts)[:: max(1, len(counts) // 12)]
        for value in sample:
            got = db.execute(f'SELECT count(*) FROM {source} WHERE "{name}" = ?', [value]).fetchone()[0]
            want(f"duckdb: {name} = {value!r}", got, counts[value])
        excluded = 0
        groups = 0
        for i in range(60):
            rows = db.execute("FROM parquet_bloom_probe(?, ?, ?)", [str(path), name, f"absent {i}"]).fetchall()
            groups += len(rows)
            excluded += sum(row[-1] for row in rows)
        if excluded < groups * 0.9:
            raise Difference(f"duckdb: {name}: bloom filter excludes {excluded} of {groups} absent values")
    low, high = dump["timestamp"][len(dump["id"]) // 3], dump["timestamp"][-1]
    got = db.execute(
        f"SELECT count(*) FROM {source} WHERE \"timestamp\" >= make_timestamptz(? * 1000) AND \"timestamp\" < make_timestamptz(? * 1000)",
        [low, high],
    ).fetchone()[0]
    want("duckdb: range of timestamp", got, sum(low <= ms < high for ms in dump["timestamp"]))


def check_partitions(db, root, files, rows):
    """The folder as one table: retention and dt come from the path, as strings."""
    keys = [dict(p.split("=") for p in f.relative_to(root).parts if "=" in p) for f in files]
    expected = sorted((k["retention"], k["dt"]) for k in keys)
    schema = pa.schema([("retention", pa.string()), ("dt", pa.string())])
    dataset = ds.dataset([str(f) for f in files], format="parquet", partitioning=ds.partitioning(schema, flavor="hive"), partition_base_dir=str(root))
    want("pyarrow: rows of the folder", dataset.count_rows(), rows)
    table = dataset.to_table(columns=["retention", "dt"])
    want("pyarrow: partitions", sorted(set(zip(*(c.to_pylist() for c in table.columns)))), sorted(set(expected)))
    got = db.sql(
        f"SELECT retention, dt, count(*) FROM read_parquet('{root}/**/*.parquet', hive_partitioning = true, "
        "hive_types = {'retention': VARCHAR, 'dt': VARCHAR}) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    want("duckdb: partitions", [row[:2] for row in got], sorted(set(expected)))
    want("duckdb: rows of the folder", sum(row[2] for row in got), rows)


def load(path):
    dump = {name: [] for name in NAMES}
    with open(f"{path}.ndjson", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            want("dump: columns", sorted(row), sorted(NAMES))
            for name in NAMES:
                dump[name].append(row[name])
    return dump


def main(root):
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    files = sorted(root.rglob("*.parquet"))
    want("data files", bool(files), True)
    total = 0
    for path in files:
        try:
            dump = load(path)
            check_dump(dump)
            check_arrow(path, dump)
            check_duckdb(db, path, dump)
        except Difference as difference:
            raise Difference(f"{path.relative_to(root)}: {difference}") from None
        total += len(dump["id"])
    check_partitions(db, root, files, total)
    print(f"ok: {len(files)} files, {total} rows, pyarrow {pa.__version__}, duckdb {duckdb.__version__}")


if __name__ == "__main__":
    try:
        main(pathlib.Path(sys.argv[1]))
    except Difference as difference:
        sys.exit(str(difference))
