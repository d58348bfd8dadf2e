"""output.format: parquet, from the manifest to the file: what pandas and pyarrow read is what run() returned."""

import random

import numpy
import pytest
from job_folder import kill_quietly
from test_resume import hold, release, roles_below
from waiting import PATIENCE, wait_for

pandas = pytest.importorskip("pandas")
pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def parquet_job(job, **output):
    job.spec["output"] = {**job.spec["output"], "format": "parquet", **output}
    return job


def output_of(job, name="parallel_run_step.txt"):
    return parquet.ParquetFile(job.out / name)


# Tables of 24 mini-batches with all kinds of columns; some columns have no value at all in some of them.
TABLES = """
import datetime, decimal, random
import numpy as np, pandas as pd

def table(number):
    dice = random.Random(number)
    count = dice.choice([1, 2, 7, 40])
    some = lambda make: [None if dice.random() < 0.3 else make() for _ in range(count)]
    none = number % 5 == 2
    moment = lambda: datetime.datetime(2024, 2, 29, dice.randrange(24), tzinfo=datetime.timezone.utc)
    columns = {
        "number": [number] * count,
        "whole": np.array([dice.randrange(-2**63, 2**63) for _ in range(count)], dtype="int64"),
        "huge": np.array([dice.randrange(2**64) for _ in range(count)], dtype="uint64"),
        "small": np.array([dice.randrange(-128, 128) for _ in range(count)], dtype="int8"),
        "real": pd.Series(some(lambda: dice.gauss(0, 1)), dtype="float64"),
        "single": np.array([dice.random() for _ in range(count)], dtype="float32"),
        "flag": np.array([dice.random() < 0.5 for _ in range(count)]),
        "gaps": pd.array(some(lambda: dice.randrange(2**60)), dtype="Int64"),
        "text": [None] * count if none else some(lambda: "ab\\u00e9\\n" * dice.randrange(4)),
        "kind": pd.Categorical(some(lambda: dice.choice(["u", "v", "w%d" % number]))),
        "when": pd.Series([None] * count if none else some(moment), dtype="datetime64[us, Europe/Berlin]"),
        "day": [None] * count if none else some(lambda: datetime.date(2024, 2, dice.randrange(1, 30))),
        "span": pd.Series(some(lambda: datetime.timedelta(seconds=dice.randrange(10**6))), dtype="timedelta64[us]"),
        "price": some(lambda: decimal.Decimal(dice.randrange(100, 1000)).scaleb(-2)),
        "list": [None] * count if none else [[number, dice.randrange(9)]] + some(lambda: [1] * dice.randrange(1, 3))[1:],
        "object": [None] * count if none else [{"a": dice.randrange(9), "b": ["x"]} for _ in range(count)],
        "raw": [None] * count if none else [bytes(dice.randrange(256) for _ in range(5)) for _ in range(count)],
        "never": [None] * count,
        "seldom": [float("nan")] * count if number != 9 else ["x"] * count,
    }
    return pd.DataFrame(columns)
"""


def expected_tables(count):
    scope = {}
    exec(TABLES, scope)
    return [scope["table"](number) for number in range(count)]


@pytest.mark.parametrize("order", ["input", "any"])
def test_pandas_reads_the_values_and_types_that_were_returned(job, order):
    parquet_job(job.files(24), order=order).set(miniBatchSize=1, nodeCount=2, processCountPerNode=2)
    job.set(appendRowFileName="scores.parquet")
    job.script(TABLES, "tables.py")
    job.script("""
        import os
        from tables import table
        def init(): pass
        def run(mini_batch): return table(int(os.path.basename(mini_batch[0])[1:7]))
    """)
    job.run().expect(0)
    frames = expected_tables(24)
    found = pandas.read_parquet(job.out / "scores.parquet")
    if order == "any":
        found = found.sort_values("number", kind="stable").reset_index(drop=True)
    joined = pandas.concat(frames, ignore_index=True)
    assert list(found.columns) == list(joined.columns)
    # As pandas itself would have written all of them.
    joined.drop(columns="kind").to_parquet(job.root / "reference.parquet")
    expected = pandas.read_parquet(job.root / "reference.parquet")
    for name in expected.columns:
        if name in ("list", "object"):
            plain = [None if value is None else _plain(value) for value in found[name]]
            assert plain == [None if value is None else _plain(value) for value in expected[name]], name
        else:
            pandas.testing.assert_series_equal(found[name], expected[name], check_exact=True)
    assert found["kind"].dtype == "category"
    kinds = found["kind"].astype(object)
    assert (
        kinds.where(kinds.notna(), None).tolist()
        == joined["kind"].where(joined["kind"].notna(), None).tolist()
    )
    file = output_of(job, "scores.parquet")
    assert file.num_row_groups == 1, "mini-batches have no row groups of their own"
    assert file.schema_arrow.field("when").type == pyarrow.timestamp("us", "Europe/Berlin")
    assert pyarrow.types.is_dictionary(file.schema_arrow.field("kind").type)


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, numpy.ndarray)) else value


