"""`parallelrun resubmit`: what is done and still good is taken over by item, and the rest runs."""

import csv
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess

import pytest
from checkout import PROGRAM
from waiting import PATIENCE, wait_for

# Names in FAIL fail; each call leaves the names of its items.
FILES = """
    import os
    def init(): pass
    def run(mini_batch):
        with open(os.environ["CALLS"], "a") as calls:
            calls.write("".join(os.path.basename(path) + "\\n" for path in mini_batch))
        for path in mini_batch:
            if os.path.basename(path) in os.environ.get("FAIL", "").split(","): raise ValueError(path)
        return [f"{os.path.basename(path)}:{open(path).read()}" for path in mini_batch]
"""

# Of tables: the key of each record, and twice its value.
TABLE = """
    import os
    def init(): pass
    def run(mini_batch):
        keys = [str(key) for key in mini_batch["key"]]
        with open(os.environ["CALLS"], "a") as calls: calls.write("".join(key + "\\n" for key in keys))
        if set(keys) & set(os.environ.get("FAIL", "").split(",")): raise ValueError("bad key")
        return RESULT
"""


class Resubmitted:
    def __init__(self, job):
        self.job = job
        self.calls = job.root / "calls"
        self.code = 0

    def environment(self, **extra):
        own = {"CALLS": str(self.calls), "PARALLELRUN_RUN_INDEX": "off"}
        return self.job.environment(**{**own, **extra})

    def run(self, *options, code=0, **extra):
        self.calls.unlink(missing_ok=True)
        self.job.run(*options, env=self.environment(**extra)).expect(code)

    def command(self, *options):
        return [str(PROGRAM), "resubmit", *options]

    def resubmit(self, *options, code=0, of=None, **extra):
        """The finished event; the new output directory becomes the job's `out`."""
        self.calls.unlink(missing_ok=True)
        done = subprocess.run(
            self.command(str(of or self.job.out), "--json", *options),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=self.environment(**extra),
        )
        assert done.returncode == code, done.stdout + done.stderr + self.job.log_tail()
        self.said = done.stderr
        self.events = [json.loads(line) for line in done.stdout.splitlines()]
        finished = self.events[-1] if self.events else {}
        if "outputDirectory" in finished:
            self.job.out = self.job.root / os.path.basename(finished["outputDirectory"])
        return finished

    def items(self):
        """That have run since the last start, each once or more."""
        return sorted(self.calls.read_text().split()) if self.calls.exists() else []

    def notes(self):
        return "\n".join(event["message"] for event in self.events if event["event"] == "note")


@pytest.fixture
def again(embedded_job):
    embedded_job.script(FILES).set(miniBatchSize=5, runMaxTry=1)
    return Resubmitted(embedded_job)


def names(*numbers):
    return [f"f{number:06}.txt" for number in numbers]


