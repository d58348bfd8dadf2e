"""`isolateFailures`: a mini-batch that failed all its tries is split until the items that fail stand alone."""

import gzip
import json
import os
import random
import time
from collections import Counter

import pytest
from job_folder import kill_quietly, role_of
from processes import descendants
from test_resume import roles_below
from waiting import PATIENCE, wait_for

NAMES = [f"f{index:06}.txt" for index in range(40)]
BAD = ["f000003.txt", "f000017.txt", "f000018.txt", "f000039.txt"]

FILES = """
    import os, time
    BAD = os.environ["BAD"].split()
    def init(): pass
    def run(mini_batch):
        time.sleep(float(os.environ.get("PAUSE", "0")))
        names = [os.path.basename(path) for path in mini_batch]
        with open(os.path.join(os.environ["CALLS"], str(os.getpid())), "a") as calls: calls.write(" ".join(names) + "\\n")
        for name in names:
            if name in BAD and not os.path.exists(os.environ["CALLS"] + "-mended"): FAIL
        return names
"""
WAYS = {"raises": 'raise ValueError("bad " + name)', "dies": "os._exit(3)", "hangs": "time.sleep(100)"}

TABLE = """
    def init(): pass
    def run(frame):
        if (frame.n % 17 == 5).any(): raise ValueError("a bad record")
        return frame.text.str.len().astype(str) + ":" + frame.n.astype(str)
"""


def files(job, way="raises", pause=0.0, **fields):
    (job.root / "calls").mkdir()
    variables = {"BAD": " ".join(BAD), "CALLS": str(job.root / "calls"), "PAUSE": str(pause)}
    job.files(len(NAMES)).script(FILES.replace("FAIL", WAYS[way]))
    return job.set(
        miniBatchSize=10,
        runMaxTry=2,
        runRetryDelay=0,
        isolateFailures=True,
        environment={"variables": variables},
        **fields,
    )


def calls(job):
    """The file names of each call of run()."""
    return [
        line.split()
        for path in sorted((job.root / "calls").iterdir())
        for line in path.read_text().splitlines()
    ]


def expect_the_bad_files_alone(job):
    assert Counter(job.rows()) == Counter(set(NAMES) - set(BAD))
    failed = sorted(job.failed_items(), key=lambda item: item["files"])
    assert [[os.path.basename(path) for path in item["files"]] for item in failed] == [[name] for name in BAD]
    assert [item["count"] for item in failed] == [1] * len(BAD)
    assert [item["miniBatch"] for item in failed] == [0, 1, 1, 3]
    assert all(item["part"] > 1 and item["tries"] == 2 for item in failed)
    result = job.result()
    assert result["itemsFailed"] == len(BAD) and result["itemsSucceeded"] == len(NAMES) - len(BAD)
    assert (result["miniBatchesFailed"], result["miniBatchesProcessed"]) == (3, 4)


@pytest.mark.parametrize("way", ["raises", "dies"])
def test_the_files_that_fail_stand_alone(job, way):
    files(job, way)
    words = job.run().expect(0).words
    assert f"Complete, {len(BAD)} of {len(NAMES)} items failed" in words, words
    expect_the_bad_files_alone(job)
    log = job.log("sys/master_role.txt")
    assert "mini-batch 0 is split (isolateFailures): part 0.2 has 5 items, part 0.3 has 5 items" in log
    assert "mini-batch 2 is split" not in log
    # Half by half: all of a mini-batch one by one would be 40 calls and more.
    assert len(calls(job)) < 40, calls(job)


def test_what_takes_too_long_stands_alone(embedded_job):
    job = files(embedded_job, "hangs", runInvocationTimeout=1, processCountPerNode=4)
    job.run().expect(0)
    expect_the_bad_files_alone(job)


def test_without_it_the_whole_mini_batch_fails(embedded_job):
    job = files(embedded_job)
    job.set(isolateFailures=None)
    job.run().expect(0)
    assert len(job.rows()) == 10
    assert [item["count"] for item in job.failed_items()] == [10, 10, 10]
    assert not any("part" in item for item in job.failed_items())


def test_a_threshold_counts_the_items_that_fail(embedded_job):
    job = files(embedded_job)
    job.set(errorThreshold=len(BAD), allowedFailedCount=3)
    job.run().expect(0)
    expect_the_bad_files_alone(job)
    # A complete job is judged again by the thresholds of today.
    job.set(allowedFailedCount=2)
    refused = job.run().expect(1)
    assert "3 mini-batches failed" in refused.words, refused.words


def test_only_the_parts_that_failed_are_tried_again(embedded_job):
    job = files(embedded_job)
    job.run().expect(0)
    before = len(calls(job))
    (job.root / "calls-mended").touch()
    job.run("--retry-failed").expect(0)
    assert sorted(job.rows()) == NAMES and job.failed_items() == []
    again = calls(job)
    assert Counter(map(tuple, again))[(BAD[0],)] == 3, "two tries of the first run, one of the second"
    assert len(again) == before + len(BAD)


def records(count):
    """Some of them over several lines; blank ones between."""
    return [(n, f"line one\nline {n}" if n % 7 == 0 else "x" * (n % 23)) for n in range(count)]


def as_csv(rows):
    lines = ["n,text\n"]
    for n, text in rows:
        lines.append(f'{n},"{text}"\n' if "\n" in text else f"{n},{text or 'empty'}\n")
        if n % 11 == 0:
            lines.append("\n")
    return "".join(lines)


def as_json_lines(rows):
    return "".join(json.dumps({"n": n, "text": text or "empty"}) + "\n" for n, text in rows)


