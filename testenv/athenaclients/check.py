"""Unmodified clients of Amazon Athena against an archiver: check.py CLIENT, with the environment that athenaclients_test.go sets.

ATHENA_URL is the endpoint, EVENTS the number of events in the archive (actor_id user-0 … user-6 in turn). The account
is in AWS_SHARED_CREDENTIALS_FILE. Each check raises when a client sees anything but what Athena would have shown it.
"""

import datetime
import decimal
import json
import os
import subprocess
import sys
import time
import urllib.parse
import uuid

URL = os.environ["ATHENA_URL"]
# Older releases are pointed here by AWS_ENDPOINT_URL_ATHENA and AWS_ENDPOINT_URL_S3, as their users do it.
OLD = os.environ.get("OLD_CLIENTS") == "1"
EVENTS = int(os.environ["EVENTS"])
REGION = os.environ.get("AWS_DEFAULT_REGION", "eu-central-1")

COUNT = "SELECT count(*) AS n FROM audit_logs"
VIEWS = ["changes", "data_exports", "deletions", "failed_logins", "outside_hours", "privilege_changes", "sensitive_access"]
TABLES = ["audit_logs", *VIEWS]
ALL = "SELECT id, actor_id, reason, seq FROM audit_logs ORDER BY seq"
NULLS = "SELECT CAST(NULL AS varchar) AS nothing, '' AS empty, 'null' AS word"
SLOW = "SELECT sum(a.seq + b.seq + c.seq) AS n FROM audit_logs a, audit_logs b, audit_logs c"
WRONG = "SELECT nope FROM audit_logs"
BY_ACTOR = "SELECT count(*) AS n FROM audit_logs WHERE actor_id = ? AND seq >= ?"
TYPES = """SELECT true AS c_boolean, CAST(1 AS tinyint) AS c_tinyint, CAST(2 AS smallint) AS c_smallint, 3 AS c_integer,
  9007199254740993 AS c_bigint, CAST(1.5 AS real) AS c_real, CAST(1.5e10 AS double) AS c_double,
  CAST('12.50' AS decimal(10, 2)) AS c_decimal, 'a"b,é' AS c_varchar, DATE '2026-01-31' AS c_date,
  TIMESTAMP '2026-01-31 10:11:12.345' AS c_timestamp, ARRAY[1, 2] AS c_array"""
TYPE_NAMES = [
    "boolean", "tinyint", "smallint", "integer", "bigint", "float", "double", "decimal", "varchar", "date", "timestamp", "array",
]
NAMES = ["c_" + ("real" if t == "float" else t) for t in TYPE_NAMES]
TEXTS = ["true", "1", "2", "3", "9007199254740993", "1.5", "1.5E10", "12.50", 'a"b,é', "2026-01-31", "2026-01-31 10:11:12.345", "[1, 2]"]


def same(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def fails(kind, call, *words):
    try:
        call()
    except kind as e:
        for word in words:
            if word not in str(e):
                raise AssertionError(f"{e!r} does not say {word!r}") from e
        return e
    raise AssertionError(f"no {kind}")


def client(**changes):
    import boto3

    return boto3.client("athena", region_name=REGION, endpoint_url=URL, **changes)


def wait(athena, execution):
    while True:
        x = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]
        if x["Status"]["State"] not in ("QUEUED", "RUNNING"):
            return x
        time.sleep(0.05)


def run(athena, sql, state="SUCCEEDED", **more):
    x = wait(athena, athena.start_query_execution(QueryString=sql, **more)["QueryExecutionId"])
    same(x["Status"]["State"], state, x["Status"].get("StateChangeReason"))
    return x


