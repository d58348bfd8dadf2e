"""Side inputs in an object store: results of a job are reused and taken over while the objects are the same, which the
orchestrator's container `data` lists and the workers' fetch. A real S3 server; the test is the operator."""

import shutil

import pytest
from s3_server import Bucket
from store_pods import KEYS, StorePods
from store_proxy import StoreProxy
from waiting import wait_for

# Calls leave the names of their items.
SCRIPT = """
    import os, time
    from azureml.core import Model
    def init(): pass
    def run(mini_batch):
        names = [os.path.basename(path) for path in mini_batch]
        with open(os.environ["CALLS"], "a") as calls:
            calls.write("".join(name + "\\n" for name in names))
        while os.environ.get("HOLD") in names: time.sleep(0.01)
        if os.environ.get("FAIL") in names: raise ValueError(names)
        return [f"{name} {open(Model.get_model_path('model')).read()}" for name in names]
"""
SIDES = ("side-inputs/model", "side-inputs/labels")
CHANGED = "a side input in a store changed after it was listed, or it is not known what a worker has fetched"


class Jobs:
    """Jobs of one namespace that differ in their output alone, as long as nobody says more."""

    def __init__(self, pods):
        self.pods = pods
        self.calls = pods.root / "calls"
        self.finished = []  # the newest first, as the operator would name them
        self.count = 0
        self.orchestrators = []  # their containers `data`
        pods.script(SCRIPT).files(10)
        for key in ("nets/best.pkl", "labels/a/one.txt", "labels/.two"):
            pods.bucket.put(key, "1")
        sides = [
            {"name": "model", "source": self.source("nets/best.pkl")},
            {"name": "labels", "source": self.source("labels")},
        ]
        pods.set(sideInputs=sides, miniBatchSize=2, runMaxTry=1)

    def source(self, prefix):
        pods = self.pods
        body = {"bucket": pods.bucket.name, "prefix": prefix, "region": "us-east-1"}
        body |= {"endpoint": f"http://{pods.proxy.address}", "credentials": {"secretName": "keys"}}
        return {"s3": body}

    def data(self, name, *options, secrets=SIDES):
        """The container `data` of that pod, which is ready. Paths in pods are the same, so orchestrators share a folder."""
        if "-orchestrator-" in name:
            if self.orchestrators:
                self.orchestrators[-1].destroy()
                shutil.rmtree(
                    self.pods.pod("job-1-orchestrator-0").volumes / "credentials", ignore_errors=True
                )
            self.pods.pods[name] = self.pods.pod("job-1-orchestrator-0")
        pod = self.pods.pod(name)
        for place in secrets:
            pod.secret(place, **KEYS)
        earlier = pod.volumes / "earlier-output"
        if not earlier.exists():
            earlier.symlink_to(self.pods.output_volume)
        started = self.pods.start_data(pod, *options)
        if "-orchestrator-" in name:
            self.orchestrators.append(started)
        return self.pods.until_ready(pod, started)

    def submit(self, **fields):
        pods = self.pods
        self.count += 1
        pods.name = f"job-{self.count}"
        pods.out = pods.output_volume / pods.name
        source = {"persistentVolumeClaim": {"claimName": "out"}, "subPath": pods.name}
        pods.set(output={"source": source}, nodeCount=1, **fields).apply()
        self.calls.unlink(missing_ok=True)

    def orchestrator(self, *, secrets=SIDES, after=None):
        """`after`: the job that this one is a resubmission of."""
        pods = self.pods
        self.data(f"{pods.name}-orchestrator-0", secrets=secrets)
        options = ["--take-over-job", after, "--take-over", after] if after else []
        return pods.orchestrator(earlier_runs=self.finished, extra=options)

    def fetch(self, incarnation=0):
        """What is there before the worker starts."""
        self.data(f"{self.pods.name}-worker-0-{incarnation}", "--worker")

    def worker(self, incarnation=0, **environment):
        variables = {"CALLS": str(self.calls), **environment}
        return self.pods.worker(0, incarnation, environment=variables)

    def start(self, *, secrets=SIDES, after=None, **fields):
        """The orchestrator of another job."""
        self.submit(**fields)
        return self.orchestrator(secrets=secrets, after=after)

    def end(self, orchestrator):
        message = orchestrator.expect(0).message
        assert message["state"] == "Complete", message
        if record := message.get("runRecord"):
            name = self.pods.name
            self.finished.insert(0, {"job": name, "subPath": name, "record": record})
        return message

    def runs(self, **options):
        environment = {"FAIL": options.pop("fail")} if "fail" in options else {}
        orchestrator = self.start(**options)
        self.fetch()
        self.worker(**environment)
        return self.end(orchestrator)

    def called(self):
        return sorted(self.calls.read_text().split()) if self.calls.exists() else []

    def taken(self):
        return self.pods.progress()["takenOver"]

    def log(self):
        return (self.pods.out / "logs" / "sys" / "master_role.txt").read_text()

    def listed(self):
        """What the orchestrator has written down."""
        return self.pods.out / ".parallelrun" / "contents"


