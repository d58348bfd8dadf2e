import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "job"))
from job_folder import JobFolder  # noqa: E402
from web_client import HOSTILE, Page  # noqa: E402

SCRIPT = f"""
    import sys
    def init(): pass
    def run(batch):
        print("{HOSTILE} a mini-batch of", len(batch), "\\x1b[31m", "https://me:secret@host/x")
        out = []
        for path in batch:
            if path.endswith("7.txt"):
                raise ValueError(f"{HOSTILE} in {{path}}")
            out.append("{HOSTILE} " + path)
        return out
"""
SLOW = """
    import os, time
    def init(): pass
    def run(batch):
        print("at work", flush=True)
        while not os.path.exists(os.environ["GO"]):
            time.sleep(0.01)
        return batch
"""


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "assets").mkdir()
    (folder / "assets" / "main-abc.js").write_text("export {}")
    (folder / "secret.key").write_text("not of a page")
    return folder


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """A folder with two jobs that have ended: one Complete with failed items, one Failed."""
    root = tmp_path_factory.mktemp("results")
    job = JobFolder(root / "one").files(40).script(SCRIPT)
    job.name = "one"
    job.set(miniBatchSize=2, runMaxTry=2, runRetryDelay=0, resourceMonitorInterval=1)
    job.run().expect(0)
    failed = JobFolder(root / "deep" / "two").files(20).script(SCRIPT)
    failed.name = "two"
    failed.set(miniBatchSize=2, runMaxTry=1, errorThreshold=0)
    failed.run().expect(1)
    return root


@pytest.fixture(scope="session")
def page(results, pages):
    with Page(results, pages=pages) as server:
        yield server


@pytest.fixture
def slow_job(tmp_path):
    """Started, and at work until the test touches `job.go`."""
    job = JobFolder(tmp_path / "slow").files(4).script(SLOW)
    job.name = "slow"
    job.set(miniBatchSize=1)
    job.go = tmp_path / "go"
    job.process = job.start(env=job.environment(GO=str(job.go)))
    yield job
    job.go.touch()
    job.process.communicate(timeout=60)
