"""output.order: input. The rows stand in the order of the input, whichever mini-batch ends first."""

import csv
import io
import json
import random

import pytest
from job_folder import kill_quietly
from test_resume import hold, release, roles_below
from waiting import PATIENCE, wait_for

# The first mini-batches end last.
BACKWARDS = """
    import os, time
    def init(): pass
    def run(mini_batch):
        number = int(os.path.basename(mini_batch[0])[1:7])
        time.sleep(max(0, 0.2 - number * 0.002))
        return [{"n": int(os.path.basename(p)[1:7])} for p in mini_batch]
"""


def ordered(job, output_format="text", **output):
    job.spec["output"] = {**job.spec["output"], "order": "input", "format": output_format, **output}
    return job


def numbers(job, output_format):
    text = (job.out / "parallel_run_step.txt").read_text()
    if output_format == "text":
        return [int(line.split(":")[1].strip(" }")) for line in text.splitlines()]
    if output_format == "csv":
        header, *records = csv.reader(io.StringIO(text))
        assert header == ["n"]
        return [int(n) for (n,) in records]
    return [json.loads(line)["n"] for line in text.splitlines()]


@pytest.mark.parametrize("output_format", ["text", "csv", "jsonl"])
def test_rows_are_in_the_order_of_the_input(job, output_format):
    ordered(job.files(120).script(BACKWARDS), output_format)
    job.set(miniBatchSize=7, nodeCount=2, processCountPerNode=2)
    job.run().expect(0)
    assert numbers(job, output_format) == list(range(120))
    assert not (job.out / ".parallelrun" / "rows").exists()
    assert (job.out / "parallel_run_step.txt").stat().st_mode & 0o777 == 0o644 & ~_umask()
    assert "complete" in job.run().expect(0).words
    # What is complete is checked as any output is.
    (job.out / "parallel_run_step.txt").write_text("other\n")
    refused = job.run().expect(1)
    assert "parallel_run_step.txt no longer holds" in refused.words, refused.words


def _umask():
    import os

    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_failed_job_has_what_was_committed_in_order_and_goes_on(job):
    ordered(job.files(40)).set(miniBatchSize=1, errorThreshold=0, runMaxTry=1, processCountPerNode=1)
    job.script(
        """
        import os
        def init(): pass
        def run(mini_batch):
            name = os.path.basename(mini_batch[0])
            if name == "f000020.txt" and not os.path.exists(GO): raise ValueError("not yet")
            return [name]
        GO = %r
    """
        % str(job.root / "go")
    )
    job.run().expect(1)
    rows = job.rows()
    assert rows == sorted(rows) and 0 < len(rows) < 40
    (job.root / "go").touch()
    job.run().expect(0)
    assert job.rows() == [f"f{i:06}.txt" for i in range(40)]


def test_failed_mini_batches_of_a_complete_job_are_tried_again_in_their_places(job):
    ordered(job.files(9)).set(miniBatchSize=1, runMaxTry=1)
    job.script(
        """
        import os
        def init(): pass
        def run(mini_batch):
            name = os.path.basename(mini_batch[0])
            if name == "f000004.txt" and not os.path.exists(GO): raise ValueError("not yet")
            return [name]
        GO = %r
    """
        % str(job.root / "go")
    )
    job.run().expect(0)
    names = [f"f{i:06}.txt" for i in range(9)]
    assert job.rows() == names[:4] + names[5:]
    (job.root / "go").touch()
    job.run("--retry-failed").expect(0)
    assert job.rows() == names


def test_the_rows_of_another_job_that_was_interrupted_are_not_thrown_away(embedded_job):
    job = ordered(hold(embedded_job.files(300)))
    process = job.start()
    wait_for(lambda: rows_are_staged(job), "the first rows", pause=0.01)
    process.terminate()
    words = "".join(process.communicate(timeout=PATIENCE))
    assert "parallel_run_step.txt (it is made at the end of the job)" in words, words
    assert not (job.out / "parallel_run_step.txt").exists()
    release(job)
    job.spec["output"]["format"] = "jsonl"
    refused = job.run().expect(2)
    assert "output.format" in refused.words
    del job.spec["output"]["format"]
    job.spec["output"]["format"] = "text"
    job.run().expect(0)
    assert job.rows() == [f"f{i:06}.txt" for i in range(300)]


def rows_are_staged(job):
    path = job.out / ".parallelrun" / "rows"
    return path.exists() and path.stat().st_size > 0


@pytest.mark.parametrize("seed", range(4))
def test_killed_while_it_seals(embedded_job, seed):
    """The orchestrator is killed again and again around its end."""
    dice = random.Random(seed)
    job = ordered(embedded_job, "csv")
    job.file("t.csv", "id,text\n" + "".join(f"{n},{'x' * 2000}\n" for n in range(20_000)))
    job.spec["inputs"] = [{"name": "table", "type": "tabular", "source": {"local": {"path": "data"}}}]
    job.script("""
        def init(): pass
        def run(table): return table
    """)
    job.set(miniBatchSize="100KB", processCountPerNode=2)
    kills = 0
    for _ in range(6):
        process = job.start()
        out = job.out / "parallel_run_step.txt"
        aside = job.out / ".parallelrun"
        wait_for(
            lambda: (
                process.poll() is not None or any(".result" in path.name for path in aside.glob("*.result"))
            ),
            "the seal",
            pause=0.002,
        )
        for pid in roles_below(process.pid).get("orchestrator", []):
            kill_quietly(pid)
            kills += 1
        if dice.random() < 0.5:
            kill_quietly(process.pid)
        process.communicate(timeout=PATIENCE)
        if out.exists():
            assert out.read_text().count("\n") == 20_001, "never a part of it"
    job.run().expect(0)
    with open(out, newline="") as file:
        assert [int(row["id"]) for row in csv.DictReader(file)] == list(range(20_000))
    assert (job.out / "_SUCCESS").exists()
