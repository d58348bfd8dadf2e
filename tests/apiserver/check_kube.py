"""The API client (common/kube) against a real API server: the cases of kube_api_server_test.

The server is one of their own, since they restart it and throw its history away.
"""

import base64
import os
import subprocess

import pytest
from armed_proxy import ArmedProxy
from checkout import BUILD, REPOSITORY
from server import APISERVER, Server, api_server
from waiting import PATIENCE

PROXY_USER = "me:p@ss"


@pytest.fixture(scope="module")
def program():
    """kube_api_server_test, built where it is not."""
    if not (BUILD / "CMakeCache.txt").exists():
        subprocess.run(["cmake", "--preset", "release", "-B", BUILD], cwd=REPOSITORY, check=True)
    subprocess.run(["cmake", "--build", BUILD, "--target", "kube_api_server_test"], check=True)
    return BUILD / "tests/kube_api_server_test"


@pytest.fixture(scope="module")
def surroundings():
    """Environment of the cases: a server that is theirs, and a proxy before it."""
    expected = "Basic " + base64.b64encode(PROXY_USER.encode()).decode()
    with api_server() as folder:
        server = Server(folder)
        with ArmedProxy(server.url, server.context, authorization=expected) as proxy:
            yield {
                **os.environ,
                **server.variables,
                "PARALLELRUN_FAULTY_PROXY": proxy.address,
                "PARALLELRUN_APISERVER_PROGRAM": str(APISERVER),
            }


# One check for each suite of the program; `check_no_suite_is_forgotten` keeps the list whole.
SUITES = ["ApiServerTest", "RestartTest", "FaultTest", "IdentityTest", "LeaseTest", "ObjectTest"]


@pytest.mark.parametrize("suite", SUITES)
def check_client(program, surroundings, suite, tmp_path):
    ended = subprocess.run(
        [program, f"--gtest_filter={suite}.*", "--gtest_brief=1"],
        env={**surroundings, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=5 * PATIENCE,
    )
    assert ended.returncode == 0, ended.stdout[-20000:]


def check_no_suite_is_forgotten(program):
    listing = subprocess.run(
        [program, "--gtest_list_tests"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    suites = [line.strip(".") for line in listing.splitlines() if line.endswith(".")]
    assert sorted(suites) == sorted(SUITES)
