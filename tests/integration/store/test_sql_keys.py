"""Partition keys of databases: all rows of equal values in one call of run, as pandas groups them."""

import json
import math
import sqlite3

import pandas
import pytest
from sql_job import SqlJob

SHOW = """
import json
def init():
    pass
def run(mini_batch, context):
    keys = {name: None if value is None else str(value) for name, value in context.partition_key_value.items()}
    kinds = {name: type(value).__name__ for name, value in context.partition_key_value.items()}
    return [json.dumps([keys, kinds, sorted(int(id) for id in mini_batch["id"])])] * len(mini_batch)
"""
# Values that are equal in other forms, gaps, NaN beside NULL, texts with quotes and of other cases.
VALUES = """
CREATE TABLE t AS SELECT n AS id,
  CASE WHEN n % 11 = 0 THEN NULL ELSE 'St. ''' || chr(65 + n % 3) || '"' END AS store,
  CASE WHEN n % 7 = 0 THEN NULL ELSE n % 4 END AS brand,
  CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN 'NaN' WHEN 2 THEN -0.0 WHEN 3 THEN 0.0 ELSE 0.1 END::float8 AS rate,
  (CASE WHEN n % 2 = 0 THEN '1.0' ELSE '1.00' END)::numeric AS price,
  date '2024-01-01' + n % 3 AS day, n % 2 = 0 AS yes, md5((n % 3)::text)::uuid AS uuid
FROM generate_series(1, 300) n;
GRANT SELECT ON t TO reader;
"""


def keyed(job, *keys, **source):
    job.table(table="t", **source)
    job.spec.pop("miniBatchSize", None)
    return job.set(partitionKeys=list(keys), processCountPerNode=2).script(SHOW)


def groups_of(job):
    """{keys as texts: ids}, of which each group came in one call."""
    found = {}
    for keys, kinds, ids in job.json_rows():
        values = tuple(keys.values())
        assert found.setdefault(values, (kinds, ids)) == (kinds, ids), "two calls for one key"
    return found


def expected(frame, keys):
    grouped = frame.groupby(list(keys), dropna=False)["id"].apply(lambda ids: sorted(map(int, ids)))
    return sorted(grouped.tolist())


@pytest.mark.parametrize("keys", [("store", "brand"), ("rate",), ("price", "day"), ("yes", "uuid")])
def test_groups_are_those_of_pandas(sql_job, postgres, keys):
    postgres.sql(VALUES)
    keyed(sql_job, *keys).run().expect(0)
    rows = postgres.sql("SELECT row_to_json(t) FROM t")
    frame = pandas.DataFrame([json.loads(row) for row in rows])
    if "rate" in keys:
        frame["rate"] = [None if rate in (None, "NaN") else abs(rate) for rate in frame["rate"]]
    found = groups_of(sql_job)
    assert sorted(ids for _, ids in found.values()) == expected(frame, keys)
    for values, (kinds, _) in found.items():
        for value, kind, key in zip(values, kinds.values(), keys, strict=True):
            known = {"store": "str", "brand": "int", "rate": "float", "price": "Decimal", "day": "Timestamp"}
            known |= {"yes": "bool", "uuid": "str"}
            assert kind == ("NoneType" if value is None else known[key])


def test_of_sqlite(tmp_path):
    path = tmp_path / "t.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t (id INTEGER, k, code)")
        rows = [(n, [1, 1.0, 2.5, None][n % 4], ["1", 1, "01", None, "a"][n % 5]) for n in range(200)]
        database.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    job = SqlJob(tmp_path, f"sqlite:///{path}")
    keyed(job, "k", "code", also={"columns": {"code": "string"}}).run().expect(0)
    frame = pandas.DataFrame(rows, columns=["id", "k", "code"])
    frame["code"] = [None if code is None else str(code) for code in frame["code"]]
    found = groups_of(job)
    assert sorted(ids for _, ids in found.values()) == expected(frame, ["k", "code"])
    assert {values[0] for values in found} == {"1.0", "2.5", None}
    assert not any(value is not None and math.isnan(float(value)) for value, _ in found)


def test_what_is_no_key_is_told_before_anything_starts(sql_job, postgres):
    postgres.sql(VALUES)
    for keys, also, says in (
        (["stor"], {}, "no column 'stor', which spec.partitionKeys names; did you mean 'store'?"),
        (
            ["store"],
            {"columns": {"store": "int64"}},
            "'store' is declared int64 and is string in the database",
        ),
        (
            ["price"],
            {"columns": {"price": "float64"}},
            "'price' is declared float64 and is decimal in the database",
        ),
    ):
        outcome = keyed(sql_job, *keys, also=also).run()
        assert outcome.code == 1 or outcome.code == 2
        assert says in outcome.stderr, outcome.stderr
        assert sql_job.rows() == [] if sql_job.out.exists() else True