def test_empty_lists_and_decimals_of_any_length(job):
    """Of a photograph on which nothing was found, say."""
    parquet_job(job.files(6), order="input").set(miniBatchSize=1)
    job.script("""
        import decimal, os
        def init(): pass
        def run(mini_batch):
            number = int(os.path.basename(mini_batch[0])[1:7])
            boxes = {1: [3, 4], 4: None}.get(number, [])
            words = [["a"], []] if number == 5 else [[]]
            return [{"boxes": boxes, "words": words, "price": decimal.Decimal(10**number).scaleb(-2)}]
    """)
    job.run().expect(0)
    assert job.failed_items() == []
    table = output_of(job).read().to_pydict()
    assert table["boxes"] == [[], [3, 4], [], [], None, []]
    assert table["words"] == [[[]]] * 5 + [[["a"], []]]
    assert [str(price) for price in table["price"]] == ["0.01", "0.10", "1.00", "10.00", "100.00", "1000.00"]


def test_row_groups_have_a_decent_size(job):
    parquet_job(job.files(30), order="input").set(miniBatchSize=1)
    job.script("""
        import os
        import numpy as np, pandas as pd
        def init(): pass
        def run(mini_batch):
            number = int(os.path.basename(mini_batch[0])[1:7])
            return pd.DataFrame({"n": np.arange(100_000) + number * 100_000})
    """)
    job.run().expect(0)
    file = output_of(job)
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [1_000_000] * 3
    assert file.read().column("n").to_pylist() == list(range(3_000_000))


def test_columns_in_another_order_and_other_columns_and_types(job):
    parquet_job(job.files(12), order="input").set(miniBatchSize=1, processCountPerNode=1)
    job.script("""
        import os
        def init(): pass
        def run(mini_batch):
            number = int(os.path.basename(mini_batch[0])[1:7])
            if number == 5: return [{"a": number}]
            if number == 7: return [{"a": number, "b": 0.5}]
            return [{"b": "x", "a": number} if number % 2 else {"a": number, "b": None if number == 0 else "y"}]
    """)
    job.run().expect(0)
    table = output_of(job).read().to_pydict()
    assert table["a"] == [0, 1, 2, 3, 4, 6, 8, 9, 10, 11]
    assert set(table["b"]) == {None, "x", "y"}
    failed = {one["miniBatch"]: one for one in job.failed_items()}
    assert set(failed) == {5, 7} and all(one["tries"] == 1 for one in failed.values())
    assert "the columns a, but the first result of this job has a, b" in failed[5]["error"]["message"]
    assert (
        "the column b with the type double, but earlier results of this job have string"
        in (failed[7]["error"]["message"])
    )


def test_rows_carry_their_items_along(job):
    parquet_job(job.tabular(), order="input", addContext=True, columns=["id"]).set(miniBatchSize=100)
    job.file("a.csv", "id,v\n" + "".join(f"k{n},{n}\n" for n in range(50)))
    job.script("""
        def init(): pass
        def run(table): return table.v * 0.5
    """)
    job.run().expect(0)
    table = output_of(job).read().to_pydict()
    assert table == {
        "input": ["table"] * 50,
        "file": ["a.csv"] * 50,
        "row": list(range(1, 51)),
        "id": [f"k{n}" for n in range(50)],
        "v": [n * 0.5 for n in range(50)],
    }


def test_nothing_but_empty_results(job):
    parquet_job(job.files(2)).script("""
        def init(): pass
        def run(mini_batch): return []
    """)
    outcome = job.run().expect(1)
    assert "nothing succeeded" in outcome.words
    assert not (job.out / "parallel_run_step.txt").exists()


