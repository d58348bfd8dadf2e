"""Tables in stores: the same rows in the same mini-batches as from a local folder, whatever happens between us and them."""

import gzip
import json
import os
import random
import shutil
import signal

import numpy
import pandas
import pyarrow
import pytest
import yaml
from checkout import REPOSITORY
from job_folder import JobFolder
from processes import command_line, descendants
from pyarrow import parquet
from store_job import keys_of
from waiting import wait_for

# Each record with its mini-batch: types and values.
SHOW = """
    import hashlib
    def init(): pass
    def run(mini_batch):
        rows = [str(row) for row in mini_batch.astype(str).values.tolist()]
        types = str([(name, str(kind)) for name, kind in mini_batch.dtypes.items()])
        batch = hashlib.sha256((types + str(rows)).encode()).hexdigest()[:12]
        return ["%s %s" % (batch, row) for row in rows]
"""


def lines(first, last, seed=0):
    draw = random.Random(seed + first)
    for number in range(first, last):
        text = draw.choice(["plain", 'a "quoted, text', "two\nlines", "ümlaut", ""])
        yield number, draw.choice([str(number), str(number / 4)]), text


def csv(first, last, delimiter=","):
    quoted = ('"' + text.replace('"', '""') + '"' for _, _, text in lines(first, last))
    rows = (
        delimiter.join((str(n), value, text))
        for (n, value, _), text in zip(lines(first, last), quoted, strict=True)
    )
    return delimiter.join(("id", "value", "text")) + "\n" + "\n".join(rows) + "\n"


def jsonl(first, last):
    return "".join(
        json.dumps({"id": n, "value": float(v), "text": t, "more": [n]}) + "\n"
        for n, v, t in lines(first, last)
    )


def parquet_bytes(first, last, **options):
    rows = list(lines(first, last))
    table = pyarrow.table(
        {
            "id": [n for n, _, _ in rows],
            "value": [float(v) for _, v, _ in rows],
            "text": [t for _, _, t in rows],
        }
    )
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink, **options)
    return sink.getvalue().to_pybytes()


KINDS = {"csv": csv, "tsv": lambda first, last: csv(first, last, "\t"), "jsonl": jsonl}


def all_tables():
    """Names and contents: objects of some mini-batches and of one, packed ones, empty ones, and what is no table."""
    objects = {
        "notes.txt": "no table",
        "a/.hidden.csv": "id\n1\n",
        "_SUCCESS": "",
        "large.parquet": parquet_bytes(0, 9_000, row_group_size=1_000),
        "day=1/one.parquet": parquet_bytes(30_000, 33_000),
        "day=2/none.parquet": parquet_bytes(34_000, 34_000),
        "day=2/more.pq": parquet_bytes(34_000, 34_100, row_group_size=7, compression="none"),
    }
    for kind, make in KINDS.items():
        objects[f"large.{kind}"] = make(0, 9_000)
        objects[f"day=1/b.{kind}"] = make(40_000, 40_100)
        objects[f"day=1/b-more.{kind}"] = make(41_000, 41_010)
        objects[f"day=2/c.{kind}.gz"] = gzip.compress(make(41_010, 42_000).encode(), mtime=0)
        objects[f"day=2/empty.{kind}"] = ""
    return {**objects, "day=2/header.csv": "id,value,text\n"}


def fill(job, objects):
    for name, content in objects.items():
        path = job.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        job.bucket.put(f"in/{name}", content)


def table_inputs(job, *formats, **options):
    """One input for each format, over the same folder."""
    job.spec["inputs"] = [
        {"name": kind, "type": "tabular", "format": kind, "source": job.source("in"), **options}
        for kind in formats or ["csv"]
    ]


def run(job, **variables):
    return job.run(env=job.environment(**variables), timeout=120)


def from_folder(job):
    """The rows of the same job over a local folder."""
    local = JobFolder(job.root / "local")
    shutil.copytree(job.data, local.data, dirs_exist_ok=True)
    shutil.copytree(job.code, local.code, dirs_exist_ok=True)
    source = local.spec["inputs"][0]["source"]
    for key in ("miniBatchSize", "processCountPerNode", "partitionKeys"):
        local.spec.pop(key, None)
        if key in job.spec:
            local.spec[key] = job.spec[key]
    local.set(inputs=[{**one, "source": source} for one in job.spec["inputs"]]).run().expect(0)
    return sorted(local.rows())


def test_the_objects_of_a_prefix_tell_the_format(job):
    for part in range(3):
        job.bucket.put(f"in/s{part}/a.jsonl", json.dumps({"id": part}) + "\n")
    job.script("def init(): pass\ndef run(mini_batch): return [int(n) for n in mini_batch['id']]\n")
    job.set(inputs=[{"name": "table", "type": "tabular", "source": job.source("in")}])
    run(job).expect(0)
    assert sorted(job.rows()) == ["0", "1", "2"]
    # What the output has is that format, said or not.
    job.spec["inputs"][0]["format"] = "jsonl"
    assert "nothing to do" in run(job).expect(0).words


