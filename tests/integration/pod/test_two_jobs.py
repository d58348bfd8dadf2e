"""Two jobs that write to one output directory: the second is refused, and the first does not notice."""

import shutil
import signal

import pytest
from pod_world import PodWorld
from test_takeover import FILES, HELD, begun, release
from waiting import wait_for


@pytest.fixture
def first(world):
    world.script(HELD).files(FILES).set(miniBatchSize=1)
    return world.set(environment={"variables": {"GO": str(world.root / "go")}}).apply()


@pytest.fixture
def second(first, api, tmp_path):
    """Another job with the code, data and output of the first."""
    job = PodWorld(tmp_path / "second", api, first.namespace)
    job.name = "second-job"
    for folder in ("source-volume", "inputs", "output"):
        shutil.rmtree(job.volumes / folder)
        (job.volumes / folder).symlink_to(first.volumes / folder)
    job.spec = {**first.spec}
    yield job
    job.destroy()


@pytest.mark.parametrize("change", [{}, {"miniBatchSize": 2}])
@pytest.mark.parametrize("overwrite", [False, True])
def test_the_second_is_refused_while_the_first_works(first, second, change, overwrite):
    orchestrator = first.orchestrator(0)
    worker = first.worker(0)
    wait_for(begun(first), "the first rows")
    second.set(**change, output={**first.spec["output"], "overwrite": overwrite}).apply()
    refused = second.orchestrator(0).expect(2)
    assert f"in use by another run (job {first.namespace}/{first.name}" in refused.message["message"]
    release(first)
    orchestrator.expect(0)
    worker.expect(0)
    first.expect_every_file_once(FILES)


def test_the_output_of_a_killed_first_is_anothers_results(first, second):
    orchestrator = first.orchestrator(0)
    first.worker(0)
    wait_for(begun(first), "the first rows")
    orchestrator.signal(signal.SIGKILL)
    orchestrator.wait()
    rows = first.rows()
    second.set(miniBatchSize=2).apply()
    refused = second.orchestrator(0).expect(2)
    assert "holds the results of another job (miniBatchSize" in refused.message["message"]
    assert first.rows() == rows
