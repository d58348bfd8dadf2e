import pytest
from pod_world import PodWorld
from server import server_with_resource


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