@pytest.fixture
def jobs(api, s3, tmp_path):
    with StoreProxy(s3) as proxy:
        pods = StorePods(tmp_path, api, api.namespace("sides"))
        pods.proxy = proxy
        pods.bucket = Bucket(s3, pods.namespace)
        yield Jobs(pods)
        pods.destroy()


def names(*numbers):
    return [f"f{number:06}.txt" for number in numbers]


@pytest.mark.parametrize("changed", ["nets/best.pkl", "labels/a/one.txt", "labels/.two"])
def test_reused_while_the_objects_are_the_same(jobs, changed):
    pods = jobs.pods
    message = jobs.runs()
    assert message["runRecord"] and "notReused" not in message, jobs.log()
    rows = pods.rows()
    read = pods.proxy.bytes_of(f"{pods.bucket.name}/")
    assert read == 3  # the worker's
    message = jobs.end(jobs.start())
    assert (message["reason"], message["reusedFrom"]) == ("Reused", "job-1")
    assert pods.rows() == rows
    assert pods.proxy.bytes_of(f"{pods.bucket.name}/") == read  # it was listed, and nothing was fetched
    pods.bucket.put(changed, "22")
    told = jobs.runs()["notReused"]
    name = "model" if "nets" in changed else "labels"
    assert "nothing is reused: since job 'job-2' (finished 2" in told
    assert f"side input {name}: 1 file has changed: {changed.split('/', 1)[1]} changed" in told
    assert jobs.called() == names(*range(10))
    assert jobs.end(jobs.start())["reusedFrom"] == "job-3"


def test_taken_over_while_the_objects_are_the_same(jobs):
    pods = jobs.pods
    assert jobs.runs(fail=names(5)[0])["itemsFailed"] == 2
    message = jobs.runs(after="job-1")
    assert jobs.called() == names(4, 5) and message["itemsSucceeded"] == 10
    taken = jobs.taken()
    assert (taken["from"], taken["items"], taken["again"]) == (
        "job-1",
        8,
        ["1 mini-batch with 2 items failed"],
    )
    assert sorted(pods.rows()) == [f"{name} 1" for name in names(*range(10))]
    pods.bucket.put("nets/best.pkl", "22")
    jobs.runs(after="job-2")
    assert jobs.called() == names(*range(10))
    assert jobs.taken()["items"] == 0
    assert jobs.taken()["again"] == ["side input model: best.pkl changed"]
    assert sorted(pods.rows()) == [f"{name} 22" for name in names(*range(10))]


@pytest.mark.parametrize("when", ["before the worker fetches", "after it", "before a later worker fetches"])
def test_an_object_that_is_another_one_for_a_worker_is_noticed(jobs, when):
    """Rows and what was written down would not belong together."""
    pods = jobs.pods

    def change():
        pods.bucket.put("nets/best.pkl", "22")

    jobs.submit()
    if when == "after it":
        jobs.fetch()
        change()
    orchestrator = jobs.orchestrator()
    wait_for(jobs.listed().exists, orchestrator.output)
    if when == "before the worker fetches":
        change()
    if when != "after it":
        jobs.fetch()
    if when == "before a later worker fetches":
        first = jobs.worker(HOLD=names(5)[0])
        wait_for(lambda: len(pods.rows()) >= 4, "the first rows")
        first.destroy()
        change()
        jobs.fetch(1)
    jobs.worker(1 if "later" in when else 0)
    message = jobs.end(orchestrator)
    assert "runRecord" not in message
    assert "has other objects of the side inputs than the store had when the job began" in orchestrator.output
    assert f"no later job will reuse these results: {CHANGED}" in jobs.log()
    # Nor does anybody take its rows over.
    jobs.runs(after="job-1")
    assert jobs.called() == names(*range(10))
    assert (
        "or a worker fetched other objects of a side input in a store than were listed"
        in jobs.taken()["again"][0]
    )


@pytest.mark.parametrize("trouble", ["no Secret", "refused"])
def test_a_job_whose_side_inputs_cannot_be_listed_runs_and_says_so(jobs, trouble):
    pods = jobs.pods
    secrets = SIDES[1:] if trouble == "no Secret" else SIDES

    def runs():
        if trouble == "refused":
            pods.proxy.refuse_lists_after = 0
        orchestrator = jobs.start(secrets=secrets)
        wait_for(lambda: pods.progress().get("planComplete"), orchestrator.output)
        pods.proxy.refuse_lists_after = None
        jobs.fetch()
        jobs.worker()
        return jobs.end(orchestrator)

    jobs.runs()
    words = "side input 'model': the Secret 'keys' cannot be read" if trouble == "no Secret" else "refuses"
    message = runs()
    assert message["notReused"].startswith(
        "no results are reused, because the inputs cannot be compared: side input"
    )
    assert words in message["notReused"]
    assert "runRecord" not in message and "no later job will reuse these results: side input" in jobs.log()
    assert jobs.called() == names(*range(10))
