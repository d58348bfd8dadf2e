"""Data and code in an object store, with sidecars, kubelets and Secrets as they are."""

import json

import pytest
from command_line import CommandLine
from kubernetes import PATIENCE, wait_until
from object_store import ObjectStore, packages

KEYS = {"accessKeyId": "test-key", "secretAccessKey": "a-Secret/of+the=tests"}

# Beside its names: what it can see of credentials and of the process that has them.
SPY = """
import glob, os, work
def init():
    work.init()
def run(mini_batch):
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with open(path, "rb") as file:
            if b"parallelrun_data" in file.read():
                found.append(path)
    for folder, _, names in os.walk("/parallelrun"):
        found += [os.path.join(folder, name) for name in names if "secretAccessKey" in name]
    found += [name for name in os.environ if name.startswith("AWS_")]
    try:
        open(mini_batch[0], "a").close()
        found.append("its input can be written")
    except OSError:
        pass
    return [name + "".join(";" + one for one in found) for name in work.run(mini_batch)]
"""


@pytest.fixture(scope="module")
def archive():
    return packages()


@pytest.fixture
def store(space, archive):
    store = ObjectStore(space, archive)
    store.put(**{f"in__{number:05}.txt": str(number) for number in range(60)})
    return store


def data_status(pod):
    for container in pod["status"].get("initContainerStatuses", []):
        if container["name"] == "data":
            return container
    return {}


def test_input_side_input_and_code(space, store, expected):
    work = json.loads(space.cluster.kubectl("get", "-n", space.name, "configmap", "code", "-o", "json"))[
        "data"
    ]
    store.put(**{"code__work.py": work["work.py"], "code__spy.py": SPY, "side__greeting.txt": "hi"})
    store.secret(**KEYS)
    space.submit(
        "stored",
        held_after=10,
        entryScript="spy.py",
        sourceDirectory=store.source("code"),
        inputs=[{"name": "files", "source": store.source("in")}],
        sideInputs=[{"name": "side", "source": store.source("side"), "mountPath": "/opt/side"}],
        arguments=["--side", "$(sideInputs.side)"],
        nodeCount=2,
        miniBatchSize=5,
        worker={"dataProcess": {"cacheSize": "1Gi"}},
    )
    space.wait_workers("stored", 2)
    space.wait_progress("stored", 1)
    pods = space.pods("stored")
    assert len(pods) == 3
    for pod in pods.values():
        for container in [*pod["spec"]["containers"], *pod["spec"]["initContainers"]]:
            secrets = [m["name"] for m in container["volumeMounts"] if m["name"].startswith("credentials-")]
            assert bool(secrets) == (container["name"] == "data"), container["name"]
    # A data process that dies is started again, and the job goes on.
    name = sorted(space.pods("stored", "worker"))[0]
    kill = "import os, signal; os.kill(1, signal.SIGTERM)"
    space.cluster.kubectl("exec", "-n", space.name, name, "-c", "data", "--", "python3", "-c", kill)
    wait_until(
        "the container data is started again",
        lambda: data_status(space.pods("stored")[name]).get("restartCount", 0) >= 1,
        PATIENCE,
        say=lambda: space.story("stored"),
    )
    space.let("stored")
    status = space.wait_state("stored", "Complete")
    assert space.rows("stored") == [f"hi-{one}" for one in expected]
    assert status["progress"]["itemsSucceeded"] == 60
    # Sidecars have ended after the runner, and nothing of it counts as a failure.
    assert "workers" not in status or not any(one.get("failures") for one in status["workers"])


def test_output(space, store, expected, tmp_path):
    """The orchestrator's pod is killed in the middle, and told to go; each row is there once."""
    store.secret(**KEYS)
    space.submit(
        "kept",
        held_after=8,
        output={"source": store.source("out")},
        nodeCount=2,
        miniBatchSize=1,
        orchestrator={"resources": {"requests": {"ephemeral-storage": "64Mi"}}},
    )
    space.wait_workers("kept", 2)
    workers = space.uids("kept", "-worker-")
    for pod in space.pods("kept", "worker").values():
        assert "keys" not in json.dumps(pod["spec"]), "a worker has nothing to do with the output"
        assert "initContainers" not in pod["spec"]
    for done, force in ((8, ("--grace-period=0", "--force")), (16, ())):
        space.wait_progress("kept", done)
        ((name, pod),) = space.pods("kept", "orchestrator").items()
        lost = pod["metadata"]["uid"]
        claims = [volume for volume in pod["spec"]["volumes"] if "persistentVolumeClaim" in volume]
        assert len(claims) == 1, "the input's"
        space.delete_pod(name, *force)
        wait_until(
            "its replacement",
            lambda uid=lost: space.uids("kept", "-orchestrator-") - {uid},
            PATIENCE,
            say=lambda: space.story("kept"),
        )
        space.let("kept", done + 8)
    space.let("kept")
    status = space.wait_state("kept", "Complete")
    there = store.get("out")
    assert sorted(there["parallel_run_step.txt"].split()) == expected
    assert there["failed_items.jsonl"] == "" and "_SUCCESS" in there
    assert "Complete" in there["logs/job_progress_overview.txt"]
    log = there["logs/sys/master_role.txt"]
    assert log.count(", epoch ") == 3, log
    assert status["progress"]["itemsSucceeded"] == len(expected)
    assert status["progress"].get("triesFailed", 0) == 0
    assert space.uids("kept", "-worker-") == workers, "workers wait for the next orchestrator"
    # A short-lived pod reads the store, with the Secret of the job.
    verbs = CommandLine(space, tmp_path)
    assert "s3://data/out" in verbs.text("status", "kept")
    rows = verbs.text("output", "kept").splitlines()
    assert rows and set(rows) <= set(expected), rows
    assert "sys/master_role.txt" in verbs.text("logs", "kept")
    verbs.run("errors", "kept")
    assert json.loads(verbs.text("failed", "kept", "-o", "json")) == []
    assert "submit the job as a new one" in verbs.run("resubmit", "kept", code=2).stderr.decode()


def test_a_secret_that_is_missing_then_wrong_then_right(space, store, expected):
    space.submit("waits", inputs=[{"name": "files", "source": store.source("in")}])
    message = space.wait_reason("waits", "VolumeMissing")
    assert "Secret 'keys'" in message, message
    store.secret(accessKeyId="test-key")
    message = space.wait_reason("waits", "StoreNotReady")
    assert "the Secret 'keys' lacks secretAccessKey" in message, message
    assert space.status("waits")["state"] == "Pending"
    store.secret(**KEYS)
    space.wait_state("waits", "Complete", 2 * PATIENCE)
    assert space.rows("waits") == expected