def check_boto3():
    from botocore.exceptions import ClientError

    athena = client()
    x = run(athena, ALL, QueryExecutionContext={"Database": "audit"}, ResultConfiguration={"OutputLocation": "s3://ignored/"})
    same("ResultConfiguration" in x, False, "a place of results")
    pages = list(athena.get_paginator("get_query_results").paginate(QueryExecutionId=x["QueryExecutionId"]))
    rows = [[d.get("VarCharValue") for d in r["Data"]] for p in pages for r in p["ResultSet"]["Rows"]]
    same(len(pages), (EVENTS + 1 + 999) // 1000, "pages")
    same(rows[0], ["id", "actor_id", "reason", "seq"], "header")
    same([int(r[3]) for r in rows[1:]], list(range(EVENTS)), "every row once and in order")

    page = athena.get_query_results(QueryExecutionId=run(athena, TYPES)["QueryExecutionId"])
    info = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    same([c["Type"] for c in info], TYPE_NAMES, "types")
    same([d["VarCharValue"] for d in page["ResultSet"]["Rows"][1]["Data"]], TEXTS, "texts")
    page = athena.get_query_results(QueryExecutionId=run(athena, NULLS)["QueryExecutionId"])
    same(page["ResultSet"]["Rows"][1]["Data"], [{}, {"VarCharValue": ""}, {"VarCharValue": "null"}], "NULL and empty")

    x = run(athena, WRONG, "FAILED")
    same(x["Status"]["AthenaError"]["ErrorCategory"], 2, "category")
    same("nope" in x["Status"]["StateChangeReason"], True, x["Status"]["StateChangeReason"])
    fails(ClientError, lambda: athena.get_query_results(QueryExecutionId=x["QueryExecutionId"]), "InvalidRequestException")

    slow = athena.start_query_execution(QueryString=SLOW)["QueryExecutionId"]
    athena.stop_query_execution(QueryExecutionId=slow)
    same(wait(athena, slow)["Status"]["State"], "CANCELLED")

    x = run(athena, BY_ACTOR, ExecutionParameters=["'user-1'", "0"])
    row = athena.get_query_results(QueryExecutionId=x["QueryExecutionId"])["ResultSet"]["Rows"][1]
    same(row["Data"][0]["VarCharValue"], str(len(range(1, EVENTS, 7))), "parameters")

    token = uuid.uuid4().hex
    first = athena.start_query_execution(QueryString=COUNT, ClientRequestToken=token)["QueryExecutionId"]
    same(athena.start_query_execution(QueryString=COUNT, ClientRequestToken=token)["QueryExecutionId"], first, "token")
    listed = [i for p in athena.get_paginator("list_query_executions").paginate() for i in p["QueryExecutionIds"]]
    same(first in listed, True, "history")
    same(len(athena.batch_get_query_execution(QueryExecutionIds=[first, str(uuid.uuid4())])["QueryExecutions"]), 1, "batch")

    pack = [i for p in athena.get_paginator("list_named_queries").paginate() for i in p["NamedQueryIds"]]
    pack = {q["Name"]: q for q in athena.batch_get_named_query(NamedQueryIds=pack)["NamedQueries"]}
    same("Parameters, in order: since, day, actor." in pack["user-activity"]["Description"], True, pack["user-activity"]["Description"])
    values = ["TIMESTAMP '2020-01-01 00:00:00'", "'2020-01-01'", "'user-1'"]
    x = run(athena, pack["user-activity"]["QueryString"], ExecutionParameters=values)
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=x["QueryExecutionId"])
    same(sum(len(p["ResultSet"]["Rows"]) for p in pages), len(range(1, EVENTS, 7)) + 1, "a query of the compliance pack")

    name = "by_actor_" + token[:8]
    athena.create_prepared_statement(StatementName=name, WorkGroup="primary", QueryStatement=BY_ACTOR)
    run(athena, f"EXECUTE {name} USING 'user-1', 0")
    athena.delete_prepared_statement(StatementName=name, WorkGroup="primary")
    named = athena.create_named_query(Name="mine", Database="audit", QueryString=COUNT)["NamedQueryId"]
    same(athena.get_named_query(NamedQueryId=named)["NamedQuery"]["QueryString"], COUNT)
    athena.delete_named_query(NamedQueryId=named)
    fails(ClientError, lambda: athena.create_work_group(Name="x"), "InvalidRequestException", "not supported")

    wrong = client(aws_access_key_id=os.environ["ACCESS_KEY"], aws_secret_access_key="wrong")
    fails(ClientError, lambda: wrong.list_work_groups(), "InvalidSignatureException")
    nobody = client(aws_access_key_id="AKIANOBODY", aws_secret_access_key="wrong")
    fails(ClientError, lambda: nobody.list_work_groups(), "UnrecognizedClientException")


