"""The verbs of the command line on a real cluster: a job is submitted from a folder, and what it left is read through
short-lived pods, also when the job's own pods are gone."""

import csv
import io
import json
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from command_line import CommandLine
from kubernetes import PATIENCE, wait_until

MANIFEST = """\
apiVersion: parallelrun.dev/v1alpha1
kind: ParallelRunJob
metadata: {name: NAME}
spec:
  entryScript: work.py
  inputs: [{name: files, source: {local: {path: input}}}]
  output: {source: {local: {path: output}}}
  outputAction: append_row
  miniBatchSize: 5
  runMaxTry: 1
"""


class Verbs(CommandLine):
    def folder(self, name):
        """work.py imports a module of a subfolder, as a ConfigMap with items gives it."""
        made = self.scratch / name
        (made / "pkg").mkdir(parents=True)
        script = (Path(__file__).parent / "work.py").read_text()
        (made / "work.py").write_text("import pkg.there, pkg.large\n" + script)
        # Together more than a ConfigMap holds.
        for module in ("there.py", "large.py"):
            (made / "pkg" / module).write_text("# a long text\n" * (600 << 10 >> 4))
        (made / "job.yaml").write_text(MANIFEST.replace("NAME", name))
        return made

    def submit(self, name, *words, code=0):
        claims = ("--input", "files=data/input", "--output", f"data/out/{name}")
        return self.run("submit", self.folder(name), *claims, *words, code=code)

    def look_pods(self):
        found = self.space.cluster.items("-n", self.space.name, "pods", "-l", "parallelrun.dev/look-at")
        return [pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def no_look_pods(self):
        wait_until("no pod that looks is left", lambda: not self.look_pods(), PATIENCE)


@pytest.fixture
def verbs(space, tmp_path):
    return Verbs(space, tmp_path)


def test_a_folder_is_submitted_and_its_output_is_read(verbs, expected):
    done = verbs.submit("plain", "--set", "nodeCount=2")
    assert "plain: Complete" in done.stdout.decode()
    assert b"as 2 ConfigMaps, 'plain-code' to 'plain-code-2'" in done.stderr
    listed = verbs.text("list")
    assert "plain" in listed and "Complete" in listed and "60 / 60" in listed
    assert "POD" in verbs.text("status", "plain")
    rows = verbs.text("output", "plain", "--rows", "3").splitlines()
    assert len(rows) == 3 and set(rows) <= set(expected)
    copy = verbs.scratch / "rows.txt"
    verbs.run("output", "plain", "--to", copy)
    assert copy.read_text() == verbs.space.read("out/plain/parallel_run_step.txt")
    assert sorted(copy.read_text().split()) == expected

    # Every byte of a log, whatever is in it.
    names = [line.split("  ", 1)[1].strip() for line in verbs.text("logs", "plain").splitlines()[1:]]
    assert "job_progress_overview.txt" in names
    for name in ("job_progress_overview.txt", next(n for n in names if n.startswith("user/stdout"))):
        assert verbs.text("logs", "plain", name) == verbs.space.read(f"out/plain/logs/{name}")
    assert b"did you mean" in verbs.run("logs", "plain", "job_progress_overvew.txt", code=2).stderr
    verbs.no_look_pods()

    uid = verbs.space.job("plain")["metadata"]["uid"]
    assert uid
    verbs.run("cancel", "plain", "--yes")
    wait_until(
        "the code goes with the job",
        lambda: (
            not [
                item
                for item in verbs.space.cluster.items("-n", verbs.space.name, "configmaps")
                if item["metadata"]["name"].startswith("plain-code")
            ]
        ),
        PATIENCE,
    )
    # The same job again, by another object: it goes on, and there is nothing left to do.
    again = verbs.run(
        "submit", verbs.scratch / "plain", "--input", "files=data/input", "--output", "data/out/plain",
        "--set", "nodeCount=2",
    )  # fmt: skip
    assert "plain: Complete" in again.stdout.decode()
    assert verbs.space.rows("plain") == expected


def test_errors_and_failed_items_when_the_pods_are_gone(verbs):
    done = verbs.submit("bad", "--set", "arguments=[--bad, 00007.txt]")
    assert b"CompletedWithFailures" in done.stdout
    verbs.space.cluster.kubectl("delete", "pods", "-n", verbs.space.name, "-l", "parallelrun.dev/job=bad")
    assert not verbs.space.pods("bad")
    words = verbs.text("errors", "bad")
    assert "ValueError: 00007.txt is bad" in words and "Traceback" in words
    errors = json.loads(verbs.text("errors", "bad", "-o", "json"))["errors"]
    assert errors[0]["type"] == "ValueError" and errors[0]["traceback"]
    rows = list(csv.DictReader(io.StringIO(verbs.text("failed", "bad", "-o", "csv"))))
    assert len(rows) == 5 and all("00007.txt is bad" in row["error"] for row in rows)
    verbs.no_look_pods()


def test_a_mini_batch_is_replayed_here(verbs):
    """Its files come from the claim, and its code from the ConfigMap, with links as a kubelet makes them."""
    space = verbs.space
    verbs.submit("bad", "--set", "arguments=[--bad, 00007.txt]")
    failed = list(csv.DictReader(io.StringIO(verbs.text("failed", "bad", "-o", "csv"))))
    number = failed[0]["mini_batch"]
    done = verbs.run("replay", "bad", number, code=1)
    said = done.stderr.decode()
    assert "run() gets 5 items" in said and "ValueError: 00007.txt is bad" in said
    assert f"mini-batch {number} (5 files," in said and "the code (4 files," in said
    assert "ran with something else" not in said and "since the job" not in said
    alone = verbs.run("replay", "bad", number, "00008.txt")
    assert alone.stdout.decode().splitlines()[-1] == "00008.txt" and b"(1 file," in alone.stderr
    mended = verbs.scratch / "mended"
    shutil.copytree(verbs.scratch / "bad", mended)
    script = (mended / "work.py").read_text()
    (mended / "work.py").write_text(script.replace("if options.bad in names:", "if False:"))
    done = verbs.run("replay", "bad", number, "--source-directory", mended)
    assert b"code: work.py" in done.stderr and len(done.stdout.split()) >= 5
    verbs.no_look_pods()
    assert space.job("bad")["status"]["state"] == "Complete"


def test_a_log_is_followed_while_the_job_runs(verbs):
    space = verbs.space
    space.submit("held", held_after=5, miniBatchSize=5)
    space.wait_progress("held", 1)
    following = subprocess.Popen(
        verbs.words("logs", "held", "sys/master_role.txt", "-f"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=verbs.environment,
        cwd=verbs.scratch,
    )
    first = following.stdout.readline()
    assert first
    space.let("held")
    rest = following.stdout.read()
    assert following.wait(PATIENCE) == 0, following.stderr.read().decode()
    assert (first + rest).decode() == space.read("out/held/logs/sys/master_role.txt")
    verbs.no_look_pods()


def test_ctrl_c_takes_the_pod_away(verbs):
    space = verbs.space
    space.submit("held", held_after=5, miniBatchSize=5)
    space.wait_progress("held", 1)
    following = subprocess.Popen(
        verbs.words("logs", "held", "-f"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=verbs.environment,
        cwd=verbs.scratch,
    )
    assert following.stdout.readline()
    assert verbs.look_pods()
    following.send_signal(signal.SIGINT)
    following.communicate(timeout=PATIENCE)
    assert following.returncode == 130
    verbs.no_look_pods()
    space.let("held")


def test_suspend_scale_resume(verbs, expected):
    space = verbs.space
    space.submit("held", held_after=5, miniBatchSize=5)
    space.wait_progress("held", 1)
    verbs.run("suspend", "held")
    space.wait_state("held", "Suspended")
    verbs.run("scale", "held", "--nodes", "2")
    space.let("held")
    verbs.run("resume", "held")
    assert "held: Complete" in verbs.text("status", "-w", "held")
    assert space.rows("held") == expected and space.job("held")["spec"]["nodeCount"] == 2


def test_resubmit(space, verbs, expected):
    """What timed out runs again in a job of its own, and the rest is taken over from the volume."""
    space.let("first", 30)
    # The gate is no side input: that would be looked at, and it changes.
    gate = ["--gate", "/parallelrun/inputs/files/gates/first"]
    space.submit("first", arguments=gate, miniBatchSize=5, runMaxTry=1, runInvocationTimeout=2)
    space.wait_state("first", "Complete")
    assert space.rows("first") == expected[:30]
    space.let("first")
    verbs.run("resubmit", "first", "--set", "miniBatchSize=10", "--set", "runInvocationTimeout=60")
    job = space.job("first-2")
    assert job["spec"]["resubmissionOf"] == "first" and job["status"]["state"] == "Complete"
    taken = job["status"]["progress"]["takenOver"]
    assert (taken["from"], taken["items"], taken["left"]) == ("first", 30, 3), taken
    assert taken["again"] == ["6 mini-batches with 30 items failed"]
    assert space.rows("first-2") == expected
    assert space.rows("first") == expected[:30]
    assert "taken over: 30 items in 6 mini-batches of 'first'" in verbs.text("status", "first-2")
