"""What addresses a job has: those of the cluster, be they IPv4, IPv6 or both."""

import os
from ipaddress import ip_address

import pytest
from kubernetes import PATIENCE, wait_until


def versions(addresses):
    return [ip_address(address).version for address in addresses]


def of_pod(pod):
    return versions(address["ip"] for address in pod["status"].get("podIPs", []))


@pytest.fixture
def of_cluster(space):
    """IP versions of a pod and of a Service that are none of ours."""
    service = space.cluster.get("-n", "default", "service", "kubernetes")
    of_pods = of_pod(space.cluster.get("-n", space.name, "pod", "files"))
    wanted = os.environ.get("PARALLELRUN_E2E_IP_FAMILY")
    assert not wanted or of_pods == {"ipv4": [4], "ipv6": [6], "dual": [4, 6]}[wanted]
    return of_pods, versions(service["spec"]["clusterIPs"])


def test_a_job_has_the_addresses_of_the_cluster(space, of_cluster, expected):
    space.submit("addressed", held_after=0, nodeCount=2)
    wait_until(
        "the addresses of three pods",
        lambda: [bool(of_pod(pod)) for pod in space.pods("addressed").values()] == [True] * 3,
        PATIENCE,
        say=lambda: space.story("addressed"),
    )
    of_pods, of_service = of_cluster
    for pod in space.pods("addressed").values():
        assert of_pod(pod) == of_pods
    service = space.cluster.get("-n", space.name, "service", "addressed-orchestrator")
    assert versions(service["spec"]["clusterIPs"]) == of_service
    space.let("addressed")
    space.wait_state("addressed", "Complete")
    assert space.rows("addressed") == expected