def test_what_failed_runs_again_and_the_rest_is_taken_over(again):
    job = again.job.files(40)
    again.run(FAIL="f000007.txt")
    old = job.out
    before = {path: path.read_bytes() for path in old.rglob("*") if path.is_file() and path.name != "lock"}
    assert len(job.rows()) == 35

    finished = again.resubmit()
    assert job.out == job.root / "out-2"
    assert again.items() == names(5, 6, 7, 8, 9)
    assert sorted(job.rows()) == [f"f{i:06}.txt:x" for i in range(40)]
    assert finished["itemsSucceeded"] == 40 and finished["itemsFailed"] == 0
    taken = finished["takenOver"]
    assert (taken["from"], taken["miniBatches"], taken["items"], taken["left"]) == (str(old), 7, 35, 1)
    assert "taken over from" in again.notes() and "1 mini-batch with 5 items failed" in again.notes()
    assert "the output directory is" in again.notes()
    # The earlier results are as they were.
    assert before == {path: path.read_bytes() for path in before}
    assert "Taken over:             7 mini-batches (35 items)" in job.overview()
    status = subprocess.run([PROGRAM, "status", job.out], capture_output=True, text=True, check=True)
    assert f"taken over: 35 items in 7 mini-batches of '{old}'" in status.stdout

    # Nothing is left to do then; and of a resubmission another one can be made.
    finished = again.resubmit("--set", "nodeCount=2")
    assert job.out == job.root / "out-3" and again.items() == []
    assert finished["takenOver"]["items"] == 40 and len(job.rows()) == 40
    finished = again.resubmit("--output", str(job.root / "fresh"), "--set", "allowReuse=false")
    assert len(again.items()) == 40 and finished["takenOver"]["again"] == ["allowReuse is false"]


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_another_size_takes_over_by_item(again, size):
    job = again.job.files(30)
    again.run(FAIL="f000003.txt,f000021.txt")
    again.resubmit("--set", f"miniBatchSize={size}")
    assert again.items() == names(*range(5), *range(20, 25))
    assert sorted(job.rows()) == [f"f{i:06}.txt:x" for i in range(30)]
    # Those that are left are cut by the new size.
    assert job.result()["miniBatchesProcessed"] == 4 + -(-10 // size)


def test_items_that_are_new_changed_or_gone(again):
    job = again.job.files(20)
    again.run()
    (job.data / "f000002.txt").write_text("changed")
    (job.data / "f000011.txt").unlink()
    job.file("a.txt", "new").file("sub/b.txt", "new")
    again.resubmit()
    expected = {path.name: path.read_text() for path in job.data.rglob("*.txt")}
    assert sorted(job.rows()) == sorted(f"{name}:{text}" for name, text in expected.items())
    assert again.items() == sorted(["a.txt", "b.txt", *names(0, 1, 2, 3, 4, 10, 12, 13, 14)])
    for words in (
        "2 objects are new",
        "1 object has changed",
        "1 object is gone",
        "2 mini-batches with 10 items have changed objects",
    ):
        assert words in again.notes(), again.notes()


def test_nothing_is_taken_over_from_another_job(again):
    job = again.job.files(10)
    (job.code / "table.csv").write_text("1")
    again.run()
    first = job.out
    changes = {
        "code: entry.py changed": lambda: job.script(FILES + "    # changed\n"),
        "code: table.csv changed": lambda: (job.code / "table.csv").write_text("2"),
    }
    for words, change in changes.items():
        change()
        finished = again.resubmit(of=first)
        assert len(again.items()) == 10 and len(job.rows()) == 10
        assert words in finished["takenOver"]["again"][0], finished["takenOver"]
        assert "nothing is taken over" in again.notes()
        assert (
            "nothing of"
            in subprocess.run([PROGRAM, "status", job.out], capture_output=True, text=True).stdout
        )
        again.run("--overwrite")  # the next change alone
        first = job.root / "out"
    finished = again.resubmit("--set", "arguments=[--x]", of=first)
    assert "arguments: was [], now" in finished["takenOver"]["again"][0]
    (first / "of_the_script.txt").write_text("x")
    finished = again.resubmit(of=first)
    assert "'of_the_script.txt' is none of the runner's files" in finished["takenOver"]["again"][0]


def test_rows_that_somebody_has_changed_run_again(again):
    job = again.job.files(20)
    again.run(FAIL="f000000.txt")
    path = job.out / "parallel_run_step.txt"
    rows = path.read_bytes()
    path.write_bytes(rows[:-2] + b"y\n")
    again.resubmit()
    assert sorted(job.rows()) == [f"f{i:06}.txt:x" for i in range(20)]
    assert "not as they were committed" in again.notes()


def test_a_shortfall_runs_again_as_a_whole(again):
    job = again.job.files(10)
    job.script(
        FILES.replace(
            "for path in mini_batch]", 'for path in mini_batch if os.environ.get("SHORT") not in path]'
        )
    )
    again.run(SHORT="f000003.txt")
    assert len(job.rows()) == 9
    again.resubmit(SHORT="none")
    assert again.items() == names(0, 1, 2, 3, 4) and len(job.rows()) == 10
    assert "returned fewer elements than items" in again.notes()


def test_parts_of_a_mini_batch_that_was_split(again):
    job = again.job.files(16).set(isolateFailures=True, miniBatchSize=8)
    again.run(FAIL="f000005.txt")
    assert len(job.rows()) == 15
    again.resubmit("--set", "miniBatchSize=4")
    assert again.items() == names(5) and sorted(job.rows()) == [f"f{i:06}.txt:x" for i in range(16)]


FORMATS = {
    "text": ('[f"{k}={2 * v}" for k, v in zip(keys, mini_batch["value"])]', {}),
    "csv": ('mini_batch.assign(value=2 * mini_batch["value"])', {"format": "csv"}),
    "jsonl": (
        '[{"key": k, "value": int(2 * v)} for k, v in zip(keys, mini_batch["value"])]',
        {"format": "jsonl"},
    ),
    "parquet": ('mini_batch.assign(value=2 * mini_batch["value"])', {"format": "parquet"}),
    "order": ('[f"{k}={2 * v}" for k, v in zip(keys, mini_batch["value"])]', {"order": "input"}),
}


def values(job, kind):
    """What the output says, sorted unless its order is that of the input."""
    path = job.out / "parallel_run_step.txt"
    if kind == "parquet":
        pandas = pytest.importorskip("pandas")
        table = pandas.read_parquet(path)
        return sorted(zip(table["key"].astype(str), table["value"].astype(int)))
    if kind == "csv":
        table = list(csv.DictReader(io.StringIO(path.read_text())))
        return sorted((row["key"], int(row["value"])) for row in table)
    if kind == "jsonl":
        return sorted((row["key"], row["value"]) for row in map(json.loads, job.rows()))
    pairs = [row.split("=") for row in job.rows()]
    return [(key, int(value)) for key, value in (pairs if kind == "order" else sorted(pairs))]


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_tables_in_every_format(again, kind):
    """Several files; a large one is cut, and other sizes cut what is left of it otherwise."""
    result, output = FORMATS[kind]
    job = again.job
    job.script(TABLE.replace("RESULT", result)).tabular(format="jsonl" if kind == "jsonl" else "csv")
    job.spec["output"].update(output)
    job.set(miniBatchSize=1024)
    chance = random.Random(kind)
    expected = []
    for file, count in (("a", 5), ("b", 700), ("c", 90), ("d", 60)):
        rows = [(f"{file}{i:04}", chance.randrange(1000)) for i in range(count)]
        expected += [(key, 2 * value) for key, value in rows]
        if kind == "jsonl":
            text = "".join(json.dumps({"key": key, "value": value}) + "\n" for key, value in rows)
        else:
            text = "key,value\n" + "".join(f"{key},{value}\n" for key, value in rows)
        job.file(f"{file}.{'jsonl' if kind == 'jsonl' else 'csv'}", text)
    again.run(FAIL="b0333,c0001")
    assert len(job.failed_items()) == 2
    failed = sum(item["count"] for item in job.failed_items())

    first = job.out
    for size in (1024, 300, 100_000):
        finished = again.resubmit("--set", f"miniBatchSize={size}", of=first)
        assert values(job, kind) == (expected if kind == "order" else sorted(expected)), size
        ran = again.items()
        assert len(ran) == len(set(ran))
        if kind != "order" or size == 1024:
            assert len(ran) == failed, (size, finished["takenOver"])
            assert finished["takenOver"]["items"] == len(expected) - failed
        else:
            assert "cut otherwise" in again.notes()
    # A file that is new runs alone, where the rows are still there one by one.
    job.out = first
    job.file(
        "e." + ("jsonl" if kind == "jsonl" else "csv"),
        '{"key": "e0", "value": 1}\n' if kind == "jsonl" else "key,value\ne0,1\n",
    )
    again.resubmit(of=first)
    assert len(again.items()) == failed + 1
    assert sorted(values(job, kind)) == sorted([*expected, ("e0", 2)])


@pytest.mark.parametrize("kind", ["text", "csv", "jsonl"])
def test_a_complete_job_whose_output_is_in_order(again, kind):
    """Its one file was made at the end; which rows are whose follows from their lengths and their order."""
    result, output = FORMATS[kind]
    job = again.job.script(TABLE.replace("RESULT", result)).tabular(format="csv")
    job.spec["output"].update(output, order="input")
    job.set(miniBatchSize=300, processCountPerNode=3)
    expected = []
    for file in "abc":
        rows = [(f"{file}{i:04}", i * 37 % 1000) for i in range(200)]
        expected += [(key, 2 * value) for key, value in rows]
        job.file(f"{file}.csv", "key,value\n" + "".join(f"{key},{value}\n" for key, value in rows))
    again.run()
    first = job.out
    before = (first / "parallel_run_step.txt").read_bytes()
    assert not (first / ".parallelrun" / "rows").exists()

    finished = again.resubmit("--set", "nodeCount=2")
    assert again.items() == [] and finished["takenOver"]["items"] == 600, again.notes()
    assert (job.out / "parallel_run_step.txt").read_bytes() == before

    job.file("b.csv", (job.data / "b.csv").read_text() + "b0200,1\n")
    again.resubmit(of=first)
    assert again.items() == [f"b{i:04}" for i in range(201)], again.notes()
    expected.insert(400, ("b0200", 2))
    assert values(job, kind) == sorted(expected)
    keys = [key for key, _ in sorted(expected)]
    text = (job.out / "parallel_run_step.txt").read_text()
    assert keys == re.findall(r"[abc]\d{4}", text), "in the order of the input"

    # A file that is not what was made is no source.
    (first / "parallel_run_step.txt").write_bytes(before.replace(b"a0001", b"a0009"))
    again.resubmit(of=first)
    assert len(again.items()) == 601 and "not as they were committed" in again.notes(), again.notes()


def test_a_complete_parquet_says_why_everything_runs(again):
    result, output = FORMATS["parquet"]
    job = again.job.script(TABLE.replace("RESULT", result)).tabular(format="csv")
    job.spec["output"].update(output)
    job.file("a.csv", "key,value\na,1\nb,2\n")
    again.run()
    again.resubmit()
    assert again.items() == ["a", "b"]
    assert (
        "one Parquet file at its end, in which those of single mini-batches cannot be told apart"
        in again.notes()
    )


def test_partition_keys_in_paths(again):
    """A group is taken over where all its files are what they were."""
    job = again.job.set(partitionKeys=["user", "genre"], miniBatchSize=None)
    job.spec["inputs"][0]["pathPattern"] = "{user}/{genre}/*.mp3"
    for user in ("ann", "bob"):
        for genre in ("jazz", "rock"):
            for number in range(3):
                job.file(f"{user}/{genre}/{user}-{genre}-{number}.mp3", "x")
    again.run(FAIL="bob-rock-1.mp3")
    assert len(job.rows()) == 9
    finished = again.resubmit()
    assert again.items() == [f"bob-rock-{number}.mp3" for number in range(3)], again.notes()
    assert finished["takenOver"]["items"] == 9 and len(set(job.rows())) == 12
    job.file("ann/jazz/ann-jazz-1.mp3", "new").file("eve/folk/eve.mp3", "x")
    again.resubmit()
    assert again.items() == [*(f"ann-jazz-{number}.mp3" for number in range(3)), "eve.mp3"], again.notes()
    assert len(set(job.rows())) == 13


def test_partition_keys_are_taken_over_by_group(again):
    job = again.job
    job.set(partitionKeys=["store"], miniBatchSize=None).tabular(format="csv")
    job.script(TABLE.replace("RESULT", "keys").replace('"key"', '"store"'))
    for file in range(3):
        job.file(f"{file}.csv", "store,value\n" + "".join(f"s{i % 7},{i}\n" for i in range(50)))
    again.run(FAIL="s3")
    again.resubmit()
    assert set(again.items()) == {"s3"}
    assert len(job.rows()) == 150
    # Another record may belong to any group.
    job.file("4.csv", "store,value\ns1,5\n")
    again.resubmit()
    assert len(again.items()) == 151 and len(job.rows()) == 151


def wait_for_free(output):
    """Until no orchestrator has it any more."""
    lock = output / ".parallelrun" / "lock"
    wait_for(
        lambda: not lock.exists() or subprocess.run(["flock", "-n", lock, "true"]).returncode == 0,
        f"'{lock}' is held",
    )


def test_an_interrupted_job_gives_what_it_has(again):
    job = again.job.files(60).set(miniBatchSize=2)
    job.script(FILES.replace("    for path", '    __import__("time").sleep(0.05)\n        for path', 1))
    process = job.start(env=again.environment())
    wait_for(lambda: len(job.rows()) > 10, "rows")
    process.kill()
    process.wait()
    wait_for_free(job.out)
    had = len(job.rows())
    again.resubmit("--set", "miniBatchSize=7")
    assert sorted(job.rows()) == [f"f{i:06}.txt:x" for i in range(60)]
    assert len(again.items()) <= 60 - had + 2


def test_killed_at_any_instant_it_goes_on(again):
    """The same command again and again, each time killed a little later."""
    job = again.job.files(400).set(miniBatchSize=2)
    again.run(FAIL="f000100.txt")
    first = job.out
    command = again.command(str(first), "--set", "miniBatchSize=3", "--quiet")
    chance = random.Random(7)
    kills = 0
    for attempt in range(40):
        process = subprocess.Popen(
            command, env=again.environment(), stdout=subprocess.DEVNULL, start_new_session=True
        )
        try:
            process.wait(timeout=0.01 + 0.02 * attempt * chance.random())
        except subprocess.TimeoutExpired:
            kills += 1
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            wait_for_free(job.root / "out-2")
            # All was done before the kill; the same command would begin the next one, and rightly so.
            if (job.root / "out-2" / "_SUCCESS").exists():
                break
            continue
        assert process.returncode == 0
        break
    else:
        subprocess.run(command, env=again.environment(), check=True, stdout=subprocess.DEVNULL)
    assert kills > 5
    job.out = job.root / "out-2"
    assert sorted(job.rows()) == [f"f{i:06}.txt:x" for i in range(400)]
    assert not (job.root / "out-3").exists()
    assert (job.out / "_SUCCESS").exists()


@pytest.mark.parametrize("left", [[], [".parallelrun"], [".parallelrun", ".parallelrun/lock"]])
def test_what_ended_before_its_first_file_is_gone_on_with(again, left):
    job = again.job.files(6).set(miniBatchSize=2)
    again.run(FAIL="f000001.txt")
    second = job.root / "out-2"
    second.mkdir()
    for name in left:
        (second / name).touch() if name.endswith("lock") else (second / name).mkdir()
    again.resubmit("--set", "miniBatchSize=3")
    assert (second / "_SUCCESS").exists() and not (job.root / "out-3").exists()


def test_a_folder_with_files_of_others_is_left_alone(again):
    job = again.job.files(6).set(miniBatchSize=2)
    again.run(FAIL="f000001.txt")
    (job.root / "out-2").mkdir()
    (job.root / "out-2" / "mine.txt").write_text("mine")
    again.resubmit("--set", "miniBatchSize=3")
    assert [path.name for path in (job.root / "out-2").iterdir()] == ["mine.txt"]
    assert (job.root / "out-3" / "_SUCCESS").exists()


def test_bad_input_is_named(again):
    job = again.job.files(4)
    job.spec["environment"] = {"variables": {"TOKEN": "secret-value"}}
    job.set(miniBatchSize=2)
    again.run()
    again.resubmit(code=2, of=job.root / "nowhere")
    assert "'" + str(job.root / "nowhere") + "'" in again.said
    again.resubmit("--set", "miniBachSize=3", code=2)
    assert "--set 'miniBachSize=3'" in again.said and "miniBatchSize" in again.said, again.said
    again.resubmit("--output", str(job.out), code=2)
    assert "is the earlier output directory" in again.said

    # What may be a secret is not kept; it comes from the manifest, as long as that has it.
    record = job.out / ".parallelrun" / "submission.json"
    assert "secret-value" not in record.read_text()
    again.resubmit("--output", str(job.root / "with"))
    job.out = job.root / "out"
    (job.root / "job.json").unlink()
    again.resubmit(code=2)
    assert "spec.environment.variables.TOKEN" in again.said and "--set 'spec.environment" in again.said
    finished = again.resubmit("--set", "environment.variables.TOKEN=secret-value")
    assert finished["takenOver"]["items"] == 4
    job.out = job.root / "out"
    record.unlink()
    again.resubmit(code=2)
    assert "--take-over" in again.said

    # Of an output that lies among the inputs, the files would be items.
    shutil.rmtree(job.root / "out-2", ignore_errors=True)
    job.spec.pop("environment")
    inside = job.data / "results"
    again.run("--output", str(inside))
    again.resubmit("--output", str(job.root / "outside"), code=2, of=inside)
    assert "would be items now" in again.said


def test_a_job_at_work_is_refused(again):
    job = again.job.files(4)
    job.script(FILES.replace("    for path", '    __import__("time").sleep(3)\n        for path', 1)).set(
        miniBatchSize=2
    )
    process = job.start(env=again.environment())
    wait_for(again.items, "a call of run")
    again.resubmit(code=2)
    assert "a job is at work in" in again.said
    process.send_signal(signal.SIGINT)
    process.wait()
