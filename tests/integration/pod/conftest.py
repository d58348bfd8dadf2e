import sys
from pathlib import Path

import pytest
from pod_world import PodWorld
from server import server_with_resource

# The servers that pods read from are those of the tests of stores.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "store"))
from s3_server import s3_server  # noqa: E402


@pytest.fixture(scope="session")
def api():
    with server_with_resource() as serving:
        yield serving


@pytest.fixture
def world(api, tmp_path):
    """An empty job in a namespace of its own; its processes end with the test."""
    job = PodWorld(tmp_path, api, api.namespace("pods"))
    yield job
    job.destroy()


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as address:
        yield address
