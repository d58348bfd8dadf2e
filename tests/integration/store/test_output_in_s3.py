"""Jobs whose output lies in S3, through a proxy that fails as a test says: exact, whatever is killed or taken over."""

import csv
import io
import json
import random
import signal
import subprocess
import time

import pytest
import yaml
from checkout import PROGRAM, REPOSITORY
from job_folder import kill_quietly, role_of
from processes import descendants
from store_job import keys_of
from waiting import wait_for

NAMES = """
    import os, time
    def init():
        pass
    def run(mini_batch):
        time.sleep(PAUSE)
        return [os.path.basename(path) for path in mini_batch]
"""


def names_script(pause=0.0):
    return NAMES.replace("PAUSE", str(pause))


def expected(count):
    return [f"f{number:06}.txt" for number in range(count)]


def pids_of(run, role):
    return [pid for pid in descendants(run.pid) if role_of(pid) == role]


def ended(run, timeout=120):
    out, err = run.communicate(timeout=timeout)
    return run.returncode, out + err


@pytest.mark.both_servers
def test_everything_is_there_under_its_name(output_job):
    job = output_job.script(names_script()).files(57).set(miniBatchSize=5, processCountPerNode=2)
    outcome = job.run().expect(0)
    assert sorted(job.rows()) == expected(57)
    assert job.names() == ["out/_SUCCESS", "out/failed_items.jsonl", "out/parallel_run_step.txt"]
    assert job.failed_items() == []
    assert "Complete" in job.log("job_progress_overview.txt")
    assert "out/logs/sys/master_role.txt" in job.bucket.keys("out/logs/")
    assert f"output        {job.address}/parallel_run_step.txt\n" in outcome.stdout
    # The rows are not kept twice.
    kept = sum(len(job.bucket.get(key)) for key in job.log_objects())
    assert kept < 20_000 and len(job.log_objects()) <= 4, job.log_objects()
    assert job.left_in_cache() == [] or all(path.suffix == ".lock" for path in job.left_in_cache())
    again = job.run().expect(0)
    assert f"'{job.address}' already has the complete results of this job: 12 mini-batches" in again.stdout
    assert sorted(job.rows()) == expected(57)