def table(job, kind, size="600"):
    rows = records(120)
    text = as_csv(rows) if kind == "csv" else as_json_lines(rows)
    job.file(f"t.{kind}", text).script(TABLE).tabular(format=kind)
    job.set(miniBatchSize=size, runMaxTry=2, runRetryDelay=0, isolateFailures=True)
    return rows


def expect_the_bad_records_alone(job, kind, rows):
    expected = {f"{len(record or 'empty')}:{n}" for n, record in rows if n % 17 != 5}
    assert Counter(job.rows()) == Counter(expected)
    failed = sorted(job.failed_items(), key=lambda item: item["firstRow"])
    assert [item["records"] for item in failed] == [1] * 7 and [item["count"] for item in failed] == [1] * 7
    assert {os.path.basename(item["file"]) for item in failed} == {f"t.{kind}"}
    # A blank record counts as a row.
    expected_rows, row = [], 0
    for n, _ in rows:
        row += 1
        if n % 17 == 5:
            expected_rows.append(row)
        row += int(kind == "csv" and n % 11 == 0)
    assert [item["firstRow"] for item in failed] == expected_rows


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_the_records_that_fail_stand_alone(job, kind):
    rows = table(job, kind)
    job.run().expect(0)
    assert job.result()["miniBatchesCreated"] > 3
    expect_the_bad_records_alone(job, kind, rows)


def test_a_record_that_is_short_fails_alone(embedded_job):
    """Another try cannot mend it, so its mini-batch is split at once."""
    job = embedded_job
    job.file("t.csv", "a,b\n" + "".join(f"{n},x\n" if n != 33 else "33\n" for n in range(60)))
    job.script("def init(): pass\ndef run(frame): return [str(a) for a in frame.a]\n").tabular()
    job.set(isolateFailures=True, runRetryDelay=0)
    job.run().expect(0)
    assert Counter(job.rows()) == Counter(str(n) for n in range(60) if n != 33)
    (failed,) = job.failed_items()
    assert (failed["firstRow"], failed["records"], failed["count"]) == (34, 1, 1)


def test_a_packed_table_cannot_be_split_and_that_is_said(embedded_job):
    job = embedded_job
    job.file("t.csv.gz", gzip.compress(as_csv(records(40)).encode())).script(TABLE).tabular()
    job.file("u.csv", "n,text\n1,a\n")
    job.set(isolateFailures=True, runMaxTry=1, runRetryDelay=0)
    job.run().expect(0)
    (failed,) = job.failed_items()
    assert failed["count"] == 40 and "part" not in failed
    log = job.log("sys/master_role.txt")
    assert (
        "cannot be split (isolateFailures), so its items count as failed: its items cannot be told apart"
        in log
    )
    assert job.rows() == ["1:1"]


def test_what_was_split_is_finished_without_it(embedded_job):
    """The field may change when a job goes on; the halves that it left have all tries, and fail as they are."""
    job = files(embedded_job, pause=0.05)
    process = job.start()
    wait_for(lambda: any(len(names) < 10 for names in calls(job)), "a call for a part: its split is durable")
    family = descendants(process.pid)
    for pid in [process.pid, *family]:
        kill_quietly(pid)
    process.communicate(timeout=PATIENCE)
    wait_for(lambda: not any(map(role_of, family)), "the end of the orphans")
    job.set(isolateFailures=False)
    job.run().expect(0)
    failed = [os.path.basename(path) for item in job.failed_items() for path in item["files"]]
    assert Counter(job.rows()) + Counter(failed) == Counter(NAMES)
    assert set(BAD) <= set(failed) and len(failed) > len(BAD)
    assert any("part" in item for item in job.failed_items()), job.failed_items()


SEED = int(os.environ.get("PARALLELRUN_SEED", "0")) or random.SystemRandom().randrange(1 << 30)


@pytest.mark.parametrize("kind", ["files", "csv"])
@pytest.mark.parametrize("round_number", range(int(os.environ.get("PARALLELRUN_KILL_ROUNDS", "4"))))
def test_kills_while_mini_batches_are_split(job, kind, round_number):
    """Launcher, orchestrator, agent and workers are killed at random; then the same command ends the job. A killed
    worker costs a try, so a good item may lose one: all tries of an item are more than the kills."""
    seed = SEED + round_number
    print(f"PARALLELRUN_SEED={seed} PARALLELRUN_KILL_ROUNDS=1")
    dice = random.Random(seed)
    if kind == "files":
        files(job, pause=0.02)
    else:
        rows = table(job, kind)
        job.script(TABLE.replace("if (frame.n", "__import__('time').sleep(0.02)\n        if (frame.n", 1))
    job.set(processCountPerNode=2)
    for _ in range(dice.randrange(1, 5)):
        process = job.start()
        # A split is what the kill is to meet: soon behind the first of them.
        log = job.out / "logs" / "sys" / "master_role.txt"
        splits = log.read_text().count(" is split ") if log.exists() else 0
        until = time.monotonic() + 3
        while process.poll() is None and time.monotonic() < until:
            if log.exists() and log.read_text(errors="replace").count(" is split ") > splits:
                break
            time.sleep(0.002)
        time.sleep(dice.random() * dice.choice([0.01, 0.1, 0.3]))
        family = descendants(process.pid)
        roles = roles_below(process.pid)
        if dice.random() < 0.5 and roles.get("orchestrator"):
            kill_quietly(roles["orchestrator"][0])
            time.sleep(dice.random() * 0.2)
            family += descendants(process.pid)
        kill_quietly(process.pid)
        process.communicate(timeout=PATIENCE)
        wait_for(lambda family=family: not any(map(role_of, family)), "the end of the orphans")
    job.run().expect(0)
    if kind == "files":
        expect_the_bad_files_alone(job)
    else:
        expect_the_bad_records_alone(job, kind, rows)
