"""The control plane or a node is away in the middle of a job. Last of all, for they touch the whole cluster."""

import time

import pytest
from kubernetes import PATIENCE, wait_until
from machines import Machines


@pytest.fixture
def machines(any_cluster):
    cluster, ours = any_cluster
    if not ours:
        pytest.skip("needs the machines below the nodes: only the kind cluster of tests/cluster shows them")
    machines = Machines(cluster)
    yield machines
    machines.await_controllers()


def rows_in(folder):
    return sorted((folder / "parallel_run_step.txt").read_text().split())


def settled(folder, seconds=3):
    """The rows once no more have come for that long."""
    rows, since = rows_in(folder), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(0.2)
        now = rows_in(folder)
        if now != rows:
            rows, since = now, time.monotonic()
    return rows


def uids(space, job):
    return {name: pod["metadata"]["uid"] for name, pod in space.pods(job).items()}


def test_the_api_server_is_away_in_the_middle(space, machines, expected):
    # Slow enough that few mini-batches are handed out at a time.
    space.submit("long", held_after=5, arguments=["--sleep", "0.2"], miniBatchSize=1)
    space.submit("brief", held_after=6, miniBatchSize=3)
    for job in ("long", "brief"):
        space.wait_progress(job, 2)
    before = {job: uids(space, job) for job in ("long", "brief")}
    head = space.pods("long")["long-orchestrator-0"]["spec"]["nodeName"]
    output = {job: machines.output(space.name, job) for job in ("long", "brief")}

    with machines.api_server_outage():
        machines.let(space.name, "long", 30)
        machines.let(space.name, "brief")
        wait_until("long goes on", lambda: len(rows_in(output["long"])) == 30, PATIENCE)
        wait_until("the end of brief", (output["brief"] / "_SUCCESS").exists, PATIENCE)
        wait_until(
            "long hands nothing out",
            lambda: (
                "the Lease cannot be renewed"
                in machines.container_log(head, space.name, "long-orchestrator-0")
            ),
            PATIENCE,
        )
        machines.let(space.name, "long")
        # What was handed out is finished, and no more.
        done = settled(output["long"])
        assert 30 <= len(done) < 60, done

    for job in ("long", "brief"):
        status = space.wait_state(job, "Complete")
        assert space.rows(job) == expected
        # Also of the job that ended while nobody could be told.
        assert status["progress"]["itemsSucceeded"] == 60 and status["progress"]["percent"] == 100
        assert status["progress"].get("triesFailed", 0) == 0
        assert status.get("infrastructureFailures", 0) == 0
        # Of the job that is over a worker of which the kubelet had not told soon enough may be gone.
        assert uids(space, job).items() <= before[job].items(), "nobody is replaced"
        assert not {"OrchestratorReplaced", "WorkerReplaced"} & set(space.events(job))
    said = space.cluster.kubectl("logs", "-n", space.name, "long-orchestrator-0")
    assert "the Lease is renewed again" in said, said


def node_of_operator(cluster):
    (pod,) = cluster.items("-n", "parallelrun", "pods", "-l", "app.kubernetes.io/name=parallelrun-operator")
    return pod["spec"]["nodeName"]


def test_a_node_is_lost_with_orchestrator_and_worker_and_comes_back(space, machines, cluster, expected):
    lost = next(node for node in machines.workers() if node != node_of_operator(cluster))
    here = {
        "weight": 100,
        "preference": {
            "matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [lost]}]
        },
    }
    space.submit(
        "bereft",
        held_after=6,
        miniBatchSize=1,
        nodeCount=2,
        orchestrator={
            "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [here]}}
        },
    )
    space.wait_workers("bereft", 2)
    space.wait_progress("bereft", 6)
    pods = space.pods("bereft")
    assert pods["bereft-orchestrator-0"]["spec"]["nodeName"] == lost
    (left,) = [name for name, pod in pods.items() if pod["spec"]["nodeName"] != lost]
    survivor = pods[left]["metadata"]["uid"]
    folder = machines.output(space.name, "bereft")

    with machines.frozen(lost):
        wait_until(
            "another orchestrator",
            lambda: "bereft-orchestrator-1" in space.pods("bereft"),
            PATIENCE,
            say=lambda: space.story("bereft"),
        )
        machines.let(space.name, "bereft")
        status = space.wait_state("bereft", "Complete")
        assert rows_in(folder) == expected
        assert status.get("infrastructureFailures", 0) == 0, "a lost node costs nothing"
        assert space.pods("bereft")[left]["metadata"]["uid"] == survivor
        space.wait_events("bereft", "OrchestratorReplaced", "WorkerReplaced")

    # Orchestrator and worker of the lost node have woken in the belief that the job is theirs.
    def gone():
        found = cluster.items("-n", space.name, "pods", "-l", "parallelrun.dev/job=bereft")
        return not any(
            pod["spec"].get("nodeName") == lost and "deletionTimestamp" in pod["metadata"] for pod in found
        )

    wait_until("the pods of the lost node are gone", gone, PATIENCE, say=lambda: space.story("bereft"))
    assert rows_in(folder) == expected
    assert space.status("bereft")["state"] == "Complete"
