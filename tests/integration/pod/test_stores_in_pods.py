"""Inputs, side inputs and code in an object store: pods with the container `data` against a real S3 server."""

import json
import signal

import pytest
from s3_server import Bucket
from store_pods import KEYS, StorePods
from store_proxy import StoreProxy
from waiting import wait_for

READS_ALL = """
import json, os
from azureml.core import Model
def init():
    pass
def run(mini_batch):
    rows = []
    label = os.path.join(Model.get_model_path("labels"), "a", "one.txt")
    for path in mini_batch:
        with open(path) as file, open(Model.get_model_path("model")) as model, open(label) as text:
            rows.append(json.dumps([os.path.basename(path), file.read(), model.read(), text.read(),
                                    sorted(n for n in os.environ if n.startswith(("AWS_ACC", "AWS_SEC", "AWS_WEB")))]))
    return rows
"""

SLOW = """
import os, time
def init():
    pass
def run(mini_batch):
    time.sleep(0.1)
    return [os.path.basename(path) for path in mini_batch]
"""


@pytest.fixture
def pods(api, s3, tmp_path):
    with StoreProxy(s3) as proxy:
        pods = StorePods(tmp_path, api, api.namespace("stores"))
        pods.proxy = proxy
        pods.bucket = Bucket(s3, pods.namespace)
        pods.set(inputs=[{"name": "files", "source": source(pods, "in")}], miniBatchSize=2, nodeCount=1)
        yield pods
        pods.destroy()


def source(pods, prefix, **more):
    body = {"bucket": pods.bucket.name, "prefix": prefix, "region": "us-east-1"}
    body |= {"endpoint": f"http://{pods.proxy.address}", "credentials": {"secretName": "keys"}}
    return {"s3": body | more}


def objects(pods, count):
    for number in range(count):
        pods.bucket.put(f"in/f{number:06}.txt", f"content {number}")


def start_pod(pods, name, *options, secrets=("inputs/files",), **variables):
    pod = pods.pod(name)
    for place in secrets:
        pod.secret(place, **KEYS)
    return pods.until_ready(pod, pods.start_data(pod, *options, **variables))


def files_with(folder, text):
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_input_side_inputs_and_code(pods):
    objects(pods, 12)
    pods.bucket.put("code/entry.py", READS_ALL)
    pods.bucket.put("nets/best.pkl", "the model")
    pods.bucket.put("labels/a/one.txt", "the label")
    pods.set(
        sourceDirectory=source(pods, "code"),
        sideInputs=[
            {"name": "model", "source": source(pods, "nets/best.pkl")},
            {"name": "labels", "source": source(pods, "labels"), "mountPath": "/opt/labels"},
        ],
    ).apply()
    code_too = ("inputs/files", "source")
    data = [start_pod(pods, "test-job-orchestrator-0", secrets=code_too)]
    name = "test-job-worker-0-0"
    data.append(
        start_pod(pods, name, "--worker", secrets=(*code_too, "side-inputs/model", "side-inputs/labels"))
    )
    pod = pods.pod(name)
    # As the mount with a subPath does.
    (pod.files / "opt").mkdir()
    (pod.files / "opt" / "labels").symlink_to(pod.volumes / "fetched" / "side-inputs" / "labels" / "labels")
    orchestrator = pods.orchestrator()
    # What a webhook has given to all containers of the pod.
    worker = pods.worker(environment={"AWS_WEB_IDENTITY_TOKEN_FILE": "/var/token"})
    orchestrator.expect(0)
    worker.expect(0)
    rows = sorted(json.loads(row) for row in pods.rows())
    named = ["AWS_WEB_IDENTITY_TOKEN_FILE"]  # each store has a Secret, so it is the script's own
    assert rows == [[f"f{n:06}.txt", f"content {n}", "the model", "the label", named] for n in range(12)]
    # Sidecars end after the runner.
    for container in data:
        container.signal(signal.SIGTERM)
        container.expect(0)
    assert "stores: " in data[1].output and "fetched" in data[1].output
    assert [
        path for pod in pods.pods.values() for path in (pod.volumes / "fetched-inputs" / "files").rglob("*")
    ] == []
    # Nothing but the folder in place of the Secret has the key.
    secret = KEYS["secretAccessKey"]
    assert files_with(pods.root, secret) == []
    for pod in pods.pods.values():
        assert all("credentials" in str(path) for path in files_with(pod.files, secret))


def test_an_identity_of_the_pod_does_not_reach_the_script(pods):
    objects(pods, 2)
    pods.bucket.put("nets/best.pkl", "the model")
    pods.bucket.put("labels/a/one.txt", "the label")
    (pods.code / "entry.py").write_text(READS_ALL)
    by_identity = source(pods, "in")
    del by_identity["s3"]["credentials"]
    sides = [
        {"name": "model", "source": source(pods, "nets/best.pkl")},
        {"name": "labels", "source": source(pods, "labels")},
    ]
    pods.set(inputs=[{"name": "files", "source": by_identity}], sideInputs=sides).apply()
    identity = {"AWS_ACCESS_KEY_ID": KEYS["accessKeyId"], "AWS_SECRET_ACCESS_KEY": KEYS["secretAccessKey"]}
    start_pod(pods, "test-job-orchestrator-0", secrets=(), **identity)
    sides_too = ("side-inputs/model", "side-inputs/labels")
    start_pod(pods, "test-job-worker-0-0", "--worker", secrets=sides_too, **identity)
    orchestrator = pods.orchestrator()
    worker = pods.worker(environment=identity)
    orchestrator.expect(0)
    worker.expect(0)
    assert [json.loads(row)[4] for row in pods.rows()] == [[], []]
    assert "the script does not get AWS_SECRET_ACCESS_KEY" in worker.output
    assert KEYS["secretAccessKey"] not in worker.output


def test_what_is_wrong_with_a_secret_is_told_and_can_be_corrected(pods):
    objects(pods, 1)
    pods.proxy.accepted_key = KEYS["accessKeyId"]
    pods.apply()
    pod = pods.pod("test-job-orchestrator-0")

    def reason():
        failed = pods.start_data(pod).expect(1)
        return failed.termination_log.read_text()

    pod.secret("inputs/files", accessKeyId="another")
    assert reason() == (
        "input 'files': the Secret 'keys' lacks secretAccessKey; s3 needs accessKeyId and secretAccessKey; or "
        "accessKeyId and secretAccessKey and sessionToken; its keys are accessKeyId"
    )
    pod.secret("inputs/files", secretAccessKey=KEYS["secretAccessKey"])
    refused = reason()
    assert refused.startswith(f"input 'files': s3://{pods.bucket.name}/in refuses the credentials"), refused
    assert "the Secret 'keys'" in refused and KEYS["secretAccessKey"] not in refused
    pod.secret("inputs/files", **KEYS)
    pods.until_ready(pod, pods.start_data(pod))


def test_a_container_that_dies_is_started_again_and_the_job_goes_on(pods):
    objects(pods, 40)
    (pods.code / "entry.py").write_text(SLOW)
    pods.apply()
    start_pod(pods, "test-job-orchestrator-0")
    name = "test-job-worker-0-0"
    data = start_pod(pods, name, "--worker")
    orchestrator = pods.orchestrator()
    worker = pods.worker()
    wait_for(lambda: len(pods.rows()) >= 6, lambda: f"the first rows:\n{worker.output}\n{data.output}")
    data.signal(signal.SIGKILL)
    data.wait()
    pods.until_ready(pods.pod(name), pods.start_data(pods.pod(name), "--worker"))
    orchestrator.expect(0)
    worker.expect(0)
    pods.expect_every_file_once(40)
