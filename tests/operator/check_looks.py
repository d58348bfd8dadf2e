"""`logs`, `errors`, `failed` and `output` of a job in a cluster: the whole way, through the API server and the pod's log,
to the output directory of a job that has run on this machine."""

import json
import signal
import subprocess
import threading

import pytest
from calls import JOB_STATUS, ended
from checkout import PROGRAM
from log_kubelet import LogKubelet
from waiting import PATIENCE, wait_for

SCRIPT = """\
import os

def init(): pass

def run(batch):
    print("a line\\n\\n\\x1b and one more" * 20)
    if any("3" in os.path.basename(path) for path in batch):
        raise ValueError("bad digit")
    return [os.path.basename(path) + " " + "x" * 5000 for path in batch]
"""

SLOW = """\
import os, time

def init(): pass

def run(batch):
    while not os.path.exists(GO):
        time.sleep(0.01)
    return batch
"""


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """Of a job with failed items, and rows of a megabyte."""
    folder = tmp_path_factory.mktemp("job")
    subprocess.run([PROGRAM, "init", folder, "--name", "digits"], check=True, capture_output=True)
    (folder / "score.py").write_text(SCRIPT)
    (folder / "data").mkdir()
    for number in range(200):
        (folder / "data" / f"{number}.txt").write_text("x")
    words = [PROGRAM, "run", folder / "job.yaml", "--quiet"]
    for field in ("errorThreshold=-1", "runMaxTry=1", "miniBatchSize=1"):
        words += ["--set", field]
    subprocess.run(words, check=True, timeout=PATIENCE)
    return folder / "output"


@pytest.fixture
def at_work(tmp_path):
    """The output directory of a job that goes on once the file `go` is there, and its process."""
    folder = tmp_path / "slow"
    subprocess.run([PROGRAM, "init", folder, "--name", "slow"], check=True, capture_output=True)
    (folder / "score.py").write_text(SLOW.replace("GO", repr(str(tmp_path / "go"))))
    (folder / "data").mkdir()
    (folder / "data" / "a.txt").write_text("x")
    process = subprocess.Popen([PROGRAM, "run", folder / "job.yaml", "--quiet"])
    log = folder / "output" / "logs" / "sys" / "master_role.txt"
    wait_for(lambda: log.exists() and log.read_text().count("\n") > 1, "it is at work")
    yield folder / "output"
    (tmp_path / "go").touch()
    assert process.wait(PATIENCE) == 0


@pytest.fixture
def kubelet(verbs, output, tmp_path):
    verbs.job("digits", ended())
    with LogKubelet(verbs.world.server.folder, verbs.world.namespace, tmp_path, output) as node:
        yield node
        wait_for(lambda: not verbs.world.items("pods"), "no pod is left")


def check_what_is_shown_is_what_is_there(verbs, kubelet, output):
    stdout = next((output / "logs/user/stdout").rglob("*.txt")).relative_to(output / "logs")
    for words in (
        ("errors",),
        ("failed", "-o", "csv"),
        ("logs",),
        ("logs", str(stdout)),
        ("logs", "nothing"),
        ("output", "--rows", "3"),
        ("explain",),
    ):
        here = subprocess.run([PROGRAM, words[0], output, *words[1:]], capture_output=True)
        there = subprocess.run(
            verbs.words(words[0], "digits", *words[1:]), capture_output=True, env=verbs.environment
        )
        assert (there.returncode, there.stdout, there.stderr) == (here.returncode, here.stdout, here.stderr)


def check_the_output_is_copied(verbs, kubelet, output, tmp_path):
    whole = (output / "parallel_run_step.txt").read_bytes()
    assert len(whole) > 500_000
    kubelet.cut_once_after = 300_000  # the connection breaks on the way
    verbs("output", "digits", "--to", tmp_path / "copy.txt")
    assert kubelet.cut_once_after is None
    assert (tmp_path / "copy.txt").read_bytes() == whole
    assert "there already" in verbs.refused("output", "digits", "--to", tmp_path / "copy.txt")


def check_a_log_that_lost_something_is_no_output(verbs, kubelet, tmp_path):
    kubelet.lost_bytes = 100_000
    said = verbs.refused("output", "digits", "--to", tmp_path / "copy.txt", code=1)
    assert "the node has rotated the pod's log away" in said
    assert not (tmp_path / "copy.txt").exists()


