"""A job whose orchestrator's pod has the output of an earlier job: what is good of it is taken over, by item."""

import pytest
from waiting import wait_for

# Names in FAIL, which is the pod's and not the job's, fail; each call leaves the names of its items.
FILES = """
    import os, time
    def init(): pass
    def run(mini_batch):
        names = [os.path.basename(path) for path in mini_batch]
        with open(os.environ["CALLS"], "a") as calls:
            calls.write("".join(name + "\\n" for name in names))
        while os.environ.get("HOLD") in names and not os.path.exists(os.environ["GO"]): time.sleep(0.01)
        if set(names) & set(os.environ.get("FAIL", "").split(",")): raise ValueError(names)
        return names
"""
MODE = {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "modes", "key": "mode"}}}


class Again:
    def __init__(self, world):
        self.world = world
        self.calls = world.root / "calls"
        self.go = world.root / "go"
        (world.volumes / "earlier-output").symlink_to(world.output_volume)
        self.jobs = 0

    def job(self, folder, **fields):
        """Another job of this namespace, with its output in that folder of the volume."""
        self.jobs += 1
        world = self.world
        world.name = "test-job" if self.jobs == 1 else f"test-job-{self.jobs}"
        source = {"persistentVolumeClaim": {"claimName": "out"}}
        world.spec["output"]["source"] = {**source, "subPath": folder} if folder else source
        world.out = world.output_volume / folder
        world.set(nodeCount=1, runMaxTry=1, **fields).apply()
        self.calls.unlink(missing_ok=True)
        return self

    def start(self, *, after=None, **environment):
        """Its pods. `after`: the earlier job and the folder of its output."""
        options = []
        if after:
            options = ["--take-over-job", after[0], *(["--take-over", after[1]] if after[1] else [])]
        self.orchestrator = self.world.orchestrator(extra=options)
        variables = {"CALLS": str(self.calls), "GO": str(self.go), **environment}
        self.worker = self.world.worker(environment=variables)
        return self

    def end(self, code=0):
        self.orchestrator.expect(code)
        return self

    def run(self, **options):
        return self.start(**options).end()

    def items(self):
        return sorted(self.calls.read_text().split()) if self.calls.exists() else []

    def taken(self):
        return self.world.progress()["takenOver"]


@pytest.fixture
def again(world):
    world.script(FILES).set(miniBatchSize=5)
    return Again(world)


def names(*numbers):
    return [f"f{number:06}.txt" for number in numbers]


def snapshot(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_failed_runs_again_and_the_rest_is_taken_over(again):
    world = again.world.files(40)
    again.job("results").run(FAIL="f000007.txt")
    assert again.orchestrator.message["itemsFailed"] == 5
    assert "takenOver" not in world.progress()
    before = snapshot(world.out)

    again.job("second", miniBatchSize=2).run(after=("test-job", "results"))
    assert again.items() == names(5, 6, 7, 8, 9)
    world.expect_every_file_once(40)
    assert snapshot(world.output_volume / "results") == before
    assert again.orchestrator.message["itemsSucceeded"] == 40
    taken = again.taken()
    assert (taken["from"], taken["miniBatches"], taken["items"]) == ("test-job", 7, 35)
    assert (taken["left"], taken["leftItems"]) == (3, 5)
    assert taken["again"] == ["1 mini-batch with 5 items failed"]
    words = (
        "taken over from 'test-job': the results of 35 items in 7 mini-batches; 3 mini-batches are to be done"
    )
    assert words in again.orchestrator.output
    assert "Taken over:             7 mini-batches (35 items) of 'test-job'" in world.overview()

    # Of a resubmission another one can be made; nothing is left to do then.
    again.job("third").run(after=("test-job-2", "second"))
    assert again.items() == [] and again.taken()["items"] == 40
    world.expect_every_file_once(40)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"allowReuse": False}, "allowReuse is false"),
        ({"arguments": ["--x"]}, "arguments: was [], now"),
        ({"environment": {"image": "other:1"}}, "environment.image: was not set, now"),
    ],
)
def test_nothing_is_taken_over_from_another_job(again, fields, why):
    world = again.world.files(10)
    again.job("results").run()
    again.job("second", **fields).run(after=("test-job", "results"))
    assert again.items() == names(*range(10))
    taken = again.taken()
    assert taken["items"] == 0 and why in taken["again"][0], taken
    assert (
        f"nothing is taken over from 'test-job', and the whole job runs: {why}" in again.orchestrator.output
    )
    world.expect_every_file_once(10)


