"""A job where every connection is denied that no policy allows, with the policies that the chart ships."""

import os

import pytest
from kubernetes import PATIENCE, wait_until
from packet_filter import Enforcement

REACH = (
    "import socket, sys\n"
    "try: socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close(); print('reached')\n"
    "except ConnectionRefusedError: print('reached')\n"
    "except TimeoutError: print('denied')"
)


@pytest.fixture
def enforcement(any_cluster):
    cluster, ours = any_cluster
    if not ours:
        pytest.skip(
            "needs the packet filters of the nodes: only the kind cluster of tests/cluster shows them"
        )
    version = 6 if os.environ.get("PARALLELRUN_E2E_IP_FAMILY") == "ipv6" else 4
    with Enforcement(cluster, version) as found:
        yield found


def reaches(space, pod, host, port):
    """Whether a packet comes through, be there a listener or not."""
    said = space.cluster.kubectl(
        *("exec", "-n", space.name, pod, "--", "python3", "-c", REACH, host, port)
    ).strip()
    assert said in ("reached", "denied"), said
    return said == "reached"


def deny_everything(space):
    space.cluster.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "deny", "namespace": space.name},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        }
    )


def test_what_the_chart_allows_is_enough_and_no_more(space, chart, enforcement, expected):
    space.submit("guarded", held_after=4, nodeCount=2, miniBatchSize=1)
    space.wait_workers("guarded", 2)
    worker, head = "guarded-worker-1-0", "guarded-orchestrator-0"
    service = space.cluster.get("-n", "default", "service", "kubernetes")
    api_server = (service["spec"]["clusterIP"], "443")
    orchestrator = (space.pods("guarded")[head]["status"]["podIP"], "7443")
    neighbour = (space.cluster.get("-n", space.name, "pod", "files")["status"]["podIP"], "7443")

    for pod, place in (("files", orchestrator), (worker, api_server), (worker, neighbour), (head, neighbour)):
        assert reaches(space, pod, *place), (pod, place)

    deny_everything(space)
    options = [f"networkPolicy.jobNamespaces={{{space.name}}}", "networkPolicy.operator.enabled=true"]
    chart.upgrade(*(word for option in options for word in ("--set", option)))
    try:
        enforcement.settle()
        for pod, place in (
            ("files", orchestrator),
            (worker, api_server),
            (worker, neighbour),
            (head, neighbour),
        ):
            assert not reaches(space, pod, *place), (pod, place)
        for pod, place in ((worker, orchestrator), (head, api_server)):
            assert reaches(space, pod, *place), (pod, place)

        # Connections that were there before go on, and pods that are new find all that they need.
        space.let("guarded", 8)
        space.wait_progress("guarded", 8)
        before = space.uids("guarded", "-orchestrator-") | space.uids("guarded", "-worker-0-")
        space.delete_pod("guarded-worker-0-0")
        space.delete_pod(head)

        def replaced():
            there = space.uids("guarded", "-orchestrator-") | space.uids("guarded", "-worker-0-")
            return len(there) == 2 and not there & before

        wait_until("new pods", replaced, PATIENCE, say=lambda: space.story("guarded"))
        space.wait_workers("guarded", 2)
        space.let("guarded")
        space.wait_state("guarded", "Complete")
        assert space.rows("guarded") == expected
    finally:
        chart.upgrade()