def check_a_reader_that_leaves(verbs, kubelet):
    """`parallelrun output digits --to - | head -c 10`"""
    reading = verbs.start("output", "digits", "--to", "-")
    assert reading.stdout.read(10)
    reading.stdout.close()
    assert reading.wait(PATIENCE) == 1 and reading.stderr.read() == ""


def check_a_volume_that_cannot_be_mounted_is_named(verbs):
    verbs.job("digits", ended())
    waiting = verbs.start("logs", "digits")
    pods = wait_for(lambda: verbs.world.items("pods"), "its pod")
    event = {
        "metadata": {"name": "of-the-volume"},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": pods[0]["metadata"]["name"],
            "namespace": verbs.world.namespace,
        },
        "type": "Warning",
        "reason": "FailedMount",
        "message": 'MountVolume.SetUp failed for volume "output": mount failed: exit status 32',
        "lastTimestamp": "2026-12-01T10:00:00Z",
    }
    made = verbs.world.server.request("POST", f"/api/v1/namespaces/{verbs.world.namespace}/events", event)
    assert made.accepted, made
    said = next(line for line in waiting.stderr if "FailedMount" in line)
    assert "(FailedMount: MountVolume.SetUp failed" in said and "exit status 32" in said, said
    waiting.send_signal(signal.SIGINT)
    waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 130
    wait_for(lambda: not verbs.world.items("pods"), "no pod is left")


def check_a_log_is_followed_until_the_job_ends(verbs, at_work, tmp_path):
    verbs.job("slow", {**ended(), "state": "Running"})
    with LogKubelet(verbs.world.server.folder, verbs.world.namespace, tmp_path, at_work):
        left = verbs.start("logs", "slow", "-f")
        assert left.stdout.readline()
        left.send_signal(signal.SIGINT)
        left.communicate(timeout=PATIENCE)
        assert left.returncode == 130
        wait_for(lambda: not verbs.world.items("pods"), "no pod is left")

        following = verbs.start("logs", "slow", "-f")
        first = following.stdout.readline()
        assert first and following.poll() is None
        (tmp_path / "go").touch()
        rest = following.stdout.read()
        assert following.wait(PATIENCE) == 0, following.stderr.read()
        assert first + rest == (at_work / "logs/sys/master_role.txt").read_text()
        assert "Complete" in rest


def check_what_python_reads_of_a_job(verbs, kubelet, output, parallelrun, tmp_path, monkeypatch, capsys):
    """logs(), errors(), failed_items(), results() and wait(show_output=True): what the verbs say of the same output."""
    monkeypatch.setenv("KUBECONFIG", verbs.environment["KUBECONFIG"])
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "score.py").write_text(SCRIPT)
    job = parallelrun.submit(
        tmp_path / "code" / "score.py",
        parallelrun.claim("photos"),
        parallelrun.claim("results"),
        backend="kubernetes",
        namespace=verbs.world.namespace,
        name="scores",
        output_format="text",
    )
    wait_for(lambda: "spec" in verbs.world.jobs.get("scores"), "the job is there")
    verbs.write("scores", JOB_STATUS)
    writer = threading.Timer(1.5, verbs.write, ("scores", ended()))
    writer.start()
    try:
        assert job.wait(show_output=True, timeout=PATIENCE) is job
    finally:
        writer.join()
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first.startswith("scores: ") and " items" in first
    assert last == "scores: 400 / 400 items, 1 failed: Complete, 399 of 400 items succeeded"

    def here(verb, *words):
        told = subprocess.run([PROGRAM, verb, output, *words], capture_output=True, check=True)
        return told.stdout.decode()

    names = job.logs()
    assert names == here("logs", "-o", "name").splitlines() and "user/error.txt" in names
    assert job.logs("user/error.txt") == (output / "logs/user/error.txt").read_text()
    with pytest.raises(parallelrun.ClusterError, match="there is no log 'nothing'"):
        job.logs("nothing")
    errors = job.errors()
    assert errors == json.loads(here("errors", "-o", "json"))["errors"]
    assert [(group["type"], group["message"]) for group in errors] == [("ValueError", "bad digit")]
    failed = job.failed_items()
    assert failed.to_dict("records") == json.loads(here("failed", "-o", "json"))
    assert len(failed) == 38 and set(failed["error"]) == {"ValueError: bad digit"}
    rows = job.results()
    assert list(rows["row"]) == (output / "parallel_run_step.txt").read_text().splitlines()
