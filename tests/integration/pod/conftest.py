import itertools
import os
import subprocess
import sys
import time

import pytest
from pod_world import REPOSITORY, PodWorld

sys.path.append(str(REPOSITORY / "tests" / "apiserver"))
from server import CRD, Server  # noqa: E402

_names = itertools.count()


@pytest.fixture(scope="session")
def api():
    """An API server with the resource, brought up and taken down here unless PARALLELRUN_APISERVER is set."""
    program = REPOSITORY / "tests" / "cluster" / "apiserver"
    folder = os.environ.get("PARALLELRUN_APISERVER", "")
    if folder:
        yield _with_resource(Server(folder))
        return
    folder = subprocess.run([program, "up"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    try:
        yield _with_resource(Server(folder))
    finally:
        subprocess.run([program, "down", "--dir", folder], check=True)


def _with_resource(server):
    applied = server.kubectl("apply", "-f", CRD)
    assert applied.returncode == 0, applied.stderr
    # Not by kubectl wait: it takes a definition that has no conditions yet for an error.
    path = "/apis/parallelrun.dev/v1alpha1/parallelrunjobs"
    deadline = time.monotonic() + 60
    while server.kubectl("get", "--raw", path).returncode != 0:
        assert time.monotonic() < deadline, "the resource is applied but not served"
        time.sleep(0.1)
    return server


@pytest.fixture
def world(api, tmp_path):
    """An empty job in a namespace of its own; its processes end with the test."""
    namespace = f"pods-{os.getpid()}-{next(_names)}"
    made = api.request(
        "POST",
        "/api/v1/namespaces",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
    )
    assert made.accepted, made
    job = PodWorld(tmp_path, api, namespace)
    yield job
    job.destroy()