@pytest.mark.parametrize(
    "fields",
    [
        {"environment": {"image": "train:v3"}},
        {"environment": {"env": [MODE]}},
        {"worker": {"volumes": [{"name": "more", "hostPath": {"path": "/data"}}]}},
    ],
)
def test_what_keeps_results_from_being_reused_unasked_stops_no_resubmission(again, fields):
    world = again.world.files(10)
    again.job("results", **fields).run()
    assert "runRecord" not in again.orchestrator.message
    again.job("second").run(after=("test-job", "results"))
    assert again.items() == [] and again.taken()["items"] == 10
    world.expect_every_file_once(10)


def test_results_that_were_taken_over_are_not_reused_unasked(again):
    """A resubmission is held to less: it must be no way around what reuse is held to."""
    world = again.world.files(10)
    again.job("results").run()
    assert again.orchestrator.message["runRecord"]
    again.job("second", miniBatchSize=2).run(after=("test-job", "results"))
    assert again.taken()["items"] == 10
    assert "runRecord" not in again.orchestrator.message
    log = (world.out / "logs" / "sys" / "master_role.txt").read_text()
    assert "no later job will reuse these results: some of them were taken over from another job" in log


def test_an_earlier_job_without_output_is_told_and_everything_runs(again):
    world = again.world.files(4)
    again.job("results").run(after=("never-ran", "nowhere"))
    assert "'never-ran' is no output directory of a job" in again.taken()["again"][0]
    world.expect_every_file_once(4)


def test_changed_files_run_again(again):
    world = again.world.files(20)
    again.job("results").run()
    (world.data / names(12)[0]).write_text("other")
    (world.data / names(20)[0]).write_text("new")
    again.job("second").run(after=("test-job", "results"))
    assert again.items() == names(*range(10, 15), 20)
    world.expect_every_file_once(21)


def test_the_root_of_the_volume_was_the_output(again):
    """The new folder lies in the earlier output then."""
    world = again.world.files(10)
    again.job("").run(FAIL="f000001.txt")
    again.job("test-job-2").run(after=("test-job", ""))
    assert again.items() == names(*range(5))
    world.expect_every_file_once(10)


@pytest.mark.parametrize("change", [False, True])
def test_side_inputs_are_looked_at(again, change):
    """They are on workers; the orchestrator has them at a path of its own."""
    world = again.world.files(10)
    models = world.volumes / "side-inputs" / "mnist" / "models"
    models.mkdir(parents=True)
    (models / "model.bin").write_text("42")
    source = {"persistentVolumeClaim": {"claimName": "models"}, "subPath": "models"}
    world.set(sideInputs=[{"name": "mnist", "source": source}])
    again.job("results").run()
    if change:
        (models / "model.bin").write_text("430")
    again.job("second").run(after=("test-job", "results"))
    assert again.items() == (names(*range(10)) if change else [])
    if change:
        assert again.taken()["again"] == ["side input mnist: model.bin changed"]


def test_the_earlier_output_below_an_input_is_no_input(again):
    world = again.world
    world.data.rmdir()
    world.data.symlink_to(world.output_volume)  # one volume, mounted twice
    (world.output_volume / "in").mkdir()
    for name in names(0, 1):
        (world.output_volume / "in" / name).write_text("x")
    again.job("results").run()
    again.job("second").start(after=("test-job", "results")).end(2)
    message = again.orchestrator.message["message"]
    assert (
        "'test-job' lies in the directory of input 'files'" in message
        and "narrow the input's glob" in message
    )


def test_a_new_pod_goes_on_with_what_was_taken_over(again):
    world = again.world.files(40)
    again.job("results").run(FAIL="f000007.txt,f000022.txt")
    again.job("second", miniBatchSize=1)
    again.start(after=("test-job", "results"), HOLD="f000022.txt")
    wait_for(lambda: len(world.rows()) == 37, "all but the held one and those behind it")
    again.orchestrator.destroy()
    second = world.orchestrator(1, ended=[0], extra=["--take-over-job", "test-job", "--take-over", "results"])
    wait_for(lambda: again.world.progress().get("agents"), "the worker")
    again.go.touch()
    second.expect(0)
    world.expect_every_file_once(40)
    assert again.taken()["items"] == 30
