"""The API client (common/kube) against a real API server: the cases of kube_api_server_test.

The server is one of their own, since they restart it and throw its history away.
"""

import base64
import os
import ssl
import subprocess
from pathlib import Path

import pytest
from faulty_proxy import FaultyProxy
from server import PATIENCE, REPOSITORY

APISERVER = REPOSITORY / "tests/cluster/apiserver"
BUILD = Path(os.environ.get("PARALLELRUN_BUILD_DIR", REPOSITORY / "build"))
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
    folder = subprocess.run([APISERVER, "up"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    try:
        exports = subprocess.run(
            [APISERVER, "env", "--dir", folder], check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        pairs = dict(line.removeprefix("export ").split("=", 1) for line in exports.splitlines())
        variables = {name: value.strip("'") for name, value in pairs.items()}
        context = ssl.create_default_context(cafile=variables["PARALLELRUN_APISERVER_CA"])
        admin = Path(folder) / "certificates"
        context.load_cert_chain(admin / "client-admin.crt", admin / "client-admin.key")
        expected = "Basic " + base64.b64encode(PROXY_USER.encode()).decode()
        proxy = FaultyProxy(variables["PARALLELRUN_APISERVER_URL"], context, authorization=expected)
        variables["PARALLELRUN_FAULTY_PROXY"] = proxy.address
        variables["PARALLELRUN_APISERVER_PROGRAM"] = str(APISERVER)
        yield {**os.environ, **variables}
        proxy.close()
    finally:
        subprocess.run([APISERVER, "down", "--dir", folder], check=True)


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
