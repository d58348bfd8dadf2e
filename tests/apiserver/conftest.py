import itertools
import os
import subprocess
import time

import pytest
from server import CRD, CRD_NAME, REPOSITORY, Jobs, Server

_names = itertools.count()


@pytest.fixture(scope="session")
def server():
    """An API server with the resource, brought up and taken down here unless PARALLELRUN_APISERVER is set."""
    program = REPOSITORY / "tests/cluster/apiserver"
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
    waited = server.kubectl("wait", "--for=condition=Established", f"crd/{CRD_NAME}", "--timeout=60s")
    assert waited.returncode == 0, waited.stderr
    # Established is said a moment before the last handler serves the schema.
    deadline = time.monotonic() + 60
    while not server.request("GET", Jobs(server, "default").path()).accepted:
        assert time.monotonic() < deadline, "the resource is Established but not served"
    return server


@pytest.fixture
def jobs(server):
    """An empty namespace."""
    name = f"jobs-{os.getpid()}-{next(_names)}"
    made = server.request(
        "POST",
        "/api/v1/namespaces",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
    )
    assert made.accepted, made
    return Jobs(server, name)
