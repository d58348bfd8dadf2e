"""What a person and a program see."""

import json
import shutil
import signal
import subprocess

import pytest
from terminal import on_terminal
from waiting import PATIENCE, wait_for

SCRIPT = "def init(): pass\ndef run(b): return b\n"


def run_in_terminal(job, *options):
    """Runs the job on a pseudo terminal of 100 columns; gives exit code and all that was written."""
    return on_terminal(job.command(*options), 100, job.environment())


def test_a_bar_on_a_terminal(embedded_job):
    job = embedded_job.files(300).set(miniBatchSize=1)
    job.script("import time\ndef init(): pass\ndef run(b):\n    time.sleep(0.005)\n    return b\n")
    code, words = run_in_terminal(job)
    assert code == 0, words
    assert "\r\x1b[2K" in words and "█" in words and "mini-batches" in words
    assert "100%" in words and "300/300" in words
    for line in words.replace("\x1b[2K", "").replace("\n", "\r").split("\r"):
        assert "logs" in line or "output" in line or len(line) <= 100, line
    assert str(job.out) in words and "job_progress_overview.txt" in words


def test_plain_lines_without_a_terminal(embedded_job):
    outcome = embedded_job.files(30).script(SCRIPT).run().expect(0)
    assert "\x1b" not in outcome.words and "\r" not in outcome.words
    assert "3/3 mini-batches" in outcome.stderr
    assert str(embedded_job.out / "parallel_run_step.txt") in outcome.stdout


def test_quiet_says_nothing_unless_it_fails(embedded_job):
    embedded_job.files(3).script(SCRIPT)
    outcome = embedded_job.run("--quiet").expect(0)
    assert outcome.words == ""
    embedded_job.out = embedded_job.root / "out2"
    embedded_job.set(output={"source": {"local": {"path": "out2"}}}, runMaxTry=1)
    embedded_job.script("def init(): pass\ndef run(b): raise ValueError('loud')\n")
    assert "loud" in embedded_job.run("--quiet").expect(1).stderr


def test_json_lines(embedded_job):
    outcome = embedded_job.files(30).script(SCRIPT).run("--json").expect(0)
    events = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert events[-1]["event"] == "finished"
    assert events[-1]["state"] == "Complete"
    assert events[-1]["miniBatchesProcessed"] == 3 and events[-1]["itemsSucceeded"] == 30
    assert all(event["event"] in ("progress", "finished") for event in events)


def test_a_reader_that_leaves_does_not_end_the_job(embedded_job):
    """`parallelrun run --json job.yaml | head -1`"""
    job = embedded_job.files(200).set(miniBatchSize=1)
    job.script("import time\ndef init(): pass\ndef run(b):\n    time.sleep(0.01)\n    return b\n")
    process = job.start("--json")
    assert json.loads(process.stdout.readline())["event"] == "progress"
    process.stdout.close()
    assert process.wait(timeout=PATIENCE) == 0
    assert len(job.rows()) == 200


@pytest.mark.parametrize("options", [["--json"], []])
def test_standard_output_that_cannot_be_written_is_told_and_the_job_goes_on(embedded_job, options):
    job = embedded_job.files(30).set(miniBatchSize=1).script(SCRIPT)
    with open("/dev/full", "wb") as full:
        process = subprocess.run(
            job.command(*options),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=job.environment(),
            timeout=PATIENCE,
            check=False,
        )
    assert process.returncode == 1
    said = "parallelrun: standard output cannot be written: No space left on device\n"
    assert process.stderr.count(said) == 1
    assert len(job.rows()) == 30 and job.overview().startswith("Result: Complete")


@pytest.mark.parametrize("options", [["--json"], []])
def test_ctrl_c_in_shutdown_ends_a_complete_job_as_complete(job, options):
    job.files(4).set(miniBatchSize=1, processCountPerNode=2, initTimeout=3600)
    job.script("""
        import os, time
        def init(): pass
        def run(b): return b
        def shutdown():
            open(os.environ["MARK"], "w").close()
            time.sleep(3600)
    """)
    mark = job.root / "in-shutdown"
    job.set(environment={"variables": {"MARK": str(mark)}})
    process = job.start(*options)
    try:
        wait_for(mark.exists, "shutdown()")
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 0, stdout + stderr
    assert "Complete" in stdout and "Interrupted" not in stdout + stderr
    assert job.overview().startswith("Result: Complete")
    assert job.result()["state"] == "Complete" and len(job.rows()) == 4
    driver = job.log("70_driver_log.txt")
    assert "orchestrator ended: exit status 0" in driver, "it was not killed"


def test_a_table_in_one_column_by_a_wrong_delimiter_is_a_warning(embedded_job):
    job = embedded_job.file("people.csv", "id;name;age\n1;Ann;31\n2;Bo;42\n").tabular()
    job.script("def init(): pass\ndef run(table): return [len(table.columns)] * len(table)\n")
    outcome = job.run().expect(0)
    assert job.rows() == ["1", "1"]
    said = "input 'table' has one column, 'id;name;age', because ',' separates nothing in it"
    assert f"warning: {said}" in outcome.stderr
    assert outcome.stderr.count(said) == 1
    overview = (job.out / "logs" / "job_progress_overview.txt").read_text()
    assert overview.startswith("Result: Complete")
    assert f"\nWarning: {said}" in overview
    shutil.rmtree(job.out)
    told = [json.loads(line) for line in job.run("--json").expect(0).stdout.splitlines()]
    assert [said in event["message"] for event in told if event["event"] == "warning"] == [True]
    outcome = job.tabular(delimiter=";").run("--overwrite").expect(0)
    assert job.rows() == ["3", "3"]
    assert "warning" not in outcome.words