def look(verb, directory, *options):
    command = [str(PROGRAM), verb, str(directory), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_verbs_look_at_what_was_fetched(output_job):
    job = output_job.files(4).set(miniBatchSize=1, runMaxTry=1)
    job.script(
        """
        import os, time
        def init():
            pass
        def run(mini_batch):
            while os.path.exists(os.environ["WAITS"]) and "3" in os.path.basename(mini_batch[0]):
                time.sleep(0.05)
            if "1" in os.path.basename(mini_batch[0]):
                raise ValueError("the one that fails")
            return [os.path.basename(path) for path in mini_batch]
        """
    )
    waits = job.root / "waits"
    waits.touch()
    run = job.start(
        "--credentials", job.credentials(keys_of(job.bucket)), env=job.environment(WAITS=str(waits))
    )
    wait_for(lambda: "out/logs/sys/progress.json" in job.bucket.keys("out/"), "the progress")
    at_work = look("status", job.fetch(job.root / "at-work"), "-o", "json")
    waits.unlink()
    assert ended(run)[0] == 0
    assert at_work.returncode == 0, at_work.stderr
    assert json.loads(at_work.stdout)["state"] == "Running"
    here = job.fetch(job.root / "here")
    status = json.loads(look("status", here, "-o", "json").stdout)
    assert (status["state"], status["itemsSucceeded"], status["itemsFailed"]) == ("Complete", 3, 1)
    assert "f000001.txt" in look("failed", here).stdout
    assert "the one that fails" in look("errors", here).stdout
    assert sorted(look("output", here).stdout.split()) == ["f000000.txt", "f000002.txt", "f000003.txt"]
    assert look("logs", here).returncode == 0
    refused = look("status", job.address)
    assert refused.returncode == 2
    assert f"'{job.address}' lies in a store, and this verb reads directories; fetch" in refused.stderr
    refused = look("replay", job.address, "0")
    assert refused.returncode == 2 and "with --output DIR, and replay from DIR" in refused.stderr
    refused = look("resubmit", job.address)
    assert refused.returncode == 2 and "run the job as a new one, with an output of its own" in refused.stderr


@pytest.mark.parametrize("output_format", ["csv", "parquet", "ordered"])
def test_each_format(output_job, output_format):
    job = output_job.script(
        """
        import os, pandas
        def init():
            pass
        def run(mini_batch):
            return pandas.DataFrame({"name": [os.path.basename(path) for path in mini_batch]})
        """
    ).files(23)
    if output_format == "ordered":
        job.spec["output"].update(order="input")
    else:
        job.spec["output"].update(format=output_format)
    job.set(miniBatchSize=4, processCountPerNode=2)
    job.run().expect(0)
    content = job.bucket.get("out/parallel_run_step.txt")
    if output_format == "csv":
        rows = [row["name"] for row in csv.DictReader(io.StringIO(content.decode()))]
    elif output_format == "parquet":
        import pyarrow.parquet

        rows = pyarrow.parquet.read_table(io.BytesIO(content))["name"].to_pylist()
    else:
        rows = content.decode().split("\n")[:-1]
        assert rows == expected(23)
    assert sorted(rows) == expected(23)
    if output_format == "parquet":  # whose rows are taken from the log when it is made
        job.run().expect(0)


@pytest.mark.both_servers
def test_whatever_is_killed_each_row_is_there_once(output_job):
    """Orchestrator, agent, data process or everything; after everything the job goes on in an empty folder, as on another
    machine."""
    job = output_job.script(names_script(0.02)).files(240).set(miniBatchSize=2, processCountPerNode=2)
    dice = random.Random(7)
    for _ in range(3):
        run = job.start("--credentials", job.credentials(keys_of(job.bucket)))
        end = time.monotonic() + dice.uniform(1.5, 3)
        while time.monotonic() < end and run.poll() is None:
            time.sleep(dice.uniform(0.2, 0.8))
            what = dice.choice(["orchestrator", "orchestrator", "agent", "worker"])
            for pid in pids_of(run, what)[:1]:
                kill_quietly(pid)
        if run.poll() is None:
            for pid in (run.pid, *descendants(run.pid)):
                kill_quietly(pid)
        ended(run)
    job.run().expect(0)
    assert sorted(job.rows()) == expected(240)
    assert job.failed_items() == []


@pytest.mark.both_servers
def test_a_successor_fences_its_predecessor(output_job):
    """Which stood still meanwhile, as on a machine that was stopped, and then goes on."""
    job = output_job.script(names_script(0.05)).files(50).set(miniBatchSize=1, processCountPerNode=2)
    first = job.start("--credentials", job.credentials(keys_of(job.bucket)))
    wait_for(lambda: len(job.bucket.keys("out/.parallelrun/log/")) > 8, "some commits")
    still = pids_of(first, "orchestrator")
    for pid in still:
        kill_quietly(pid, signal.SIGSTOP)
    elsewhere = job.environment(PARALLELRUN_CACHE_DIR=str(job.root / "another-machine"))
    second = job.run(env=elsewhere).expect(0)
    assert "had this output and has not said that it has ended" in second.stderr
    rows = job.bucket.get("out/parallel_run_step.txt")
    log = job.log_objects()
    for pid in still:
        kill_quietly(pid, signal.SIGCONT)
    code, words = ended(first)
    assert code == 1 and "another orchestrator has taken the output over" in words, words
    assert job.bucket.get("out/parallel_run_step.txt") == rows and job.log_objects() == log
    assert sorted(job.rows()) == expected(50)


def test_two_at_once_on_one_machine(output_job):
    job = output_job.script(names_script(0.2)).files(20).set(miniBatchSize=1)
    first = job.start("--credentials", job.credentials(keys_of(job.bucket)))
    wait_for(lambda: job.bucket.keys("out/.parallelrun/log/"), "a start")
    second = job.run().expect(2)
    assert f"'{job.address}' is in use by another run on this machine" in second.stderr
    assert ended(first)[0] == 0
    assert sorted(job.rows()) == expected(20)


def test_another_job_that_begins_at_the_same_moment_keeps_what_it_has(output_job):
    """The first one has found an empty prefix, and its claim is on its way so long that the other one has ended."""
    job = output_job.script(names_script()).files(6).set(miniBatchSize=2)
    job.proxy.fault(times=1, method="PUT", path="/.parallelrun/log/", wait=6.0)
    late = job.start("--credentials", job.credentials(keys_of(job.bucket)))
    wait_for(lambda: job.proxy.left() == 0, "the first claim")
    job.spec["output"]["source"]["s3"]["endpoint"] = job.bucket.address
    job.set(miniBatchSize=3)
    elsewhere = job.environment(PARALLELRUN_CACHE_DIR=str(job.root / "another-machine"))
    job.run(env=elsewhere).expect(0)
    assert late.poll() is None
    code, words = ended(late)
    assert code == 2 and f"'{job.address}' holds the results of another job (miniBatchSize" in words, words
    assert sorted(job.rows()) == expected(6)
    again = job.run(env=elsewhere).expect(0)
    assert f"'{job.address}' already has the complete results of this job: 2 mini-batches" in again.stdout


@pytest.mark.both_servers
def test_faults_of_the_store(output_job):
    job = output_job.script(names_script()).files(30).set(miniBatchSize=1, processCountPerNode=2)
    log = "/.parallelrun/log/"
    job.proxy.fault(times=1, method="PUT", path=log, status=503)
    job.proxy.fault(times=1, method="PUT", path=log, status=429)
    job.proxy.fault(times=1, method="PUT", path=log, status=403, code="ExpiredToken")
    # As S3 answers where two requests for one name meet, and nobody where there is nothing of that name.
    another = f"{log}{3:020}"
    job.proxy.fault(times=1, method="PUT", path=another, status=409, code="ConditionalRequestConflict")
    job.proxy.fault(times=1, method="PUT", path=another, status=412, code="PreconditionFailed")
    # The store has it, and nobody hears of that.
    job.proxy.fault(times=2, method="PUT", path=log, lose_answer=True)
    job.proxy.fault(times=1, method="PUT", path=log, wait=1.0)
    job.proxy.fault(times=2, method="PUT", path="/out/parallel_run_step.txt", status=500)
    job.run().expect(0)
    assert job.proxy.left() == 0
    assert sorted(job.rows()) == expected(30)


def test_a_store_that_stays_away_ends_the_job_and_it_goes_on(output_job):
    job = output_job.script(names_script(0.05)).files(40).set(miniBatchSize=1)
    impatient = job.environment(PARALLELRUN_STORE_PATIENCE="1")
    run = job.start("--credentials", job.credentials(keys_of(job.bucket)), env=impatient)
    wait_for(lambda: len(job.bucket.keys("out/.parallelrun/log/")) > 6, "some commits")
    job.proxy.accepted_key = "another"
    code, words = ended(run)
    assert code == 1 and "the output cannot be written" in words and "refuses the credentials" in words, words
    assert "out/_SUCCESS" not in job.names()
    job.proxy.accepted_key = None
    job.run().expect(0)
    assert sorted(job.rows()) == expected(40)


def test_failed_and_again(output_job):
    job = output_job.files(10).set(miniBatchSize=1, runMaxTry=1, errorThreshold=2)
    text = """
        import os
        def init():
            pass
        def run(mini_batch):
            if WORSE and int(os.path.basename(mini_batch[0])[1:7]) % 2:
                raise ValueError("odd")
            return [os.path.basename(path) for path in mini_batch]
    """
    job.script(text.replace("WORSE", "os.path.exists(os.environ['WORSE'])"))
    worse = job.root / "worse"
    worse.touch()
    env = job.environment(WORSE=str(worse))
    job.run(env=env).expect(1)
    assert "out/_SUCCESS" not in job.names() and len(job.failed_items()) >= 3
    assert "odd" in job.log("user/error.txt")
    worse.unlink()
    job.run(env=env).expect(0)
    assert sorted(job.rows()) == expected(10) and job.failed_items() == []
    assert "out/_SUCCESS" in job.names()
    log = job.log("sys/master_role.txt")
    assert "epoch 1" in log and "epoch 2" in log, "the log of the first start went"


def test_neither_another_job_nor_a_change_is_passed_over(output_job):
    job = output_job.script(names_script()).files(10).set(miniBatchSize=2)
    job.run().expect(0)
    there = {key: job.bucket.get(key) for key in job.bucket.keys("out/")}
    job.set(miniBatchSize=3)
    refused = job.run().expect(2)
    assert f"'{job.address}' holds the results of another job (miniBatchSize" in refused.stderr
    assert {key: job.bucket.get(key) for key in job.bucket.keys("out/")} == there
    job.set(appendRowFileName="rows.txt")
    job.run("--overwrite").expect(0)
    assert job.names() == ["out/_SUCCESS", "out/failed_items.jsonl", "out/rows.txt"]
    assert sorted(job.rows("rows.txt")) == expected(10)
    # The rows of a complete job are the published file itself.
    job.bucket.put("out/rows.txt", "changed\n")
    refused = job.run().expect(2)
    assert "/out: rows.txt has changed since it was put there; restore it, or" in refused.stderr
    assert "--overwrite" in refused.stderr
    job.run("--overwrite").expect(0)
    assert sorted(job.rows("rows.txt")) == expected(10)


def test_a_file_that_no_job_wrote_is_not_touched(output_job):
    job = output_job.script(names_script()).files(3)
    job.bucket.put("out/parallel_run_step.txt", "mine")
    refused = job.run().expect(2)
    assert f"'{job.address}/parallel_run_step.txt' exists and no ParallelRunJob wrote it" in refused.stderr
    job.run("--overwrite").expect(2)
    assert job.bucket.get("out/parallel_run_step.txt") == b"mine"


def test_a_store_that_makes_an_object_twice_is_refused(output_job):
    job = output_job.script(names_script()).files(1)
    job.proxy.forget_conditions = True
    refused = job.run().expect(2)
    assert "output: s3://" in refused.stderr and "cannot create an object on the condition" in refused.stderr
    assert job.bucket.keys("out/") == []


def test_what_a_start_that_was_killed_has_tried_with_is_removed(output_job):
    job = output_job.script(names_script()).files(1)
    now = int(time.time())
    probes = [f"out/.parallelrun/probes/{name}" for name in (f"{now - 100_000}-a", f"{now - 60}-b", "mine")]
    for probe in probes:
        job.bucket.put(probe, "first")
    job.run().expect(0)
    assert set(job.bucket.keys("out/.parallelrun/probes/")) == set(probes[1:]), "the second may be in use"


def test_wrong_credentials_and_a_missing_bucket(output_job):
    job = output_job.script(names_script()).files(1)
    job.proxy.accepted_key = "another"
    refused = job.run().expect(2)
    assert f"output: {job.address} refuses the credentials: InvalidAccessKeyId" in refused.stderr
    job.proxy.accepted_key = None
    job.spec["output"]["source"]["s3"]["bucket"] = "nowhere"
    refused = job.run().expect(2)
    assert "output: s3://nowhere/out: there is no bucket 'nowhere'" in refused.stderr


@pytest.mark.both_servers
def test_a_long_job_is_a_short_log(output_job):
    """Its commits are put together, and replayed in a new place."""
    job = (
        output_job.script(
            """
        import os, time
        def init():
            pass
        def run(mini_batch):
            if os.path.basename(mini_batch[0]) > "f000035":
                time.sleep(0.4)  # the first segment is there, and the job has not ended
            return ["x" * 1_000_000 for _ in mini_batch]
        """
        )
        .files(42)
        .set(miniBatchSize=1, processCountPerNode=2)
    )
    job.spec["output"]["source"]["s3"]["endpoint"] = job.bucket.address  # these bytes need no proxy
    run = job.start("--credentials", job.credentials(keys_of(job.bucket)))
    wait_for(lambda: job.bucket.keys("out/.parallelrun/segments/"), "a segment")
    for pid in (run.pid, *descendants(run.pid)):
        kill_quietly(pid)
    ended(run)
    job.run().expect(0)
    assert job.rows() == ["x" * 1_000_000] * 42
    second_start = job.log("sys/master_role.txt").split("epoch 2")[1]
    assert "committed before: 0 mini-batches" not in second_start.splitlines()[0]


def test_the_example(output_job):
    """From the bucket into the bucket."""
    job = output_job
    folder = REPOSITORY / "examples" / "bucket"
    spec = yaml.safe_load((folder / "to-bucket.yaml").read_text())["spec"]
    spec["inputs"][0]["source"] = job.source("in")
    spec["output"]["source"] = job.spec["output"]["source"]
    spec["sourceDirectory"]["local"]["path"] = str(folder)
    job.spec = spec
    job.bucket.put("in/day=2026-01-01/part.csv", "item,amount,price\n7,2,1.5\n8,1,3\n")
    job.run().expect(0)
    assert job.rows("totals.csv") == ["day,item,total", "2026-01-01,7,3.0", "2026-01-01,8,3.0"]
    assert job.names() == ["out/_SUCCESS", "out/failed_items.jsonl", "out/totals.csv"]
