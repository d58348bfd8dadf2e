"""Jobs that name datasets, and the verbs that register them. The kubelet is played."""

import json
import subprocess
from base64 import b64decode

import pytest
import yaml
from checkout import PROGRAM, REPOSITORY
from program import Operator
from server import APISERVER, Datasets
from waiting import wait_for
from world import manifest

RULES = REPOSITORY / "helm/parallelrun/files/operator-rules.yaml"
USE = [{"name": "images", "source": {"dataset": {"name": "mnist"}}}]


def version(number, folder):
    source = {"persistentVolumeClaim": {"claimName": "photos"}, "subPath": folder}
    return {"version": number, "source": source, "glob": "*.png"}


@pytest.fixture
def datasets(world):
    found = Datasets(world.server, world.namespace)

    def register(name, *versions, kind="file"):
        made = found.create(
            {
                "apiVersion": "parallelrun.dev/v1alpha1",
                "kind": "ParallelRunDataset",
                "metadata": {"name": name},
                "spec": {"type": kind, "versions": list(versions)},
            }
        )
        assert made.accepted, made

    found.register = register
    yield found
    world.server.request("DELETE", found.path(), {"propagationPolicy": "Background"})


def input_of_pods(world, job):
    """What job.json says of the input, and where the orchestrator's pod has it from."""
    (secret,) = [one for one in world.items("secrets") if one["metadata"]["name"] == f"{job}-runner"]
    spec = json.loads(b64decode(secret["data"]["job.json"]))["spec"]
    pods = world.pods(job)
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in pods.values()
        for volume in pod["spec"]["volumes"]
        if "persistentVolumeClaim" in volume
    }
    return spec["inputs"][0], claims


def check_a_job_takes_a_dataset_and_keeps_it(operator, world, datasets):
    datasets.register("mnist", version(1, "one"), version(2, "two"))
    assert world.jobs.create(manifest("digits", workers=1, inputs=USE)).accepted
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0")
    (recorded,) = world.status("digits")["datasets"]
    assert (recorded["name"], recorded["version"], recorded["type"]) == ("mnist", 2, "file")
    assert recorded["source"] == version(2, "two")["source"]
    there, claims = input_of_pods(world, "digits")
    assert there["source"]["subPath"] == "two" and there["glob"] == "*.png" and "photos" in claims
    world.run_pods("digits")
    world.awaits("digits", "Running")
    # A newer version, and then the end of the dataset: replaced and resumed pods are as those before.
    newer = {"spec": {"versions": [version(1, "one"), version(2, "two"), version(3, "three")]}}
    assert datasets.merge("mnist", newer).accepted
    assert world.server.request("DELETE", datasets.path("mnist")).accepted
    wait_for(lambda: world.status("digits")["datasets"][0].get("deleted"), lambda: world.status("digits"))
    world.delete_pod("digits-orchestrator-0")
    world.awaits_pods("digits", "orchestrator-1", "worker-0-0")
    assert world.jobs.merge("digits", {"spec": {"suspend": True}}).accepted
    world.awaits_pods("digits")
    assert world.jobs.merge("digits", {"spec": {"suspend": False, "nodeCount": 2}}).accepted
    wait_for(lambda: len(world.pods("digits")) == 3, lambda: sorted(world.pods("digits")))
    there, claims = input_of_pods(world, "digits")
    assert there["source"]["subPath"] == "two" and "photos" in claims
    told = world.server.request("GET", f"/apis/events.k8s.io/v1/namespaces/{world.namespace}/events").body
    (deleted,) = [event for event in told["items"] if event["reason"] == "DatasetDeleted"]
    assert "goes on with version 2" in deleted["note"]


def check_a_job_waits_for_a_dataset(operator, world, datasets):
    datasets.register("letters", version(1, "one"))
    assert world.jobs.create(manifest("digits", workers=1, inputs=USE)).accepted
    wait_for(lambda: world.condition("digits", "Running"), "a condition")
    condition = world.condition("digits", "Running")
    assert (condition["status"], condition["reason"]) == ("False", "DatasetMissing")
    assert "there is no dataset 'mnist'" in condition["message"] and "'letters'" in condition["message"]
    assert "startTime" not in world.status("digits") and not world.pods("digits")
    # While it waits it may become another job.
    assert world.jobs.merge("digits", {"spec": {"nodeCount": 2}}).accepted
    datasets.register("mnist", version(7, "seven"))
    world.awaits_pods("digits", "orchestrator-0", "worker-0-0", "worker-1-0")
    assert input_of_pods(world, "digits")[0]["source"]["subPath"] == "seven"


def check_a_dataset_of_another_type(operator, world, datasets):
    datasets.register("mnist", {"version": 1, "source": version(1, "one")["source"]}, kind="tabular")
    typed = [{**USE[0], "type": "file"}]
    assert world.jobs.create(manifest("digits", inputs=typed)).accepted
    status = world.awaits("digits", "Failed")
    assert "is file, but the dataset 'mnist' is tabular" in status["message"]


