"""Partition keys of inputs in stores: the same mini-batches as from a local folder, and each row once, whatever happens
between us and the store."""

import json
import random

import pandas
import pytest
from job_folder import kill_quietly
from processes import command_line, descendants
from store_job import KEYS
from test_tables_in_stores import fill, from_folder
from waiting import wait_for

pyarrow = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402

# Each mini-batch: its keys, and its rows as they came.
SHOW = """
    import json
    def init(): pass
    def run(mini_batch, context):
        keys = json.dumps(context.partition_key_value, default=str)
        if isinstance(mini_batch, list):
            return ["%d %s %s" % (context.minibatch_index, keys, open(path).read()) for path in mini_batch]
        types = str([(name, str(kind)) for name, kind in mini_batch.dtypes.items()])
        return ["%d %s %s %s" % (context.minibatch_index, keys, types, row) for row in mini_batch.astype(str).values.tolist()]
"""


def rows_of(first, count, seed=1):
    draw = random.Random(seed + first)
    for n in range(first, first + count):
        yield {"n": n, "store": draw.randrange(40), "brand": draw.choice(["x", "y y", "ü", None]), "v": n / 8}


def as_csv(rows):
    return pandas.DataFrame(rows).to_csv(index=False)


def as_jsonl(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def parquet_of(rows, schema=None, **options):
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema), sink, **options)
    return sink.getvalue().to_pybytes()


def as_parquet(rows, **options):
    types = {"n": "int64", "store": "int64", "brand": "string", "v": "float64"}
    schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in types.items()])
    return parquet_of(rows, schema, **{"row_group_size": 997, **options})


KINDS = {"csv": as_csv, "jsonl": as_jsonl, "parquet": as_parquet}


def keyed(job, kind, *keys, **options):
    given = {"name": "table", "type": "tabular", "format": kind, "source": job.source("in"), **options}
    job.spec.pop("miniBatchSize", None)
    return job.script(SHOW).set(inputs=[given], partitionKeys=list(keys), processCountPerNode=2)


def run(job, **variables):
    return job.run(env=job.environment(**variables), timeout=180)


def expect_as_from_folder(job):
    """The same job over a local folder gives the same rows in the same mini-batches."""
    assert sorted(job.rows()) == from_folder(job)
    return job.rows()


@pytest.mark.parametrize("kind", KINDS)
def test_groups_by_columns_are_those_of_a_folder_and_of_pandas(job, kind):
    files = [list(rows_of(first, count)) for first, count in ((0, 5000), (5000, 1), (6000, 3000))]
    fill(job, {f"{number}.{kind}": KINDS[kind](rows) for number, rows in enumerate(files)})
    keyed(job, kind, "store", "brand")
    run(job).expect(0)
    rows = expect_as_from_folder(job)
    frame = pandas.DataFrame([row for rows in files for row in rows])
    wanted = len(frame.groupby(["store", "brand"], dropna=False))
    assert len({row.split(" ")[0] for row in rows}) == wanted
    assert len(rows) == len(frame)
    assert job.left_in_cache() == []


NUMBERS = """
    import json
    def init(): pass
    def run(mini_batch, context):
        keys = json.dumps(context.partition_key_value)
        return ["%d %s %d" % (context.minibatch_index, keys, n) for n in mini_batch["n"]]
"""


def large(kind, seed=1):
    """Some 28 MB."""
    rows = [{**row, "brand": f"{row['n']:07}" * 50} for row in rows_of(0, 80_000, seed)]
    return KINDS[kind](
        rows, **({"row_group_size": 30_000, "compression": "none"} if kind == "parquet" else {})
    )


@pytest.mark.parametrize("kind", KINDS)
def test_objects_larger_than_the_cache_are_grouped_through_it(job, kind):
    fill(job, {f"large.{kind}": large(kind), f"more.{kind}": KINDS[kind](list(rows_of(0, 10)))})
    assert (job.data / f"large.{kind}").stat().st_size > 28_000_000
    keyed(job, kind, "store").script(NUMBERS)
    run(job, PARALLELRUN_CACHE_SIZE="10M").expect(0)
    assert len(expect_as_from_folder(job)) == 80_010


@pytest.mark.parametrize("pattern", [False, True], ids=["folders", "pattern"])
@pytest.mark.parametrize("kind", ["file", *KINDS])
def test_keys_in_paths(job, kind, pattern):
    """Several objects of a key are one mini-batch."""
    objects = {"zz/beside.file": "no key", "zz/beside.csv": as_csv(list(rows_of(0, 3)))}
    for number in range(12):
        rows = list(rows_of(100 * number, 50))
        name = f"user={number % 3}/genre={'ab'[number % 2]}%3A/{number}.{kind}"
        objects[name] = f"text {number}" if kind == "file" else KINDS[kind](rows)
    fill(job, objects)
    where = (
        {"pathPattern": f"user={{user}}/genre={{genre}}/*.{kind}"} if pattern else {"glob": f"**/*.{kind}"}
    )
    if kind == "file":
        keyed(job, "csv", "user", "genre")
        job.spec["inputs"] = [{"name": "files", "type": "file", "source": job.source("in"), **where}]
    else:
        keyed(job, kind, "user", "genre", **where)
    run(job).expect(0)
    rows = expect_as_from_folder(job)
    assert len({row.split(" ")[0] for row in rows}) == 6
    assert len(rows) == (12 if kind == "file" else 600)
    assert job.left_in_cache() == []


