import itertools
import os
import subprocess
import time

import pytest
from server import CRD, REPOSITORY, Jobs, Server

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
    # Not by kubectl wait: it takes a definition that has no conditions yet for an error, and Established is said a
    # moment before the last handler serves the schema.
    deadline = time.monotonic() + 60
    while server.kubectl("get", "--raw", Jobs(server, "default").path()).returncode != 0:
        assert time.monotonic() < deadline, "the resource is applied but not served"
        time.sleep(0.1)
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


def pytest_terminal_summary(terminalreporter):
    """The figures: how many manifests of the table agree, and how large the definition is when applied."""
    verdicts = {
        outcome: [
            report
            for report in terminalreporter.stats.get(outcome, [])
            if report.when == "call" and "check_verdict[" in report.nodeid
        ]
        for outcome in ("passed", "failed")
    }
    asked = sum(map(len, verdicts.values()))
    if asked:
        terminalreporter.write_line(
            f"manifests of the table: {len(verdicts['passed'])} of {asked} as expected"
        )
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name.replace('_', ' ')}: {value}")
