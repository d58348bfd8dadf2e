"""Who and what is refused, and with which words."""

import shutil
import subprocess

from authority import Authority
from checkout import PROGRAM
from pod_world import SLOW
from waiting import wait_for


def test_a_wrong_certificate_is_refused(world):
    world.script(SLOW).files(3).set(nodeCount=1).apply()
    Authority(world.root / "other-authority").issue(world.root / "other-files", "worker", name="worker-0")
    orchestrator = world.orchestrator()
    wait_for(lambda: "listening" in orchestrator.output, "the orchestrator")
    stranger = world.worker(0, files="other-files")
    assert "worker worker-0" not in orchestrator.output
    world.worker(1)
    orchestrator.expect(0)
    assert "worker worker-0" not in orchestrator.output
    world.expect_every_file_once(3)
    assert stranger.process.poll() is None, "it waits: the address may have been another job's"


def test_a_missing_directory_is_refused_in_the_terms_of_the_volume(world):
    source = {"persistentVolumeClaim": {"claimName": "data"}, "subPath": "mnist/test"}
    world.script(SLOW).set(inputs=[{"name": "files", "type": "file", "source": source}]).apply()
    orchestrator = world.orchestrator().expect(2)
    assert orchestrator.message["state"] == "Failed"
    assert orchestrator.message["reason"] == "Refused"
    assert orchestrator.message["message"] == (
        "spec.inputs[0].source.subPath: 'mnist/test' does not exist in the volume"
    )


def test_a_worker_with_other_code_is_refused(world):
    world.script(SLOW).files(3).set(nodeCount=1).apply()
    orchestrator = world.orchestrator()
    wait_for(lambda: "listening" in orchestrator.output, "the orchestrator")
    world.script(SLOW + "\n    changed = 1\n")
    worker = world.worker(0).expect(1)
    assert "the source directory changed since the job started" in worker.output
    # The operator reads it from the container's status.
    assert (worker.message["state"], worker.message["reason"]) == ("Interrupted", "WorkerFailed")
    assert "the source directory changed since the job started" in worker.message["message"]
    assert not world.rows()


def test_install_brings_a_whole_installation(tmp_path, world):
    there = tmp_path / "installed"
    done = subprocess.run([PROGRAM, "install", there], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    shown = subprocess.run(
        [there / "bin/parallelrun", "--version"], capture_output=True, text=True, check=True
    )
    assert shown.stdout.startswith("parallelrun ")
    assert (there / "bin/python/parallelrun_worker/__main__.py").is_file()
    again = subprocess.run(
        [there / "bin/parallelrun", "install", there / "below"], capture_output=True, text=True
    )
    assert again.returncode == 1
    assert "one is inside the other" in again.stderr
    shutil.rmtree(there)