def test_keys_of_a_pattern_and_a_column(job):
    fill(job, {f"{user}{n}/t.csv": as_csv(list(rows_of(50 * n, 40))) for n, user in enumerate("abca")})
    keyed(job, "csv", "user", "store", pathPattern="{user}/*.csv")
    run(job).expect(0)
    assert len(expect_as_from_folder(job)) == 160


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_led_back_to_object_and_row(job, kind):
    fill(job, {f"{n}.{kind}": KINDS[kind](list(rows_of(100 * n, 40))) for n in range(3)})
    keyed(job, kind, "store")
    job.spec["output"] = {**job.spec["output"], "format": "jsonl", "addContext": True}
    job.script("""
        def init(): pass
        def run(mini_batch): return mini_batch[["n"]]
    """)
    run(job).expect(0)
    found = [json.loads(row) for row in job.rows()]
    assert len(found) == 120
    for row in found:
        number = int(row["file"].rpartition("/")[2].removesuffix(f".{kind}"))
        assert row["n"] == 100 * number + row["row"] - 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_that_changes_while_it_is_grouped_ends_the_job_with_its_name(job, kind):
    """Never a group with rows of two contents."""
    fill(job, {f"t.{kind}": large(kind)})
    keyed(job, kind, "store")
    # What the check and the sample read comes at once, the rows slowly.
    job.proxy.fault(path=f"t.{kind}", times=12)
    job.proxy.fault(path=f"t.{kind}", times=100, wait=0.4)
    environment = job.environment(PARALLELRUN_CACHE_SIZE="10M")
    running = job.start("--credentials", job.credentials(KEYS), env=environment)
    wait_for(lambda: (job.out / ".parallelrun" / "groups" / "0").exists(), "grouping")
    job.bucket.put(f"in/t.{kind}", large(kind, 2))
    out, err = running.communicate(timeout=120)
    assert running.returncode == 1, out + err
    assert f"t.{kind} has changed since it was planned" in err, err
    assert job.rows() == []


def process_below(parent, role):
    return next((pid for pid in descendants(parent) if role in command_line(pid) + " "), None)


@pytest.mark.parametrize("kind", KINDS)
def test_kills_while_objects_are_grouped_lose_and_double_no_row(job, kind):
    """The orchestrator with its grouping, the data process, and the whole job, which then goes on."""
    fill(job, {f"{n:02}.{kind}": KINDS[kind](list(rows_of(4000 * n, 4000))) for n in range(12)})
    keyed(job, kind, "store", "brand").set(nodeCount=2)
    state = job.out / ".parallelrun" / "groups" / "0"
    job.proxy.fault(path="/11.", times=3, wait=0.3)
    running = job.start("--credentials", job.credentials(KEYS))
    for role in ("parallelrun_data", " orchestrator ", "parallelrun_data"):
        wait_for(state.exists, "grouping", pause=0.001)
        kill_quietly(wait_for(lambda role=role: process_below(running.pid, role), role, pause=0.001))
    assert running.poll() is None
    running.kill()
    running.communicate(timeout=120)
    run(job).expect(0)
    assert len(expect_as_from_folder(job)) == 48_000
    assert job.left_in_cache() == []


@pytest.mark.parametrize("kind", KINDS)
def test_faults_while_objects_are_grouped_are_met(job, kind):
    fill(job, {f"{n}.{kind}": KINDS[kind](list(rows_of(2000 * n, 2000))) for n in range(4)})
    keyed(job, kind, "store")
    job.proxy.fault(path=f"0.{kind}", times=3, status=503)
    job.proxy.fault(path=f"2.{kind}", times=2, cut=1000)
    run(job).expect(0)
    assert job.proxy.left() == 0
    assert len(expect_as_from_folder(job)) == 8000


NEVER = """
    import os
    def init(): open(os.environ["FLAG"], "w").close()
    def run(mini_batch): return mini_batch
"""


@pytest.mark.parametrize(
    ("kind", "other", "words"),
    [
        ("csv", {"n": 1, "shop": 1, "brand": "x", "v": 0.5}, "has other columns than the first file"),
        (
            "parquet",
            {"n": 1, "store": "text", "brand": "x", "v": 0.5},
            "the partition key 'store' has the type string",
        ),
        (
            "parquet",
            {"n": 1, "brand": "x", "v": 0.5},
            "has no column 'store', which spec.partitionKeys names",
        ),
    ],
)
def test_what_is_wrong_with_a_later_object_is_told_before_init(job, kind, other, words):
    rows = list(rows_of(0, 100))
    last = as_csv([other]) if kind == "csv" else parquet_of([other])
    fill(job, {f"{n:02}.{kind}": KINDS[kind](rows) for n in range(30)} | {f"99.{kind}": last})
    keyed(job, kind, "store").script(NEVER)
    flag = job.root / "flag"
    outcome = run(job, FLAG=str(flag))
    outcome.expect(1)
    assert words in outcome.stderr and f"s3://{job.bucket.name}/in/99.{kind}" in outcome.stderr, (
        outcome.stderr
    )
    assert not flag.exists()


def test_a_key_that_no_column_has_names_the_nearest(job):
    fill(job, {"0.csv": as_csv(list(rows_of(0, 10)))})
    keyed(job, "csv", "stroe").script(NEVER)
    outcome = run(job, FLAG=str(job.root / "flag")).expect(1)
    assert "did you mean 'store'?" in outcome.stderr, outcome.stderr
    assert not (job.root / "flag").exists()