@pytest.mark.both_servers
def test_the_same_mini_batches_as_from_a_folder(job):
    fill(job, all_tables())
    job.script(SHOW).set(miniBatchSize="20KB", processCountPerNode=2)
    table_inputs(job, "csv", "tsv", "jsonl", "parquet")
    outcome = job.run().expect(0)
    rows = sorted(job.rows())
    assert len(rows) == 3 * 10_100 + 12_100
    assert rows == from_folder(job)
    assert job.failed_items() == []
    assert "is empty and has no record" in outcome.stderr
    assert job.left_in_cache() == []


def test_each_byte_comes_once_where_the_cache_has_room(job):
    """What was read to cut an object serves its mini-batches."""
    fill(job, {"large.csv": csv(0, 20_000)})
    size = (job.data / "large.csv").stat().st_size
    job.script(SHOW).set(miniBatchSize="50KB", processCountPerNode=2)
    table_inputs(job)
    job.run().expect(0)
    assert sorted(job.rows()) == from_folder(job)
    fetched = job.proxy.bytes_of("large.csv")
    assert size <= fetched < 1.1 * size + 200_000, (fetched, size)


def test_of_parquet_the_columns_that_are_asked_for_come(job):
    """And the index that pandas has noted: the same frames as from a folder, for a fifth of the bytes."""
    count = 40_000
    draw = numpy.random.default_rng(7)
    frame = pandas.DataFrame({name: draw.random(count) for name in "abcdefgh"})
    frame["nested"] = [{"x": float(x), "y": float(x) / 3} for x in draw.random(count)]
    frame.index = pandas.Index(draw.permutation(count), name="key")
    folder = job.root / "made"
    folder.mkdir()
    frame.to_parquet(folder / "wide.parquet", row_group_size=10_000)
    fill(job, {"wide.parquet": (folder / "wide.parquet").read_bytes()})
    job.script(
        """
        def init(): pass
        def run(mini_batch):
            return [f"{index} {row.tolist()}" for index, row in zip(mini_batch.index, mini_batch.values)]
        """
    ).set(miniBatchSize="300KB", processCountPerNode=2)
    size = (job.data / "wide.parquet").stat().st_size
    table_inputs(job, "parquet", columns={"g": "float64"})
    job.run().expect(0)
    rows = sorted(job.rows())
    assert rows == sorted(f"{key} {[value]}" for key, value in frame["g"].items())
    fetched = job.proxy.bytes_of("wide.parquet")
    assert fetched < size * 0.35, (fetched, size)
    assert rows == from_folder(job)


def test_an_object_larger_than_the_cache(job):
    fill(job, {"large.csv": "id,half\n" + "".join(f"{n},{n / 2}\n" for n in range(1_500_000))})
    job.script(
        """
        def init(): pass
        def run(mini_batch):
            return ["%d %d" % (mini_batch.id.sum(), mini_batch.half.sum())] * len(mini_batch)
        """
    ).set(miniBatchSize="1MB", processCountPerNode=2)
    table_inputs(job)
    run(job, PARALLELRUN_CACHE_SIZE="14M").expect(0)
    assert sorted(job.rows()) == from_folder(job)


def test_a_cache_without_room_for_a_mini_batch_is_told(job):
    fill(job, {"t.csv": csv(0, 20_000)})
    job.script(SHOW)
    table_inputs(job)
    outcome = run(job, PARALLELRUN_CACHE_SIZE="100k")
    assert outcome.code == 1
    assert "more than the cache may hold (100.0 kB); set PARALLELRUN_CACHE_SIZE" in outcome.stderr


def test_faults_between_us_and_the_store_are_met(job):
    fill(job, {f"t{number}.csv": csv(number * 100, number * 100 + 100) for number in range(8)})
    fill(job, {"t5.csv": csv(9_000, 14_000)})
    job.script(SHOW).set(miniBatchSize="20KB", processCountPerNode=2)
    table_inputs(job)
    job.proxy.fault(path="t1.csv", times=3, status=503)
    job.proxy.fault(path="t3.csv", times=2, cut=1000)
    job.proxy.fault(path="t5.csv", times=2, cut=70_000)
    job.proxy.fault(path="t7.csv", times=1, wait=2.0)
    job.run().expect(0)
    assert job.proxy.left() == 0
    assert sorted(job.rows()) == from_folder(job)


SLOW = SHOW.replace("def run(mini_batch):", "def run(mini_batch):\n        import time; time.sleep(0.2)")


