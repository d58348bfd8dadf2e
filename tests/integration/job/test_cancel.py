"""`cancel`, `suspend`, `resume` and `scale` of an output directory."""

import json
import os
import subprocess

import pytest
from checkout import PROGRAM
from terminal import on_terminal
from waiting import PATIENCE, wait_for

# Waits in its third mini-batch until a file is there.
WAITS = """
    import os, time
    def init(): pass
    def run(batch):
        while "2.txt" in batch[0] and not os.path.exists(os.environ["GO"]):
            time.sleep(0.01)
        return batch
"""


def verb(*words, code=0, **options):
    words = [str(PROGRAM), *map(str, words)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, **options)
    assert done.returncode == code, f"{words}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done


@pytest.fixture
def at_work(embedded_job):
    """A job that waits, and its run."""
    job = embedded_job.files(6).set(miniBatchSize=1, runInvocationTimeout=3600)
    job.set(environment={"variables": {"GO": str(job.root / "go")}}).script(WAITS)
    process = job.start()
    try:
        wait_for(
            lambda: (
                json.loads(verb("status", job.out, "-o", "json").stdout).get("miniBatchesProcessed") == 2
                if (job.out / "logs" / "sys" / "progress.json").exists()
                else False
            ),
            "two mini-batches",
        )
        yield job, process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def test_a_run_is_ended_as_by_ctrl_c_and_goes_on_later(at_work):
    job, process = at_work
    told = verb("cancel", job.out)
    assert told.stdout.startswith("test-job: Interrupted") and told.stderr == ""
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and "stopping: finished mini-batches are being committed" in stderr
    assert "interrupted by" in job.log("70_driver_log.txt")
    again = verb("cancel", job.out, code=1).stderr
    assert (
        again
        == "parallelrun: the job 'test-job' is not at work (Interrupted), so there is nothing to cancel\n"
    )
    (job.root / "go").touch()
    job.run().expect(0)
    assert len(job.rows()) == len(set(job.rows())) == 6
    assert "(Complete)" in verb("cancel", job.out, code=1).stderr


def test_a_link_names_the_directory_too(at_work):
    job, process = at_work
    (job.root / "link").symlink_to(job.out)
    assert "Interrupted" in verb("cancel", job.root / "link").stdout
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130


def test_it_asks_on_a_terminal(at_work):
    job, process = at_work
    words = [str(PROGRAM), "cancel", str(job.out)]
    code, shown = on_terminal(words, 100, os.environ, answer=b"n\n")
    assert code == 1 and "End its run?" in shown and "nothing was done" in shown
    assert process.poll() is None
    code, shown = on_terminal([*words, "--yes"], 100, os.environ)
    assert code == 0 and "End its run?" not in shown
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130


def test_a_run_of_another_machine_is_left_alone(at_work):
    job, process = at_work
    lock = job.out / ".parallelrun" / "lock"
    mine = lock.read_text()
    lock.write_text(mine.replace(json.loads(mine)["host"], "elsewhere"))
    refused = verb("cancel", job.out, code=1).stderr
    assert "one of another machine ('elsewhere'): interrupt it there" in refused and refused.count("\n") == 1
    assert process.poll() is None


def test_what_only_a_cluster_has_names_the_way_out(embedded_job):
    job = embedded_job.files(2).script("def init(): pass\ndef run(batch): return batch\n")
    job.run().expect(0)
    for words, way_out in (
        (("suspend", job.out), f"parallelrun cancel {job.out} ends the run"),
        (("resume", job.out), "start the same command again (parallelrun run MANIFEST)"),
        (("scale", job.out, "--nodes", "8"), "--set nodeCount=8"),
    ):
        refused = verb(*words, code=2).stderr
        assert f"{words[0]} is for jobs of a cluster; on one machine" in refused and way_out in refused
        assert refused.count("\n") == 1
    nowhere = {**os.environ, "KUBECONFIG": "", "KUBERNETES_SERVICE_HOST": "", "HOME": str(job.root)}
    for words in (("cancel", "digits"), ("suspend", "digits"), ("scale", "digits", "--nodes", "2")):
        refused = verb(*words, code=2, env=nowhere, cwd=job.root).stderr
        assert "'digits' is no output directory of a job" in refused and "name a kubeconfig" in refused
        assert "output directories here: 'out'" in refused and refused.count("\n") == 1
