"""What identifies a job changes until it has started, and never again; everything else changes at any time."""

import copy

import pytest
import table
from server import as_clients_write

CLAIM = {"persistentVolumeClaim": {"claimName": "data"}}
START = {"status": {"state": "Running", "startTime": "2026-01-01T00:00:00Z"}}

# One source of each kind with the leaf that changes, to see that the rules see it.
LEAVES = {
    "configMap": (
        {"name": "a", "items": [{"key": "k", "path": "p"}]},
        {"items": [{"key": "k", "path": "q"}]},
    ),
    "secret": ({"secretName": "a"}, {"secretName": "b"}),
    "persistentVolumeClaim": ({"claimName": "a"}, {"claimName": "b"}),
    "hostPath": ({"path": "/a"}, {"path": "/b"}),
    "nfs": ({"server": "s", "path": "/a"}, {"path": "/b"}),
    "csi": ({"driver": "d", "volumeAttributes": {"share": "a"}}, {"volumeAttributes": {"share": "b"}}),
    "projected": ({"sources": [{"configMap": {"name": "a"}}]}, {"sources": [{"configMap": {"name": "b"}}]}),
    "image": ({"reference": "a:1"}, {"reference": "a:2"}),
    "azureFile": ({"secretName": "s", "shareName": "a"}, {"shareName": "b"}),
    "downwardAPI": (
        {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.name"}}]},
        {"items": [{"path": "b", "fieldRef": {"fieldPath": "metadata.name"}}]},
    ),
    "awsElasticBlockStore": ({"volumeID": "a"}, {"volumeID": "b"}),
    "azureDisk": ({"diskName": "a", "diskURI": "a"}, {"diskURI": "b"}),
    "cephfs": ({"monitors": ["a"]}, {"monitors": ["b"]}),
    "cinder": ({"volumeID": "a"}, {"volumeID": "b"}),
    "fc": ({"wwids": ["a"]}, {"wwids": ["b"]}),
    "flexVolume": ({"driver": "d", "options": {"share": "a"}}, {"options": {"share": "b"}}),
    "flocker": ({"datasetName": "a"}, {"datasetName": "b"}),
    "gcePersistentDisk": ({"pdName": "a"}, {"pdName": "b"}),
    "gitRepo": ({"repository": "a"}, {"repository": "b"}),
    "glusterfs": ({"endpoints": "e", "path": "a"}, {"path": "b"}),
    "iscsi": ({"targetPortal": "t", "iqn": "a", "lun": 0}, {"lun": 1}),
    "photonPersistentDisk": ({"pdID": "a"}, {"pdID": "b"}),
    "portworxVolume": ({"volumeID": "a"}, {"volumeID": "b"}),
    "quobyte": ({"registry": "r", "volume": "a"}, {"volume": "b"}),
    "rbd": ({"monitors": ["m"], "image": "a"}, {"image": "b"}),
    "scaleIO": ({"gateway": "g", "system": "s", "volumeName": "a"}, {"volumeName": "b"}),
    "storageos": ({"volumeName": "a"}, {"volumeName": "b"}),
    "azureBlob": ({"account": "a", "container": "c"}, {"container": "d"}),
    "s3": ({"bucket": "a"}, {"bucket": "b"}),
    "gcs": ({"bucket": "a"}, {"bucket": "b"}),
    "http": ({"urls": ["https://h/a"]}, {"urls": ["https://h/b"]}),
    "sql": ({"table": "a"}, {"table": "b"}),
    "vsphereVolume": ({"volumePath": "a"}, {"volumePath": "b"}),
}

# The code cannot be one: its place is an input.
OF_INPUTS = {"dataset": ({"name": "a", "version": 1}, {"version": 2})}

# Sources with content that the schema does not declare: only the operator sees it change.
OPEN_SOURCES = {
    "ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}},
    "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}, {"configMap": {"name": "a"}}]},
}

JOB = table.base(
    "tabular",
    {
        "metadata": {"name": "job"},
        "spec": {
            "sourceDirectory": {"configMap": {"name": "code"}},
            "entryScript": "run.py",
            "environment": {"env": [{"name": "A", "value": "1"}]},
            "inputs": [
                {"name": "one", "type": "tabular", "source": {**CLAIM, "subPath": "1"}},
                {"name": "two", "type": "tabular", "source": {**CLAIM, "subPath": "2"}},
            ],
            "sideInputs": [{"name": "labels", "source": CLAIM}],
            "arguments": ["--x", "1"],
            "miniBatchSize": "1MB",
        },
    },
)


def with_input(change):
    inputs = copy.deepcopy(JOB["spec"]["inputs"])
    inputs[0].update(change)
    return {"inputs": inputs}


IDENTITY = {
    "entryScript": {"entryScript": "other.py"},
    "sourceDirectory": {"sourceDirectory": {"configMap": {"name": "other"}}},
    "sourceDirectory of another kind": {"sourceDirectory": {"configMap": None, "hostPath": {"path": "/a"}}},
    "no sourceDirectory": {"sourceDirectory": None, "entryScript": "/run.py"},
    "environment's image": {"environment": {"image": "other:1"}},
    "environment's env": {"environment": {"env": [{"name": "A", "value": "2"}]}},
    "environment's variables": {"environment": {"variables": {"B": "1"}}},
    "no environment": {"environment": None},
    "inputs' subPath": with_input({"source": {**CLAIM, "subPath": "3"}}),
    "inputs' glob": with_input({"glob": "*.csv"}),
    "inputs' columns": with_input({"columns": {"a": "string"}}),
    "inputs' format": with_input({"format": "jsonl"}),
    "inputs' quote": with_input({"quote": "'"}),
    "inputs' header": with_input({"header": False}),
    "inputs' pathPattern": with_input({"pathPattern": "{day}/*.csv"}),
    "inputs' naValues": with_input({"naValues": ["-"]}),
    "one input less": {"inputs": JOB["spec"]["inputs"][:1]},
    "inputs in another order": {"inputs": JOB["spec"]["inputs"][::-1]},
    "sideInputs": {"sideInputs": [{"name": "labels", "source": {**CLAIM, "subPath": "a"}}]},
    "no sideInputs": {"sideInputs": None},
    "output": {"output": {"source": {"subPath": "a"}}},
    "output's overwrite": {"output": {"overwrite": True}},
    "output's format": {"output": {"format": "jsonl"}},
    "output's columns": {"output": {"columns": ["a"]}},
    "output's addContext": {"output": {"addContext": True}},
    "output's order": {"output": {"order": "input"}},
    "arguments": {"arguments": ["--x", "2"]},
    "no arguments": {"arguments": None},
    "miniBatchSize": {"miniBatchSize": "2MB"},
    "no miniBatchSize": {"miniBatchSize": None},
    "partitionKeys": {"partitionKeys": ["day"], "miniBatchSize": None},
    "resubmissionOf": {"resubmissionOf": "other"},
    "outputAction": {"outputAction": "summary_only"},
    "appendRowFileName": {"appendRowFileName": "other.txt"},
}

MUTABLE = {
    "nodeCount": 4,
    "processCountPerNode": 4,
    "errorThreshold": 7,
    "allowedFailedCount": 7,
    "allowedFailedPercent": 7.5,
    "loggingLevel": "DEBUG",
    "runInvocationTimeout": 7,
    "initTimeout": 7,
    "resourceMonitorInterval": 7,
    "taskOverheadTimeout": 7,
    "progressUpdateTimeout": 7,
    "firstTaskCreationTimeout": 7,
    "runMaxTry": 7,
    "runRetryDelay": 7,
    "maxMiniBatchesPerProcess": 7,
    "restartAfterFailure": True,
    "isolateFailures": True,
    "processMemoryLimit": "1Gi",
    "sharedMemory": "1Gi",
    "allowReuse": False,
    "suspend": True,
    "ttlSecondsAfterFinished": 7,
    "activeDeadlineSeconds": 7,
    "orchestrator": {"nodeSelector": {"a": "b"}},
    "worker": {"resources": {"limits": {"nvidia.com/gpu": 1, "cpu": "500m"}}},
}


@pytest.fixture
def waiting(jobs):
    made = jobs.create(JOB)
    assert made.accepted, made
    return jobs


@pytest.fixture
def started(waiting):
    answer = waiting.merge("job", START, "status")
    assert answer.accepted, answer
    return waiting


@pytest.mark.parametrize("change", IDENTITY.values(), ids=IDENTITY)
def check_identity_before_the_start(waiting, change):
    answer = waiting.merge("job", {"spec": change})
    assert answer.accepted, answer
    assert answer.body["metadata"]["generation"] == 2


@pytest.mark.parametrize("change", IDENTITY.values(), ids=IDENTITY)
def check_identity_after_the_start(started, change):
    answer = started.merge("job", {"spec": change})
    assert answer.status == 422, answer
    changed = {f"spec.{field}" for field in change}
    assert {field for field, text in answer.causes if "identifies the job" in text} == changed, answer


@pytest.mark.parametrize("change", IDENTITY.values(), ids=IDENTITY)
def check_identity_hides_behind_no_change_of_state(started, change):
    """The rules let writes of status pass by the change of state; no write changes both."""
    both = {"spec": change, "status": {"state": "Complete"}}
    answer = started.merge("job", both)
    assert answer.status == 422, answer
    before = started.get("job")["spec"]
    answer = started.merge("job", both, "status")
    assert answer.accepted, answer
    assert (answer.body["spec"], answer.body["status"]["state"]) == (before, "Complete")


@pytest.mark.parametrize("field", MUTABLE)
def check_the_rest_changes_at_any_time(started, field):
    answer = started.merge("job", {"spec": {field: MUTABLE[field]}})
    assert answer.accepted, answer
    assert as_clients_write(answer.body["spec"][field]) == MUTABLE[field]


def check_the_two_lists_are_all_of_spec(server):
    """A new field has to be put into one of them."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/parallelrunjobs.parallelrun.dev"
    version = server.request("GET", path).body["spec"]["versions"][0]
    known = set(version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"])
    identity = {field for change in IDENTITY.values() for field in change}
    assert identity | set(MUTABLE) | {"managedBy"} == known


@pytest.mark.parametrize("kind", LEAVES)
def check_rules_see_into_volumes(jobs, kind):
    before, change = LEAVES[kind]
    manifest = table.base("file", {"spec": {"sourceDirectory": {"configMap": None, kind: before}}})
    name = manifest["metadata"]["name"]
    made = jobs.create(manifest)
    assert made.accepted, made
    assert made.body["spec"]["sourceDirectory"] == {kind: before}
    assert jobs.merge(name, START, "status").accepted
    assert jobs.merge(name, {"spec": {"nodeCount": 5}}).accepted
    answer = jobs.merge(name, {"spec": {"sourceDirectory": {kind: change}}})
    assert answer.status == 422, answer
    assert answer.causes[0][0] == "spec.sourceDirectory", answer


@pytest.mark.parametrize("kind", OF_INPUTS)
def check_rules_see_into_sources_of_inputs(jobs, kind):
    before, change = OF_INPUTS[kind]
    source = {"name": "images", "source": {kind: before}}
    manifest = table.base("file", {"spec": {"inputs": [source]}})
    name = manifest["metadata"]["name"]
    made = jobs.create(manifest)
    assert made.accepted, made
    assert made.body["spec"]["inputs"] == [source]
    assert jobs.merge(name, START, "status").accepted
    answer = jobs.merge(
        name, {"spec": {"inputs": [{"name": "images", "source": {kind: {**before, **change}}}]}}
    )
    assert answer.status == 422, answer
    assert answer.causes[0][0] == "spec.inputs", answer


def check_every_kind_of_volume_is_tried(server):
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/parallelrunjobs.parallelrun.dev"
    version = server.request("GET", path).body["spec"]["versions"][0]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    kinds = set(spec["sourceDirectory"]["properties"]) - {"subPath", "local", "emptyDir"}
    assert set(LEAVES) | set(OPEN_SOURCES) | set(OF_INPUTS) == kinds


@pytest.mark.parametrize("kind", OPEN_SOURCES)
def check_undeclared_content_does_not_stop_other_changes(jobs, kind):
    """CEL does not see it; what matters here is that the job can still be scaled and suspended."""
    manifest = table.base(
        "file",
        {"spec": {"inputs": [{"name": "images", "source": {kind: OPEN_SOURCES[kind]}}], "arguments": []}},
    )
    name = manifest["metadata"]["name"]
    made = jobs.create(manifest)
    assert made.accepted, made
    assert made.body["spec"]["inputs"][0]["source"] == {kind: OPEN_SOURCES[kind]}
    assert jobs.merge(name, START, "status").accepted
    answer = jobs.merge(name, {"spec": {"nodeCount": 5}})
    assert answer.accepted, answer


@pytest.mark.parametrize("start", [None, "2026-01-02T00:00:00Z"], ids=["removed", "moved"])
def check_the_start_stays(started, start):
    answer = started.merge("job", {"status": {"startTime": start}}, "status")
    assert answer.status == 422, answer
    assert "cannot change after it was set" in answer.message
    assert started.merge("job", {"status": {"state": "Running"}}, "status").accepted


def check_the_status_as_a_whole_stays(started):
    stored = started.get("job")
    del stored["status"]
    answer = started.server.request("PUT", started.path("job", "status"), stored)
    assert answer.status == 422, answer


@pytest.mark.parametrize("before", [None, "example.com/queue"], ids=["absent", "given"])
@pytest.mark.parametrize("after", [None, "example.com/queue", "example.com/other"])
def check_managed_by_never_changes(jobs, before, after):
    made = jobs.create(table.merged(JOB, {"spec": {"managedBy": before}}))
    assert made.accepted, made
    answer = jobs.merge("job", {"spec": {"managedBy": after}})
    assert answer.accepted == (before == after), answer