@pytest.mark.both_servers
def test_kills_of_everything_lose_and_double_no_row(job):
    """The data process, an agent, and the whole job, which then goes on."""
    for number in range(15):
        first = number * 500
        fill(job, {f"t{number:02}.csv": csv(first, first + 500)})
        fill(job, {f"t{number:02}.parquet": parquet_bytes(first, first + 500, row_group_size=250)})
    job.script(SLOW).set(miniBatchSize="5KB", processCountPerNode=2, nodeCount=2)
    table_inputs(job, "csv", "parquet")
    running = job.start("--credentials", job.credentials(keys_of(job.bucket)))
    for done, role in ((1_000, "parallelrun_data"), (4_000, " agent "), (8_000, "parallelrun_data")):
        wait_for(lambda done=done: len(job.rows()) > done, "some rows")
        victim = next(pid for pid in descendants(running.pid) if role in command_line(pid) + " ")
        os.kill(victim, signal.SIGKILL)
    wait_for(lambda: len(job.rows()) > 11_000, "some rows")
    os.kill(running.pid, signal.SIGKILL)
    running.communicate(timeout=120)
    job.run(timeout=240).expect(0)
    assert len(job.rows()) == 15_000
    assert job.failed_items() == []
    found = sorted(job.rows())
    job.script(SHOW)
    assert found == from_folder(job)


WAITING = """
    import os, time, json
    def init(): pass
    def run(mini_batch):
        open(os.environ["FLAG"], "w").close()
        while not os.path.exists(os.environ["GO"]):
            time.sleep(0.02)
        return mini_batch.id.tolist()
"""


def test_an_object_that_changes_fails_its_mini_batches(job):
    """Nothing of its new content is taken."""
    for number in range(8):
        first = number * 100
        fill(job, {f"t{number}.csv": csv(first, first + 100)})
        fill(job, {f"t{number}.parquet": parquet_bytes(first, first + 100)})
    job.script(WAITING).set(miniBatchSize="1MB", errorThreshold=-1, processCountPerNode=1)
    table_inputs(job, "csv", "parquet")
    flag, go = job.root / "flag", job.root / "go"
    environment = job.environment(FLAG=str(flag), GO=str(go))
    running = job.start("--credentials", job.credentials(keys_of(job.bucket)), env=environment)
    wait_for(flag.exists, "the first mini-batch")
    wait_for(lambda: "Mini-batches created: 16" in " ".join(job.overview().split()), "the plan")
    for kind, make in (("csv", csv), ("parquet", parquet_bytes)):
        job.bucket.put(f"in/t7.{kind}", make(5700, 5800))
        job.bucket.delete(f"in/t6.{kind}")
    # What was read to cut them is in the cache of this one.
    (pid,) = (pid for pid in descendants(running.pid) if "parallelrun_data" in command_line(pid))
    os.kill(pid, signal.SIGKILL)
    go.touch()
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, out + err
    assert sorted(map(int, job.rows())) == sorted(2 * list(range(600)))
    failed = {item["file"].rpartition("/")[2]: json.dumps(item["error"]) for item in job.failed_items()}
    assert sorted(failed) == ["t6.csv", "t6.parquet", "t7.csv", "t7.parquet"]
    for kind in ("csv", "parquet"):
        assert "has changed since it was planned" in failed[f"t7.{kind}"]
        assert "is not there any more" in failed[f"t6.{kind}"]


def test_a_broken_table_fails_alone_and_is_named(job):
    objects = {"good.parquet": parquet_bytes(0, 100), "cut.parquet": parquet_bytes(100, 5000)[:-50]}
    fill(job, objects)
    job.script(SHOW).set(errorThreshold=-1)
    table_inputs(job, "parquet")
    job.run().expect(0)
    assert len(job.rows()) == 100
    (item,) = job.failed_items()
    assert item["file"] == f"s3://{job.bucket.name}/in/cut.parquet"
    assert "cannot be read as Parquet" in json.dumps(item)


def test_a_failing_record_stands_alone(job):
    """isolateFailures reads parts of a mini-batch again."""
    fill(job, {"t.csv": csv(0, 400)})
    job.script(
        """
        def init(): pass
        def run(mini_batch):
            assert 123 not in mini_batch.id.tolist(), "bad"
            return mini_batch.id.tolist()
        """
    ).set(miniBatchSize="4KB", errorThreshold=-1, isolateFailures=True, runMaxTry=1)
    table_inputs(job)
    job.run().expect(0)
    assert sorted(map(int, job.rows())) == [n for n in range(400) if n != 123]
    (item,) = job.failed_items()
    assert (item["file"], item["records"]) == (f"s3://{job.bucket.name}/in/t.csv", 1)


def test_the_example(job):
    folder = REPOSITORY / "examples" / "bucket"
    spec = yaml.safe_load((folder / "job.yaml").read_text())["spec"]
    spec["inputs"][0]["source"] = job.source("in")
    spec["output"]["source"] = job.spec["output"]["source"]
    shutil.copy(folder / "total.py", job.code)
    spec["sourceDirectory"] = job.spec["sourceDirectory"]
    job.spec = spec
    for day in (1, 2):
        job.bucket.put(f"in/day=2026-01-0{day}/part.csv", f"item,amount,price\n7,2,{day}.5\n8,1,3\n")
    job.run().expect(0)
    rows = job.rows("totals.csv")
    assert rows[0] == "day,item,total"
    assert sorted(rows[1:]) == [
        "2026-01-01,7,3.0",
        "2026-01-01,8,3.0",
        "2026-01-02,7,5.0",
        "2026-01-02,8,3.0",
    ]
