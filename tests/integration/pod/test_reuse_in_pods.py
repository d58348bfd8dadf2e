"""A job on a cluster whose results are there already: it ends without a worker, where its orchestrator can tell.

The test is the operator: it hands on what the orchestrator of one job has left in its last words."""

import json
import os
import shutil
import signal
import time

import pytest
from waiting import wait_for

SCRIPT = """
    import os
    def init(): pass
    def run(mini_batch):
        return [f"{os.path.basename(path)}:{open(path).read()}" for path in mini_batch]
"""
PINNED = "registry.local/train@sha256:" + "0" * 64


class Jobs:
    """Jobs of one namespace that differ in their output alone, as long as nobody says more."""

    def __init__(self, world):
        self.world = world
        self.finished = []  # the newest first
        self.count = 0
        world.script(SCRIPT).files(20).set(miniBatchSize=5, nodeCount=1)

    def start(self, offered=None, environment=None):
        """The orchestrator's process, of another job with another output directory."""
        world = self.world
        self.count += 1
        world.name = f"job-{self.count}"
        world.out = world.output_volume / world.name
        world.spec["output"] = {
            "source": {"persistentVolumeClaim": {"claimName": "out"}, "subPath": world.name}
        }
        world.apply()
        return world.orchestrator(
            earlier_runs=self.finished if offered is None else offered, environment=environment
        )

    def end(self, orchestrator):
        message = orchestrator.expect(0).message
        assert message["state"] == "Complete", message
        if record := message.get("runRecord"):
            name = self.world.name
            self.finished.insert(0, {"job": name, "subPath": name, "record": record})
        return message

    def runs(self, **options):
        orchestrator = self.start(**options)
        self.world.worker()
        message = self.end(orchestrator)
        assert message["reason"] == "Completed", message
        return message

    def is_reused(self, **options):
        """No worker is there that could have done it."""
        message = self.end(self.start(**options))
        assert message["reason"] == "Reused", message
        return message

    def log(self, name):
        return (self.world.out / "logs" / name).read_text()


@pytest.fixture
def jobs(world):
    return Jobs(world)


def test_a_second_job_has_the_results_of_the_first_without_a_worker(jobs):
    world = jobs.world
    message = jobs.runs()
    assert "notReused" not in message and "later jobs may reuse" in jobs.log("sys/master_role.txt")
    rows, first = world.rows(), world.out
    orchestrator = jobs.start()
    message = jobs.end(orchestrator)
    assert (message["reason"], message["reusedFrom"]) == ("Reused", "job-1")
    assert message["itemsSucceeded"] == 20 and "notReused" not in message
    words = "Reused the results of job 'job-1' (finished 2"
    assert words in message["message"] and words in orchestrator.output
    for log in ("70_driver_log.txt", "sys/master_role.txt", "job_progress_overview.txt"):
        assert words in jobs.log(log)
    assert world.rows() == rows and (world.out / "_SUCCESS").exists()
    assert world.progress()["percent"] == 100
    # By this the operator knows that no worker is needed, before it sees the pod's end.
    assert world.progress()["planComplete"] is True
    assert world.progress()["miniBatchesProcessed"] == world.progress()["miniBatchesCreated"] == 4
    # The copy stands for itself.
    shutil.rmtree(first)
    assert jobs.is_reused()["reusedFrom"] == "job-2"
    assert world.rows() == rows


def test_what_differs_from_the_nearest_job_is_told(jobs):
    world = jobs.world
    time.sleep(2.1)  # a file that was written just now may be written again without a trace
    jobs.runs()
    assert jobs.is_reused()["reusedFrom"] == "job-1"
    newest = "job 'job-2' (finished 2"
    (world.data / "f000003.txt").write_text("y")
    message = jobs.runs()
    assert f"nothing is reused: since {newest}" in message["notReused"]
    assert "input files: 1 file has changed: f000003.txt changed" in message["notReused"]
    assert "f000003.txt:y" in world.rows()
    world.set(miniBatchSize=4)
    assert "this job differs in miniBatchSize: was 5, now 4" in jobs.runs()["notReused"]
    world.script(SCRIPT + "    # again")
    orchestrator = jobs.start()
    world.worker()
    assert "code: entry.py changed" in jobs.end(orchestrator)["notReused"]
    assert "nothing is reused: the nearest run is job 'job-4'" in orchestrator.output
    volume = {"persistentVolumeClaim": {"claimName": "other"}}
    world.spec["inputs"][0]["source"] = volume
    assert "claimName" in jobs.runs()["notReused"]


def test_files_that_somebody_has_changed_are_not_reused(jobs):
    world = jobs.world
    jobs.runs()
    path = world.out / "parallel_run_step.txt"
    right = world.rows()
    text = path.read_bytes()
    path.write_bytes(text[:-3] + b"!" + text[-2:])
    message = jobs.runs()
    assert "are not reused, and the job runs" in message["notReused"]
    assert sorted(world.rows()) == sorted(right)
    # What a job has left cannot be made anew by whoever can write to the volume.
    path = world.out / ".parallelrun" / "run.json"
    path.write_text(path.read_text().replace("finished", "Finished"))
    message = jobs.runs(offered=jobs.finished[:1])
    assert "'.parallelrun/run.json' is not the file that the job left" in message["notReused"]
    journal = world.out / ".parallelrun" / "journal"
    journal.write_bytes(journal.read_bytes() + b"x")
    assert "is not what it was at the end of that run" in jobs.runs(offered=jobs.finished[:1])["notReused"]
    # Nobody waits for a pipe that was put in the place of a file.
    for name in ("journal", "run.json", "contents", "plan"):
        path = world.out / ".parallelrun" / name
        path.unlink()
        os.mkfifo(path)
        jobs.runs(offered=jobs.finished[:1])


