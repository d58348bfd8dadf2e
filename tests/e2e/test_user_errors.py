"""Each mistake that a user makes has a condition, an event and a sentence that says what to do."""

import json

import pytest
from kubernetes import JOBS


def check(space, name, reason, *words, event=True):
    message = space.wait_reason(name, reason)
    for word in words:
        assert word in message, message
    if event:
        space.wait_events(name, reason)
    return message


def test_image_that_cannot_be_pulled(space):
    space.submit("no-image", environment={"image": "registry.invalid/nobody/nothing:1"})
    check(space, "no-image", "ImagePullFailed", "registry.invalid/nobody/nothing:1")
    assert space.status("no-image")["state"] == "Pending"


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("PersistentVolumeClaim", {"persistentVolumeClaim": {"claimName": "missing-one"}}),
        ("ConfigMap", {"configMap": {"name": "missing-one"}}),
        ("Secret", {"secret": {"secretName": "missing-one"}}),
    ],
)
def test_missing_volume(space, kind, source):
    space.submit("no-volume", sideInputs=[{"name": "side", "source": source}])
    check(space, "no-volume", "VolumeMissing", kind, "missing-one")


def test_it_goes_on_once_the_volume_is_there(space, expected):
    space.submit("patient", sourceDirectory={"configMap": {"name": "later"}})
    space.wait_reason("patient", "VolumeMissing")
    space.code(
        "later", {"work.py": (space.cluster.get("-n", space.name, "configmap", "code"))["data"]["work.py"]}
    )
    space.wait_state("patient", "Complete")
    assert space.rows("patient") == expected


def test_missing_secret_of_a_variable(space):
    variable = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "missing-one", "key": "word"}}}
    space.submit("no-secret", environment={"env": [variable]})
    check(space, "no-secret", "CreateContainerConfigError", "missing-one")


def test_unschedulable(space):
    space.submit("too-large", worker={"nodeSelector": {"parallelrun.dev/none": "here"}})
    check(space, "too-large", "Unschedulable", "node")


def test_quota_exceeded(space):
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small", "namespace": space.name},
        "spec": {"hard": {"pods": "2"}},  # one is the test's own
    }
    space.cluster.apply(quota)
    space.submit("crowded", nodeCount=3)
    check(space, "crowded", "QuotaExceeded", "small")
    space.cluster.kubectl("delete", "resourcequota", "small", "-n", space.name)
    space.wait_state("crowded", "Complete")


def test_runs_under_a_quota_of_cpu_and_memory(space):
    hard = {"requests.cpu": "8", "requests.memory": "8Gi"}
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "requests", "namespace": space.name},
        "spec": {"hard": hard},
    }
    space.cluster.apply(quota)
    space.submit("modest")
    space.wait_state("modest", "Complete")


def test_pod_refused_by_admission(space):
    source = {"hostPath": {"path": "/tmp"}}
    space.submit("host-path", sideInputs=[{"name": "side", "source": source}])
    check(space, "host-path", "PodRefused", "hostPath", "restricted")


def test_script_that_does_not_import(space):
    space.submit("no-import", arguments=["--import-name", "a_module_that_nobody_has"])
    space.wait_state("no-import", "Failed")
    message = space.status("no-import")["message"]
    assert "a_module_that_nobody_has" in message, message
    assert space.condition("no-import", "Failed")["reason"] == "ScriptFailed"
    assert "kubectl logs" in message or "logs/" in message, message


def test_missing_directory_of_an_input(space):
    space.submit("no-folder", inputs=[{"name": "files", "source": space.volume("nowhere")}])
    space.wait_state("no-folder", "Failed")
    message = space.status("no-folder")["message"]
    assert "inputs[0]" in message and "nowhere" in message, message


def test_another_jobs_output_is_not_touched(space, expected):
    space.submit("first", output={"source": space.volume("out/first")})
    space.wait_state("first", "Complete")
    space.submit("second", miniBatchSize=7, output={"source": space.volume("out/first")})
    space.wait_state("second", "Failed")
    assert "first" in space.status("second")["message"]
    assert space.rows("first") == expected


def test_what_the_schema_refuses(space):
    job = {
        "apiVersion": "parallelrun.dev/v1alpha1",
        "kind": "ParallelRunJob",
        "metadata": {"name": "wrong", "namespace": space.name},
        "spec": {"entryScript": "work.py", "miniBatchSize": "10XB", "inputs": [], "output": {}},
    }
    done = space.cluster.run("kubectl", "apply", "-f", "-", stdin=json.dumps(job), check=False)
    said = done.stderr.decode()
    assert done.returncode != 0 and "spec.miniBatchSize" in said, said


def test_what_identifies_a_job_stays(space):
    space.submit("fixed", held_after=0)
    space.wait_state("fixed", "Running")
    patch = json.dumps({"spec": {"miniBatchSize": 3}})
    done = space.cluster.run(
        "kubectl", "patch", "-n", space.name, JOBS, "fixed", "--type=merge", "-p", patch, check=False
    )
    said = done.stderr.decode()
    assert done.returncode != 0 and "make a new job" in said, said