def check_awscli():
    aws = os.path.join(os.path.dirname(sys.executable), "aws")

    def call(*args, env=None, **changes):
        command = [aws, "--endpoint-url", URL, "--region", REGION, "--output", "json", "athena", *args]
        return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(env or {})}, **changes)

    def ask(*args):
        done = call(*args)
        same(done.returncode, 0, done.stderr)
        return json.loads(done.stdout) if done.stdout else None

    def finished(sql, *more):
        execution = ask("start-query-execution", "--query-string", sql, *more)["QueryExecutionId"]
        while True:
            x = ask("get-query-execution", "--query-execution-id", execution)["QueryExecution"]
            if x["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return execution, x

    execution, x = finished(ALL, "--work-group", "primary")
    same(x["Status"]["State"], "SUCCEEDED")
    rows = ask("get-query-results", "--query-execution-id", execution)["ResultSet"]["Rows"]  # the CLI turns the pages
    same(len(rows), EVENTS + 1, "rows")
    execution, x = finished(BY_ACTOR, "--execution-parameters", "'user-1'", "0")
    same(x["Status"]["State"], "SUCCEEDED", x["Status"].get("StateChangeReason"))
    _, x = finished(WRONG)
    same(x["Status"]["State"], "FAILED")
    execution = ask("start-query-execution", "--query-string", SLOW)["QueryExecutionId"]
    ask("stop-query-execution", "--query-execution-id", execution)
    tables = ask("list-table-metadata", "--catalog-name", "AwsDataCatalog", "--database-name", "audit")["TableMetadataList"]
    same([t["Name"] for t in tables], TABLES)
    same([t["TableType"] for t in tables], ["EXTERNAL_TABLE"] + ["VIRTUAL_VIEW"] * len(VIEWS))
    execution, x = finished("SHOW TABLES")
    same((x["StatementType"], x["SubstatementType"]), ("UTILITY", "SHOW_TABLES"))
    rows = ask("get-query-results", "--query-execution-id", execution)["ResultSet"]["Rows"]
    same([r["Data"][0]["VarCharValue"] for r in rows], TABLES, "no header")
    _, x = finished("DROP TABLE audit_logs")
    same((x["Status"]["State"], x["StatementType"], x["SubstatementType"]), ("FAILED", "DDL", "DROP_TABLE"))
    same("the archive is immutable" in x["Status"]["StateChangeReason"], True, x["Status"]["StateChangeReason"])
    wrong = call("list-work-groups", env={"AWS_ACCESS_KEY_ID": os.environ["ACCESS_KEY"], "AWS_SECRET_ACCESS_KEY": "wrong"})
    same("InvalidSignatureException" in wrong.stderr, True, wrong.stderr)


def connect(**more):
    import pyathena

    if not OLD:
        more["endpoint_url"] = URL
    return pyathena.connect(region_name=REGION, schema_name="audit", work_group="primary", poll_interval=0.05, **more)


def check_pyathena():
    import pyathena
    from pyathena.cursor import DictCursor

    cursor = connect().cursor()
    same([r[3] for r in cursor.execute(ALL)], list(range(EVENTS)), "rows over pages")
    same(cursor.execute(COUNT).fetchone(), (EVENTS,))
    row = cursor.execute(TYPES).fetchone()
    same([d[0] for d in cursor.description], NAMES)
    same([d[1] for d in cursor.description], TYPE_NAMES)
    same(list(row[:5]), [True, 1, 2, 3, 9007199254740993])
    same(row[7], decimal.Decimal("12.50"))
    same(row[9:11], (datetime.date(2026, 1, 31), datetime.datetime(2026, 1, 31, 10, 11, 12, 345000)))
    same(cursor.execute(NULLS).fetchone(), (None, "", "null"))
    same(connect(cursor_class=DictCursor).cursor().execute(COUNT).fetchall(), [{"n": EVENTS}])
    same(cursor.execute(BY_ACTOR, ["'user-1'", "0"], paramstyle="qmark").fetchone(), (len(range(1, EVENTS, 7)),), "qmark")
    same(cursor.execute("SELECT count(*) FROM audit_logs WHERE actor_id = %(a)s", {"a": "user-1"}).fetchone()[0], len(range(1, EVENTS, 7)), "pyformat")
    same(cursor.execute("SELECT id FROM audit_logs WHERE false").fetchall(), [], "no rows")
    fails(pyathena.error.OperationalError, lambda: cursor.execute(WRONG), "nope")
    same([r[0] for r in cursor.execute("SHOW TABLES")], TABLES, "tables")
    same([r[0] for r in cursor.execute("SHOW VIEWS LIKE 'd*'")], ["data_exports", "deletions"], "views")
    described = [r[0].split("\t") for r in cursor.execute("DESCRIBE audit_logs")]
    same([c.strip() for c in described[1][:2]], ["timestamp", "timestamp"], "a line of DESCRIBE")
    same(cursor.execute("SHOW CREATE VIEW deletions").fetchone()[0], "CREATE VIEW audit.deletions AS", "view")
    same(cursor.execute("SHOW PARTITIONS audit_logs").fetchone()[0].split("/")[0], "retention=standard", "partition")
    same("files: " in cursor.execute("EXPLAIN " + COUNT).fetchone()[0], True, "plan")
    same(cursor.execute("SELECT count(*) FROM failed_logins f JOIN audit_logs a ON f.id = a.id").fetchone(), (0,), "a view")
    query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'audit' AND table_type = 'VIEW' ORDER BY 1"
    same([r[0] for r in cursor.execute(query)], VIEWS, "information_schema")
    fails(pyathena.error.OperationalError, lambda: cursor.execute("INSERT INTO audit_logs SELECT * FROM audit_logs"), "the archive is immutable")
    wrong = connect(aws_access_key_id=os.environ["ACCESS_KEY"], aws_secret_access_key="wrong").cursor()
    fails(pyathena.error.DatabaseError, lambda: wrong.execute(COUNT), "InvalidSignatureException")


def check_pyathena_frames():
    from pyathena.arrow.cursor import ArrowCursor
    from pyathena.pandas.cursor import PandasCursor

    frame = connect(cursor_class=PandasCursor).cursor().execute(ALL).as_pandas()
    same(list(frame["seq"]), list(range(EVENTS)), "pandas")
    frame = connect(cursor_class=PandasCursor).cursor().execute(TYPES).as_pandas()
    same(list(frame.columns), NAMES)
    same(int(frame["c_bigint"][0]), 9007199254740993)
    if not OLD:  # that one asks Amazon's S3, through pyarrow, whatever AWS_ENDPOINT_URL_S3 says
        table = connect(cursor_class=ArrowCursor).cursor().execute(ALL).as_arrow()
        same(table["seq"].to_pylist(), list(range(EVENTS)), "arrow")
        table = connect(cursor_class=ArrowCursor).cursor().execute(TYPES).as_arrow()
        same(table.column_names, NAMES)
    same(list(connect(cursor_class=PandasCursor).cursor().execute("SHOW TABLES").as_pandas()["tab_name"]), TABLES, "lines")
    same(len(connect(cursor_class=PandasCursor).cursor().execute("SELECT id FROM audit_logs WHERE false").as_pandas()), 0, "no rows")


def check_sqlalchemy():
    import sqlalchemy as sa

    engine = sa.create_engine(
        f"awsathena+rest://@athena.{REGION}.amazonaws.com:443/audit?work_group=primary&poll_interval=0.05"
        f"&endpoint_url={urllib.parse.quote_plus(URL)}"
    )
    with engine.connect() as db:
        same(db.execute(sa.text(COUNT)).scalar(), EVENTS)
        inspector = sa.inspect(engine)
        same(inspector.get_schema_names(), ["audit"])
        same("audit_logs" in inspector.get_table_names(), True)
        same(sorted(inspector.get_view_names()), VIEWS)
        same("failed_logins AS" in inspector.get_view_definition("failed_logins"), True, inspector.get_view_definition("failed_logins"))
        same("actor_id" in [c["name"] for c in inspector.get_columns("audit_logs")], True)
        same(inspector.has_table("nope"), False)
        logs = sa.Table("audit_logs", sa.MetaData(), autoload_with=engine)
        query = sa.select(sa.func.count()).select_from(logs).where(logs.c.actor_id == "user-1")
        same(db.execute(query).scalar(), len(range(1, EVENTS, 7)), "reflected table")


def check_awswrangler():
    import awswrangler as wr
    import boto3

    if not OLD:
        wr.config.athena_endpoint_url = URL
    session = boto3.Session(region_name=REGION)

    def read(sql, **more):
        return wr.athena.read_sql_query(sql, database="audit", ctas_approach=False, boto3_session=session, **more)

    same(list(read(ALL)["seq"]), list(range(EVENTS)), "rows over pages")
    frame = read(TYPES.replace("c_array", "c_list"))
    same(list(frame.columns), NAMES[:-1] + ["c_list"])
    same(frame["c_decimal"][0], decimal.Decimal("12.50"))
    same(int(frame["c_bigint"][0]), 9007199254740993)
    same(int(read(BY_ACTOR, params=["'user-1'", "0"], paramstyle="qmark")["n"][0]), len(range(1, EVENTS, 7)), "parameters")
    same(len(read("SELECT id FROM audit_logs WHERE false")), 0, "no rows")
    same(int(read("SELECT count(*) AS n FROM changes")["n"][0]), EVENTS, "a view")
    fails(wr.exceptions.QueryFailed, lambda: read(WRONG), "nope")


if __name__ == "__main__":
    globals()["check_" + sys.argv[1]]()
    print("ok: " + sys.argv[1])