def test_the_python_of_the_pod_counts(jobs, tmp_path):
    """Without environment.image scripts run in the orchestrator's own image."""
    jobs.runs()
    packages = tmp_path / "site-packages"
    (packages / "more-1.0.dist-info").mkdir(parents=True)
    told = jobs.runs(environment={"PYTHONPATH": str(packages)})["notReused"]
    assert "this job differs in python" in told and "more-1.0" in told
    modules = tmp_path / "modules"
    modules.mkdir()
    message = jobs.runs(environment={"PYTHONPATH": str(modules)})
    assert f"nothing is reused: Python finds modules in '{modules}'" in message["notReused"]
    assert "runRecord" not in message


def test_what_the_operator_names_may_be_anything(jobs):
    world = jobs.world
    jobs.runs()
    record = jobs.finished[0]["record"]
    (world.root / "outside").symlink_to(world.out)
    for offered in (
        [{"job": "a", "subPath": "../../outside", "record": record}],
        [{"job": "a", "subPath": str(world.out), "record": record}],
        [{"job": "a", "subPath": "nowhere", "record": record}],
        [{"job": "", "subPath": "job-1", "record": record}, "job-1", 7],
        [{"job": "a", "subPath": "job-1", "record": "x"}],
    ):
        jobs.runs(offered=offered)
    assert jobs.is_reused(offered=[{"job": "a", "subPath": "job-1", "record": record}])["reusedFrom"] == "a"


def test_what_the_orchestrator_cannot_know_keeps_results_from_being_reused(jobs):
    world = jobs.world

    def never(words):
        message = jobs.runs()
        assert "runRecord" not in message, message
        assert f"no later job will reuse these results: {words}" in jobs.log("sys/master_role.txt")

    source = {"persistentVolumeClaim": {"claimName": "models"}, "subPath": "model"}
    model = world.volumes / "side-inputs" / "model" / "model"
    model.mkdir(parents=True)
    (model / "weights").write_text("1")
    world.set(sideInputs=[{"name": "model", "source": source}])
    jobs.runs()
    jobs.is_reused()
    (model / "weights").write_text("2")
    assert "side input model: 1 file has changed: weights changed" in jobs.runs()["notReused"]
    world.set(sideInputs=[{"name": "model", "source": {"image": {"reference": "model:1"}}}])
    never("the side input 'model' is an image")
    world.set(sideInputs=[])
    world.set(worker={"volumes": [{"name": "more", "hostPath": {"path": "/data"}}]})
    never("'more' of spec.worker.volumes may hold files that scripts read")
    world.set(worker={"volumes": [{"name": "room", "emptyDir": {}}]})
    world.set(environment={"image": "registry.local/train:v3"})
    never("environment.image 'registry.local/train:v3' may be another image at another time")
    world.set(environment={"image": PINNED})
    jobs.runs()
    jobs.is_reused()
    variable = {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "modes", "key": "mode"}}}
    world.set(environment={"image": PINNED, "env": [variable]})
    never("the value of environment.env 'MODE' is in a ConfigMap")


def test_allow_reuse_false_runs_anew(jobs):
    jobs.runs()
    jobs.world.set(allowReuse=False)
    assert jobs.runs()["notReused"] == "nothing is reused: allowReuse is false"
    jobs.world.set(allowReuse=True)
    assert jobs.is_reused()["reusedFrom"] == "job-2"


def test_a_worker_that_came_too_early_does_no_harm(jobs):
    world = jobs.world
    jobs.runs()
    orchestrator = jobs.start()
    worker = world.worker()
    assert jobs.end(orchestrator)["reason"] == "Reused"
    worker.signal(signal.SIGTERM)  # the operator removes it with the job
    worker.wait()
    assert len(world.rows()) == 20


def test_an_orchestrator_that_is_killed_while_it_copies_leaves_nothing_wrong(jobs):
    """What it was writing may still reach the volume, so its successor has the job run."""
    world = jobs.world
    world.script(SCRIPT.replace(":{open(path).read()}", "{'y' * 400_000}"))
    jobs.runs()
    right = world.rows()
    killed = jobs.start()
    journal = world.out / ".parallelrun" / "journal.reused"
    wait_for(lambda: journal.exists() or killed.process.poll() is not None, "it copies nothing")
    killed.signal(signal.SIGKILL)
    killed.wait()
    successor = world.orchestrator(1, ended=[0], earlier_runs=jobs.finished)
    world.worker()
    assert successor.expect(0).message["state"] == "Complete"
    assert sorted(world.rows()) == sorted(right)


def test_a_last_word_of_many_letters_is_whole(jobs):
    """What differs may be long; the operator needs the rest of the message all the same."""
    jobs.runs()
    for number in range(12):
        jobs.world.script("# new", f"{'m' * 200}_{number}.py")
    message = jobs.runs()
    assert len(message["notReused"]) <= 600 and message["notReused"].endswith("...")
    assert len(json.dumps(message)) <= 4096 and message["runRecord"]