@pytest.fixture
def blind(server):
    """The kubeconfig of an operator that lacks the right to list datasets, as after an upgrade of it alone."""
    name = "operator-without-datasets"
    rules = [
        rule for rule in yaml.safe_load(RULES.read_text()) if "parallelrundatasets" not in rule["resources"]
    ]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}}
    done = server.kubectl("apply", "-f", "-", stdin=json.dumps({**role, "rules": rules}))
    assert done.returncode == 0, done.stderr
    done = server.kubectl("create", "clusterrolebinding", name, f"--clusterrole={name}", f"--user={name}")
    assert done.returncode == 0, done.stderr
    made = subprocess.run(
        [APISERVER, "user", name, "--dir", server.folder], check=True, stdout=subprocess.PIPE, text=True
    )
    return made.stdout.strip()


def check_an_operator_that_cannot_list_datasets_leads(blind, world, datasets):
    with Operator(blind, "--leader-election=false") as operator:
        operator.leading()
        operator.says("the watch of ParallelRunDatasets: ")
        datasets.register("mnist", version(1, "one"))
        assert world.jobs.create(manifest("digits", workers=1, inputs=USE)).accepted
        world.submit("letters", workers=1)
        world.awaits_pods("letters", "orchestrator-0", "worker-0-0")
        wait_for(lambda: world.condition("digits", "Running"), "a condition")
        condition = world.condition("digits", "Running")
        assert condition["reason"] == "DatasetsUnreadable" and "chart" in condition["message"], condition
        assert operator.stop()[0] == 0


def check_dataset_verbs(verbs, tmp_path):
    team = verbs.world.namespace
    datasets = Datasets(verbs.world.server, team)
    assert f"in the namespace '{team}'" in verbs("datasets", "list").stderr
    done = verbs("datasets", "register", "mnist", "--claim", "photos/2026", "--glob", "*.png")
    assert "registered version 1 of the dataset 'mnist'" in done.stdout and team in done.stdout
    stored = datasets.get("mnist")["spec"]["versions"]
    assert stored[0]["source"] == {
        "persistentVolumeClaim": {"claimName": "photos"},
        "subPath": "2026",
    }
    assert stored[0]["created"].startswith("20")
    again = ("datasets", "register", "mnist", "--claim", "photos/2026", "--glob", "*.png")
    assert "has this data already, as version 1" in verbs(*again).stdout
    assert "version 2" in verbs(*again, "--new-version").stdout
    source = "{s3: {bucket: pictures, credentials: {secretName: keys}}}"
    verbs("datasets", "register", "mnist", "--source", source, "--description", "from the store")
    rows = verbs("datasets", "list").stdout.splitlines()
    assert rows[1].split()[:4] == ["mnist", "file", "3", "3"] and "s3://pictures" in rows[1]
    shown = verbs("datasets", "show", "mnist").stdout
    assert "photos/2026/*.png" in shown and "from the store" in shown
    told = json.loads(verbs("datasets", "show", "mnist", "-o", "json").stdout)
    assert [one["version"] for one in told["spec"]["versions"]] == [1, 2, 3]
    assert told["spec"]["versions"] == datasets.get("mnist")["spec"]["versions"]
    # A file's versions keep their numbers, and what is there cannot be another thing.
    file = tmp_path / "more.yaml"
    told["spec"]["versions"] = [*told["spec"]["versions"], version(10, "ten")]
    file.write_text(json.dumps(told))
    assert "version 10" in verbs("datasets", "register", file).stdout
    told["spec"]["versions"][0]["glob"] = "*.jpg"
    file.write_text(json.dumps(told))
    assert "a version never changes" in verbs.refused("datasets", "register", file)
    assert len(datasets.get("mnist")["spec"]["versions"]) == 4
    assert "did you mean 'mnist'?" in verbs.refused("datasets", "show", "mnst")
    assert "--claim" in verbs.refused("datasets", "register", "x", "--path", tmp_path)
    local = "{local: {path: /data}}"
    assert "one machine" in verbs("datasets", "register", "x", "--source", local, code=2).stderr
    assert (
        "not the name of a dataset on a cluster"
        in verbs("datasets", "register", "X_1", "--claim", "photos", code=2).stderr
    )


def check_two_who_register_at_once(verbs):
    """Each gets a number of its own."""
    verbs("datasets", "register", "mnist", "--claim", "a/0")
    begun = [verbs.start("datasets", "register", "mnist", "--claim", f"a/{n}") for n in range(1, 7)]
    for process in begun:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    stored = Datasets(verbs.world.server, verbs.world.namespace).get("mnist")["spec"]["versions"]
    assert [one["version"] for one in stored] == list(range(1, 8))
    assert {one["source"]["subPath"] for one in stored} == {str(n) for n in range(7)}


def check_who_has_no_right_is_told(verbs):
    user = subprocess.run(
        [APISERVER, "user", "carol", "--dir", verbs.world.server.folder],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    carol = {"KUBECONFIG": user.stdout.strip()}
    said = verbs.refused("datasets", "list", code=1, **carol)
    assert "no right to list parallelrundatasets.parallelrun.dev" in said, said


def check_submit_passes_a_dataset_on(verbs, tmp_path):
    folder = tmp_path / "first"
    subprocess.run([PROGRAM, "init", folder, "--name", "first"], check=True, capture_output=True)
    (folder / "job.json").write_text(
        json.dumps(manifest("first", inputs=USE, sourceDirectory={"local": {"path": "."}}))
    )
    verbs("submit", folder / "job.json", "--no-wait")
    assert verbs.world.jobs.get("first")["spec"]["inputs"] == USE