def test_a_job_that_was_killed_goes_on_under_its_types(embedded_job):
    """Also where the first result of the second life has other ones."""
    job = parquet_job(hold(embedded_job.files(300), HELD_NUMBERS), order="input")
    process = job.start()
    path = job.out / ".parallelrun" / "rows"
    wait_for(lambda: path.exists() and path.stat().st_size > 0, "the first rows", pause=0.01)
    for pid in roles_below(process.pid)["orchestrator"]:
        kill_quietly(pid)
    kill_quietly(process.pid)
    process.communicate(timeout=PATIENCE)
    release(job)
    job.run().expect(0)
    table = output_of(job).read().to_pydict()
    failed = [one["miniBatch"] for one in job.failed_items()]
    assert 200 in failed and table["n"] == [n for n in range(300) if n not in failed]


HELD_NUMBERS = """
    import os, time
    def init(): pass
    def run(mini_batch):
        name = os.path.basename(mini_batch[0])
        while name >= "f000100" and not os.path.exists(os.environ["GO"]): time.sleep(0.005)
        number = int(name[1:7])
        return [{"n": "text" if number == 200 else number}]
"""


@pytest.mark.parametrize("seed", range(3))
def test_kills_at_random_instants(embedded_job, seed):
    dice = random.Random(seed)
    job = parquet_job(embedded_job.files(400), order=dice.choice(["any", "input"]))
    job.set(miniBatchSize=dice.choice([1, 3]), processCountPerNode=2, runMaxTry=100).script("""
        import os, time
        def init(): pass
        def run(mini_batch):
            time.sleep(0.002)
            return [int(os.path.basename(p)[1:7]) for p in mini_batch]
    """)
    import time

    for _ in range(5):
        process = job.start()
        time.sleep(dice.random() * 1.5)
        victims = [pid for role, pids in roles_below(process.pid).items() for pid in pids if role]
        if victims:
            kill_quietly(dice.choice(victims))
        kill_quietly(process.pid)
        process.communicate(timeout=PATIENCE)
        wait_for(lambda p=process: not roles_below(p.pid), "the end of the orphans")
    job.run().expect(0)
    found = output_of(job).read().column("value").to_pylist()
    assert (found if job.spec["output"]["order"] == "input" else sorted(found)) == list(range(400))


def test_fields_of_structs_without_a_value_in_a_mini_batch(job):
    """Each of two fields has no value in some mini-batches, both in one order and in the other."""
    job.files(12).set(miniBatchSize=1, processCountPerNode=2).script(
        """
        import os
        def init(): pass
        def run(mini_batch):
            number = int("".join(filter(str.isdigit, os.path.basename(mini_batch[0]))))
            x, y = (None, number) if number % 3 == 0 else (number / 4, None) if number % 3 == 1 else (0.5, -number)
            return [{"n": number, "s": {"x": x, "y": y, "in": [{"z": str(x) if y is None else None}]}}]
        """
    )
    parquet_job(job).run().expect(0)
    found = {row["n"]: row["s"] for row in output_of(job).read().to_pylist()}
    assert len(found) == 12
    for number, row in found.items():
        x, y = (
            (None, number) if number % 3 == 0 else (number / 4, None) if number % 3 == 1 else (0.5, -number)
        )
        assert row == {"x": x, "y": y, "in": [{"z": str(x) if y is None else None}]}
    kind = output_of(job).schema_arrow.field("s").type
    assert str(kind) == "struct<x: double, y: int64, in: list<element: struct<z: string>>>", kind
    assert len(pandas.read_parquet(job.out / "parallel_run_step.txt")) == 12


@pytest.mark.parametrize("output_format", ["parquet", "csv", "jsonl", "text"])
def test_whole_numbers_with_gaps_are_carried_as_such(job, output_format):
    job.spec["inputs"][0]["type"] = "tabular"
    for number in range(4):
        (job.data / f"t{number}.csv").write_text("id,x\n,b\n3,c\n" if number == 2 else "id,x\n1,a\n")
    job.spec["output"] = {**job.spec["output"], "format": output_format, "columns": ["id"]}
    job.spec.pop("miniBatchSize", None)
    job.script(
        """
        def init(): pass
        def run(mini_batch):
            return [{"score": 0.5} for _ in range(len(mini_batch))]
        """
    ).run().expect(0)
    if output_format == "parquet":
        frame = pandas.read_parquet(job.out / "parallel_run_step.txt")
        assert str(frame["id"].dtype) == "Int64"
        assert sorted(frame["id"].dropna().tolist()) == [1, 1, 1, 3] and frame["id"].isna().sum() == 1
        return
    rows = sorted((job.out / "parallel_run_step.txt").read_text().splitlines())
    assert not any("1.0" in row or "3.0" in row for row in rows), rows
    assert len([row for row in rows if "3" in row]) == 1, rows
